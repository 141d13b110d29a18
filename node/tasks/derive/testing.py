"""Test generation: the crate's own tests of a function, when they really fail on a wrong one."""

from __future__ import annotations

from collections.abc import Iterable

from node.tasks.context import context_of, test_context_of
from node.tasks.derive.bench import Bench, Deriver, Draft, compose
from node.tasks.derive.functions import substantial
from node.tasks.evidence import project, reach
from node.tasks.mutation import mutants, spread
from node.tasks.plans import MUTANTS_TRIED, killing_plan
from node.tasks.report import Report
from node.tasks.sites import Site
from node.tasks.snippets import render
from node.tasks.testcases import TestBench
from node.tasks.trials import Miss, Trial
from node.tasks.view import SourceView
from node.values.crate import Item
from node.values.example import Example
from node.values.verdict import Outcome, TestName

CASES_PER_EXAMPLE = 3
CASES_CHARS_MAX = 4_000
BATCHES_PER_FUNCTION = 4


def _sites(view: SourceView) -> Iterable[Site]:
    depths = reach(view)
    for item in substantial(view):
        if not spread(mutants(view, item), 1):
            continue  # nothing a test of it could catch
        for order, names in enumerate(_batches(view, item)):
            yield Site(item, depths.get(item.name, 9), (order,), names)


def _batches(view: SourceView, item: Item) -> list[tuple[TestName, ...]]:
    """Tests that call the function by name, a few at a time, in source order."""
    direct = [name for name, test in view.test_items.items() if item.name in test.calls]
    direct.sort(key=lambda name: (view.test_items[name].span.path != item.span.path, view.test_items[name].span))
    count = min(BATCHES_PER_FUNCTION, -(-len(direct) // CASES_PER_EXAMPLE))
    # Every count-th test: neighbours in a test file are often the same test with other numbers.
    batches = (tuple(direct[start::count][:CASES_PER_EXAMPLE]) for start in range(count))
    return [batch for batch in batches if _size(view, batch) <= CASES_CHARS_MAX]


def _size(view: SourceView, names: Iterable[TestName]) -> int:
    return sum(len(render(view, view.test_items[name])) for name in names)


def _trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
    view, item, names = bench.view, site.item, site.detail
    assert isinstance(names, tuple), "test sites carry the names of tests"
    placed = TestBench(tuple(sorted(names)))
    (result,) = yield (killing_plan(view, item, placed, MUTANTS_TRIED, required=1),)
    if not (result.checked and result.holds):
        return Miss("its tests do not notice a wrong function")
    killed = sum(step.outcome is Outcome.HOLDS for step in result.steps if step.name.startswith("mutant-"))
    tests = [view.test_items[name] for name in names]
    code = render(view, item)
    context, among_tests = context_of(view, item, code), test_context_of(view, tests)
    inputs = {"code_to_test": code}
    inputs |= {"code_context": context} if context else {}
    inputs |= {"test_context": among_tests} if among_tests else {}
    outputs = {"test_cases": tuple(render(view, test) for test in tests)}
    report = Report(
        project(view, (), placed.names),
        compiled=True,
        tests=placed.names,
        tests_run=len(names),
        tests_passed=len(names),
        mutants_killed=killed,
    )
    return compose(view, Draft("test_generation", item.code_span, inputs, outputs), report, result.rustc)


DERIVERS = (Deriver("test_generation", 2, _sites, _trial),)
