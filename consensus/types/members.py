"""Who takes part: what is known of members, and what they weigh."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.types.names import ZERO_HASH, Hash, NodeId

DRAWERS = 32
"""Categories fall into so many drawers by a hash of their names, whatever and however many jobs name: so what is
remembered per category is bounded. Two that share a drawer share doubts, which harms neither."""


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
    doubts: tuple[int, ...] = (0,) * DRAWERS
    """Per drawer of categories: how much further from the targets its scores were there than its own error explains,
    summed up since that sum was last nothing; Q16, never negative (R22)."""


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
    """Whose node it is; one owner's nodes share one cap of the weight and never rate each other (R9, R34).

    A founder's is the text that the genesis gives it; of who joined later it is the peer id of the owner's key, which
    has vouched for it. So a founder whose owner is such a peer id has an owner that can bring in more nodes.
    """
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
