"""What a round comes to, and how the committee says so: decisions, headers, votes, certificates."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from consensus.types.names import Hash, JobId, NodeId, Scores


class CandidateState(Enum):
    """The named states in which a committed slot can end. Exactly one each; they add up to the commitments."""

    ACCEPTED = "accepted"
    REJECTED_SCORE = "rejected_score"
    REJECTED_CHECK = "rejected_check"
    DUPLICATE = "duplicate"
    CONTAMINATED = "contaminated"
    LATE = "late"
    """Opened by its generator, but fewer than half of its raters held it in time."""
    MALFORMED = "malformed"
    UNAVAILABLE = "unavailable"
    """Accepted by score, but too few raters declare to hold it."""
    VOID = "void"
    """The generator never opened the slot, opened it wrongly, or equivocated."""
    PROBE = "probe"
    """A hidden probe: it taught the tables and was never a candidate for the shard."""
    SURPLUS = "surplus"
    """Above the threshold, but the task's quota was filled by better ones."""
    IN_REVIEW = "in_review"
    """Carried to fresh raters. The only state that is not final."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one committed slot in this round (or of one carried candidate)."""

    job: JobId
    crate: int
    category: int
    generator: NodeId
    task: int
    slot: int
    """-1 for a carried candidate."""
    content: Hash
    """Zero where the slot was never opened."""
    state: CandidateState
    score_bp: int
    criteria_bp: Scores
    """Per criterion the voice-weighted mean of the counted ratings."""
    spread_bp: int
    """Largest minus smallest counted composite score."""
    raters: int
    """Ratings counted."""
    evidence_bits: int
    """Q16, prior included."""
    cut_bits: int


@dataclass(frozen=True, slots=True)
class ShardHead:
    """The shard a round adds to one job."""

    job: JobId
    root: Hash
    rows: int


@dataclass(frozen=True, slots=True)
class Header:
    """What the committee signs: a round's inputs, its outcome, and the state after it."""

    network: Hash
    height: int
    epoch: int
    previous: Hash
    builder: NodeId
    builder_view: int
    vrf_proof: bytes
    """The builder's ECVRF proof on the seed and its view: the next seed comes from it (R7)."""
    attestation_root: Hash
    input_root: Hash
    outcome_root: Hash
    """Merkle root over the decisions, in order."""
    pending_root: Hash
    state_root: Hash
    snapshot_root: Hash
    """Of the snapshot that takes effect two epochs later; zero unless this is an epoch's last round."""
    ledger_head: Hash
    shards: tuple[ShardHead, ...]
    admitted: tuple[JobId, ...]
    counts: tuple[int, ...]
    """Decisions per `CandidateState`, in order of declaration."""


class VotePhase(IntEnum):
    """The two votes of a view."""

    PREVOTE = 10
    PRECOMMIT = 11


@dataclass(frozen=True, slots=True)
class Vote:
    """A committee member's vote in one view. `header` is None for nil."""

    height: int
    view: int
    phase: VotePhase
    header: Hash | None
    signature: bytes = b""
    """Of a precommit for a header: Ed25519 by the node key over `certificate.precommit_bytes`. It goes into the
    certificate, which has to verify without the envelope around this vote. Empty in every other vote."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A header put to the vote, with the attestations that fix its inputs."""

    view: int
    valid_view: int
    """View in which the proposer saw more than two thirds prevote this header; -1 for a new one."""
    header: Header
    attestations: tuple[Hash, ...]
    """Digests of the attestation messages, sorted."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """More than two thirds of the committee's weight precommitted this header (R45)."""

    header: Header
    view: int
    signers: bytes
    """Bitmap over the committee in snapshot order, least significant bit first."""
    signatures: tuple[bytes, ...]
    """One Ed25519 signature per set bit, over the precommit's signing bytes."""
