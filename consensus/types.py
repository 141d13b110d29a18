"""The nouns of the protocol: identities, jobs, plans, messages, decisions, the state between rounds.

Everything here is frozen and holds integers, bytes, text and tuples only, so that it has one canonical encoding
(`consensus.encoding`). Scores are basis points (0..10000), evidence is bits in Q16 (65536 = one bit), weights are
whole points. Signatures are checked before a message becomes one of these types (`node.wire`); what arrives here
is `Signed`: who said it, the hash of what was said, and the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Generic, NewType, TypeVar

NodeId = NewType("NodeId", bytes)
"""An Ed25519 public key, 32 bytes. The same key is the libp2p peer id."""

Hash = NewType("Hash", bytes)
"""A SHA-256 digest, 32 bytes, always over a domain tag."""

JobId = NewType("JobId", bytes)
"""Digest of the signed job, 32 bytes."""

ZERO_HASH = Hash(bytes(32))

CRITERIA = ("syntactic_correctness", "semantic_validity", "idiomatic_rust", "compilation_potential")
"""The four rating criteria, in the order in which every score vector lists them."""

Scores = tuple[int, int, int, int]
"""One score per criterion, basis points."""


# Who takes part


@dataclass(frozen=True, slots=True)
class RaterTable:
    """What a rater's scores have meant so far: the learning state of rules R20 to R26, all numbers Q16.

    The four histograms count the rater's composite scores in ten bins, apart for items that turned out bad and
    good, with a slow and a fast memory.
    """

    slow_bad: tuple[int, ...]
    slow_good: tuple[int, ...]
    fast_bad: tuple[int, ...]
    fast_good: tuple[int, ...]
    maturity: int
    """Probes answered plus a tenth of the ratings given, less what idleness and no-shows took (R26, R33)."""
    squared_error: int
    """Decayed sum of weight times (score - target)^2, and its weight: the accuracy of R31."""
    error_weight: int
    excess: int
    """Decayed sum of (score - target) over all generators, and its count: the rater's own bias."""
    excess_count: int
    pairs: tuple[FavourCount, ...]
    """Per generator, sorted by generator: does this rater favour it? (R23)"""
    answers: tuple[int, ...] = (0, 0, 0, 0)
    """Decayed counts of the probes it scored: bad ones wrongly and rightly, good ones wrongly and rightly. No belief of
    anybody's enters here: whoever has the others believe the worst of a rater cannot take these from it (R37)."""


@dataclass(frozen=True, slots=True)
class FavourCount:
    """Decayed number of ratings a rater gave one generator, and their summed excess over the targets, Q16."""

    generator: NodeId
    count: int
    excess: int


@dataclass(frozen=True, slots=True)
class Member:
    """One node as the chain knows it after a round."""

    node: NodeId
    owner: str
    """Whose node it is; one owner's nodes share one cap of the weight and never rate each other (R9, R34)."""
    joined: int
    """Height of the round that admitted it; 0 for founders."""
    table: RaterTable
    accepted: int
    """Generating skill: decayed sum of acceptance and its count, Q16 (R35)."""
    generated: int
    unrevealed: int
    """A bit per round in which the node held a rater seat, newest lowest, as many as the window of R33: 1 where it
    committed and never revealed."""
    offences: int
    """Proven equivocations. False facts, which a broken toolchain can cause, cost reputation but are no offences."""
    suspended_until: int
    """Height before which the node holds no seat; 0 when none."""
    settled: int = 0
    """Equivocations in rounds up to this height are punished already and never count again; 0 when there were none."""
    examined_from: int = 0
    """Height from which a newcomer has to prove that it can rate; 0 for founders and for whoever has (R39)."""
    admitted_from: int = 0
    """Height from which a newcomer that has proven it is a member like others; 0 before, and once it is one."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A member of the agreement committee and the weight of its votes, whole points."""

    node: NodeId
    weight: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The voting weights that hold for one epoch, sorted by node (R34, R36)."""

    epoch: int
    seats: tuple[Seat, ...]
    seed: Hash = ZERO_HASH
    """The chain's seed after the round that took the snapshot; of the genesis for the founders' two. Large committees
    are drawn with it (R40), so that a light client that holds only the snapshot knows who may sign (R51)."""


# Jobs and plans


@dataclass(frozen=True, slots=True)
class JobTerms:
    """The part of a signed job that decides rounds. The whole job is `node.values.job.JobSpec`."""

    job: JobId
    coordinator: NodeId
    crates: tuple[str, ...]
    """`name@version`, in the order in which they are worked."""
    categories: tuple[str, ...]
    quota: int
    """Examples to accept per task (crate x category)."""
    generators: int
    """Generators drawn per task."""
    candidates: int
    """Slots each generator may fill per task and attempt."""
    raters: int
    """K."""
    accept_bp: int
    review_bp: int
    budget: int
    """Slots that may be issued over the whole job."""


class JobStatus(IntEnum):
    """Where a job stands. All but OPEN are final."""

    OPEN = 0
    DONE = 1
    CANCELLED = 2
    EXPIRED = 3
    OUT_OF_BUDGET = 4


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """How far one task (crate x category) of a job has come."""

    crate: int
    """Index into the terms' crates; likewise `category`."""
    category: int
    accepted: int
    attempts: int
    in_flight: int
    """Rounds issued for this task and not yet decided."""
    exhausted: bool
    """The last attempt's generators had nothing more to offer."""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """A job admitted to the chain."""

    terms: JobTerms
    admitted: int
    """Height of the admitting round."""
    status: JobStatus
    tasks: tuple[TaskProgress, ...]
    issued: int
    """Slots issued so far, against the budget."""
    claims: tuple[Hash, ...]
    """Claim hashes of accepted and pending examples, sorted: a second one is a duplicate (R16)."""


