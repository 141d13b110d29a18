"""What a decided round does to its members: the only way in which reputation moves (R38)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from consensus.encoding import hash_value
from consensus.params import Preset
from consensus.rater_tables import EMPTY_TABLE
from consensus.types import ZERO_HASH, Hash, Member, NodeId, RaterTable
from reputation.capability import after_examination, choose_applicants, is_over
from reputation.conduct import (
    break_commitment,
    commit_offence,
    fade,
    keep_commitment,
    miss_seats,
    state_false_fact,
)
from reputation.ledger import LedgerEvent, LedgerHead, Reason, ReasonKind
from reputation.standing import standing_of


@dataclass(frozen=True, slots=True)
class Generated:
    """What became of a generator's candidates in one round; probes and undecided ones are not among them."""

    accepted: int
    decided: int


@dataclass(frozen=True, slots=True)
class FalseFact:
    """A rater stated a fact that more than two thirds contradict (R17)."""

    rater: NodeId
    claimed_good: bool
    """It called good what the others found broken, or the other way round."""


@dataclass(frozen=True, slots=True)
class DecidedRound:
    """What a certified round established about its members. Nodes that are no members are ignored."""

    height: int
    outcome_root: Hash
    tables: Mapping[NodeId, RaterTable] = field(default_factory=dict)
    """As the aggregation returned them; members not named keep theirs."""
    generated: Mapping[NodeId, Generated] = field(default_factory=dict)
    seats: Mapping[NodeId, int] = field(default_factory=dict)
    """Rater and observer seats (tasks) that each member was given."""
    committed: frozenset[NodeId] = frozenset()
    """Members whose rating commitment is among the round's inputs."""
    revealed: frozenset[NodeId] = frozenset()
    """Members whose ratings are."""
    false_facts: Sequence[FalseFact] = ()
    equivocators: frozenset[NodeId] = frozenset()
    applicants: Mapping[NodeId, str] = field(default_factory=dict)
    """Nodes that ask to become members, and their owners; those that are members already are ignored."""
    lot: Hash = ZERO_HASH
    """Beside the outcome root what decides between applicants: a round without tasks has an outcome root that everybody
    knows beforehand, and keys could be made for it."""

    @property
    def network_failed(self) -> bool:
        """Whether two or more, and a third of those that had committed, did not reveal: not the work of a few liars."""
        failed = len(self.committed - self.revealed)
        return failed > 1 and 3 * failed >= len(self.committed)


@dataclass(frozen=True, slots=True)
class AppliedRound:
    """The members after a round, and the record of what changed."""

    members: tuple[Member, ...]
    """Sorted by node."""
    events: tuple[LedgerEvent, ...]
    """One per changed member, in the same order."""
    ledger: LedgerHead


def new_member(node: NodeId, owner: str, height: int) -> Member:
    """A member admitted by the round at `height` (0 for a founder), of whom nothing is known yet."""
    return Member(
        node=node,
        owner=owner,
        joined=height,
        table=EMPTY_TABLE,
        accepted=0,
        generated=0,
        unrevealed=0,
        offences=0,
        suspended_until=0,
    )


def members_after(members: Iterable[Member], decided: DecidedRound, preset: Preset) -> tuple[Member, ...]:
    """The members after a decided round, sorted by node, without the record of it (R33, R35, R39)."""
    after = (_apply(member, decided, preset)[0] for member in _with_newcomers(members, decided, preset))
    return tuple(member for member in after if member is not None)


def apply_round(members: Iterable[Member], decided: DecidedRound, ledger: LedgerHead, preset: Preset) -> AppliedRound:
    """Apply a decided round to the members and append what changed to the ledger (R33, R35, R38, R39)."""
    after = []
    events = []
    before = {member.node: member for member in members}
    for member in _with_newcomers(before.values(), decided, preset):
        changed, reasons = _apply(member, decided, preset)
        if changed is not None:
            after.append(changed)
        if changed != before.get(member.node):
            event = LedgerEvent(
                index=ledger.length,
                previous=ledger.hash,
                height=decided.height,
                outcome_root=decided.outcome_root,
                node=member.node,
                reasons=reasons,
                before=standing_of(member.table, preset),
                after=standing_of(EMPTY_TABLE if changed is None else changed.table, preset),
                member=ZERO_HASH if changed is None else hash_value("member", changed),
            )
            ledger = LedgerHead(hash=event.hash(), length=ledger.length + 1)
            events.append(event)
    return AppliedRound(members=tuple(after), events=tuple(events), ledger=ledger)


