import asyncio
import json
import re

import pytest

from node.tasks.categories import PLACEHOLDER, TABLE
from node.tasks.context import context_of
from node.tasks.doctests import doc_test_file, unhidden
from node.tasks.inspection import inspect
from node.tasks.interface import Proposal, Request
from node.tasks.report import parse_report
from node.tasks.snippets import Answer, edits_for, read_function, render, render_parts, without_comments
from node.tasks.source import DERIVERS, SourceEngine
from node.tasks.syntax import comments, parses, tokens
from node.values.example import CATEGORIES, parse_example
from tests.support.wordwise import item_named, wordwise

UNEXECUTED = [name for name in CATEGORIES if not TABLE[name].needs_execution]


def proposed(*requests: Request) -> tuple[Proposal, ...]:
    return asyncio.run(SourceEngine(wordwise()).propose(requests))


def words_of(proposal: Proposal) -> list[dict[str, str]]:
    return [{**json.loads(x.input_data), **json.loads(x.output_data)} for _, x in proposal.examples]


def test_every_category_has_a_deriver():
    assert set(DERIVERS) == set(CATEGORIES)


@pytest.mark.parametrize("category", UNEXECUTED)
def test_without_a_toolchain_examples_are_proposed_that_say_that_nothing_was_executed(category):
    (proposal,) = proposed(Request(category, tuple(range(20))))
    assert proposal.examples
    for _, example in proposal.examples:
        report = parse_report(example.check_report, wordwise().kb.pin)
        assert report.compiled is None
        assert (report.tests_run, example.test, example.rustc_version) == (0, "", "")
        assert (example.engine, example.model, example.prompt_digest) == ("source/1", None, None)


@pytest.mark.parametrize("category", [name for name in CATEGORIES if TABLE[name].needs_execution])
def test_what_only_execution_can_show_is_not_proposed_without_a_toolchain(category):
    (proposal,) = proposed(Request(category, (0, 1)))
    assert proposal.examples == ()
    assert "nothing can be executed here" in proposal.shortfall


@pytest.mark.parametrize("category", UNEXECUTED)
def test_examples_pass_their_own_inspection_and_come_back_from_their_bytes(category):
    (proposal,) = proposed(Request(category, tuple(range(20))))
    for _, example in proposal.examples:
        assert inspect(example, wordwise()).problems == ()
        assert parse_example(example.content(), bytes_max=1 << 18) == example


@pytest.mark.parametrize("category", UNEXECUTED)
def test_a_number_gives_the_same_bytes_whoever_asks_for_whatever_else(category):
    (everything,) = proposed(Request(category, tuple(range(4))))
    apart = [example for number in range(4) for _, example in proposed(Request(category, (number,)))[0].examples]
    assert [example.content() for _, example in everything.examples] == [example.content() for example in apart]


def test_different_numbers_never_give_the_same_claim():
    proposals = proposed(*(Request(category, tuple(range(30))) for category in UNEXECUTED))
    claims = [example.claim for proposal in proposals for _, example in proposal.examples]
    assert len(claims) == len(set(claims)) > 60


def test_a_shortfall_says_how_much_there_is():
    (proposal,) = proposed(Request("comment_generation", tuple(range(50))))
    assert re.fullmatch(
        r"wordwise@0\.3\.1 has \d+ sites for comment_generation; \d+ of the numbers asked for are past the end",
        proposal.shortfall,
    )


def test_documentation_never_stands_in_the_code_that_is_to_be_documented():
    for category in ("docstring_generation", "code_summarization", "code_explanation"):
        for words in words_of(*proposed(Request(category, tuple(range(20))))):
            assert "///" not in words["code"] + words.get("code_context", "")


def test_a_masked_name_shows_nowhere():
    for category, key in (("function_naming", "function_name"), ("variable_naming", "variable_name")):
        for words in words_of(*proposed(Request(category, tuple(range(20))))):
            assert PLACEHOLDER in words["code"]
            assert not re.search(rf"\b{words[key]}\b", words["code"] + words.get("code_context", ""))


