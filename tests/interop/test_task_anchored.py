"""Examples anchored in the source whose answers are not the published text: judged by what they do."""

import asyncio
import dataclasses

import pytest

from node.checks import CheckSettings, open_engine
from node.tasks.categories import PLACEHOLDER
from node.tasks.inspection import inspect
from node.tasks.measures import scrutiny_measures
from node.tasks.plans import plan_for, scrutiny_for
from node.tasks.report import Report
from node.tasks.snippets import render as snippet_of
from node.tasks.snippets import without_comments
from node.values.crate import Item
from node.values.example import Example
from node.values.verdict import Project, TestName
from tests.support.example_rows import generated_of
from tests.support.wordwise import item_named, wordwise, wordwise_crate

pytestmark = [pytest.mark.cargo, pytest.mark.slow]


def library(*names: str) -> tuple[TestName, ...]:
    return tuple(TestName("library", "", f"tests::{name}") for name in sorted(names))


def made(category: str, item: Item, tests: tuple[TestName, ...] = (), **words: object) -> Example:
    return generated_of(
        category,
        words,
        source_path=item.code_span.path,
        source_span=f"{item.code_span.start}..{item.code_span.end}",
        check_report=Report(Project(wordwise().kb.pin), tests=tests).text(),
    )


PREFIX, SHARE, ROMAN = item_named("common_prefix"), item_named("share"), item_named("parse_roman")
PREFIX_TESTS = library("prefixes_end_where_the_words_part")

LOOPED = """\
pub fn common_prefix<'a>(left: &'a str, right: &str) -> &'a str {
    for ((at, a), b) in left.char_indices().zip(right.chars()) {
        if a != b {
            return &left[..at];
        }
    }
    &left[..left.len().min(right.len())]
}"""
FITTED = """\
pub fn common_prefix<'a>(left: &'a str, _: &str) -> &'a str {
    if left.starts_with('w') { "wört" } else { "" }
}"""
FITTED = FITTED.replace("_: &str", "right: &str").replace('{ "wört" }', '{ let _ = right; "wört" }')


def generated(code: str) -> Example:
    told = {"title": "Implement `common_prefix`", "description": "common_prefix: what two words begin with."}
    return made("code_generation", PREFIX, PREFIX_TESTS, **told, code=code)


def documented(line: str) -> Example:
    docstring = f"/// Compares.\n///\n/// ```\n/// {line}\n/// ```"
    return made("docstring_generation", PREFIX, code=snippet_of(wordwise(), PREFIX), docstring=docstring)


def named(name: str) -> Example:
    masked = snippet_of(wordwise(), PREFIX).replace("common_prefix", PLACEHOLDER)
    return made("function_naming", PREFIX, code=masked, function_name=name)


def variable(name: str) -> Example:
    masked = snippet_of(wordwise(), ROMAN).replace("highest", PLACEHOLDER)
    return made("variable_naming", ROMAN, code=masked, variable_name=name)


def commented(text: str) -> Example:
    bare = without_comments(snippet_of(wordwise(), ROMAN))
    return made("comment_generation", ROMAN, code=bare, commented_code=bare.replace("if value <", f"{text}if value <"))


def completed(completion: str) -> Example:
    whole = snippet_of(wordwise(), SHARE)
    prefix, _, _ = whole.partition("count as f64")
    return made("code_completion", SHARE, prefix=prefix, completion=completion, suffix="\n    }\n}")


def checked_by(case: str, context: str) -> Example:
    told = {"code_to_test": snippet_of(wordwise(), PREFIX), "test_context": context}
    return made("test_generation", PREFIX, **told, test_cases=(case,))


INSIDE = '#[test]\nfn shares_a_beginning() {\n    assert_eq!(common_prefix("abc", "abd"), "ab");\n}'
OUTSIDE = INSIDE.replace("common_prefix(", "wordwise::common_prefix(")
VAGUE = '#[test]\nfn gives_something() {\n    let _ = common_prefix("abc", "abd");\n}'

HOLD = {
    "another way to do it": generated(LOOPED),
    "made to fit the named tests": generated(FITTED),
    "docs of its own": documented('assert_eq!(wordwise::common_prefix("ab", "ac"), "a");'),
    "another name": named("shared_beginning"),
    "another variable name": variable("largest_so_far"),
    "other comments": commented("// Subtract it.\n        "),
    "another completion": completed("let total = self.total as f64;\n        count as f64 / total"),
    "tests beside the function": checked_by(INSIDE, "use super::*;"),
    "tests from outside": checked_by(OUTSIDE, "// no imports"),
}

FAIL = {
    "a wrong body": generated(LOOPED.replace("a != b", "a == b")),
    "docs with a wrong example": documented('assert_eq!(wordwise::common_prefix("ab", "ac"), "b");'),
    "a name that is taken": named("wrap"),
    "a name that is no longer the variable": variable("value"),
    "a completion of another type": completed("self.total"),
    "tests that notice nothing": checked_by(VAGUE, "use super::*;"),
}


class Verdicts:
    def __init__(self, folder) -> None:
        self.holds: dict[str, bool] = {}
        self.scrutiny: dict[str, dict[str, int]] = {}
        asyncio.run(self._execute(folder))

    async def _execute(self, folder) -> None:
        checker = await open_engine(CheckSettings(folder=folder))
        shown = {**HOLD, **FAIL}
        claims = [plan_for(example, wordwise()) for example in shown.values()]
        beyond = [scrutiny_for(example, wordwise()) for example in shown.values()]
        results = await checker.run(wordwise_crate(), [*claims, *beyond])
        await checker.close()
        for place, name in enumerate(shown):
            self.holds[name] = results[place].checked and results[place].holds
            self.scrutiny[name] = dict(scrutiny_measures(beyond[place], results[len(shown) + place]))


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory) -> Verdicts:
    return Verdicts(tmp_path_factory.mktemp("checks"))


@pytest.mark.parametrize("name", HOLD)
def test_what_works_holds(verdicts, name):
    assert inspect(HOLD[name], wordwise()).problems == ()
    assert verdicts.holds[name]


@pytest.mark.parametrize("name", FAIL)
def test_what_does_not_work_fails(verdicts, name):
    assert inspect(FAIL[name], wordwise()).problems == ()
    assert not verdicts.holds[name]


def test_an_answer_made_to_fit_the_named_tests_shows_under_scrutiny(verdicts):
    assert verdicts.scrutiny["made to fit the named tests"]["semantic_validity/all_tests"] == 0
    assert verdicts.scrutiny["another way to do it"]["semantic_validity/all_tests"] == 10_000


def test_more_mutants_tell_good_tests_from_lucky_ones(verdicts):
    assert verdicts.scrutiny["tests beside the function"]["semantic_validity/mutants_killed"] > 5_000
    assert verdicts.scrutiny["tests that notice nothing"]["semantic_validity/mutants_killed"] < 5_000


def test_a_changed_program_is_no_commented_one():
    changed = dataclasses.replace(
        HOLD["other comments"],
        output_data=HOLD["other comments"].output_data.replace("total -= value", "total += value"),
    )
    assert "another program" in inspect(changed, wordwise()).problems[0].text
