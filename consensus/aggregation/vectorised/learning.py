"""`aggregation.learning` in columns: what a round teaches its raters (R25)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from consensus.aggregation.fixed_point import BELIEF_BITS_MAX, BELIEF_STEP_BITS, BELIEF_TABLE
from consensus.aggregation.vectorised.columns import Bools, Ints, RaterColumns, clamp, decays
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
    probe: Ints
    """1 for a good one, 0 for a bad one, -1 for none."""
    good: Ints
    bad: Ints
    target: Ints


@dataclass(frozen=True, slots=True)
class _Teaching:
    """What evidence teaches, step by step. Narrow columns: the tables are to stay in a processor's cache."""

    sharp: NDArray[np.int32]
    """Share with which the candidate counts as good; from -`BELIEF_BITS_MAX` bits to as many, like the next."""
    target: NDArray[np.int32]
    weight: NDArray[np.int32]
    """By the belief without the prior, from 0 bits on: as much against a candidate weighs as much."""


_MIDDLE = BELIEF_BITS_MAX << 16 - BELIEF_STEP_BITS
"""Where no evidence stands in a table from -`BELIEF_BITS_MAX` bits on."""


@cache
def _teaching(params: AggregationParams) -> _Teaching:
    value = np.array(BELIEF_TABLE, dtype=np.int64)
    beliefs = np.concatenate([ONE - value[:0:-1], value])
    sharp = clamp(ONE // 2 + (params.belief_sharpness * (beliefs - ONE // 2) >> 16), 0, ONE)
    target = params.belief_base + (params.belief_span * beliefs >> 16)
    weight = params.belief_weight * (2 * value - ONE) >> 16
    return _Teaching(*(column.astype(np.int32) for column in (sharp, target, weight)))


def outcomes(heads_bits: Ints, voices_bits: Ints, params: AggregationParams) -> tuple[Ints, Ints, Ints]:
    """`learning.believed_outcome`: good, bad and target for each piece of evidence."""
    taught = _teaching(params)
    # Beyond the ends of a table its end holds: that is what a clipped index reads.
    steps = np.abs(heads_bits - params.prior_bits) >> BELIEF_STEP_BITS
    weight = taught.weight.take(steps, mode="clip").astype(np.int64)
    good = weight * taught.sharp.take(_steps(heads_bits), mode="clip") >> 16
    return good, weight - good, taught.target.take(_steps(voices_bits), mode="clip").astype(np.int64)


def _steps(bits: Ints) -> Ints:
    """Where evidence stands in a table from -`BELIEF_BITS_MAX` bits on."""
    place = bits >> 63
    place &= (1 << BELIEF_STEP_BITS) - 1  # what is between two steps goes to the one nearer to no evidence
    place += bits
    place >>= BELIEF_STEP_BITS
    place += _MIDDLE
    return place


def lessons_of(
    part: Slice, heads_bits: Ints, voices_bits: Ints, teaching: Bools | None, params: AggregationParams
) -> Lessons:
    """What each rating may learn.

    Args:
        part: The slice.
        heads_bits: [m] Evidence of the candidate without the rating's own, each rater's bounded.
        voices_bits: [m] The same without the bound.
        teaching: [c] Candidates that teach now; None for all.
        params: The preset's numbers.
    """
    good, bad, target = outcomes(heads_bits, voices_bits, params)
    probes = (part.probe >= 0).nonzero()[0]
    if len(probes):
        right = part.probe[probes] == 1
        good[probes] = params.probe_weight * right
        bad[probes] = params.probe_weight * ~right
        target[probes] = np.where(right, params.target_good, params.target_bad)
    lessons = Lessons(
        rater=part.rater,
        generator=part.generator,
        bin=part.bin,
        composite=part.composite,
        probe=part.probe,
        good=good,
        bad=bad,
        target=target,
    )
    kept = part.counted != OWN
    if teaching is not None:
        kept &= part.per_rating(teaching)
    return lessons if kept.all() else _only(lessons, kept.nonzero()[0])


def _only(lessons: Lessons, kept: Ints) -> Lessons:
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
        raters = len(self.ratings)
        cell = lessons.bin * raters + lessons.rater
        bad, good = self.histograms.reshape(2, -1)
        np.add.at(bad, cell, lessons.bad)
        np.add.at(good, cell, lessons.good)
        self.ratings += np.bincount(lessons.rater, minlength=raters)
        self.probes += np.bincount(lessons.rater[lessons.probe >= 0], minlength=raters)


@dataclass(frozen=True, slots=True)
class Memories:
    """What the raters of a round remembered before it."""

    histograms: Ints
    """[4, BINS, A]"""
    maturity: Ints
    """[A]"""

    @classmethod
    def of(cls, raters: RaterColumns, rows: Ints) -> Memories:
        """Of the raters in `rows`."""
        return cls(raters.histograms.take(rows, axis=2), raters.maturity.take(rows))


def learnt_histograms(before: Memories, sums: LessonSums, params: AggregationParams) -> Ints:
    """[4, BINS, A] The raters' histograms after the lessons; those of whom had none stay what they were."""
    kept = np.empty((2, 1, 1, len(sums.ratings)), dtype=np.int64)
    kept[0] = decays(params.forget_slow, sums.ratings)
    kept[1] = decays(params.forget_fast, sums.ratings)
    after = before.histograms.reshape(2, 2, BINS, -1) * kept
    after >>= 16
    after += _smooth(sums.histograms, params.smoothing)
    return after.reshape(before.histograms.shape)


def learnt_maturity(before: Memories, sums: LessonSums, params: AggregationParams) -> Ints:
    """[A] Their maturity counters."""
    gained = sums.probes * ONE + (sums.ratings - sums.probes) * params.maturity_per_rating
    # One that is beyond the most that rating can earn loses nothing by having had no lessons.
    return np.where(sums.ratings > 0, np.minimum(params.maturity_max, before.maturity + gained), before.maturity)


def _smooth(counts: Ints, share: int) -> Ints:
    moved = counts * share >> 16
    smooth = counts.copy()
    flow = moved[:, 1:] - moved[:, :-1]
    smooth[:, :-1] += flow
    smooth[:, 1:] -= flow
    return smooth


def _answers(lessons: Lessons, raters: int, params: AggregationParams) -> Ints:
    """[4, A] How many probes each rater answered wrongly and rightly, bad ones first."""
    probes = (lessons.probe >= 0).nonzero()[0]
    good = lessons.probe[probes]
    right = (lessons.composite[probes] >= params.answer_cut) == (good == 1)
    place = (2 * good + right) * raters + lessons.rater[probes]
    return np.bincount(place, minlength=4 * raters).reshape(4, raters)


def learn(
    raters: RaterColumns, rows: Ints, before: Memories, slices: Iterable[Lessons], params: AggregationParams
) -> None:
    """`learning.learn` for the raters in `rows`, in place; `before` is what they remember."""
    sums = LessonSums(len(rows))
    squared = np.zeros(len(rows), dtype=np.int64)
    weight, excess = squared.copy(), squared.copy()
    answers = np.zeros((4, len(rows)), dtype=np.int64)
    met: list[Meetings] = []
    for lessons in slices:
        sums.add(lessons)
        miss = lessons.composite - lessons.target
        weights = lessons.good + lessons.bad
        np.add.at(squared, lessons.rater, weights * (miss * miss >> 16) >> 16)
        np.add.at(weight, lessons.rater, weights)
        np.add.at(excess, lessons.rater, miss)
        met.append(Meetings(lessons.rater, lessons.generator, miss))
        answers += _answers(lessons, len(rows), params)
    raters.histograms[:, :, rows] = learnt_histograms(before, sums, params)
    raters.maturity[rows] = learnt_maturity(before, sums, params)
    slow = decays(params.forget_slow, sums.ratings)
    for column, added in (
        (raters.squared_error, squared),
        (raters.error_weight, weight),
        (raters.excess, excess),
        (raters.excess_count, sums.ratings * ONE),
    ):
        column[rows] = (column[rows] * slow >> 16) + added
    kept = decays(params.forget_answers, sums.probes)
    raters.answers[:, rows] = (raters.answers[:, rows] * kept >> 16) + answers * ONE
    learn_pairs(raters, rows, sums.ratings, met, params)
