"""What the store hands out and takes in: frozen, and without a trace of the database."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.types import Decision, Hash, JobId, JobStatus, Kind, NodeId


@dataclass(frozen=True, slots=True)
class EnvelopeRow:
    """A signed message as it crossed the wire."""

    digest: Hash
    kind: Kind
    height: int
    """Of the round it belongs to; 0 for kinds that belong to none."""
    sender: NodeId
    own: bool
    envelope: bytes


@dataclass(frozen=True, slots=True)
class BlobRow:
    """What is known of a blob without reading it."""

    name: Hash
    tag: str
    size: int
    expires: int | None
    """Height below which pruning may drop it; None for ever."""


@dataclass(frozen=True, slots=True)
class RoundRow:
    """A decided round."""

    height: int
    header_hash: Hash
    certificate: bytes
    state: bytes | None
    """The chain state after it; None once pruned."""
    manifest: bytes
    """What this round adds to shards, in the form that the node serves to pullers."""


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """What became of one candidate in one round."""

    height: int
    position: int
    """Its place in the round's list of decisions."""
    decision: Decision
    superseded: bool
    """A later round decided this candidate anew: it was IN_REVIEW here."""


@dataclass(frozen=True, slots=True)
class DecidedCandidate:
    """A decision on its way into the store, with everything `explain` will want to tell."""

    decision: Decision
    explanation: bytes | None = None
    """The counted ratings, weights and evidence behind it, in the form that `explain` reads."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One event of the hash-linked reputation ledger."""

    seq: int
    """From 0 on, without gaps."""
    height: int
    previous: Hash
    digest: Hash
    body: bytes


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it was received."""

    job: JobId
    envelope: bytes
    first_seen_ms: int
    status: JobStatus | None
    """None until a decided round admits it."""


@dataclass(frozen=True, slots=True)
class WorkRow:
    """A piece of this node's own work."""

    height: int
    key: str
    data: bytes
