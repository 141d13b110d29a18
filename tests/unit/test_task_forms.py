import dataclasses
import json

import pytest

from node.tasks.categories import PLACEHOLDER, TABLE, Field, FieldKind, FormError, parse, render
from node.tasks.forms import validate
from node.values.crate import CratePin
from node.values.example import CATEGORIES, Example
from tests.support import example_rows

PIN = CratePin("wordwise", "0.3.1", bytes(32), b"", "Apache-2.0", "2021")

WORDS = {
    FieldKind.CODE: "fn shown() -> u8 { 1 }",
    FieldKind.FRAGMENT: "fn begun() -> u8 { ",
    FieldKind.PROSE: "Gives one.",
    FieldKind.NAME: "gives_one",
    FieldKind.DOCSTRING: "/// Gives one.",
    FieldKind.CODE_LIST: ("#[test]\nfn one() { assert_eq!(shown(), 1); }",),
}


def example_of(category: str, **changes: object) -> Example:
    table = TABLE[category]
    inputs = {field.name: WORDS[field.kind] for field in table.inputs}
    if category.endswith("_naming"):
        inputs["code"] = f"fn {PLACEHOLDER}() -> u8 {{ 1 }}"
    outputs = {field.name: WORDS[field.kind] for field in table.outputs}
    return example_rows.example_of(category, inputs, outputs, PIN, **changes)


def told(example: Example) -> str:
    return "; ".join(problem.text for problem in validate(example))


@pytest.mark.parametrize("category", CATEGORIES)
def test_an_example_of_every_category_is_valid(category):
    assert validate(example_of(category)) == ()


@pytest.mark.parametrize("category", CATEGORIES)
def test_input_and_output_have_the_keys_of_the_table_in_its_order(category):
    example = example_of(category)
    assert list(json.loads(example.input_data)) == [field.name for field in TABLE[category].inputs]
    assert list(json.loads(example.output_data)) == [field.name for field in TABLE[category].outputs]


@pytest.mark.parametrize("category", CATEGORIES)
def test_what_was_rendered_is_parsed_back_to_the_same_values(category):
    example = example_of(category)
    fields = TABLE[category].inputs
    assert render(fields, parse(fields, example.input_data)) == example.input_data


@pytest.mark.parametrize(
    "text",
    [
        '{"code": "fn a() {}", "code_context": "fn b() {}" }',  # white space
        '{"code_context": "fn b() {}", "code": "fn a() {}"}',  # order
        '{"code": "fn a() {}", "code": "fn a() {}"}',  # doubled
        '{"code": "fn a() {}", "more": "x"}',
        '{"code": "fn \\u0061() {}"}',  # an escape that JSON does not demand
        '{"code": 1}',
        '{"code": ["fn a() {}"]}',
        '{"code": "   "}',
        '{"code_context": "fn b() {}"}',
        "{'code': 'fn a() {}'}",  # a language's literal is not JSON
        "[]",
        "",
    ],
)
def test_any_other_writing_of_an_input_is_refused(text):
    with pytest.raises(FormError):
        parse(TABLE["code_summarization"].inputs, text)


def test_a_field_beyond_its_bound_is_refused_with_both_numbers():
    name = Field("function_name", FieldKind.NAME)
    with pytest.raises(FormError, match="65 characters, at most 64"):
        render((name,), {"function_name": "a" * 65})


def test_an_unknown_category_is_malformed():
    assert "no category" in told(dataclasses.replace(example_of("code_search"), task_category="poetry"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"crate_checksum": "00"}, "about another crate"),
        ({"crate_name": ""}, "about another crate"),
        ({"check_report": "{}"}, "not a check report"),
        ({"source_span": "9..3", "source_path": "src/lib.rs"}, "source_span"),
        ({"source_span": "3..9"}, "source_span"),
        ({"model": "a-model"}, "contradict"),
        ({"engine": "vllm", "model": None}, "contradict"),
        ({"source_path": "x" * 300}, "too long"),
        ({"test": "x" * 70_000}, "test has 70000"),
    ],
)
def test_a_bad_column_is_named(changes, said):
    assert said in told(dataclasses.replace(example_of("code_summarization"), **changes))


def test_code_that_does_not_parse_is_malformed():
    broken = render(TABLE["code_summarization"].inputs, {"code": "fn a( {"})
    assert "code does not parse" in told(example_of("code_summarization", input_data=broken))


def test_masked_code_must_hold_the_placeholder():
    plain = render(TABLE["function_naming"].inputs, {"code": "fn a() {}"})
    assert PLACEHOLDER in told(example_of("function_naming", input_data=plain))


def test_a_name_must_be_an_identifier():
    for name in ("two words", "match", "1st", "naïve"):
        output = render(TABLE["function_naming"].outputs, {"function_name": name})
        assert "no identifier" in told(example_of("function_naming", output_data=output))


def test_a_report_is_read_back_only_in_the_form_it_is_written_in():
    text = example_of("code_search").check_report
    assert validate(example_of("code_search", check_report=text)) == ()
    assert "strict form" in told(example_of("code_search", check_report=text.replace(": ", ":")))
    assert "strict form" in told(example_of("code_search", check_report=text.replace('"parsed": ', '"parsed":  ')))


@pytest.mark.parametrize(
    "changes",
    [
        {"tests": [{"target": "library", "file": "", "name": "--list"}]},
        {"tests": [{"target": "library", "file": "../a", "name": "a"}]},
        {"tests": [{"target": "elsewhere", "file": "", "name": "a"}]},
        {"answer": {"edits": [], "files": [{"path": "tests/../../evil.rs", "text": ""}]}},
        {"answer": {"edits": [], "files": [{"path": "build.rs", "text": ""}]}},
        {"answer": {"edits": [{"path": "/etc/passwd", "start": 0, "end": 0, "text": ""}], "files": []}},
        {"answer": {"edits": [{"path": "src/../../x", "start": 0, "end": 0, "text": ""}], "files": []}},
        {"answer": {"edits": [{"path": "src/lib.rs", "start": -1, "end": 0, "text": ""}], "files": []}},
    ],
)
def test_a_report_names_nothing_outside_the_crate_and_its_tests(changes):
    report = json.loads(example_of("code_search").check_report)
    report["project"] |= changes
    example = example_of("code_search", check_report=json.dumps(report, ensure_ascii=False))
    assert validate(example)


def test_code_that_would_wear_out_the_parser_is_refused_before_it_is_parsed():
    worn = render(TABLE["code_summarization"].inputs, {"code": 'r#"' * 10_000})
    assert "more quotes" in told(example_of("code_summarization", input_data=worn))
    deep = render(TABLE["code_summarization"].inputs, {"code": "(" * 300 + ")" * 300})
    assert "more quotes" in told(example_of("code_summarization", input_data=deep))
    assert "more quotes" in told(example_of("code_summarization", test='"' * 5_000))
