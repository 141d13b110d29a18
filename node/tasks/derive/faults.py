"""Bug detection out of verified mutants.

The published function is the fix. A mutant becomes an example only when it compiles and a test that passes on the
published crate fails on it; a mutant that survives, or runs until it is stopped, is nobody's proven bug.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from node.tasks.changes import changed_body
from node.tasks.context import context_of, helpers_of
from node.tasks.derive.bench import Bench, Deriver, Draft, compose, touching, try_body
from node.tasks.derive.functions import substantial
from node.tasks.evidence import addresses, declared, project, reach, source_of_test
from node.tasks.mutation import Mutant, mutants
from node.tasks.report import Report
from node.tasks.sites import Site, balanced
from node.tasks.snippets import MARK, render, render_marked
from node.tasks.trials import Miss, Trial
from node.tasks.view import SourceView
from node.values.crate import Item
from node.values.example import Example
from node.values.verdict import Edit, Expect, Outcome, StepResult, TestName

GROUP = 6
SHOWN_TEST_CHARS_MAX = 2_400
"""A failing test longer than this is not shown in the context, and then not named either."""

_KINDS = (
    "comparison",
    "range",
    "logic",
    "guard",
    "method",
    "arithmetic",
    "number",
    "assignment",
    "jump",
    "equality",
    "negation",
    "boolean",
)
"""Families in order of how much there is to see: a moved boundary before a flipped literal."""


def fault_sites(view: SourceView, parity: int) -> Iterable[Site]:
    """The mutants worth telling: every second, so that the two categories never show the same one."""
    depths = reach(view)
    sites: list[Site] = []
    for item in substantial(view):
        found = [mutant for mutant in mutants(view, item) if "…" not in mutant.was + mutant.now]
        found.sort(key=lambda mutant: (_KINDS.index(mutant.kind), mutant.change))
        for order, mutant in enumerate(found[parity::2]):
            sites.append(Site(item, depths.get(item.name, 9), (order,), mutant))
    return balanced(sites, fault_kind)


def fault_kind(site: Site) -> str:
    """The family of a site's mutant."""
    assert isinstance(site.detail, Mutant), "fault sites carry a mutant"
    return site.detail.kind


def fault_trial(
    words: Callable[[Bench, Item, Mutant, TestName], Draft],
) -> Callable[[Bench, Site], Trial[Example | Miss]]:
    """A trial that runs a mutant and lets `words` tell what is wrong with it, given the test that shows it."""

    def trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
        item, mutant = site.item, site.detail
        assert isinstance(mutant, Mutant), "fault sites carry a mutant"
        tests = yield from touching(bench, item)
        if not tests:
            return Miss("no test reaches it")
        body = changed_body(bench.view, item, (mutant.change,))
        observed, rustc = yield from try_body(bench, item, body, tests, Expect.TESTS_FAIL)
        killers = _killers(bench.view, item, observed)
        if not killers:
            return Miss(_why_not(observed))
        draft = words(bench, item, mutant, killers[0])
        named = declared(bench.view, item, tests, first=killers[:1])
        return compose(bench.view, draft, _report(bench.view, item, body, named), rustc)

    return trial


def marked(view: SourceView, item: Item, mutant: Mutant) -> tuple[str, int]:
    """The snippet with the mutant in it, and the line it stands on."""
    change = replace(mutant.change, text=MARK + mutant.change.text)
    return render_marked(view, item, changed_body(view, item, (change,)))


def _killers(view: SourceView, item: Item, observed: StepResult) -> tuple[TestName, ...]:
    """Tests that fail and can be shown: those that call the function first, then the shortest."""
    if observed.outcome is not Outcome.HOLDS:
        return ()
    shown = (name for name in observed.failed if source_of_test(view, name))
    return tuple(
        sorted(shown, key=lambda name: (not addresses(view, name, item), len(source_of_test(view, name)), name))
    )


def _why_not(observed: StepResult) -> str:
    if not observed.compiled:
        return "the mutant does not compile"
    return "the mutant never ends" if observed.outcome is Outcome.TIMED_OUT else "the mutant survives"


def _report(view: SourceView, item: Item, body: str, named: tuple[TestName, ...]) -> Report:
    assert item.body is not None, "mutants are of functions"
    return Report(
        project(view, (), named),
        compiled=True,
        tests_run=len(named),
        tests_passed=len(named),
        mutants_killed=1,
        before=project(view, (Edit(item.body, body),), named),
        tests=named,
    )


# In words


def _bug(bench: Bench, item: Item, mutant: Mutant, killer: TestName) -> Draft:
    view = bench.view
    buggy, line = marked(view, item, mutant)
    described = told(mutant, line)
    pieces = [context_of(view, item, buggy)]
    source = source_of_test(view, killer)
    if len(source) <= SHOWN_TEST_CHARS_MAX:
        # A description may name the failing test only where the reader can see it.
        test = view.test_items.get(killer)
        pieces += [helpers_of(view, test) if test else None, source.strip()]
        described = f"{described} {_failing(view, killer)}"
    context = "\n\n".join(piece for piece in pieces if piece)
    inputs = {"buggy_code": buggy} | ({"code_context": context} if context else {})
    return Draft(
        "bug_detection", item.code_span, inputs, {"fixed_code": render(view, item), "bug_description": described}
    )


_FORMS = (
    "On line {line}, `{now}` {consequence}: it should be `{was}`.",
    "The bug is `{now}` on line {line}, which {consequence}. With `{was}` in its place the function is right again.",
    "The mistake is on line {line}: `{now}` {consequence}. The correct code is `{was}`.",
)


def told(mutant: Mutant, line: int) -> str:
    """What is wrong, where, and what belongs there."""
    if mutant.kind == "guard":
        return (
            f"An early exit is missing after line {line}: the code {mutant.consequence}. `{mutant.was}` belongs there."
        )
    return _FORMS[line % len(_FORMS)].format(line=line, now=mutant.now, was=mutant.was, consequence=mutant.consequence)


def _failing(view: SourceView, killer: TestName) -> str:
    if killer in view.doc_cases:
        return "The example from the documentation fails because of it."
    return f"The test `{killer.name.rpartition('::')[2]}` fails because of it."


DERIVERS = (Deriver("bug_detection", GROUP, lambda view: fault_sites(view, 0), fault_trial(_bug)),)
