"""A round's ratings, cut into slices of whole candidates that fit a processor's cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from consensus.aggregation.reading import BIN_BP
from consensus.aggregation.values import Counted
from consensus.aggregation.vectorised.columns import COUNTED_CODES, Ints, RatingColumns, clamp
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
    composite_bp: Ints
    composite: Ints
    """Q16."""
    bin: Ints
    low: Ints
    """[m] The bin whose middle is the last at or below the score, as an index into `Worths.evidence`,"""
    above_bp: Ints
    """and how far above it the score is."""
    counted: Ints
    """[m] Position in `COUNTED_CODES`."""

    def per_rating(self, values: NDArray[Value]) -> NDArray[Value]:
        """Spread one value per candidate over its ratings."""
        return values.repeat(self.sizes)

    def per_candidate(self, values: Ints) -> Ints:
        """Sum over each candidate's ratings, 0 without any."""
        sums = np.zeros(len(self.sizes), dtype=np.int64)
        if len(self.filled):
            sums[self.filled] = np.add.reduceat(values, self.starts)
        return sums

    def largest(self, values: Ints) -> Ints:
        """Largest of each candidate's ratings, 0 without any; values are not negative."""
        top = np.zeros(len(self.sizes), dtype=np.int64)
        if len(self.filled):
            top[self.filled] = np.maximum.reduceat(values, self.starts)
        return top


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
    sizes = np.diff(bounds)
    raters, nodes = len(characters.fairness), len(position)
    filled = np.flatnonzero(sizes)
    rater = position[ratings.rater[within]]
    generator = np.repeat(ratings.generator[candidates], sizes)
    scores = ratings.scores[within]
    composite_bp = scores @ np.array(params.criterion_weights_bp, dtype=np.int64) // 10_000
    place = clamp(composite_bp - BIN_BP // 2, 0, (BINS - 1) * BIN_BP)
    low = np.minimum(BINS - 2, place // BIN_BP)
    counted = ratings.counted[within].copy()
    if len(characters.favoured):
        keys = rater * nodes + generator
        at = np.minimum(np.searchsorted(characters.favoured, keys), len(characters.favoured) - 1)
        counted[(characters.favoured[at] == keys) & (counted == COUNTED)] = FAVOURED
    return Slice(
        candidates=candidates,
        ratings=within,
        filled=filled,
        starts=bounds[:-1][filled] - bounds[0],
        sizes=sizes,
        rater=rater,
        generator=generator,
        composite_bp=composite_bp,
        composite=(composite_bp << 16) // 10_000,
        bin=np.minimum(BINS - 1, composite_bp // BIN_BP),
        low=low * raters + rater,
        above_bp=place - low * BIN_BP,
        counted=counted,
    )
