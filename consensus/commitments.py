"""What generators and raters commit to before they show it (R13, R15)."""

from __future__ import annotations

from collections.abc import Iterable

from consensus.encoding import hash_bytes, hash_value
from consensus.merkle import merkle_root
from consensus.types import Hash, NodeId, Rating, SlotOpening


def content_name(body: Hash, claim: Hash) -> Hash:
    """The name of a content: what it is asked for by, committed to, rated and certified under (R13).

    It binds the claim. Nobody who opens a slot could otherwise be held to the claim that its content makes (R16): an
    example accepted before could come again under another one, or take the claim of somebody else's. Whoever fetches a
    content reads the claim out of it, so that bytes under a name that binds another claim are not that content.

    Args:
        body: Hash of the content's bytes.
        claim: Hash of what the content claims, as read from these bytes.
    """
    return hash_bytes("example", body + claim)


def slot_leaf(node: NodeId, height: int, opening: SlotOpening) -> bytes:
    """The leaf that a commitment's Merkle root holds for a slot (R13).

    The generator and the round are in it. Otherwise whoever repeated another one's commitment, unseen, could open it as
    its own once the other has, and by R16 half of the examples would be the thief's.

    The probe's opening is not part of it: a generator that could choose it late gains nothing, because R14 fixes which
    slots are probes.
    """
    return hash_value(
        "slot",
        (
            node,
            height,
            opening.task,
            opening.slot,
            opening.pseudonym,
            opening.content,
            opening.claim,
            opening.salt,
        ),
    )


def slots_root(node: NodeId, height: int, openings: Iterable[SlotOpening]) -> Hash:
    """Merkle root over the leaves of a generator's slots in a round, in the order given."""
    return merkle_root([slot_leaf(node, height, opening) for opening in openings])


def ratings_digest(node: NodeId, height: int, salt: bytes, ratings: tuple[Rating, ...]) -> Hash:
    """What a rating commitment binds: the rater and the round are in it, so that nobody can reuse another's."""
    return hash_value("ratings", (node, height, salt, ratings))