def _with_newcomers(members: Iterable[Member], decided: DecidedRound, preset: Preset) -> list[Member]:
    """All members, and those of the applicants whose examination begins with the next round, sorted by node."""
    members = list(members)
    lot = hash_value("applicants", (decided.outcome_root, decided.lot))
    chosen = choose_applicants(members, decided.applicants, lot, preset)
    newcomers = [new_member(node, decided.applicants[node], decided.height) for node in chosen]
    members += [replace(member, examined_from=decided.height + 1) for member in newcomers]
    return sorted(members, key=lambda member: member.node)


def _apply(member: Member, decided: DecidedRound, preset: Preset) -> tuple[Member | None, tuple[Reason, ...]]:
    """Everything that a round does to one member: what was learnt, what it made, how it behaved; offences last.

    None for a newcomer whose examination was in vain.
    """
    reasons: list[Reason] = []
    if member.examined_from == decided.height + 1 and member.joined == decided.height:
        return member, (Reason(ReasonKind.APPLIED, 0),)
    if preset.ends_epoch(decided.height) and is_over(member, decided.height, preset):
        return None, (Reason(ReasonKind.DROPPED, 0),)
    table = decided.tables.get(member.node, member.table)
    if table != member.table:
        member = replace(member, table=table)
        reasons.append(Reason(ReasonKind.RATED, 0))
    if member.node in decided.generated:
        member = _with_generated(member, decided.generated[member.node], reasons, preset)
    member = _with_conduct(member, decided, reasons, preset)
    false = [fact for fact in decided.false_facts if fact.rater == member.node]
    for fact in false:
        member = state_false_fact(member, preset, claimed_good=fact.claimed_good)
    if false:
        reasons.append(Reason(ReasonKind.FALSE_FACT, len(false)))
    if member.examined_from:
        member = _with_examination(member, decided, reasons, preset)
    if member.node in decided.equivocators:
        member = commit_offence(member, decided.height, preset)
        reasons.append(Reason(ReasonKind.EQUIVOCATED, member.suspended_until))
    return member, tuple(reasons)


def _with_examination(member: Member, decided: DecidedRound, reasons: list[Reason], preset: Preset) -> Member:
    """R39: what the round's probes showed of a newcomer."""
    after = after_examination(member, decided.height, preset)
    if after.admitted_from and not member.admitted_from:
        reasons.append(Reason(ReasonKind.ADMITTED, after.admitted_from))
    elif after.examined_from > decided.height >= member.examined_from:
        reasons.append(Reason(ReasonKind.NOT_ADMITTED, after.examined_from))
    return after


def _with_generated(member: Member, made: Generated, reasons: list[Reason], preset: Preset) -> Member:
    """R35: a decayed acceptance share, forgetting per candidate."""
    if made.accepted:
        reasons.append(Reason(ReasonKind.ACCEPTED, made.accepted))
    if made.decided > made.accepted:
        reasons.append(Reason(ReasonKind.NOT_ACCEPTED, made.decided - made.accepted))
    accepted, generated = member.accepted, member.generated
    for _ in range(made.decided):
        accepted = accepted * preset.reputation.skill_forget >> 16
        generated = generated * preset.reputation.skill_forget >> 16
    return replace(member, accepted=accepted + (made.accepted << 16), generated=generated + (made.decided << 16))


def _with_conduct(member: Member, decided: DecidedRound, reasons: list[Reason], preset: Preset) -> Member:
    """R33: seats taken, promises kept, epochs passed."""
    node = member.node
    if node in decided.revealed:
        member = keep_commitment(member, preset)
    elif node in decided.committed:
        broken = break_commitment(member, decided.height, preset, excused=decided.network_failed)
        suspended = broken.suspended_until if broken.suspended_until != member.suspended_until else 0
        reasons.append(Reason(ReasonKind.UNREVEALED, suspended))
        member = broken
    elif decided.seats.get(node, 0) > 0:
        member = miss_seats(member, decided.seats[node], preset)
        reasons.append(Reason(ReasonKind.NO_SHOW, decided.seats[node]))
    if not preset.ends_epoch(decided.height):
        return member
    faded = fade(member, preset)
    if faded != member:
        reasons.append(Reason(ReasonKind.FADED, 0))
    return faded
