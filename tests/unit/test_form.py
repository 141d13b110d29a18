"""The form of every category's input and output, as TASKS.md has it."""

import json

import pytest

from node.tasks.categories import TABLE
from node.values.example import CATEGORIES
from node.values.form import FORMS, LISTS, MalformedFieldError, parse_input, parse_object, parse_output

REVIEW = {"code_before": "fn a() {}"}


def test_every_category_has_a_form():
    assert tuple(FORMS) == CATEGORIES


def test_the_forms_are_those_in_which_the_node_writes_examples():
    for name, category in TABLE.items():
        assert tuple(f.name for f in category.inputs if f.required) == FORMS[name].inputs
        assert tuple(f.name for f in category.inputs if not f.required) == FORMS[name].optional
        assert tuple(f.name for f in category.inputs) == FORMS[name].inputs + FORMS[name].optional
        assert tuple(f.name for f in category.outputs) == FORMS[name].outputs
        assert {f.name for f in category.outputs if f.kind.value == "code_list"} == LISTS & set(FORMS[name].outputs)


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_fields_of_a_category_parse_with_and_without_the_optional_ones(category):
    form = FORMS[category]
    values = {name: ["a", "b"] if name == "test_cases" else "text" for name in (*form.inputs, *form.optional)}
    assert parse_input(category, json.dumps(values)) == values
    needed = {name: values[name] for name in form.inputs}
    assert parse_input(category, json.dumps(needed)) == needed
    outputs = {name: ["a"] if name == "test_cases" else "text" for name in form.outputs}
    assert parse_output(category, json.dumps(outputs)) == outputs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '"text"',
        "{'code_before': 'a python literal'}",
        '{"code_before": "a", "code_before": "b"}',
        '{"code_before": NaN}',
        '{"code_before": 1}',
        '{"code_before": null}',
        '{"code_before": ["a"]}',
        "{}",
        '{"code_before": "a", "more": "b"}',
        '{"code_context": "b", "code_before": "a"}',
        '{"code_before": "a"} trailing',
        "[" * 100_000,
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(MalformedFieldError):
        parse_input("code_review", text)


@pytest.mark.parametrize("cases", [[], "one", [1], [["a"]], [None]])
def test_test_cases_are_a_list_of_strings(cases):
    with pytest.raises(MalformedFieldError, match="list of strings"):
        parse_output("test_generation", json.dumps({"test_cases": cases}))


def test_an_unknown_category_is_refused():
    with pytest.raises(MalformedFieldError, match="unknown category"):
        parse_input("poetry", json.dumps(REVIEW))


def test_a_strict_object_keeps_its_order():
    assert list(parse_object('{"b": 1, "a": [null, true]}')) == ["b", "a"]
