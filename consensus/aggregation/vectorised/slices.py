"""A round's ratings, cut into slices of whole candidates that fit a processor's cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from consensus.aggregation.reading import BIN_BP
from consensus.aggregation.values import Counted
from consensus.aggregation.vectorised.columns import COUNTED_CODES, Bools, Ints, RatingColumns, clamp, pairs_fit_table
from consensus.aggregation.vectorised.reading import Characters
from consensus.params import AggregationParams
from consensus.rater_tables import BINS

SLICE_RATINGS = 1 << 14
"""Some twenty columns of as many ratings stay in a processor's second cache."""

Value = TypeVar("Value", bound=np.generic)

COUNTED = COUNTED_CODES.index(Counted.COUNTED)
OWN = COUNTED_CODES.index(Counted.OWN)
FAVOURED = COUNTED_CODES.index(Counted.FAVOURED)


@dataclass(frozen=True, slots=True)
class Slice:
    """Consecutive candidates c and their ratings m, both counted from the slice's first."""

    candidates: slice
    """Where they stand in the round."""
    ratings: slice
    filled: Ints
    """Candidates that have ratings,"""
    starts: Ints
    """where theirs start,"""
    sizes: Ints
    """and how many there are of every candidate."""
    rater: Ints
    """[m] Position among the round's raters."""
    generator: Ints
    """[m] Row of the candidate's generator."""
    probe: Ints
    """[m] 1 for a rating of a good probe, 0 of a bad one, -1 of a candidate."""
    criteria_bp: Ints
    """[4, m]"""
    composite_bp: Ints
    composite: Ints
    """Q16."""
    bin: Ints
    low: Ints
    """[m] The bin whose middle is the last at or below the score, as an index into `Worths.evidence`,"""
    above_bp: Ints
    """and how far above it the score is."""
    counted: Ints
    """[m] Position in `COUNTED_CODES`;"""
    votes: Bools
    """[m] whether that is COUNTED,"""
    votes_of: Ints
    """[c] and how often it is."""

    def per_rating(self, values: NDArray[Value]) -> NDArray[Value]:
        """Spread one value per candidate over its ratings."""
        return values.repeat(self.sizes)

    def per_candidate(self, values: Ints) -> Ints:
        """Sum over each candidate's ratings, 0 without any."""
        return _per_candidate(np.add, values, self.filled, self.starts, len(self.sizes))

    def largest(self, values: Ints) -> Ints:
        """Largest of each candidate's ratings, 0 without any; values are not negative."""
        return _per_candidate(np.maximum, values, self.filled, self.starts, len(self.sizes))


def _per_candidate(join: np.ufunc, values: Ints, filled: Ints, starts: Ints, candidates: int) -> Ints:
    if len(filled) == candidates and candidates:
        joined: Ints = join.reduceat(values, starts)
        return joined
    joined = np.zeros(candidates, dtype=np.int64)
    if len(filled):
        joined[filled] = join.reduceat(values, starts)
    return joined


def cut_slices(
    ratings: RatingColumns, position: Ints, characters: Characters, params: AggregationParams
) -> Iterator[Slice]:
    """Cut a round.

    Args:
        ratings: The round.
        position: Of each row of the rater columns among the round's raters.
        characters: Of the round's raters.
        params: The preset's numbers.
    """
    candidates = len(ratings.generator)
    first = 0
    while first < candidates:
        until = np.searchsorted(ratings.starts, ratings.starts[first] + SLICE_RATINGS, side="right") - 1
        last = min(candidates, max(first + 1, int(until)))
        yield _cut(ratings, slice(first, last), position, characters, params)
        first = last


def _cut(
    ratings: RatingColumns,
    candidates: slice,
    position: Ints,
    characters: Characters,
    params: AggregationParams,
) -> Slice:
    bounds = ratings.starts[candidates.start : candidates.stop + 1]
    within = slice(int(bounds[0]), int(bounds[-1]))
    sizes = bounds[1:] - bounds[:-1]
    filled = sizes.nonzero()[0]
    starts = bounds[:-1][filled] - bounds[0]
    rater = position[ratings.rater[within]]
    generator = ratings.generator[candidates].repeat(sizes)
    criteria = np.ascontiguousarray(ratings.scores[within].T)
    composite_bp = _composite_bp(criteria, params)
    place = clamp(composite_bp - BIN_BP // 2, 0, (BINS - 1) * BIN_BP)
    low = np.minimum(BINS - 2, place // BIN_BP)
    counted = _counted(ratings.counted[within], rater, generator, characters, len(position))
    votes = counted == COUNTED
    return Slice(
        candidates=candidates,
        ratings=within,
        filled=filled,
        starts=starts,
        sizes=sizes,
        rater=rater,
        generator=generator,
        probe=ratings.probe[candidates].repeat(sizes),
        criteria_bp=criteria,
        composite_bp=composite_bp,
        composite=(composite_bp << 16) // 10_000,
        bin=np.minimum(BINS - 1, composite_bp // BIN_BP),
        low=low * len(characters.fairness) + rater,
        above_bp=place - low * BIN_BP,
        counted=counted,
        votes=votes,
        votes_of=_per_candidate(np.add, votes.astype(np.int64), filled, starts, len(sizes)),
    )


def _composite_bp(criteria: Ints, params: AggregationParams) -> Ints:
    """`scoring.composite_bp`; criterion by criterion, because the product of integer matrices is a slow loop."""
    total: Ints = criteria[0] * params.criterion_weights_bp[0]
    for scores, weight in zip(criteria[1:], params.criterion_weights_bp[1:], strict=True):
        total += scores * weight
    total //= 10_000
    return total


def _counted(counted: Ints, rater: Ints, generator: Ints, characters: Characters, nodes: int) -> Ints:
    """What was said of each rating before the round, and FAVOURED where its pair does not count."""
    favoured = characters.favoured
    if not len(favoured):
        return counted
    keys = rater * nodes + generator
    if pairs_fit_table(len(characters.fairness), nodes, len(keys)):
        barred = np.zeros(len(characters.fairness) * nodes, dtype=np.bool_)
        barred[favoured] = True
        known = barred[keys]
    else:
        at = np.minimum(np.searchsorted(favoured, keys), len(favoured) - 1)
        known = favoured[at] == keys
    return np.where(known & (counted == COUNTED), FAVOURED, counted)
