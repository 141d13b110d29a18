"""The phases of a round, and what a member is asked to do in them (R12 to R15); `round` decides when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from consensus.types import (
    Attestation,
    CandidateCommit,
    GeneratorReveal,
    Hash,
    Kind,
    NodeId,
    RatingCommit,
    RatingReveal,
    SlotOpening,
    Task,
)


class Phase(IntEnum):
    """The phases, in order."""

    GENERATE = 0
    PUBLISH = 1
    RATE = 2
    REVEAL = 3
    UNMASK = 4
    VERIFY = 5
    """Executing the evidence of the probes that were opened."""
    ATTEST = 6
    CLOSED = 7


@dataclass(frozen=True, slots=True)
class Generate:
    """Fill this member's slots; answer with `on_candidates_ready`."""

    height: int
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class PublishCandidates:
    """Send the contents of the slots committed to, under their pseudonyms, through relays."""

    height: int


@dataclass(frozen=True, slots=True)
class RateCandidates:
    """Check and rate these contents, per task; answer with `on_ratings_ready`. What is not held is unavailable."""

    height: int
    candidates: tuple[tuple[int, Hash], ...]


@dataclass(frozen=True, slots=True)
class ExecuteProbes:
    """Execute the evidence of revealed probes; answer with `on_probes_executed`."""

    height: int
    openings: tuple[tuple[NodeId, SlotOpening], ...]


@dataclass(frozen=True, slots=True)
class Send:
    """Store, sign and broadcast this member's own message. It comes back through `on_message` like any other."""

    kind: Kind
    body: CandidateCommit | RatingCommit | RatingReveal | GeneratorReveal | Attestation


@dataclass(frozen=True, slots=True)
class SetPhaseTimer:
    """Call `on_timer(phase)` after this time, unless the round is past that phase by then."""

    height: int
    phase: Phase
    delay_ms: int


@dataclass(frozen=True, slots=True)
class RoundClosed:
    """Attestations of more than two thirds are here: the inputs can be fixed."""

    height: int


Effect = Generate | PublishCandidates | RateCandidates | ExecuteProbes | Send | SetPhaseTimer | RoundClosed


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a round waits for, in words and numbers: every wait has a name."""

    phase: Phase
    have: int
    need: int
    missing: tuple[NodeId, ...]
