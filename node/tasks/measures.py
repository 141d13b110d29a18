"""Named quantities of an example, in basis points: what reading it beside the source says about each rating criterion.

`semantic_validity/author_*` compares with what the author wrote in the same place, as far as it can be compared by
words or names; `semantic_validity/fits_*` asks whether another item of the crate would fit the text better. Both fall
when a text about one item is attached to another. `semantic_validity/grounded` asks how much of the answer a reader
could find in the question, `compilation_potential/given` how much of what its code leans on. None of them knows
truth: execution does (`scrutiny_measures`). What a category's answer has nothing of is not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from node.tasks.anchors import Anchored
from node.tasks.callplans import published_call
from node.tasks.categories import PLACEHOLDER, FieldKind
from node.tasks.costs import cost_of
from node.tasks.evidence import means
from node.tasks.habits import doc_form, habits
from node.tasks.likeness import (
    FULL,
    asserts,
    best_fit,
    comment_words,
    given,
    grounded,
    overlap,
    share,
    speaks_of_change,
    subject_words,
)
from node.tasks.names import unknown_names
from node.tasks.plans import ANSWER_DOC, PUBLISHED_DOC
from node.tasks.prose import first_sentence, mentioned_names, read_markdown, word_set, words
from node.tasks.snippets import is_doc
from node.tasks.syntax import comments, is_snake_case, parse, tokens
from node.values.crate import Item
from node.values.verdict import CheckPlan, Outcome, PlanResult

Measure = tuple[str, int]

LINE_CHARS_MAX = 100
"""Rustfmt's default width."""

HABIT_COST = 1_000
"""Of `idiomatic_rust/habits`, per habit that Rust's guidance advises against."""

_OWN_CODE = frozenset(
    ["code_generation", "bug_detection", "code_refactoring", "code_optimization", "code_review", "code_search"]
)
"""Categories whose answer is code of the library: tests may unwrap, and comments do not answer for the code."""

_LEANING_FREE = frozenset(["api_usage_prediction", "code_search"])
"""Categories whose answer is a thing of the crate that the question must not show."""

TOLD_SHARE = 2_500
"""Of a text's words: from this share on that the code shows too, a text is about this code and no other's. The rest
are the words in which one tells it; author's texts have a quarter in common with their code (tests.support.yields)."""

EXPLANATION_WORDS_FULL = 60


def measures_of(about: Anchored) -> Iterator[Measure]:
    """All measures of one example, each named once."""
    answers = _answers(about)
    if answers:
        parsing = sum(not parse(text.encode()).has_error for text in answers)
        yield "syntactic_correctness/parses", share(parsing, len(answers))
        yield "idiomatic_rust/layout", _layout(answers)
        if about.form.category.name in _OWN_CODE:
            yield "idiomatic_rust/habits", max(0, FULL - HABIT_COST * len(habits("\n".join(answers))))
    if about.form.category.name not in _LEANING_FREE:
        yield "compilation_potential/given", given(about)
    rule = _RULES.get(about.form.category.name)
    if rule is not None:
        yield from rule(about)


def _answers(about: Anchored) -> list[str]:
    code = {FieldKind.CODE, FieldKind.CODE_LIST}
    return [about.text(field.name) for field in about.form.category.outputs if field.kind in code]


def _layout(answers: Sequence[str]) -> int:
    """Share of answer lines that rustfmt's defaults would not touch for width, tabs or trailing white space."""
    lines = [line for answer in answers for line in answer.splitlines()]
    tidy = sum(len(line) <= LINE_CHARS_MAX and "\t" not in line and line == line.rstrip() for line in lines)
    return share(tidy, len(lines))


# Texts


def _about_text(field: str, author: Callable[[Item], str]) -> Callable[[Anchored], Iterator[Measure]]:
    def rule(about: Anchored) -> Iterator[Measure]:
        text = about.text(field)
        names = mentioned_names(text)
        told = subject_words(about.view, text)
        yield "semantic_validity/names_exist", share(len(names) - len(unknown_names(about.view, names)), len(names))
        if about.item is not None:
            yield "semantic_validity/author_words", overlap(told, word_set(author(about.item)))
            yield "semantic_validity/fits_best", best_fit(told, about.item, about.view.vocabularies)
        yield "semantic_validity/grounded", min(FULL, share(grounded(about, told), TOLD_SHARE))

    return rule


def _docs(item: Item) -> str:
    return item.doc


def _summary(item: Item) -> str:
    paragraphs = read_markdown(item.doc).paragraphs
    return first_sentence(paragraphs[0]) if paragraphs else ""


def _docstring(about: Anchored) -> Iterator[Measure]:
    yield from _about_text("docstring", _docs)(about)
    lines = (line.strip().removeprefix("///").removeprefix(" ") for line in about.text("docstring").splitlines())
    yield "idiomatic_rust/doc_form", share(*doc_form("\n".join(lines), about.text("code")))


def _explanation(about: Anchored) -> Iterator[Measure]:
    yield from _about_text("explanation", _docs)(about)
    told = len(words(about.text("explanation")))
    yield "semantic_validity/explains", min(FULL, share(told, EXPLANATION_WORDS_FULL))


def _generation(about: Anchored) -> Iterator[Measure]:
    """Whether the description asks for this function: of an undocumented one there is nothing to compare."""
    if about.item is not None and about.item.doc:
        told = subject_words(about.view, " ".join(read_markdown(about.text("description")).paragraphs))
        yield "semantic_validity/fits_best", best_fit(told, about.item, about.view.vocabularies)


# Names


