"""What goes into the aggregation of a round, and what comes out of it.

Scores are basis points (0..10000). Evidence, voices, counts and probabilities are Q16 (65536 = one).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from operator import attrgetter
from typing import NamedTuple

from consensus.types import GivenRating, Hash, NodeId, RaterTable, Scores


@dataclass(frozen=True, slots=True)
class RatedCandidate:
    """One candidate with its included ratings. Candidates ended by a fact are left out by the caller (R27)."""

    content: Hash
    task: int
    """Candidates with the same number compete for one quota; never negative."""
    category: str
    """Whose doubts about its raters count (R22)."""
    generator: NodeId
    ratings: tuple[GivenRating, ...]
    """In any order. Of several by one rater the smallest score vector stands, whatever order they came in."""
    raters: int
    """K of its job, from which its cut follows (R24)."""
    accept_bp: int
    """Its job's threshold: a score above it passes (R28)."""
    review_bp: int
    """A score above it is worth fresh raters."""
    probe: bool | None = None
    """The revealed verdict of a probe that counts (R19): known good, known bad; None for a real candidate."""
    reviewable: bool = True
    """Whether fresh raters could score it in the next round. False for a carried candidate, whose ratings are then all
    ratings of both rounds: its score is final, and only now do they teach (R28)."""
    observers: frozenset[NodeId] = frozenset()
    """Raters of this candidate that rate as observers: their tables learn, their ratings do not count (R10)."""


class Counted(Enum):
    """Whether a rating entered the evidence, and if not, why not."""

    COUNTED = "counted"
    OWN = "own"
    """Of the rater's own or its owner's candidate (R23)."""
    OBSERVER = "observer"
    """The rater is suspended and rates to recover (R10)."""
    FAVOURED = "favoured"
    """The rater has so far favoured this generator (R23)."""
    UNKNOWN = "unknown"
    """The rater is no member: nothing is known of it, and nothing is learnt."""


def one_per_rater(ratings: Iterable[GivenRating]) -> tuple[GivenRating, ...]:
    """Sorted by rater and on the scale, of several by one rater the smallest: no order of arrival decides anything."""
    one_each: dict[NodeId, GivenRating] = {}
    for rating in sorted(ratings, key=attrgetter("rater", "scores")):
        one_each.setdefault(rating.rater, _on_scale(rating))
    return tuple(one_each.values())


def _on_scale(rating: GivenRating) -> GivenRating:
    """Scores beyond the scale, which the wire layer refuses, are drawn to it."""
    if min(rating.scores) >= 0 and max(rating.scores) <= 10_000:
        return rating
    first, second, third, fourth = (max(0, min(10_000, score)) for score in rating.scores)
    return replace(rating, scores=(first, second, third, fourth))


def eligibility(rater: NodeId, candidate: RatedCandidate, owners: Mapping[NodeId, str]) -> Counted:
    """OWN, OBSERVER or COUNTED, from what is known before any table is read. Nodes without an owner are their own."""
    if rater == candidate.generator or (rater in owners and owners[rater] == owners.get(candidate.generator)):
        return Counted.OWN
    return Counted.OBSERVER if rater in candidate.observers else Counted.COUNTED


class Contribution(NamedTuple):
    """What one rating did to one candidate, and the history that made it worth that much.

    A tuple: a round makes one for every rating, and a frozen dataclass of so many fields takes six times as long.
    """

    rater: NodeId
    counted: Counted
    composite_bp: int
    bin: int
    evidence_bits: int
    """What the bin is worth by the rater's table; 0 for a muted rater (R21)."""
    voice: int
    """Factor on the evidence, 0..1 (R22, R26)."""
    contributed_bits: int
    """Voice times evidence; 0 when not counted."""
    heard: int
    """What doubts about the rater in this category leave of its voice, 0..1 (R22); 0 for who is no member."""
    bad_in_bin: int
    """Of the rater's slow memory, prior left out: how much of what it scored like this turned out bad,"""
    bad_total: int
    """of how much bad in all,"""
    good_in_bin: int
    """and how much turned out good,"""
    good_total: int
    """of how much good in all."""


class Verdict(Enum):
    """What the score says of a candidate (R28)."""

    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"
    PROBE = "probe"
    """A probe is scored like any candidate, so that it can be explained, but never decided."""


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """A candidate's score and everything that made it."""

    content: Hash
    task: int
    generator: NodeId
    verdict: Verdict
    evidence_bits: int
    """Prior plus all contributions."""
    cut_bits: int
    quality_bp: int
    """What unbiased raters would have given, as far as the counted ratings tell (R29)."""
    score_bp: int
    """Orders the accepted of one task, larger first, then by content hash (R29)."""
    criteria_bp: Scores
    """Voice-weighted mean per criterion of the counted ratings; zeros when none counted."""
    spread_bp: int
    """Largest minus smallest counted composite."""
    counted: int
    """Ratings that entered the evidence."""
    contributions: tuple[Contribution, ...]
    """Of every rating, sorted by rater."""


@dataclass(frozen=True, slots=True)
class Aggregation:
    """A round's scores, and the tables after it."""

    candidates: tuple[ScoredCandidate, ...]
    """Sorted by (task, content)."""
    tables: Mapping[NodeId, RaterTable] = field(hash=False)
    """One per table handed in."""
