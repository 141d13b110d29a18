"""Examples without an anchor, as a language model makes them around a crate: good ones hold, bad ones fail."""

import asyncio

import pytest

from node.checks import CheckSettings, open_engine
from node.tasks.inspection import inspect
from node.tasks.plans import plan_for, scrutiny_for
from node.values.example import Example
from tests.support.example_rows import generated_of
from tests.support.wordwise import wordwise, wordwise_crate

pytestmark = [pytest.mark.cargo, pytest.mark.slow]

USE = "use wordwise::{parse_roman, wrap, Histogram};"
LONGEST = """\
pub fn longest_line(text: &str, width: usize) -> usize {
    let mut longest = 0;
    for line in wrap(text, width) {
        if line.len() > longest {
            longest = line.len();
        }
    }
    longest
}"""
SHORTER = """\
pub fn longest_line(text: &str, width: usize) -> usize {
    wrap(text, width).iter().map(String::len).max().unwrap_or(0)
}"""
WRONG = LONGEST.replace("line.len() > longest", "line.len() < longest")
TEST = """\
#[test]
fn measures_the_longest_line() {
    assert_eq!(longest_line("a bb ccc", 4), 4);
    assert_eq!(longest_line("", 4), 0);
}"""
EMPTY_TEST = "#[test]\nfn looks_busy() {\n    assert!(true);\n}"
UNTYPED = LONGEST.replace("-> usize {", "-> String {")


def made(category: str, test: str = "", **words: object) -> Example:
    return generated_of(category, words, test=test)


def generated(code: str, test: str = TEST) -> Example:
    told = {"title": "Longest line", "description": "Measure the longest wrapped line.", "code_context": USE}
    return made("code_generation", test, **told, code=code)


def checked_by(*cases: str) -> Example:
    return made("test_generation", code_to_test=LONGEST, code_context=USE, test_cases=cases)


def bug(buggy: str, fixed: str) -> Example:
    told = {"code_context": USE, "bug_description": "`<` on line 4 keeps the shorter line."}
    return made("bug_detection", TEST, buggy_code=buggy, fixed_code=fixed, **told)


def rewritten(category: str, before: str, after: str) -> Example:
    key = "review_comment" if category == "code_review" else "rationale"
    told = {"code_context": USE, key: "The iterator says it in one line."}
    return made(category, TEST, code_before=before, code_after=after, **told)


MASKED = LONGEST.replace("longest", "__placeholder__").replace("__placeholder___line", "longest_line")

GOOD = {
    "generation": generated(SHORTER),
    "tests": checked_by(TEST),
    "bug": bug(WRONG, LONGEST),
    "refactoring": rewritten("code_refactoring", LONGEST, SHORTER),
    "optimization": rewritten("code_optimization", LONGEST, SHORTER),
    "review": rewritten("code_review", WRONG, LONGEST),
    "completion": made(
        "code_completion",
        prefix=f"{USE}\nfn count() -> usize {{\n    ",
        completion='wrap("a b", 1).len()',
        suffix="\n}",
    ),
    "name": made("variable_naming", code=MASKED, code_context=USE, variable_name="longest"),
    "call": made(
        "api_usage_prediction", code=f"{USE}\nfn read() {{\n    let number = ", next_api_call='parse_roman("XIV")'
    ),
    "docs": made("docstring_generation", code=SHORTER, code_context=USE, docstring="/// Measures the longest line."),
    "snippet": made("code_search", query="measure the longest line", code_snippet=f"{USE}\n{SHORTER}"),
    "statements": made("code_search", query="read a number", code_snippet=f'{USE}\nlet n = parse_roman("X");'),
}

BAD = {
    "generation that fails its test": generated(WRONG),
    "generation that does not compile": generated(UNTYPED),
    "generation whose test tests nothing": generated(SHORTER, EMPTY_TEST),
    "tests that test nothing": checked_by(EMPTY_TEST),
    "tests that fail": checked_by(TEST.replace(", 4), 4)", ", 4), 5)")),
    "a bug that is none": bug(SHORTER, LONGEST),
    "a fix that does not fix": bug(WRONG, WRONG.replace("let mut longest = 0", "let mut longest = 1")),
    "a refactoring that breaks": rewritten("code_refactoring", LONGEST, WRONG),
    "a review that breaks": rewritten("code_review", LONGEST, WRONG),
    "an invented function": made(
        "api_usage_prediction",
        code=f"{USE}\nfn read() {{\n    let number = ",
        next_api_call='wordwise::parse_greek("XIV")',
    ),
    "a snippet for no such crate": made(
        "code_search", query="q", code_snippet="use wordwise::sort_lines;\nfn f() { sort_lines() }"
    ),
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory) -> dict[str, bool]:
    async def execute() -> dict[str, bool]:
        checker = await open_engine(CheckSettings(folder=tmp_path_factory.mktemp("checks")))
        shown = {**GOOD, **BAD}
        plans = [plan_for(example, wordwise()) for example in shown.values()]
        results = await checker.run(wordwise_crate(), plans)
        await checker.close()
        assert all(result.checked for result in results)
        return {name: result.holds for name, result in zip(shown, results, strict=True)}

    return asyncio.run(execute())


@pytest.mark.parametrize("name", GOOD)
def test_a_good_one_holds(verdicts, name):
    assert verdicts[name]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one_does_not(verdicts, name):
    assert not verdicts[name]


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_nothing_is_said_against_its_form_and_nothing_is_run_beyond_the_claim(name):
    example = {**GOOD, **BAD}[name]
    assert inspect(example, wordwise()).problems == ()
    assert scrutiny_for(example, wordwise()).steps == ()