def _function_name(about: Anchored) -> Iterator[Measure]:
    name = about.text("function_name")
    yield "semantic_validity/grounded", grounded(about, word_set(name))
    yield "idiomatic_rust/name_case", FULL if is_snake_case(name) else 0
    if about.item is not None:
        yield "semantic_validity/author_name", _same_name(name, about.item.name)


def _variable_name(about: Anchored) -> Iterator[Measure]:
    name = about.text("variable_name")
    yield "semantic_validity/grounded", grounded(about, word_set(name))
    yield "idiomatic_rust/name_case", FULL if is_snake_case(name) else 0
    if about.item is not None:
        shown, published = tokens(about.text("code")), tokens(about.published())
        meant = {theirs for mine, theirs in zip(shown, published, strict=False) if mine == PLACEHOLDER}
        yield "semantic_validity/author_name", max((_same_name(name, other) for other in meant), default=0)


def _same_name(name: str, meant: str) -> int:
    """Full for the author's name; else the share of words the two have in common, at most three quarters."""
    if name == meant:
        return FULL
    return overlap(word_set(name) or frozenset({name}), word_set(meant) or frozenset({meant})) * 3 // 4


# Code


def _rewrite(about: Anchored) -> Iterator[Measure]:
    before, after = about.text("code_before"), about.text("code_after")
    answer = about.form.category.outputs[1].name
    speaks = speaks_of_change(about.text(answer), before, after)
    yield "semantic_validity/speaks_of_change", FULL if speaks else 0
    if about.form.category.name == "code_optimization":
        yield "semantic_validity/counted_cheaper", FULL if cost_of(after).cheaper_than(cost_of(before)) else 0


def _bug(about: Anchored) -> Iterator[Measure]:
    speaks = speaks_of_change(about.text("bug_description"), about.text("buggy_code"), about.text("fixed_code"))
    yield "semantic_validity/speaks_of_change", FULL if speaks else 0


def _tests(about: Anchored) -> Iterator[Measure]:
    cases = about.form.texts("test_cases")
    if about.item is not None:
        calling = sum(means(about.view, case, about.item) for case in cases)
        yield "semantic_validity/calls_target", share(calling, len(cases))
    yield "semantic_validity/asserts", share(sum(map(asserts, cases)), len(cases))


def _call(about: Anchored) -> Iterator[Measure]:
    yield "semantic_validity/grounded", grounded(about, word_set(about.text("next_api_call")))
    if about.item is not None:
        meant = published_call(about) or ""
        same = tokens(meant) == tokens(about.text("next_api_call"))
        named = meant.partition("(")[0] == about.text("next_api_call").partition("(")[0]
        yield "semantic_validity/author_call", FULL if same else 5_000 if named else 0


def _comments(about: Anchored) -> Iterator[Measure]:
    told = comment_words(about.text("commented_code"))
    code = word_set(about.text("code"))
    yield "semantic_validity/comments_say_more", share(len(told - code), len(told)) if told else 0
    if about.item is not None:
        source = about.view.text(about.item.code_span)
        meant = frozenset(w for text in comments(source) if not is_doc(text) for w in word_set(text))
        yield "semantic_validity/author_words", overlap(told, meant)
        yield "semantic_validity/fits_best", best_fit(told, about.item, about.view.commented)


_RULES: Mapping[str, Callable[[Anchored], Iterator[Measure]]] = {
    "code_generation": _generation,
    "docstring_generation": _docstring,
    "code_summarization": _about_text("summary", _summary),
    "code_search": _about_text("query", _summary),
    "code_explanation": _explanation,
    "function_naming": _function_name,
    "variable_naming": _variable_name,
    "bug_detection": _bug,
    "code_refactoring": _rewrite,
    "code_optimization": _rewrite,
    "code_review": _rewrite,
    "test_generation": _tests,
    "api_usage_prediction": _call,
    "comment_generation": _comments,
}


# Beyond the claim


def scrutiny_measures(plan: CheckPlan, result: PlanResult) -> tuple[Measure, ...]:
    """What executing `scrutiny_for` says; nothing when it was not, or could not be, executed.

    - `semantic_validity/all_tests`: full when every test of the crate passes on the answer (and, where behaviour is to
      be unchanged, on the version before it), and every doc test that passes on the published crate; else nothing: one
      failing test is enough to call an answer wrong.
    - `semantic_validity/mutants_killed`: share of the mutants that the tests notice.
    - `idiomatic_rust/clippy`: a quarter less per lint.
    """
    if not (plan.steps and result.checked):
        return ()
    mutants = [step for step in result.steps if step.name.startswith("mutant-")]
    if mutants:
        killed = sum(step.outcome in {Outcome.HOLDS, Outcome.TIMED_OUT} for step in mutants)
        return (("semantic_validity/mutants_killed", share(killed, len(mutants))),)
    docs = [step for step in result.steps if step.name in {PUBLISHED_DOC, ANSWER_DOC}]
    broken = any(
        published.outcome is Outcome.HOLDS and changed.outcome is not Outcome.HOLDS
        for published, changed in zip(docs[::2], docs[1::2], strict=True)
    )
    versions = [step for step in result.steps if step.name not in {PUBLISHED_DOC, ANSWER_DOC}]
    holds = all(step.outcome is Outcome.HOLDS for step in versions) and not broken
    measures = [("semantic_validity/all_tests", FULL if holds else 0)]
    if plan.steps[0].lint and result.steps[0].compiled:
        measures.append(("idiomatic_rust/clippy", max(0, FULL - 2_500 * len(result.steps[0].lints))))
    return tuple(sorted(measures))
