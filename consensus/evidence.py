"""What proves that a node signed two things where it may sign one, and what does not (R2, R33).

Both messages come with verified envelopes (`node.wire`), so their sender signed both. An honest node signs one
message per slot and stores it first (R4), and what it sends again is the same bytes; so two digests in one slot never
come from an honest node, whoever puts them together and however late. Kinds without slots prove nothing: a
coordinator may have many jobs. A candidate's notice has one, though its sender is only a pseudonym: made for one
candidate, it announces one, and two notices void it before anybody knows whose it was.
"""

from __future__ import annotations

from typing import NamedTuple

from consensus.encoding import hash_value
from consensus.errors import RefusedError
from consensus.types import (
    Attestation,
    CandidateCommit,
    CandidateNotice,
    Equivocation,
    GeneratorReveal,
    Hash,
    Kind,
    NodeId,
    Proposal,
    RatingCommit,
    RatingReveal,
    Signed,
    Vote,
)

SlotBody = (
    CandidateCommit | CandidateNotice | RatingCommit | RatingReveal | GeneratorReveal | Attestation | Proposal | Vote
)
"""The messages of which a node signs one per slot."""

ROUND_KINDS = frozenset(
    {
        Kind.CANDIDATE_COMMIT,
        Kind.RATING_COMMIT,
        Kind.RATING_REVEAL,
        Kind.GENERATOR_REVEAL,
    }
)
"""Kinds whose slot becomes void by a second message: the round goes on as if there had been none (R19)."""

_KINDS: dict[type, frozenset[Kind]] = {
    CandidateCommit: frozenset({Kind.CANDIDATE_COMMIT}),
    CandidateNotice: frozenset({Kind.CANDIDATE_NOTICE}),
    RatingCommit: frozenset({Kind.RATING_COMMIT}),
    RatingReveal: frozenset({Kind.RATING_REVEAL}),
    GeneratorReveal: frozenset({Kind.GENERATOR_REVEAL}),
    Attestation: frozenset({Kind.ATTESTATION}),
    Proposal: frozenset({Kind.PROPOSAL}),
    Vote: frozenset({Kind.PREVOTE, Kind.PRECOMMIT}),
}


class MessageSlot(NamedTuple):
    """Where a node may sign one message (R2)."""

    sender: NodeId
    kind: Kind
    height: int
    view: int
    """-1 for all but proposals and votes."""


def slot_of(message: Signed[object]) -> MessageSlot:
    """The slot that a message fills.

    Raises:
        RefusedError: Its kind has no slots, or is not the kind of its body.
    """
    body = message.body
    if message.kind not in _KINDS.get(type(body), ()):
        raise RefusedError("no-evidence", f"{message.kind.name} of {type(body).__name__} fills no slot")
    assert isinstance(body, SlotBody), "by the table above"
    if isinstance(body, Proposal):
        return MessageSlot(message.sender, message.kind, body.header.height, body.view)
    if isinstance(body, Vote):
        if body.phase.value != message.kind.value:
            raise RefusedError("no-evidence", f"a {body.phase.name} sent as {message.kind.name} fills no slot")
        return MessageSlot(message.sender, message.kind, body.height, body.view)
    return MessageSlot(message.sender, message.kind, body.height, -1)


def prove_equivocation(first: Signed[object], second: Signed[object]) -> Equivocation:
    """What two messages prove against their common sender. The order in which they are given does not matter.

    Raises:
        RefusedError: They are of different slots or of none, or one message twice: nobody did wrong.
    """
    slot = slot_of(first)
    if slot != slot_of(second):
        raise RefusedError("no-evidence", "the messages are of different slots")
    if first.digest == second.digest:
        raise RefusedError("no-evidence", "it is one message, twice")
    low, high = sorted((first.digest, second.digest))
    return Equivocation(slot.sender, slot.height, slot.kind, slot.view, low, high)


def offence(proof: Equivocation) -> Hash:
    """What an equivocation is called in attestations: by its slot, so that any two of the messages name the same."""
    return hash_value("offence", (proof.offender, proof.kind, proof.height, proof.view))


def check_evidence(claim: Equivocation, first: Signed[object], second: Signed[object]) -> None:
    """Check that a claim received from elsewhere is exactly what its two messages prove.

    Raises:
        RefusedError: It is not; the accuser is at fault, the accused is not.
    """
    if prove_equivocation(first, second) != claim:
        raise RefusedError("false-evidence", "the messages prove something else than is claimed")
