"""Members' standing and what moved it: from the chain's state and the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from consensus.encoding import decode
from consensus.params import AggregationParams, Preset
from consensus.rater_tables import ONE, drawer_of, heard
from consensus.types import ZERO_HASH, ChainState, Member, NodeId, RaterTable, Snapshot
from node.desks.chronicle import Chronicle
from node.desks.membership import role_text
from node.desks.words import basis_points, factor, is_whole
from node.store import Store
from node.values import views
from node.values.example import CATEGORIES
from reputation import LedgerEvent, Reason, ReasonKind, generating_skill_bp, standing_of

FIRST_EARNED_EPOCH = 2
"""Weights are fixed two epochs ahead, so the first two epochs' follow from the genesis (R36)."""
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
    state: ChainState,
    member: Member,
    preset: Preset,
    events: Sequence[LedgerEvent],
    lessons: Mapping[int, Sequence[views.ExplainedStep]],
) -> views.Explanation:
    """Why a member weighs what it weighs.

    Args:
        state: The chain's.
        member: Who.
        preset: The swarm's numbers.
        events: Of the member, newest first.
        lessons: By round, what taught its table there.
    """
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
    steps += doubt_steps(member.table, preset.aggregation)
    running = preset.epoch_of(state.height + 1)
    for snapshot in state.snapshots:
        if snapshot.epoch >= running:
            text = f"{_weight_text(snapshot, member.node)}: {_weight_reason(snapshot, member.node, preset, events)}"
            steps.append(views.ExplainedStep("R34", text, b""))
    if member.suspended_until > state.height:
        steps.append(views.ExplainedStep("R33", f"suspended until round {member.suspended_until}", b""))
    for event in events:
        steps += [_event_step(event), *lessons.get(event.height, ())]
    return views.Explanation(
        subject=member.node.hex(),
        answer=f"Node of {member.owner}: {_weight_text(running_snapshot(state, preset), member.node)}; "
        f"reputation now {standing.reputation_bp / 10_000:.3f}.",
        steps=tuple(steps),
    )


def doubt_steps(table: RaterTable, params: AggregationParams) -> Iterator[views.ExplainedStep]:
    """In which categories a rater is heard less than in others."""
    for category in CATEGORIES:
        left = heard(table, drawer_of(category), params)
        if not is_whole(left):
            text = f"in {category} it errs more than elsewhere: {factor(left)} of its voice is left there"
            yield views.ExplainedStep("R22", text, b"")


def _weight_text(snapshot: Snapshot, node: NodeId) -> str:
    total = sum(seat.weight for seat in snapshot.seats)
    return f"weight {weight_in(snapshot, node)} of {total} in epoch {snapshot.epoch}"


def _weight_reason(snapshot: Snapshot, node: NodeId, preset: Preset, events: Sequence[LedgerEvent]) -> str:
    """Where a weight comes from (R34, R36)."""
    if snapshot.epoch < FIRST_EARNED_EPOCH:
        return "the founders weigh the same in the first two epochs"
    taken = (snapshot.epoch - FIRST_EARNED_EPOCH + 1) * preset.epoch_rounds
    earned = next((event.after.reputation_bp for event in events if event.height <= taken), None)
    then = "" if earned is None else f", by a reputation of {earned / 10_000:.3f} then"
    weights = {seat.node: seat.weight for seat in snapshot.seats}
    if node not in weights:
        why = "nothing for whoever has earned none yet, is suspended, examined, or known and not trusted"
    elif set(weights.values()) == {preset.founder_weight} != {earned}:
        why = f"where up to {preset.reputation.equal_up_to} have earned any, all weigh the same"
    elif earned is None or weights[node] == earned:
        why = "a point for each basis point"
    elif weights[node] < earned:
        why = "cut to what one owner may hold"
    else:
        why = "a point for each basis point, and a part of what others were cut by"
    return f"fixed after round {taken}{then}; {why}"


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
