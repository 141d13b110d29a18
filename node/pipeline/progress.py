"""Where the pipeline stands, what an agreement waits for, and what came of a view that decided nothing, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consensus import round as rd
from consensus.agreement import Step
from consensus.agreement.report import ViewReport, Votes
from consensus.types import NodeId
from node.identity.names import short_name

NAMED_MAX = 4
"""Members named in one line; of more, how many."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the pipeline stands, for `status`: every wait has a name."""

    height: int
    """Of the round being decided."""
    waits_for: str
    rounds: tuple[tuple[int, rd.Waiting], ...]
    is_agreeing: bool
    """Whether the wait is for the others' votes."""


def awaited(report: ViewReport, step: Step, lacking: int) -> str:
    """What a member waits for in a step of a view.

    Args:
        report: Of the view that it is in.
        step: How far it has come there.
        lacking: Messages that a header to build or to check rests on and that are not here.
    """
    begin = f"view {report.view}: "
    if step is not Step.PROPOSE:
        return begin + _votes_text(*_in_step(report, step))
    if lacking:
        return begin + f"{lacking} messages that the header rests on"
    return begin + ("the check of the header" if report.is_proposed else f"the header of {short_name(report.proposer)}")


def outcome(report: ViewReport) -> str:
    """What came in a view that is over."""
    header = "a header" if report.is_proposed else "no header"
    votes = (_votes_text(*_in_step(report, step)) for step in (Step.PREVOTE, Step.PRECOMMIT))
    return "; ".join((f"{header} of {short_name(report.proposer)}", *votes))


def without(missing: Sequence[NodeId]) -> str:
    """Who has not been heard, as the end of a line; empty if everybody has."""
    if not missing:
        return ""
    named = [short_name(node) for node in missing[:NAMED_MAX]]
    if len(missing) > NAMED_MAX:
        named.append(f"{len(missing) - NAMED_MAX} more")
    return ", none of " + ", ".join(named)


def _in_step(report: ViewReport, step: Step) -> tuple[str, Votes]:
    return ("prevotes", report.prevotes) if step is Step.PREVOTE else ("precommits", report.precommits)


def _votes_text(name: str, votes: Votes) -> str:
    nil = f" ({votes.nil} for none)" if votes.nil else ""
    return f"{votes.have} of {votes.seats} {name}{nil}{without(votes.missing)}"
