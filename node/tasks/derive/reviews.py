"""Code review: a finding about a worse form of a function, and the published function as the reviewed one.

Findings are of two kinds, both executed: a mutant that a test kills, and a rewrite that clippy really reports.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from node.tasks.derive.bench import Bench, Deriver, Draft
from node.tasks.derive.faults import fault_kind, fault_sites, fault_trial, marked
from node.tasks.derive.rewrites import fired, first_change, rewrite_sites, rewrite_trial, shown_before
from node.tasks.mutation import Mutant
from node.tasks.refactorings import LATE_RULES, REFACTORINGS
from node.tasks.rewriting import Rewrite
from node.tasks.sites import Site, balanced
from node.tasks.snippets import render
from node.tasks.trials import Miss, Trial
from node.tasks.view import SourceView
from node.values.crate import Item
from node.values.example import Example
from node.values.verdict import TestName

GROUP = 6

_FORMS = (
    "Line {line}: `{now}` {consequence}. It has to be `{was}`.",
    "`{now}` on line {line} {consequence}; this has to read `{was}`.",
    "Please look at line {line} again: `{now}` {consequence}. `{was}` is what is meant.",
)


def _sites(view: SourceView) -> Iterable[Site]:
    """Mutants and rewrites of each function, so that over the functions no kind of finding prevails."""
    rewrites = [site for site in rewrite_sites(view, REFACTORINGS) if _may_fire(site)]
    mutants = list(fault_sites(view, 1))
    merged = [
        replace(site, order=(*site.order, kind)) for kind, found in enumerate((mutants, rewrites)) for site in found
    ]
    return balanced(merged, _kind, LATE_RULES)


def _kind(site: Site) -> str:
    return site.detail.rule.name if isinstance(site.detail, Rewrite) else fault_kind(site)


def _may_fire(site: Site) -> bool:
    return isinstance(site.detail, Rewrite) and bool(site.detail.rule.lints)


def _of_mutant(bench: Bench, item: Item, mutant: Mutant, killer: TestName) -> Draft:
    del killer  # a review speaks of the code; which test shows it stands in the report
    before, line = marked(bench.view, item, mutant)
    return _draft(bench.view, item, before, comment_on(item, mutant, line))


def comment_on(item: Item, mutant: Mutant, line: int) -> str:
    """What a reviewer says of a mutant that stands on a line of the snippet."""
    if mutant.kind == "guard":
        return f"`{item.name}` lacks an early exit after line {line}: it {mutant.consequence}. Add `{mutant.was}`."
    form = _FORMS[line % len(_FORMS)]
    return form.format(line=line, now=mutant.now, was=mutant.was, consequence=mutant.consequence)


def _of_rewrite(bench: Bench, item: Item, rewrite: Rewrite, lints: tuple[str, ...]) -> Draft | Miss:
    name = fired(rewrite, lints)
    if not name:
        return Miss("clippy does not report it")
    before, line = first_change(bench.view, item, rewrite)
    comment = f"Line {line}: clippy reports `{name}`. {rewrite.rule.why(rewrite)} Behaviour stays the same."
    return _draft(bench.view, item, before, comment)


def _draft(view: SourceView, item: Item, before: str, comment: str) -> Draft:
    outputs = {"code_after": render(view, item), "review_comment": comment}
    return Draft("code_review", item.code_span, shown_before(view, item, before), outputs)


_MUTANT_TRIAL = fault_trial(_of_mutant)
_REWRITE_TRIAL = rewrite_trial(_of_rewrite)


def _trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
    return _REWRITE_TRIAL(bench, site) if isinstance(site.detail, Rewrite) else _MUTANT_TRIAL(bench, site)


DERIVERS = (Deriver("code_review", GROUP, _sites, _trial),)