def test_commented_code_is_the_published_text_and_differs_in_comments_only():
    for words in words_of(*proposed(Request("comment_generation", tuple(range(20))))):
        assert comments(words["code"]) == ()
        assert comments(words["commented_code"])
        assert tokens(words["code"]) == tokens(words["commented_code"])


def test_a_completion_fills_the_gap_exactly():
    for words in words_of(*proposed(Request("code_completion", tuple(range(20))))):
        whole = words["prefix"] + words["completion"] + words["suffix"]
        assert parses(whole)
        assert any(whole == render(wordwise(), item) for item in wordwise().functions)


def test_a_query_is_a_phrase_that_does_not_name_what_it_looks_for():
    for words in words_of(*proposed(Request("code_search", tuple(range(20))))):
        name = re.search(r"fn (\w+)|(?:enum|struct) (\w+)", words["code_snippet"])
        assert name
        assert words["query"].startswith("wordwise: ")
        assert f"`{name[1] or name[2]}`" not in words["query"]


# The pieces beneath


def test_a_method_is_shown_inside_its_impl():
    assert render(wordwise(), item_named("prune")).splitlines()[:2] == [
        "impl Histogram {",
        "    pub fn prune(&mut self, least: usize) -> usize {",
    ]


def test_a_snippet_cut_in_three_is_the_whole_snippet():
    item = item_named("record")
    assert item.body
    parts = render_parts(wordwise(), item, item.body.start + 30, item.body.end - 20)
    assert "".join(parts) == render(wordwise(), item)


def test_the_published_text_needs_no_edit_and_another_body_one_edit_of_the_body():
    item = item_named("share")
    answer = read_function(render(wordwise(), item))
    assert answer
    assert edits_for(wordwise(), item, answer) == ()
    other = Answer(answer.name, answer.head, answer.code, "{ 0.5 }")
    (edit,) = edits_for(wordwise(), item, other)
    assert (edit.span, edit.text) == (item.body, "{ 0.5 }")


def test_another_signature_replaces_the_whole_function():
    item = item_named("share")
    answer = read_function("impl Histogram {\n    pub fn share(&self) -> f64 { 0.5 }\n}")
    assert answer
    (edit,) = edits_for(wordwise(), item, answer)
    assert (edit.span, edit.text) == (item.code_span, "pub fn share(&self) -> f64 { 0.5 }")


def test_context_holds_the_imports_and_types_that_are_used_and_nothing_else():
    item = item_named("parse_roman")
    context = context_of(wordwise(), item, render(wordwise(), item))
    assert context
    assert "pub enum RomanError" in context
    assert "fn numeral_value" in context
    assert "HashMap" not in context
    assert "///" not in context


def test_context_hides_the_answer():
    item = item_named("parse_roman")
    context = context_of(wordwise(), item, render(wordwise(), item), hide="RomanError")
    assert "RomanError" not in (context or "")


def test_removing_comments_leaves_no_holes():
    code = "fn f() {\n    // first\n\n    a(); // why\n\n    // alone\n    /* block */ b();\n}"
    assert without_comments(code) == "fn f() {\n    a();\n\n    b();\n}"


def test_a_doc_test_runs_as_rustdoc_runs_it():
    assert unhidden("# use a::b;\n## c\n#\n#[derive(D)]\nd();") == "use a::b;\n# c\n\n#[derive(D)]\nd();"
    plain = doc_test_file("a::b();", "a", "2021")
    assert "extern crate" not in plain
    assert "#[test]\nfn doc_test() {\n    a::b();\n}" in plain
    assert "extern crate a;" in doc_test_file("a::b();", "a", "2015")
    assert "main().unwrap();" in doc_test_file("fn main() -> Result<(), E> { Ok(()) }", "a", "2021")
    assert "inner().unwrap();" in doc_test_file("a()?;\nOk::<(), E>(())", "a", "2021")
    assert "#[test]\n#[should_panic]\n" in doc_test_file("a();", "a", "2021", should_panic=True)
