"""Named quantities of an example, in basis points: what reading it beside the source says about each rating criterion.

`semantic_validity/author_*` compares with what the author wrote in the same place, as far as it can be compared by
words or names; `semantic_validity/fits_*` asks whether another item of the crate would fit the text better. Both fall
when a text about one item is attached to another. None of them knows truth: execution does (`scrutiny_measures`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from node.tasks.anchors import Anchored
from node.tasks.callplans import published_call
from node.tasks.categories import PLACEHOLDER, FieldKind
from node.tasks.costs import cost_of
from node.tasks.evidence import means
from node.tasks.names import unknown_names
from node.tasks.prose import first_sentence, mentioned_names, read_markdown, word_set, words
from node.tasks.snippets import is_doc
from node.tasks.syntax import comments, is_snake_case, parse, tokens
from node.tasks.view import SourceView
from node.values.crate import Item
from node.values.verdict import CheckPlan, Outcome, PlanResult

FULL = 10_000

Measure = tuple[str, int]

LINE_CHARS_MAX = 100
"""Rustfmt's default width."""


def share(part: int, whole: int) -> int:
    """`part / whole` in basis points; full when there is nothing to have a share of."""
    return FULL if whole <= 0 else FULL * part // whole


def overlap(told: frozenset[str], meant: frozenset[str]) -> int:
    """How much of the smaller of two word sets the other has, basis points; 0 when either is empty."""
    return share(len(told & meant), min(len(told), len(meant))) if told and meant else 0


def measures_of(about: Anchored) -> Iterator[Measure]:
    """All measures of one example, each named once."""
    yield "syntactic_correctness/parses", _parses(about)
    yield "idiomatic_rust/layout", _layout(about)
    rule = _RULES.get(about.form.category.name)
    if rule is not None:
        yield from rule(about)


def _answers(about: Anchored) -> list[str]:
    code = {FieldKind.CODE, FieldKind.CODE_LIST}
    return [about.text(field.name) for field in about.form.category.outputs if field.kind in code]


def _parses(about: Anchored) -> int:
    answers = _answers(about)
    return share(sum(not parse(answer.encode()).has_error for answer in answers), len(answers))


def _layout(about: Anchored) -> int:
    """Share of answer lines that rustfmt's defaults would not touch for width, tabs or trailing white space."""
    lines = [line for answer in _answers(about) for line in answer.splitlines()]
    tidy = sum(len(line) <= LINE_CHARS_MAX and "\t" not in line and line == line.rstrip() for line in lines)
    return share(tidy, len(lines))


# Texts


def _about_text(field: str, author: Callable[[Item], str]) -> Callable[[Anchored], Iterator[Measure]]:
    def rule(about: Anchored) -> Iterator[Measure]:
        text = about.text(field)
        names = mentioned_names(text)
        yield "semantic_validity/names_exist", share(len(names) - len(unknown_names(about.view, names)), len(names))
        if about.item is not None:
            told = word_set(text)
            yield "semantic_validity/author_words", overlap(told, word_set(author(about.item)))
            yield "semantic_validity/fits_best", _rank(about.view, about.item, told)

    return rule


def _rank(view: SourceView, item: Item, told: frozenset[str]) -> int:
    """Full when no other documented item of the crate fits the words better; a fifth less for each that does."""
    vocabularies = view.vocabularies
    mine = _fit(told, vocabularies.get(item, frozenset()))
    better = sum(_fit(told, own) > mine for own in vocabularies.values())
    return max(0, FULL - 2_000 * better)


def _fit(told: frozenset[str], own: frozenset[str]) -> int:
    """How many of the words told belong to an item."""
    return share(len(told & own), len(told)) if told else 0


def _docs(item: Item) -> str:
    return item.doc


def _summary(item: Item) -> str:
    paragraphs = read_markdown(item.doc).paragraphs
    return first_sentence(paragraphs[0]) if paragraphs else ""


def _search(about: Anchored) -> Iterator[Measure]:
    yield from _about_text("query", _summary)(about)


