"""Bad probes: a good example of the source engine, spoiled so that only more than its declared checks shows it.

The spoiled one keeps form, length and declared results. What makes it wrong was executed, or stands in the source, and
is handed over as evidence (`node.tasks.probes`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tree_sitter import Node

from node.tasks.anchors import Anchored, anchor
from node.tasks.callplans import call_scrutiny
from node.tasks.changes import changed_body
from node.tasks.derive.bench import Bench, touching, try_bodies
from node.tasks.derive.decoy import Decoy, rewritten
from node.tasks.derive.decoy_calls import with_other_call
from node.tasks.derive.decoy_words import (
    with_other_comments,
    with_other_description,
    with_other_function_name,
    with_other_reason,
    with_other_text,
    with_other_variable_name,
)
from node.tasks.evidence import declared, project, source_of_test
from node.tasks.inspection import inspect
from node.tasks.likeness import asserts
from node.tasks.mutation import Mutant, mutants, spread
from node.tasks.plans import MUTANTS_TRIED, killing_plan, plan_for
from node.tasks.probe_evidence import Evidence
from node.tasks.probes import MUTANT_FIELDS
from node.tasks.report import Report
from node.tasks.snippets import is_from_trait_impl, render
from node.tasks.syntax import descend, identifiers, parse, text_of
from node.tasks.testcases import TestBench, place_tests
from node.tasks.trials import Miss, Trial
from node.values.crate import Item, Span
from node.values.example import Example
from node.values.verdict import CheckPlan, Edit, Expect, Outcome, TestName

TRIES_MAX = 6
"""Spoilings of words tried for one probe, one after the other: the first one mostly does."""

MUTANTS_MAX = 12
"""Mutants tried for one probe, all in one build: few slip past a test that reaches them and not past another one."""

CALLS_MAX = 8
"""Other calls tried for one probe, all at once."""


def spoiled(bench: Bench, good: Example) -> Trial[Decoy | Miss]:
    """Spoil a good example. The same example is always spoiled in the same way."""
    about = anchor(good, bench.view)
    assert about.item is not None, "the source engine anchors everything"
    outcome: Decoy | Miss = Miss("nothing of the crate could be taken for it")
    for way in _ways(about):
        outcome = yield from way(bench, about, about.item)
        if isinstance(outcome, Decoy):
            return outcome
    return outcome


Way = Callable[[Bench, Anchored, Item], Trial[Decoy | Miss]]


def _ways(about: Anchored) -> tuple[Way, ...]:
    """The ways to spoil an example of a category; where there are two, every other example starts with the second."""
    ways = _WAYS[about.form.category.name]
    return ways[::-1] if about.form.example.claim[1] % 2 else ways


def _with_words(spoil: Callable[[Anchored, Item], Iterator[Decoy]], at_once: int = 1, most: int = TRIES_MAX) -> Way:
    """Other words, tried `at_once` at a time: those that cost a build each side by side."""

    def way(bench: Bench, about: Anchored, item: Item) -> Trial[Decoy | Miss]:
        found = (decoy for decoy in spoil(about, item) if not inspect(decoy.example, bench.view).problems)
        tried = itertools.islice(found, most)
        while some := tuple(itertools.islice(tried, at_once)):
            passing = yield from _passing(bench, some)
            if passing:
                return passing[0]
        return Miss("nothing else of the crate could be taken for it")

    return way


def _passing(bench: Bench, decoys: Sequence[Decoy]) -> Trial[list[Decoy]]:
    """Those that keep what they declare, and are wrong where that can be run."""
    plans = [_plans(bench, decoy) for decoy in decoys]
    if not bench.executes:
        return [decoy for decoy, needed in zip(decoys, plans, strict=True) if not needed]
    results = iter((yield tuple(plan for needed in plans for plan in needed)))
    verdicts = [[next(results) for _ in needed] for needed in plans]
    return [
        decoy
        for decoy, found in zip(decoys, verdicts, strict=True)
        if all(result.checked and result.holds for result in found)
    ]


def _plans(bench: Bench, decoy: Decoy) -> list[CheckPlan]:
    plan = plan_for(decoy.example, bench.view)
    plans = [plan] if plan.steps else []
    if decoy.evidence.kind == "call":
        about = anchor(decoy.example, bench.view)
        assert about.item is not None, "spoiling keeps the anchor"
        (step,) = call_scrutiny(about, about.item).steps
        plans.append(CheckPlan((replace(step, expect=Expect.TESTS_FAIL),)))
    return plans


# Code with a mutant in it


def _with_mutant(bench: Bench, about: Anchored, item: Item) -> Trial[Decoy | Miss]:
    """The answer with a mutant that some tests which reach it do not notice; those are the ones named."""
    view = bench.view
    if not bench.executes or item.body is None or "pass these tests" in about.text("description"):
        return Miss("no test could show that it is wrong")
    tests = yield from touching(bench, item)
    tried = tuple(_mutated(about, item))
    bodies = tuple(body for _, body, _ in tried)
    seen = (yield from try_bodies(bench, item, bodies, tests)) if tests else ()
    for (mutant, body, answer), observed in zip(tried, seen, strict=False):
        killers = [name for name in observed.failed if source_of_test(view, name)]
        blind = tuple(name for name in tests if name not in observed.failed)
        if observed.outcome is Outcome.HOLDS and killers and _still_shown(about, blind):
            named = declared(view, item, blind, first=_shown_tests(about, blind))
            report = _report(about, (Edit(item.body, body),), named)
            place = Span(item.body.path, mutant.change.start, mutant.change.end)
            killer = min(killers, key=lambda name: (len(source_of_test(view, name)), name))
            evidence = Evidence("mutant", place, mutant.change.text, killer)
            return Decoy(rewritten(about, {MUTANT_FIELDS[about.form.category.name]: answer}, report), evidence)
    return Miss("no mutant slips past some of its tests")


def _mutated(about: Anchored, item: Item) -> Iterator[tuple[Mutant, str, str]]:
    """Mutants with the function's body and the answer that they make."""
    for mutant in _candidates(about, item):
        body = changed_body(about.view, item, (mutant.change,))
        answer = _answer_with(about, item, body)
        if answer is not None:
            yield mutant, body, answer


