"""What counts as said in a round: the input set that the attestations of a header fix (R19).

Each committee member attests what reached it in time. A message counts when members with more than a third of the
weight attest it, within attestations of more than two thirds. So nothing that every honest member saw can be left out
by whoever chooses the attestations, and whatever counts is held by an honest member and can be fetched.

`count_attestations` needs nothing but the attestations. Which slots are void because of attested evidence takes the
evidence itself, whose names it returns: fetch it, check it, and call `InputSet.void_for`. Evidence is attested under
the offender and the slot it is about (`evidence.offence`), whoever reported it: any two of the offender's messages
prove the same, and members that hold different pairs must not fall short of a third each.

Applications are slots, too: two different ones of one sender that both count void each other. They prove nothing, for
who is no member has nothing to lose; they just do not count.

Hostile attestations. One that is not in the canonical form, of another height or by a stranger is refused alone
(`check_attestation`), which a receiver does at once; a set in which one such stands is refused whole, so a proposer
cannot gain by including it. Who the senders of attested messages are is not asked: what a third attests, somebody
honest has accepted, and the rest counts for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from consensus.committee import Committee
from consensus.encoding import hash_value
from consensus.errors import RefusedError
from consensus.evidence import ROUND_KINDS, offence
from consensus.merkle import merkle_root
from consensus.types import (
    ZERO_HASH,
    Attestation,
    AttestedMessage,
    Equivocation,
    Hash,
    JobId,
    Kind,
    NodeId,
    ProbeFinding,
    Signed,
)

NOBODY = NodeId(ZERO_HASH)
"""The sender that an attested expiry names: a clock has no key."""

_ONE_PER_SENDER = ROUND_KINDS | {Kind.APPLICATION}
_MANY_PER_SENDER = frozenset({Kind.JOB, Kind.CANCEL, Kind.EVIDENCE, Kind.EXPIRY})


@dataclass(frozen=True, slots=True, order=True)
class SlotKey:
    """A slot of the round: one kind of message of one sender, the height being the round's."""

    kind: Kind
    sender: NodeId


@dataclass(frozen=True, slots=True)
class InputSet:
    """Everything that counts in a round. Two nodes with the same attestations hold equal ones."""

    messages: tuple[AttestedMessage, ...]
    """One per slot that is not void, sorted: commitments, notices, reveals."""
    jobs: tuple[Hash, ...]
    """Digests of admitted job messages, sorted; likewise cancellations."""
    cancellations: tuple[Hash, ...]
    offences: tuple[Hash, ...]
    """Names of attested equivocations (`evidence.offence`), sorted."""
    expired: tuple[JobId, ...]
    """Jobs whose deadline has passed, sorted."""
    applications: tuple[AttestedMessage, ...]
    """One per sender that is not void, sorted."""
    void: tuple[SlotKey, ...]
    """Slots that count as empty because their sender equivocated, sorted."""
    probes: tuple[ProbeFinding, ...]
    """Every content of which more than a third found either way, sorted; `holds` as R19 counts it."""

    def root(self) -> Hash:
        """What a header calls `input_root`: a Merkle tree over all of it, part by part."""
        parts = (
            ("message", self.messages),
            ("job", self.jobs),
            ("cancellation", self.cancellations),
            ("offence", self.offences),
            ("expired", self.expired),
            ("application", self.applications),
            ("void", self.void),
            ("probe", self.probes),
        )
        return merkle_root([hash_value(f"input/{name}", item) for name, items in parts for item in items])

    def void_for(self, height: int, evidence: Iterable[Equivocation]) -> InputSet:
        """This set with the slots of this height emptied that the attested evidence proves ambiguous.

        `evidence` has been checked (`evidence.check_evidence`) and comes in any order; what is not attested changes
        nothing. Offences of other heights, or in votes and proposals, cost reputation and leave the inputs alone.

        Raises:
            LookupError: Evidence of an attested offence is not at hand, so the set cannot be told yet.
        """
        proven = {offence(proof): proof for proof in evidence}
        missing = [name for name in self.offences if name not in proven]
        if missing:
            raise LookupError(f"evidence of {len(missing)} of {len(self.offences)} attested offences is not at hand")
        slots = {
            SlotKey(proof.kind, proof.offender)
            for proof in (proven[name] for name in self.offences)
            if proof.height == height and proof.kind in ROUND_KINDS
        }
        return replace(
            self,
            messages=tuple(m for m in self.messages if SlotKey(m.kind, m.sender) not in slots),
            void=tuple(sorted(slots.union(self.void))),
        )


def attestation_root(digests: tuple[Hash, ...]) -> Hash:
    """What a header calls by this name: the Merkle root over the digests of its attestation messages, sorted."""
    return merkle_root(digests)


def attested_order(message: AttestedMessage) -> tuple[int, bytes, bytes]:
    """The order in which an attestation lists messages."""
    return message.kind, message.sender, message.digest