def _explanation(about: Anchored) -> Iterator[Measure]:
    yield from _about_text("explanation", _docs)(about)
    yield "semantic_validity/explains", min(FULL, FULL * len(words(about.text("explanation"))) // 25)


# Names


def _function_name(about: Anchored) -> Iterator[Measure]:
    name = about.text("function_name")
    yield "idiomatic_rust/name_case", FULL if is_snake_case(name) else 0
    if about.item is not None:
        yield "semantic_validity/author_name", _same_name(name, about.item.name)


def _variable_name(about: Anchored) -> Iterator[Measure]:
    name = about.text("variable_name")
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
    changed = frozenset(tokens(before)) ^ frozenset(tokens(after))
    yield (
        "semantic_validity/speaks_of_change",
        FULL if _mentions(about.text(answer), changed | _near(before, after)) else 0,
    )
    if about.form.category.name == "code_optimization":
        yield "semantic_validity/counted_cheaper", FULL if cost_of(after).cheaper_than(cost_of(before)) else 0


def _bug(about: Anchored) -> Iterator[Measure]:
    near = _near(about.text("buggy_code"), about.text("fixed_code"))
    yield "semantic_validity/speaks_of_change", FULL if _mentions(about.text("bug_description"), near) else 0


def _near(before: str, after: str) -> frozenset[str]:
    """The tokens on lines that only one of two versions has."""
    old, new = before.splitlines(), after.splitlines()
    lines = [line for line in old if line not in new] + [line for line in new if line not in old]
    return frozenset(token for line in lines for token in tokens(line) if len(token) > 1)


def _mentions(text: str, changed: frozenset[str]) -> bool:
    """Whether a text quotes code that changed, or uses a word of it."""
    return any(token in text for token in changed)


def _tests(about: Anchored) -> Iterator[Measure]:
    cases = about.form.texts("test_cases")
    if about.item is not None:
        calling = sum(means(about.view, case, about.item) for case in cases)
        yield "semantic_validity/calls_target", share(calling, len(cases))
    yield (
        "semantic_validity/asserts",
        share(sum("assert" in case or "#[should_panic" in case for case in cases), len(cases)),
    )


def _call(about: Anchored) -> Iterator[Measure]:
    if about.item is not None:
        meant = published_call(about) or ""
        same = tokens(meant) == tokens(about.text("next_api_call"))
        named = meant.partition("(")[0] == about.text("next_api_call").partition("(")[0]
        yield "semantic_validity/author_call", FULL if same else 5_000 if named else 0


def _comments(about: Anchored) -> Iterator[Measure]:
    told = frozenset(word for text in comments(about.text("commented_code")) for word in word_set(text))
    code = word_set(about.text("code"))
    yield "semantic_validity/comments_say_more", share(len(told - code), len(told)) if told else 0
    if about.item is not None:
        source = about.view.text(about.item.code_span)
        meant = frozenset(w for text in comments(source) if not is_doc(text) for w in word_set(text))
        yield "semantic_validity/author_words", overlap(told, meant)


_RULES: Mapping[str, Callable[[Anchored], Iterator[Measure]]] = {
    "docstring_generation": _about_text("docstring", _docs),
    "code_summarization": _about_text("summary", _summary),
    "code_search": _search,
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

    - `semantic_validity/all_tests`: full when every test of the crate passes on the answer, and every doc test that
      passes on the published crate; else nothing: one failing test is enough to call an answer wrong.
    - `semantic_validity/mutants_killed`: share of the mutants that the tests notice.
    - `idiomatic_rust/clippy`: a quarter less per lint.
    """
    if not (plan.steps and result.checked):
        return ()
    mutants = [step for step in result.steps if step.name.startswith("mutant-")]
    if mutants:
        killed = sum(step.outcome in {Outcome.HOLDS, Outcome.TIMED_OUT} for step in mutants)
        return (("semantic_validity/mutants_killed", share(killed, len(mutants))),)
    answer, docs = result.steps[0], result.steps[1:]
    broken = any(
        published.outcome is Outcome.HOLDS and changed.outcome is not Outcome.HOLDS
        for published, changed in zip(docs[::2], docs[1::2], strict=True)
    )
    holds = answer.outcome is Outcome.HOLDS and not broken
    measures = [("semantic_validity/all_tests", FULL if holds else 0)]
    if plan.steps[0].lint and answer.compiled:
        measures.append(("idiomatic_rust/clippy", max(0, FULL - 2_500 * len(answer.lints))))
    return tuple(sorted(measures))
