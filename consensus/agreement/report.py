"""What has come in one view of an agreement and what has not: for people. Nothing is decided by it."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.agreement.log import MessageLog
from consensus.committee import Committee
from consensus.types import NodeId, VotePhase


@dataclass(frozen=True, slots=True)
class Votes:
    """Of one phase. Members, not weight."""

    have: int
    seats: int
    nil: int
    """How many of those at hand are for no header."""
    missing: tuple[NodeId, ...]
    """Whose have not come, in the order of their seats."""


@dataclass(frozen=True, slots=True)
class ViewReport:
    """One view, as far as this member has heard."""

    view: int
    proposer: NodeId
    is_proposed: bool
    prevotes: Votes
    precommits: Votes


def report_view(log: MessageLog, committee: Committee, view: int, proposer: NodeId) -> ViewReport:
    """Sum up what is kept of a view."""
    return ViewReport(
        view,
        proposer,
        bool(log.proposals(view)),
        _votes(log, committee, VotePhase.PREVOTE, view),
        _votes(log, committee, VotePhase.PRECOMMIT, view),
    )


def _votes(log: MessageLog, committee: Committee, phase: VotePhase, view: int) -> Votes:
    tally = log.tally(phase, view)
    nodes = [seat.node for seat in committee.seats]
    missing = tuple(node for node in nodes if not tally.slot(node))
    nil = sum(any(vote.body.header is None for vote in tally.slot(node)) for node in nodes)
    return Votes(len(nodes) - len(missing), len(nodes), nil, missing)
