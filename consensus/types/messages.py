"""What members say in a round before it is agreed on, and what proves that one of them said two things."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

from consensus.types.names import Hash, NodeId, Scores


class Kind(IntEnum):
    """What a signed message is. The number is on the wire and in attestations: never reuse one."""

    JOB = 1
    CANCEL = 2
    CANDIDATE_COMMIT = 3
    CANDIDATE_NOTICE = 4
    RATING_COMMIT = 5
    RATING_REVEAL = 6
    GENERATOR_REVEAL = 7
    ATTESTATION = 8
    PROPOSAL = 9
    PREVOTE = 10
    PRECOMMIT = 11
    CERTIFICATE = 12
    EVIDENCE = 13
    EXPIRY = 14
    """Never sent on its own: inside an attestation it says that a job's deadline has passed by the member's clock."""
    APPLICATION = 15


BodyT_co = TypeVar("BodyT_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Signed(Generic[BodyT_co]):
    """A message whose signature has been checked."""

    sender: NodeId
    kind: Kind
    digest: Hash
    """Over sender, kind and payload as received: names one message of one sender, and two messages in one slot with
    different digests are an equivocation."""
    body: BodyT_co


@dataclass(frozen=True, slots=True)
class Application:
    """A node that is no member asks to be examined (R39). Its own key signs the envelope around this."""

    until: int
    """Last round of the epoch in whose rounds it counts; in no others, so that it leads to one examination at most."""
    owner: NodeId
    """Public key of whose node it is; the node's own where it is nobody else's."""
    owner_signature: bytes
    """By the owner, over the network, the node and the owner (`node.identity.consent`): nobody takes up another one's
    place or shares its part of the weight unasked. Checked with the envelope."""


@dataclass(frozen=True, slots=True)
class SlotCount:
    """How many slots of a task a generator has filled."""

    task: int
    count: int


@dataclass(frozen=True, slots=True)
class CandidateCommit:
    """A generator's commitment, one per round: phase 1."""

    height: int
    slots_root: Hash
    """Merkle root over the slot leaves, in order of (task, slot)."""
    counts: tuple[SlotCount, ...]


@dataclass(frozen=True, slots=True)
class CandidateNotice:
    """A candidate announced under a one-time pseudonym (the envelope's signer): phase 2."""

    height: int
    task: int
    content: Hash
    size: int
    """Bytes of the content that the hash names."""
    place: int
    """Which of its author's places in the task this takes, from 0; says nothing of the slot."""
    ticket: bytes
    """That its author is one of the task's generators, and not which (`tickets`)."""


class CheckFact(IntEnum):
    """What a rater found by execution or inspection before rating. Reproducible, hence a fact and not an opinion."""

    PASSED = 0
    FAILED = 1
    NOT_CHECKABLE = 2
    """Nothing executable is claimed, or this rater has no toolchain."""
    MALFORMED = 3
    CONTAMINATED = 4
    UNAVAILABLE = 5
    """The content could not be fetched in time."""


@dataclass(frozen=True, slots=True)
class Rating:
    """One rater's view of one candidate."""

    task: int
    content: Hash
    fact: CheckFact
    scores: Scores
    """All zero unless the fact is PASSED or NOT_CHECKABLE."""


@dataclass(frozen=True, slots=True)
class RatingCommit:
    """Hash of the salted rating vector, one per rater and round: phase 4."""

    height: int
    digest: Hash


@dataclass(frozen=True, slots=True)
class RatingReveal:
    """The vector behind a `RatingCommit`, sorted by (task, content).

    A content listed here as anything but UNAVAILABLE is declared held.
    """

    height: int
    salt: bytes
    ratings: tuple[Rating, ...]


@dataclass(frozen=True, slots=True)
class ProbeOpening:
    """A generator tells that a slot was a probe and how anyone can see the verdict (R14)."""

    good: bool
    evidence: bytes
    """Canonical JSON for `node.tasks`: the source item, the mutation, the failing test. Opaque here."""


@dataclass(frozen=True, slots=True)
class SlotOpening:
    """One slot of a commitment, opened: its leaf hashes this, the generator and the round, but not the probe."""

    task: int
    slot: int
    pseudonym: bytes
    content: Hash
    """The name that raters fetched it by; binds the next two (`commitments.content_name`)."""
    body: Hash
    """Hash of the content's bytes alone."""
    claim: Hash
    """Hash of crate, category, input and output alone: what makes two examples the same (R16)."""
    salt: bytes
    probe: ProbeOpening | None


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why a generator filled fewer slots of a task than it was given."""

    task: int
    reason: str


@dataclass(frozen=True, slots=True)
class GeneratorReveal:
    """Phase 5: every slot of the sender's commitment, in order of (task, slot)."""

    height: int
    vrf_proof: bytes
    """The sender's ECVRF proof on (seed, height): it decided which slots had to hold probes (R14)."""
    slots: tuple[SlotOpening, ...]
    shortfalls: tuple[Shortfall, ...]


@dataclass(frozen=True, slots=True)
class AttestedMessage:
    """Names one message that reached the attester in time. `sender` is all zero for EXPIRY."""

    kind: Kind
    sender: NodeId
    digest: Hash


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """Whether a revealed probe's evidence held when the attester executed it."""

    content: Hash
    holds: bool


@dataclass(frozen=True, slots=True)
class Attestation:
    """Phase 6: what reached a committee member in time, sorted, and what it found of the probes."""

    height: int
    messages: tuple[AttestedMessage, ...]
    probes: tuple[ProbeFinding, ...]


@dataclass(frozen=True, slots=True)
class Equivocation:
    """Two different signed messages of one sender for one slot. The signatures travel with it (`node.wire`)."""

    offender: NodeId
    height: int
    kind: Kind
    view: int
    """Of a proposal or vote; -1 for the phases' messages."""
    first: Hash
    second: Hash
