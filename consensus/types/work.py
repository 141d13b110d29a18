"""What there is to do: jobs as the chain knows them, and the plans of rounds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from consensus.types.members import Seat
from consensus.types.names import Hash, JobId, NodeId, Scores


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
    """Slots that may be filled over the whole job."""


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
    """Enough generators had their turn and had nothing more to offer (R6)."""
    short: tuple[NodeId, ...] = ()
    """Who filled less than it was given since somebody last filled all of it, sorted. Others are asked next."""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """A job admitted to the chain."""

    terms: JobTerms
    admitted: int
    """Height of the admitting round."""
    status: JobStatus
    tasks: tuple[TaskProgress, ...]
    issued: int
    """Slots issued so far, against the budget; those that nothing was committed to are given back."""
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
    """Suspended members that rate to recover, and newcomers that are examined: their ratings teach their own tables, no
    more (R10, R39)."""
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
    probe_one_in: int
    """Of so many slots one must hold a hidden probe (R14)."""


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
