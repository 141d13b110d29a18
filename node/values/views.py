"""What a node tells about itself: jobs, shards, members, its own state, as commands and pages show it.

Views are for people and monitors. Nothing is decided by them and nothing in them is proof: whoever needs proof pulls
certificates and messages.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.types import Certificate, Hash, JobId, JobStatus, NodeId, Snapshot

# Jobs


@dataclass(frozen=True, slots=True)
class TaskView:
    """How far one crate x category of a job has come."""

    crate: str
    """`name@version`."""
    category: str
    quota: int
    accepted: int
    attempts: int
    in_flight: int
    exhausted: bool
    note: str
    """Why there is less than asked for; empty when there is not."""


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many candidates ended in one named state (value of a `CandidateState`)."""

    state: str
    count: int


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as this node knows it."""

    job: JobId
    coordinator: NodeId
    title: str
    status: JobStatus
    admitted: int
    """Height of the admitting round; 0 while no certified round has admitted it."""
    deadline_unix_s: int
    budget: int
    issued: int
    """Slots issued so far, against the budget."""
    rows: int
    """Accepted and certified."""
    tasks: tuple[TaskView, ...]
    states: tuple[StateCount, ...]


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened to a job, as this node saw it."""

    number: int
    """Counts from 1 per job and node: a watcher that was cut off asks for what came after the last one it saw."""
    at_unix_ms: int
    height: int
    name: str
    """Past tense, e.g. `RoundCertified`."""
    text: str
    final: bool
    """The job's last event."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A submitted job has been taken."""

    job: JobId
    known: bool
    """It had been taken before: submitting twice is no fault."""


@dataclass(frozen=True, slots=True)
class ExplainedStep:
    """One reason behind an answer."""

    rule: str
    """Number of the rule, e.g. `R24`; empty where none decided."""
    text: str
    source: bytes
    """Hash of the message, header or content that shows it, 32 bytes; empty where nothing does."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer to "why": for a candidate, rating, weight or penalty."""

    subject: str
    answer: str
    """One sentence."""
    steps: tuple[ExplainedStep, ...]


# Shards


@dataclass(frozen=True, slots=True)
class ShardView:
    """One file of a certified shard that can be pulled from this node: the rows of one split."""

    root: Hash
    """Merkle root over the rows of all splits: the shard's name."""
    job: JobId
    height: int
    header: Hash
    """Hash of the certified header that lists it."""
    rows: int
    """In this file."""
    file_bytes: int
    file_sha256: bytes
    """Of the file as this node serves it: two nodes' files of one shard may differ in bytes, never in rows."""
    split: str
    """`train`, `validation` or `test`."""
    certificate_bytes: int
    """Of the certificate bundle, which is pulled like a file, by its own hash."""
    certificate_sha256: bytes


@dataclass(frozen=True, slots=True)
class CertifiedRound:
    """A certificate, and the snapshot that its header fixes when it is an epoch's last."""

    certificate: Certificate
    snapshot: Snapshot | None


@dataclass(frozen=True, slots=True)
class ShardPiece:
    """Bytes of a shard's file from `offset` on."""

    offset: int
    data: bytes


# Inference


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a language model is asked."""

    system: str
    user: str


@dataclass(frozen=True, slots=True)
class GenerationSettings:
    """How it answers. Thousandths where fractional."""

    max_tokens: int
    temperature_milli: int
    top_p_milli: int
    seed: int
    json_schema: str
    """That the answer must follow; empty for free text."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A whole answer."""

    text: str
    finish: str
    """`stop`, `length` or `cancelled`."""
    prompt_tokens: int
    completion_tokens: int
    model: str


@dataclass(frozen=True, slots=True)
class ChoiceScores:
    """How likely a model finds each of the choices it was given."""

    log_probabilities: tuple[float, ...]
    """Natural logarithms, in the order of the choices. Their probabilities add up to the mass of all choices together,
    which is 1 where the method hides it."""
    model: str
    method: str
    """`logprobs`, `constrained` or `sampled`."""


@dataclass(frozen=True, slots=True)
class ModelView:
    """The model that a node lets others use."""

    model: str
    backend: str
    context_tokens: int
    """Prompt and answer together; 0 when it is not known."""
    schema_enforced: bool


# The node


@dataclass(frozen=True, slots=True)
class ComponentView:
    """One part of the node and how it is doing."""

    name: str
    well: bool
    text: str
    """One line."""
    waits_for: str
    """Name of what is missing; empty when nothing is."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A number that `status` and monitors show."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node's state in one value."""

    node: NodeId
    owner: str
    software: str
    """Name and version."""
    protocol: int
    network: Hash
    """Hash of the genesis: what messages and jobs for this swarm name."""
    preset: str
    preset_hash: Hash
    height: int
    """Of the last certified round."""
    epoch: int
    started_unix_s: int
    engine: str
    activity: str
    """Why it is doing what it is doing, or idle: one line."""
    components: tuple[ComponentView, ...]
    counters: tuple[Counter, ...]


@dataclass(frozen=True, slots=True)
class PeerView:
    """A peer and how it is reached."""

    node: NodeId
    addresses: tuple[str, ...]
    connected: bool
    via: str
    """`gossip`, `rpc` or `memory`; empty when it is not connected."""
    source: str
    """How it was found."""


@dataclass(frozen=True, slots=True)
class ReputationChange:
    """One certified round's effect on a member's rating reputation."""

    height: int
    header: Hash
    reason: str
    before_bp: int
    after_bp: int


@dataclass(frozen=True, slots=True)
class ReputationView:
    """A member's standing, basis points."""

    node: NodeId
    owner: str
    reputation_bp: int
    weight: int
    """Of its votes in the running epoch, whole points."""
    coming_weight: int
    """Likewise in the last epoch whose weights are fixed already."""
    maturity_bp: int
    discrimination_bp: int
    accuracy_bp: int
    fairness_bp: int
    generating_bp: int
    suspended_until: int
    """Height; 0 when not suspended."""
    changes: tuple[ReputationChange, ...]
    """Newest first."""
