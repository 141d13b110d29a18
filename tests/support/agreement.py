"""Committees, headers and messages for tests of the agreement, with signatures that cost a microsecond."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from consensus.certificate import header_hash, precommit_bytes
from consensus.encoding import hash_value
from consensus.inputs import attestation_root
from consensus.types import (
    ZERO_HASH,
    Hash,
    Header,
    Kind,
    NodeId,
    Proposal,
    RoundPlan,
    Seat,
    Signed,
    Vote,
    VotePhase,
)

NETWORK = hash_value("test", "network")
PREVIOUS = hash_value("test", "previous")
ATTESTATIONS = tuple(sorted(hash_value("test", ("attestation", index)) for index in range(3)))


def make_nodes(count: int) -> list[NodeId]:
    """Names that are in the order of their seats."""
    return sorted(NodeId(hash_value("test", ("node", index))) for index in range(count))


def make_plan(weights: Iterable[int], *, height: int = 1, seed: int = 0) -> RoundPlan:
    """A round without tasks, decided by members with these weights."""
    weights = list(weights)
    seats = tuple(Seat(node, weight) for node, weight in zip(make_nodes(len(weights)), weights, strict=True))
    return RoundPlan(height, 0, hash_value("test", ("seed", seed)), tasks=(), committee=seats, probe_one_in=10)


def make_header(builder: NodeId, view: int, mark: str = "", *, height: int = 1) -> Header:
    """A header; `mark` tells apart several of one builder and view."""
    return Header(
        network=NETWORK,
        height=height,
        epoch=0,
        previous=PREVIOUS,
        builder=builder,
        builder_view=view,
        vrf_proof=b"",
        attestation_root=attestation_root(ATTESTATIONS),
        input_root=ZERO_HASH,
        outcome_root=hash_value("test", mark),
        pending_root=ZERO_HASH,
        state_root=ZERO_HASH,
        snapshot_root=ZERO_HASH,
        ledger_head=ZERO_HASH,
        shards=(),
        admitted=(),
        counts=(),
    )


def cheap_sign(node: NodeId, message: bytes) -> bytes:
    """Stands in for Ed25519: anybody could forge it, and no adversary of ours tries to."""
    return hashlib.blake2b(message, key=node).digest()


def cheap_verify(node: NodeId, message: bytes, signature: bytes) -> bool:
    return cheap_sign(node, message) == signature


def sign_vote(sender: NodeId, vote: Vote) -> Signed[Vote]:
    """What a driver does with a vote, its own signature included."""
    if vote.phase is VotePhase.PRECOMMIT and vote.header is not None:
        message = precommit_bytes(NETWORK, vote.height, vote.view, vote.header)
        vote = Vote(vote.height, vote.view, vote.phase, vote.header, cheap_sign(sender, message))
    return Signed(
        sender, Kind(vote.phase), _digest(sender, vote.phase, vote.view, vote.header or b"", vote.height), vote
    )


def sign_proposal(sender: NodeId, proposal: Proposal) -> Signed[Proposal]:
    header = header_hash(proposal.header)
    return Signed(
        sender, Kind.PROPOSAL, _digest(sender, Kind.PROPOSAL, proposal.view, header, proposal.valid_view), proposal
    )


def _digest(sender: NodeId, kind: int, view: int, header: bytes, number: int) -> Hash:
    """What `node.wire` makes of the envelope; here it need only be different for different messages."""
    return Hash(hashlib.sha256(b"%b %d %d %b %d" % (sender, kind, view, header, number)).digest())


def prevote(sender: NodeId, view: int, header: Hash | None, *, height: int = 1) -> Signed[Vote]:
    return sign_vote(sender, Vote(height, view, VotePhase.PREVOTE, header))


def precommit(sender: NodeId, view: int, header: Hash | None, *, height: int = 1) -> Signed[Vote]:
    return sign_vote(sender, Vote(height, view, VotePhase.PRECOMMIT, header))


def propose(sender: NodeId, view: int, header: Header, *, valid_view: int = -1) -> Signed[Proposal]:
    return sign_proposal(sender, Proposal(view, valid_view, header, ATTESTATIONS))