def check_attestation(message: Signed[Attestation], height: int, committee: Committee) -> None:
    """Check one attestation on its own.

    Raises:
        RefusedError: By a stranger, of another height (no fault), a list not strictly sorted, a kind that is not
            attested, or two digests for a slot: who saw two attests the first and the evidence.
    """
    body = message.body
    if message.kind is not Kind.ATTESTATION:
        raise RefusedError("wrong-kind", f"an attestation sent as {message.kind.name}")
    if body.height != height:
        raise RefusedError("wrong-height", f"an attestation of height {body.height}, not {height}", fault=False)
    if message.sender not in committee:
        raise RefusedError("unknown-sender", f"{message.sender.hex()[:16]} has no seat at height {height}")
    keys = [attested_order(entry) for entry in body.messages]
    contents = [finding.content for finding in body.probes]
    if any(a >= b for a, b in pairwise(keys)):
        raise RefusedError("bad-attestation", "the messages are not sorted, each once")
    if any(a >= b for a, b in pairwise(contents)):
        raise RefusedError("bad-attestation", "the probe findings are not sorted by content, each once")
    _check_entries(body.messages)


def _check_entries(entries: tuple[AttestedMessage, ...]) -> None:
    for before, entry in zip((None, *entries), entries, strict=False):  # sorted, so one slot's are neighbours
        if entry.kind in _ONE_PER_SENDER:
            if before is not None and (before.kind, before.sender) == (entry.kind, entry.sender):
                raise RefusedError("bad-attestation", f"two digests for one {entry.kind.name} of one sender")
        elif entry.kind not in _MANY_PER_SENDER:
            raise RefusedError("bad-attestation", f"{entry.kind.name} is not attested")
        elif (entry.kind is Kind.EXPIRY) != (entry.sender == NOBODY):
            raise RefusedError("bad-attestation", f"{entry.kind.name} by {entry.sender.hex()[:16]}")


def count_attestations(attestations: Iterable[Signed[Attestation]], height: int, committee: Committee) -> InputSet:
    """The input set that a header with these attestations has to build on, evidence not yet applied (`void_for`).

    The order of `attestations` does not matter.

    Raises:
        RefusedError: One is refused by `check_attestation`, one member has two, or together they do not carry more
            than two thirds of the weight. A header with them is invalid.
    """
    by_sender: dict[NodeId, Attestation] = {}
    for message in attestations:
        check_attestation(message, height, committee)
        if message.sender in by_sender:
            raise RefusedError("bad-attestation", f"{message.sender.hex()[:16]} attests twice")
        by_sender[message.sender] = message.body
    weight = sum(committee.weight(sender) for sender in by_sender)
    if weight < committee.quorum:
        raise RefusedError(
            "too-little-weight",
            f"{len(by_sender)} of {len(committee.seats)} attestations, {weight} of {committee.quorum} weight",
        )
    return _fill(_attested(by_sender, committee), _found(by_sender, committee))


def _attested(by_sender: dict[NodeId, Attestation], committee: Committee) -> list[AttestedMessage]:
    """Messages that more than a third attests, sorted."""
    weights: dict[AttestedMessage, int] = defaultdict(int)
    for sender, attestation in by_sender.items():
        for entry in attestation.messages:
            weights[entry] += committee.weight(sender)
    return sorted((entry for entry, weight in weights.items() if weight >= committee.third), key=attested_order)


def _found(by_sender: dict[NodeId, Attestation], committee: Committee) -> tuple[ProbeFinding, ...]:
    """Probes of which more than a third found either way. One holds if that third found so and no more found not."""
    holds: dict[Hash, int] = defaultdict(int)
    fails: dict[Hash, int] = defaultdict(int)
    for sender, attestation in by_sender.items():
        for finding in attestation.probes:
            (holds if finding.holds else fails)[finding.content] += committee.weight(sender)
    return tuple(
        ProbeFinding(content, holds=holds[content] >= max(committee.third, fails[content]))
        for content in sorted({*holds, *fails})
        if max(holds[content], fails[content]) >= committee.third
    )


def _fill(entries: list[AttestedMessage], probes: tuple[ProbeFinding, ...]) -> InputSet:
    slots: dict[SlotKey, list[AttestedMessage]] = defaultdict(list)
    others: dict[Kind, list[Hash]] = defaultdict(list)
    for entry in entries:
        if entry.kind in _ONE_PER_SENDER:
            slots[SlotKey(entry.kind, entry.sender)].append(entry)
        else:
            others[entry.kind].append(entry.digest)
    single = [digests[0] for digests in slots.values() if len(digests) == 1]
    return InputSet(
        messages=tuple(entry for entry in single if entry.kind in ROUND_KINDS),
        jobs=tuple(sorted(others[Kind.JOB])),
        cancellations=tuple(sorted(others[Kind.CANCEL])),
        offences=tuple(sorted(others[Kind.EVIDENCE])),
        expired=tuple(sorted(JobId(digest) for digest in others[Kind.EXPIRY])),
        applications=tuple(entry for entry in single if entry.kind is Kind.APPLICATION),
        void=tuple(sorted(slot for slot, digests in slots.items() if len(digests) > 1)),
        probes=probes,
    )