def _candidates(about: Anchored, item: Item) -> Iterator[Mutant]:
    """Mutants of the published function, without the one that the example itself is about."""
    own = about.report.before.edits[0].text if about.report.before else ""
    found = spread(mutants(about.view, item), MUTANTS_MAX)
    return (mutant for mutant in found if changed_body(about.view, item, (mutant.change,)) != own)


def _answer_with(about: Anchored, item: Item, body: str) -> str | None:
    """What the answer field says with another body; None for a completion that does not reach the change."""
    whole = render(about.view, item, body)
    if about.form.category.name != "code_completion":
        return whole
    prefix, suffix = about.text("prefix"), about.text("suffix")
    inside = whole.startswith(prefix) and whole.endswith(suffix) and len(whole) > len(prefix) + len(suffix)
    return whole[len(prefix) : len(whole) - len(suffix)] if inside else None


def _shown_tests(about: Anchored, tests: Iterable[TestName]) -> tuple[TestName, ...]:
    """Those of `tests` that the example's context shows, which is where a bug's description takes its test from."""
    context = about.text("code_context")
    return tuple(name for name in tests if source_of_test(about.view, name).strip() in context)


def _still_shown(about: Anchored, blind: tuple[TestName, ...]) -> bool:
    """Whether the example still holds together: a bug's failing test must be one that the decoy passes.

    A completion that no test reaches claims to compile and no more, so one may do without.
    """
    if about.form.category.name == "bug_detection":
        return bool(_shown_tests(about, blind))
    return bool(blind) or about.form.category.name == "code_completion"


def _report(about: Anchored, edits: tuple[Edit, ...], named: tuple[TestName, ...]) -> Report:
    before = about.report.before
    return replace(
        about.report,
        project=project(about.view, edits, named),
        before=None if before is None else project(about.view, before.edits, named),
        tests=named,
        tests_run=len(named),
        tests_passed=len(named),
    )


# Tests of something else


