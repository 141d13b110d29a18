"""`aggregation.learning` in columns: what a round teaches its raters (R25)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from consensus.aggregation.fixed_point import BELIEF_BITS_MAX, BELIEF_STEP_BITS, BELIEF_TABLE, decay_table
from consensus.aggregation.vectorised.columns import Bools, Ints, RaterColumns, clamp
from consensus.aggregation.vectorised.pairs import Meetings, learn_pairs
from consensus.aggregation.vectorised.slices import OWN, Slice
from consensus.params import AggregationParams
from consensus.rater_tables import BINS, ONE


@dataclass(frozen=True, slots=True)
class Lessons:
    """The ratings of a slice that teach, and what their candidates turned out to be; a row per rating."""

    rater: Ints
    """Position among the round's raters."""
    generator: Ints
    bin: Ints
    composite: Ints
    """Q16."""
    probe: Bools
    good: Ints
    bad: Ints
    target: Ints


@dataclass(frozen=True, slots=True)
class _Teaching:
    """What a belief teaches, for every place of `_places`."""

    sharp: Ints
    """Share with which the candidate counts as good."""
    target: Ints
    weight: Ints
    """By the belief without the prior."""


@cache
def _teaching(params: AggregationParams) -> _Teaching:
    value = np.array(BELIEF_TABLE, dtype=np.int64)
    beliefs = np.concatenate([ONE - value[:0:-1], value])
    return _Teaching(
        sharp=clamp(ONE // 2 + (params.belief_sharpness * (beliefs - ONE // 2) >> 16), 0, ONE),
        target=params.belief_base + (params.belief_span * beliefs >> 16),
        weight=params.belief_weight * np.abs(2 * beliefs - ONE) >> 16,
    )


def _places(bits: Ints) -> Ints:
    """Where evidence stands in a table of beliefs from -`BELIEF_BITS_MAX` bits to as many; towards 0 if between."""
    steps = clamp(bits, -BELIEF_BITS_MAX << 16, BELIEF_BITS_MAX << 16)
    steps += steps >> 63 & (1 << BELIEF_STEP_BITS) - 1
    steps >>= BELIEF_STEP_BITS
    steps += BELIEF_BITS_MAX << 16 - BELIEF_STEP_BITS
    return steps


def lessons_of(
    part: Slice, others_bits: Ints, probe: Ints, teaching: Bools | None, params: AggregationParams
) -> Lessons:
    """What each rating may learn.

    Args:
        part: The slice.
        others_bits: [m] Evidence of the candidate without the rating's own.
        probe: [c] 1, 0, or -1 for no probe.
        teaching: [c] Candidates that teach now; None for all.
        params: The preset's numbers.
    """
    taught, place = _teaching(params), _places(others_bits)
    weight = taught.weight[_places(others_bits - params.prior_bits)]
    target = taught.target[place]
    good = weight * taught.sharp[place] >> 16
    bad = weight - good
    known = part.per_rating(probe >= 0)
    probes = np.flatnonzero(known)
    if len(probes):
        right = part.per_rating(probe)[probes] == 1
        good[probes] = np.where(right, params.probe_weight, 0)
        bad[probes] = np.where(right, 0, params.probe_weight)
        target[probes] = np.where(right, params.target_good, params.target_bad)
    lessons = Lessons(
        rater=part.rater,
        generator=part.generator,
        bin=part.bin,
        composite=part.composite,
        probe=known,
        good=good,
        bad=bad,
        target=target,
    )
    kept = part.counted != OWN
    if teaching is not None:
        kept &= part.per_rating(teaching)
    return lessons if kept.all() else _only(lessons, kept)


def _only(lessons: Lessons, kept: Bools) -> Lessons:
    return Lessons(
        rater=lessons.rater[kept],
        generator=lessons.generator[kept],
        bin=lessons.bin[kept],
        composite=lessons.composite[kept],
        probe=lessons.probe[kept],
        good=lessons.good[kept],
        bad=lessons.bad[kept],
        target=lessons.target[kept],
    )


class LessonSums:
    """Lessons added up per rater of the round, slice by slice."""

    def __init__(self, raters: int) -> None:
        self.histograms = np.zeros((2, BINS, raters), dtype=np.int64)
        """Bad, then good."""
        self.ratings = np.zeros(raters, dtype=np.int64)
        self.probes = np.zeros(raters, dtype=np.int64)

    def add(self, lessons: Lessons) -> None:
        """Add what the histograms and maturity need."""
        cells = self.histograms.reshape(-1)
        raters = len(self.ratings)
        cell = lessons.bin * raters + lessons.rater
        np.add.at(cells, cell, lessons.bad)
        np.add.at(cells, cell + BINS * raters, lessons.good)
        self.ratings += np.bincount(lessons.rater, minlength=len(self.ratings))
        if lessons.probe.any():
            self.probes += np.bincount(lessons.rater[lessons.probe], minlength=len(self.probes))


def learnt_histograms(raters: RaterColumns, rows: Ints, sums: LessonSums, params: AggregationParams) -> Ints:
    """[4, BINS, A] The histograms of the raters in `rows` after the lessons."""
    added = _smooth(sums.histograms, params.smoothing)
    after = np.take(raters.histograms, rows, axis=2)
    after[:2] *= decays(params.forget_slow, sums.ratings)
    after[2:] *= decays(params.forget_fast, sums.ratings)
    after >>= 16
    after[:2] += added
    after[2:] += added
    return after


def learnt_maturity(raters: RaterColumns, rows: Ints, sums: LessonSums, params: AggregationParams) -> Ints:
    """[A] Their maturity counters."""
    gained = sums.probes * ONE + (sums.ratings - sums.probes) * params.maturity_per_rating
    return np.minimum(params.maturity_max, raters.maturity[rows] + gained)


def decays(factor: int, counts: Ints) -> Ints:
    """`fixed_point.decay` of one factor for many counts."""
    powers = _powers(factor)
    return powers[np.minimum(counts, len(powers) - 1)]


@cache
def _powers(factor: int) -> Ints:
    return np.array(decay_table(factor), dtype=np.int64)


def _smooth(counts: Ints, share: int) -> Ints:
    moved = counts * share >> 16
    smooth = counts.copy()
    flow = moved[:, 1:] - moved[:, :-1]
    smooth[:, :-1] += flow
    smooth[:, 1:] -= flow
    return smooth


def learn(raters: RaterColumns, rows: Ints, slices: Iterable[Lessons], params: AggregationParams) -> None:
    """`learning.learn` for the raters in `rows`, in place."""
    sums = LessonSums(len(rows))
    squared = np.zeros(len(rows), dtype=np.int64)
    weight, excess = np.zeros_like(squared), np.zeros_like(squared)
    met: list[tuple[Ints, Ints, Ints]] = []
    for lessons in slices:
        sums.add(lessons)
        miss = lessons.composite - lessons.target
        weights = lessons.good + lessons.bad
        np.add.at(squared, lessons.rater, weights * (miss * miss >> 16) >> 16)
        np.add.at(weight, lessons.rater, weights)
        np.add.at(excess, lessons.rater, miss)
        met.append((lessons.rater, lessons.generator, miss))
    taught = np.flatnonzero(sums.ratings)
    if not len(taught):
        return
    slow = decays(params.forget_slow, sums.ratings)
    histograms = learnt_histograms(raters, rows, sums, params)
    maturity = learnt_maturity(raters, rows, sums, params)
    changed = rows[taught]
    raters.histograms[:, :, changed] = histograms[:, :, taught]
    raters.maturity[changed] = maturity[taught]
    for column, added in (
        (raters.squared_error, squared),
        (raters.error_weight, weight),
        (raters.excess, excess),
        (raters.excess_count, sums.ratings * ONE),
    ):
        column[changed] = (column[changed] * slow[taught] >> 16) + added[taught]
    place = np.cumsum(sums.ratings > 0) - 1  # among those who learnt anything
    rater, generator, miss = (np.concatenate(parts) for parts in zip(*met, strict=True))
    meetings = Meetings(place[rater], generator, miss)
    learn_pairs(raters, changed, decays(params.forget_pairs, sums.ratings[taught]), meetings, params)