class TaskKind(IntEnum):
    """Whether a task makes new candidates or re-rates carried ones."""

    GENERATE = 0
    REVIEW = 1


@dataclass(frozen=True, slots=True)
class Task:
    """One crate x category of one job inside a round: who generates, who rates, how many."""

    index: int
    job: JobId
    crate: int
    category: int
    kind: TaskKind
    generators: tuple[NodeId, ...]
    """In drawing order; position i of n takes every n-th candidate of the crate's list from i on (R8)."""
    raters: tuple[NodeId, ...]
    observers: tuple[NodeId, ...]
    """Suspended members that rate to recover: their ratings teach their tables, no more (R10)."""
    slots: int
    """Per generator."""
    quota: int
    """Examples this task may still accept."""
    attempt: int
    carried: tuple[Hash, ...]
    """Contents under review, sorted; empty for GENERATE."""


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """Everything about a round that is fixed before it starts (R5 to R10)."""

    height: int
    epoch: int
    seed: Hash
    tasks: tuple[Task, ...]
    committee: tuple[Seat, ...]


@dataclass(frozen=True, slots=True)
class PendingCandidate:
    """A candidate carried over for review, with the ratings it already has."""

    job: JobId
    crate: int
    category: int
    content: Hash
    claim: Hash
    generator: NodeId
    ratings: tuple[GivenRating, ...]
    since: int
    """Height of the round that rated it first."""
    observers: tuple[NodeId, ...] = ()
    """Those of its raters that observed, sorted: their ratings teach when it is decided, and never count (R10)."""


@dataclass(frozen=True, slots=True)
class GivenRating:
    """One included rating of one candidate."""

    rater: NodeId
    scores: Scores


# Messages


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
    """One slot of a commitment, opened: its leaf is the hash of (task, slot, pseudonym, content, claim, salt)."""

    task: int
    slot: int
    pseudonym: bytes
    content: Hash
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


# Decisions


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


# State


@dataclass(frozen=True, slots=True)
class ChainState:
    """All that decides coming rounds. Two nodes with the same state root compute the same future."""

    network: Hash
    """Hash of the genesis."""
    height: int
    """Of the last decided round; 0 before the first."""
    previous: Hash
    """Hash of the last decided header; the genesis hash before the first."""
    seed: Hash
    members: tuple[Member, ...]
    """Sorted by node."""
    snapshots: tuple[Snapshot, ...]
    """Of the running epoch and those already fixed after it, in order."""
    jobs: tuple[JobProgress, ...]
    """In order of admission."""
    pending: tuple[PendingCandidate, ...]
    """Sorted by content."""
    plans: tuple[RoundPlan, ...]
    """Issued and undecided, for the heights right after `height`."""
    ledger_head: Hash
    ledger_length: int
