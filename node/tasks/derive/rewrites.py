"""Refactoring and optimisation: the published function is the answer, a worse form that does the same the question.

Both forms are executed: the tests that reach the function pass on both, and clippy is asked about the worse one, so
that a lint is named only when it really fires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from node.tasks.changes import changed_body
from node.tasks.context import context_of
from node.tasks.costs import Cost, cost_of
from node.tasks.derive.bench import Bench, Deriver, Draft, compose, touching, try_body
from node.tasks.derive.functions import substantial
from node.tasks.evidence import declared, project, reach
from node.tasks.pessimisations import PESSIMISATIONS
from node.tasks.refactorings import LATE_RULES, REFACTORINGS
from node.tasks.report import Report
from node.tasks.rewriting import Rewrite, Rule, rewrites
from node.tasks.sites import Site, balanced
from node.tasks.snippets import MARK, render, render_marked
from node.tasks.trials import Miss, Trial
from node.tasks.view import SourceView
from node.values.crate import Item
from node.values.example import Example
from node.values.verdict import Edit, Expect, Outcome, StepResult, TestName

GROUP = 3


def rewrite_sites(view: SourceView, rules: Sequence[Rule]) -> Iterable[Site]:
    """One site per function and rule that finds something in it; over the functions no rule prevails."""
    depths = reach(view)
    names = [rule.name for rule in rules]
    sites = (
        Site(item, depths.get(item.name, 9), (names.index(rewrite.rule.name),), rewrite)
        for item in substantial(view)
        for rewrite in rewrites(view, item, rules)
        if rewrite.is_quotable()
    )
    return balanced(sites, _rule_name, LATE_RULES)


def _rule_name(site: Site) -> str:
    assert isinstance(site.detail, Rewrite), "rewrite sites carry a rewrite"
    return site.detail.rule.name


def rewrite_trial(
    words: Callable[[Bench, Item, Rewrite, tuple[str, ...]], Draft | Miss],
) -> Callable[[Bench, Site], Trial[Example | Miss]]:
    """A trial that runs the worse form and lets `words` tell what is better about the published one."""

    def trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
        item, rewrite = site.item, site.detail
        assert isinstance(rewrite, Rewrite), "rewrite sites carry a rewrite"
        tests = yield from touching(bench, item)
        if not tests:
            return Miss("no test reaches it")
        body = changed_body(bench.view, item, rewrite.changes)
        observed, rustc = yield from try_body(bench, item, body, tests, Expect.TESTS_PASS, lint=True)
        if observed.outcome is not Outcome.HOLDS:
            return Miss("the rewrite behaves differently" if observed.compiled else "the rewrite does not compile")
        draft = words(bench, item, rewrite, observed.lints)
        if isinstance(draft, Miss):
            return draft
        named = declared(bench.view, item, tests)
        return compose(bench.view, draft, _report(bench.view, item, body, named, observed), rustc)

    return trial


def _report(view: SourceView, item: Item, body: str, named: tuple[TestName, ...], observed: StepResult) -> Report:
    assert item.body is not None, "rewrites are of functions"
    return Report(
        project(view, (), named),
        compiled=True,
        clippy=observed.lints,
        tests_run=len(named),
        tests_passed=len(named),
        before=project(view, (Edit(item.body, body),), named),
        tests=named,
    )


def first_change(view: SourceView, item: Item, rewrite: Rewrite) -> tuple[str, int]:
    """The snippet of the worse form, and the line on which it first differs."""
    changes = sorted(rewrite.changes)
    head = replace(changes[0], text=MARK + changes[0].text)
    return render_marked(view, item, changed_body(view, item, (head, *changes[1:])))


def shown_before(view: SourceView, item: Item, before: str) -> dict[str, str]:
    """The input of the categories that compare two forms of a function."""
    context = context_of(view, item, before)
    return {"code_before": before} | ({"code_context": context} if context else {})


def fired(rewrite: Rewrite, lints: Sequence[str]) -> str:
    """The lint by which clippy reported the worse form; empty when it did not."""
    reported = {lint.removeprefix("clippy::") for lint in lints}
    return next((name for name in rewrite.rule.lints if name in reported), "")


def _clippy_word(rewrite: Rewrite, lints: Sequence[str]) -> str:
    name = fired(rewrite, lints)
    return f" Clippy reports the earlier form as `{name}`." if name else ""


def _refactoring(bench: Bench, item: Item, rewrite: Rewrite, lints: tuple[str, ...]) -> Draft | Miss:
    before, after = first_change(bench.view, item, rewrite)[0], render(bench.view, item)
    rationale = f"{rewrite.rule.why(rewrite)} Behaviour is unchanged.{_clippy_word(rewrite, lints)}"
    outputs = {"code_after": after, "rationale": rationale}
    return Draft("code_refactoring", item.code_span, shown_before(bench.view, item, before), outputs)


def _optimization(bench: Bench, item: Item, rewrite: Rewrite, lints: tuple[str, ...]) -> Draft | Miss:
    before, after = first_change(bench.view, item, rewrite)[0], render(bench.view, item)
    spent, saved = cost_of(before), cost_of(after)
    if not saved.cheaper_than(spent):
        return Miss("not counted cheaper")
    rationale = f"{rewrite.rule.why(rewrite)} {_counted(spent, saved)}{_clippy_word(rewrite, lints)}"
    outputs = {"code_after": after, "rationale": rationale}
    return Draft("code_optimization", item.code_span, shown_before(bench.view, item, before), outputs)


def _counted(before: Cost, after: Cost) -> str:
    """Which kinds of place became fewer; both forms give the same results."""
    kinds = (
        ("allocates in fewer places", after.allocations < before.allocations),
        ("walks fewer sequences to their end", after.walks < before.walks),
        ("computes nothing ahead of need", after.eager < before.eager),
        ("does not grow its buffer step by step", after.growth < before.growth),
    )
    told = [words for words, holds in kinds if holds]
    return f"The result is the same, and the function {' and '.join(told)}."


DERIVERS = (
    Deriver("code_refactoring", GROUP, lambda view: rewrite_sites(view, REFACTORINGS), rewrite_trial(_refactoring)),
    Deriver("code_optimization", GROUP, lambda view: rewrite_sites(view, PESSIMISATIONS), rewrite_trial(_optimization)),
)