def _with_other_tests(bench: Bench, about: Anchored, item: Item) -> Trial[Decoy | Miss]:
    """Tests that only pass through the function on their way to what they test."""
    view = bench.view
    if is_from_trait_impl(view, item):
        return Miss("tests call it without naming it")
    tests = yield from touching(bench, item)
    passing = [
        name for name in tests if name in view.test_items and item.name not in identifiers(source_of_test(view, name))
    ]
    passing.sort(key=lambda name: (len(source_of_test(view, name)), name))
    for start in range(0, min(len(passing), TRIES_MAX), 2):
        names = tuple(sorted(passing[start : start + 2]))
        cases = tuple(render(view, view.test_items[name]) for name in names)
        plan = killing_plan(view, item, TestBench(names), MUTANTS_TRIED, required=1)
        (result,) = yield (plan,)
        if result.checked and result.holds:
            report = replace(
                _report(about, (), names),
                mutants_killed=sum(step.outcome is Outcome.HOLDS for step in result.steps[2:]),
            )
            return Decoy(rewritten(about, {"test_cases": cases}, report), Evidence("tests_of"))
    return Miss("every test that reaches it calls it")


ASSERTIONS = frozenset(["assert", "assert_eq", "assert_ne", "debug_assert", "debug_assert_eq", "debug_assert_ne"])


def _with_hollow_tests(bench: Bench, about: Anchored, item: Item) -> Trial[Decoy | Miss]:
    """The same tests without what they assert; they still fail when the function panics."""
    view = bench.view
    cases = tuple(map(without_assertions, about.form.texts("test_cases")))
    if any(map(asserts, cases)) or not bench.executes:
        return Miss("its tests say what they expect in other ways")
    placed = place_tests(view, item, about.text("test_context"), cases)
    plan = killing_plan(view, item, placed, MUTANTS_TRIED, required=1)
    (result,) = yield (plan,)
    if not (result.checked and result.holds):
        return Miss("without assertions its tests notice nothing at all")
    report = replace(
        about.report,
        project=replace(project(view, (), placed.names), edits=placed.edits, files=placed.files),
        tests=placed.names,
        mutants_killed=sum(step.outcome is Outcome.HOLDS for step in result.steps[2:]),
        tests_run=len(placed.names),
        tests_passed=len(placed.names),
    )
    example = replace(rewritten(about, {"test_cases": cases}, report), test="\n\n".join(cases) + "\n")
    return Decoy(example, Evidence("hollow"))


def without_assertions(case: str) -> str:
    """A test with each assertion, helpers called `assert_...` included, reduced to computing what it compares."""
    data = case.encode()
    end = len(data)
    for node in reversed(list(descend(parse(data)))):
        if node.end_byte <= end and _is_assertion(node):  # one around another one that is gone stays
            compared = text_of(node.children[-1])[1:-1].strip().removesuffix(",")
            data = data[: node.start_byte] + f"let _ = ({compared})".encode() + data[node.end_byte :]
            end = node.start_byte
    return data.decode()


def _is_assertion(node: Node) -> bool:
    if node.type == "macro_invocation":
        return text_of(node.children[0]) in ASSERTIONS
    return node.type == "call_expression" and text_of(node.children[0]).startswith("assert")


_WAYS: Mapping[str, tuple[Way, ...]] = {
    "code_generation": (_with_mutant, _with_words(with_other_description)),
    "code_completion": (_with_mutant,),
    "docstring_generation": (_with_words(with_other_text("docstring")),),
    "test_generation": (_with_other_tests, _with_hollow_tests),
    "code_summarization": (_with_words(with_other_text("summary")),),
    "bug_detection": (_with_mutant, _with_words(with_other_reason)),
    "code_refactoring": (_with_mutant, _with_words(with_other_reason)),
    "code_optimization": (_with_mutant, _with_words(with_other_reason)),
    "code_review": (_with_mutant, _with_words(with_other_reason)),
    "function_naming": (_with_words(with_other_function_name),),
    "variable_naming": (_with_words(with_other_variable_name),),
    "api_usage_prediction": (_with_words(with_other_call, CALLS_MAX, CALLS_MAX),),
    "code_search": (_with_words(with_other_text("query")),),
    "code_explanation": (_with_words(with_other_text("explanation")),),
    "comment_generation": (_with_words(with_other_comments),),
}
