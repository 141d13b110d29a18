"""Members' standing and what moved it: from the chain's state and the ledger."""

from __future__ import annotations

from collections.abc import Iterable

from consensus.encoding import decode
from consensus.params import Preset
from consensus.rater_tables import ONE
from consensus.types import ZERO_HASH, ChainState, Member, NodeId, Snapshot
from node.desks.chronicle import Chronicle
from node.desks.membership import role_text
from node.desks.words import basis_points, factor
from node.store import Store
from node.values import views
from reputation import LedgerEvent, Reason, ReasonKind, generating_skill_bp, standing_of

PAGE_EVENTS = 1000
EVENTS_LOOKED_AT_MAX = 50_000
"""How far back one question looks: a thousand rounds of a full committee."""


def running_snapshot(state: ChainState, preset: Preset) -> Snapshot:
    """The weights that hold for the round being worked."""
    epoch = preset.epoch_of(state.height + 1)
    return next(snapshot for snapshot in state.snapshots if snapshot.epoch == epoch)


def weight_in(snapshot: Snapshot, node: NodeId) -> int:
    """A member's votes in a snapshot's epoch, whole points."""
    return sum(seat.weight for seat in snapshot.seats if seat.node == node)


def standing_view(
    state: ChainState, member: Member, preset: Preset, changes: tuple[views.ReputationChange, ...]
) -> views.ReputationView:
    """A member as `reputation show` tells of it."""
    standing = standing_of(member.table, preset)
    return views.ReputationView(
        node=member.node,
        owner=member.owner,
        reputation_bp=standing.reputation_bp,
        weight=weight_in(running_snapshot(state, preset), member.node),
        coming_weight=weight_in(state.snapshots[-1], member.node),
        maturity_bp=basis_points(standing.maturity),
        discrimination_bp=basis_points(standing.discrimination),
        accuracy_bp=basis_points(standing.accuracy),
        fairness_bp=basis_points(standing.fairness),
        generating_bp=generating_skill_bp(member, preset),
        suspended_until=member.suspended_until if member.suspended_until > state.height else 0,
        changes=changes,
    )


class History:
    """What the ledger says of members, newest first."""

    def __init__(self, store: Store, chronicle: Chronicle) -> None:
        self._store, self._chronicle = store, chronicle

    async def events(self, nodes: Iterable[NodeId], limit: int) -> dict[NodeId, list[LedgerEvent]]:
        """At most `limit` events of each node, newest first."""
        found: dict[NodeId, list[LedgerEvent]] = {node: [] for node in nodes}
        head = await self._store.ledger.head()
        end = 0 if head is None or limit == 0 else head.seq + 1
        last = max(0, end - EVENTS_LOOKED_AT_MAX)
        while end > last and any(len(events) < limit for events in found.values()):
            first = max(last, end - PAGE_EVENTS)
            rows = [row for row in await self._store.ledger.read(first) if row.seq < end]
            for row in reversed(rows):
                event = decode(LedgerEvent, row.body)
                if event.node in found and len(found[event.node]) < limit:
                    found[event.node].append(event)
            end = first
        return found

    def change(self, event: LedgerEvent) -> views.ReputationChange:
        """An event as `reputation history` shows it."""
        chapter = self._chronicle.chapter(event.height)
        return views.ReputationChange(
            height=event.height,
            header=chapter.header if chapter is not None else ZERO_HASH,
            reason=reasons_text(event.reasons),
            before_bp=event.before.reputation_bp,
            after_bp=event.after.reputation_bp,
        )


def explain_standing(
    state: ChainState, member: Member, preset: Preset, events: Iterable[LedgerEvent]
) -> views.Explanation:
    """Why a member weighs what it weighs."""
    standing = standing_of(member.table, preset)
    parts = (
        f"maturity {factor(standing.maturity)} x discrimination {factor(standing.discrimination)}"
        f" x accuracy {factor(standing.accuracy)} x fairness {factor(standing.fairness)}"
    )
    steps = [
        views.ExplainedStep("R30", f"reputation {standing.reputation_bp / 10_000:.3f} = {parts}", b""),
        views.ExplainedStep("R37", role_text(member, state.height + 1, preset), b""),
        views.ExplainedStep("R35", f"generating skill {generating_skill_bp(member, preset) / 10_000:.2f}", b""),
    ]
    bad_wrong, bad_right, good_wrong, good_right = (count / ONE for count in member.table.answers)
    probes = (
        f"of its latest hidden probes it called {bad_right:.1f} of {bad_right + bad_wrong:.1f} bad ones bad "
        f"and {good_right:.1f} of {good_right + good_wrong:.1f} good ones good"
    )
    steps.append(views.ExplainedStep("R37", probes, b""))
    ahead = [snapshot for snapshot in state.snapshots if snapshot.epoch > preset.epoch_of(state.height + 1)]
    steps += [views.ExplainedStep("R36", f"fixed: {_weight_text(item, member.node)}", b"") for item in ahead]
    if member.suspended_until > state.height:
        steps.append(views.ExplainedStep("R33", f"suspended until round {member.suspended_until}", b""))
    steps += [_event_step(event) for event in events]
    return views.Explanation(
        subject=member.node.hex(),
        answer=f"Node of {member.owner}: {_weight_text(running_snapshot(state, preset), member.node)}; "
        f"reputation now {standing.reputation_bp / 10_000:.3f}.",
        steps=tuple(steps),
    )


def _weight_text(snapshot: Snapshot, node: NodeId) -> str:
    total = sum(seat.weight for seat in snapshot.seats)
    return f"weight {weight_in(snapshot, node)} of {total} in epoch {snapshot.epoch}"


def _event_step(event: LedgerEvent) -> views.ExplainedStep:
    before, after = event.before.reputation_bp / 10_000, event.after.reputation_bp / 10_000
    text = f"round {event.height}: {reasons_text(event.reasons)}; reputation {before:.3f} -> {after:.3f}"
    return views.ExplainedStep("R38", text, event.hash())


def reasons_text(reasons: Iterable[Reason]) -> str:
    """What moved a member in one round, in a few words."""
    return ", ".join(_reason_text(reason) for reason in reasons) or "nothing but time"


def _reason_text(reason: Reason) -> str:
    amount = reason.amount
    texts = {
        ReasonKind.RATED: "its ratings were followed by outcomes",
        ReasonKind.ACCEPTED: f"{amount} of its candidates accepted",
        ReasonKind.NOT_ACCEPTED: f"{amount} of its candidates not accepted",
        ReasonKind.FADED: "an epoch passed",
        ReasonKind.NO_SHOW: f"it left {amount} rater seats empty",
        ReasonKind.UNREVEALED: "it committed to ratings and never revealed them"
        + (f", suspended until round {amount}" if amount else ""),
        ReasonKind.FALSE_FACT: f"it stated {amount} facts that more than two thirds contradict",
        ReasonKind.EQUIVOCATED: f"it signed two messages for one slot, suspended until round {amount}",
        ReasonKind.ADMITTED: f"it has proven by hidden probes that it can rate, and has seats from round {amount}",
        ReasonKind.NOT_ADMITTED: f"it has not proven that it can rate, and may try again from round {amount}",
        ReasonKind.APPLIED: "it asked to become a member",
        ReasonKind.DROPPED: "its examination was in vain",
    }
    return texts[reason.kind]
