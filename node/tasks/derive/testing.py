"""Test generation: the crate's own tests of a function, when they really fail on a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from node.tasks.context import context_of, test_context_of
from node.tasks.derive.bench import Bench, Deriver, Draft, compose, touching
from node.tasks.derive.functions import substantial
from node.tasks.doctests import DOC_TEST, DocCase
from node.tasks.evidence import addresses, project, reach
from node.tasks.mutation import mutants
from node.tasks.plans import MUTANTS_TRIED, killing_plan
from node.tasks.report import Report
from node.tasks.sites import Site
from node.tasks.snippets import is_from_trait_impl, render
from node.tasks.testcases import place_tests
from node.tasks.trials import Miss, Trial
from node.tasks.view import SourceView
from node.values.crate import Item
from node.values.example import Example
from node.values.verdict import Outcome, TestName

CASES_PER_EXAMPLE = 3
CASES_CHARS_MAX = 4_000
BATCHES_PER_FUNCTION = 4


@dataclass(frozen=True, slots=True)
class _Batch:
    """Tests that make up one example."""

    names: tuple[TestName, ...]
    """Published ones."""
    doc_case: DocCase | None = None
    """Instead of them, a doc test, to be written out as a test."""


def _sites(view: SourceView) -> Iterable[Site]:
    depths = reach(view)
    for item in substantial(view):
        if not mutants(view, item):
            continue  # nothing a test of it could catch
        documented = [case for case in view.doc_cases.values() if case.item == item]
        batches = [_Batch(names) for names in _batches(view, item)] or [_Batch((), case) for case in documented[:1]]
        if not batches and is_from_trait_impl(view, item):
            batches = [_Batch(())]  # which tests use it, only execution can tell
        for order, batch in enumerate(batches):
            yield Site(item, depths.get(item.name, 9), (order,), batch)


def _batches(view: SourceView, item: Item) -> list[tuple[TestName, ...]]:
    """Tests that call the function by name, a few at a time."""
    if is_from_trait_impl(view, item):
        return []
    direct = [name for name, test in view.test_items.items() if item.name in test.calls and addresses(view, name, item)]
    direct.sort(key=lambda name: (view.test_items[name].span.path != item.span.path, view.test_items[name].span))
    count = min(BATCHES_PER_FUNCTION, -(-len(direct) // CASES_PER_EXAMPLE))
    # Every count-th test: neighbours in a test file are often the same test with other numbers.
    batches = (tuple(direct[start::count][:CASES_PER_EXAMPLE]) for start in range(count))
    return [batch for batch in batches if _size(view, batch) <= CASES_CHARS_MAX]


def _size(view: SourceView, names: Iterable[TestName]) -> int:
    return sum(len(render(view, view.test_items[name])) for name in names)


def _trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
    view, item, batch = bench.view, site.item, site.detail
    assert isinstance(batch, _Batch), "test sites carry a batch"
    names = batch.names
    if not names and batch.doc_case is None:
        names = _shortest(view, (yield from touching(bench, item)))
        if not names:
            return Miss("no test reaches it")
    cases = (as_test(item, batch.doc_case),) if batch.doc_case else tuple(_shown(view, name) for name in names)
    tests = [view.test_items[name] for name in names]
    helpers = test_context_of(view, tests) if tests else None
    placed = place_tests(view, item, helpers or "", cases)
    (result,) = yield (killing_plan(view, item, placed, MUTANTS_TRIED, required=1),)
    if not (result.checked and result.holds):
        return Miss("its tests do not notice a wrong function")
    code = render(view, item)
    context = context_of(view, item, code)
    inputs = {"code_to_test": code}
    inputs |= {"code_context": context} if context else {}
    inputs |= {"test_context": helpers} if helpers else {}
    report = Report(
        replace(project(view, (), placed.names), files=placed.files),
        compiled=True,
        tests=placed.names,
        tests_run=len(placed.names),
        tests_passed=len(placed.names),
        mutants_killed=sum(step.outcome is Outcome.HOLDS for step in result.steps if step.name.startswith("mutant-")),
    )
    draft = Draft("test_generation", item.code_span, inputs, {"test_cases": cases})
    made = compose(view, draft, report, result.rustc)
    own = "\n\n".join(cases) + "\n" if batch.doc_case else ""
    return replace(made, test=own) if own and isinstance(made, Example) else made


def _shown(view: SourceView, name: TestName) -> str:
    return render(view, view.test_items[name])


def _shortest(view: SourceView, tests: Iterable[TestName]) -> tuple[TestName, ...]:
    """The shortest of the published tests that reach a function, as many as fit one example."""
    known = sorted((name for name in tests if name in view.test_items), key=lambda name: (_size(view, (name,)), name))
    fitting = [name for name in known[:CASES_PER_EXAMPLE] if _size(view, (name,)) <= CASES_CHARS_MAX]
    return tuple(sorted(fitting))


def as_test(item: Item, case: DocCase) -> str:
    """A doc test as a test function with a name of its own."""
    head, _, body = case.file.text.partition(f"fn {DOC_TEST}()")
    mark = "#[should_panic]\n" if "#[should_panic]" in head else ""
    return f"#[test]\n{mark}fn {item.name}_example() {body.strip()}"


DERIVERS = (Deriver("test_generation", 2, _sites, _trial),)
