"""`aggregation.learning` in columns: what a round teaches its raters (R25)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from consensus.aggregation.fixed_point import BELIEF_BITS_MAX, BELIEF_STEP_BITS, BELIEF_TABLE
from consensus.aggregation.vectorised.columns import Bools, Ints, RaterColumns, Roster, clamp, decays
from consensus.aggregation.vectorised.pairs import Meetings, learn_pairs
from consensus.aggregation.vectorised.reading import Characters
from consensus.aggregation.vectorised.slices import Slice
from consensus.params import AggregationParams
from consensus.rater_tables import BINS, ONE
from consensus.types import DRAWERS


@dataclass(frozen=True, slots=True)
class _Teaching:
    """What evidence teaches, step by step."""

    sharp: Ints
    """Share with which the candidate counts as good; from -`BELIEF_BITS_MAX` bits to as many, like the next."""
    target: Ints
    weight: Ints
    """By the belief without the prior, from 0 bits on: as much against a candidate weighs as much."""


_MIDDLE = BELIEF_BITS_MAX << 16 - BELIEF_STEP_BITS
"""Where no evidence stands in a table from -`BELIEF_BITS_MAX` bits on."""


def _teaching(params: AggregationParams) -> _Teaching:
    return _tables(params.belief_sharpness, params.belief_base, params.belief_span, params.belief_weight)


@cache
def _tables(sharpness: int, base: int, span: int, most: int) -> _Teaching:
    value = np.array(BELIEF_TABLE, dtype=np.int64)
    beliefs = np.concatenate([ONE - value[:0:-1], value])
    sharp = clamp(ONE // 2 + (sharpness * (beliefs - ONE // 2) >> 16), 0, ONE)
    return _Teaching(sharp=sharp, target=base + (span * beliefs >> 16), weight=most * (2 * value - ONE) >> 16)


def believed(heads_bits: Ints, params: AggregationParams) -> tuple[Ints, Ints]:
    """`learning.believed_outcome`: good, and good and bad together, for each piece of evidence."""
    taught = _teaching(params)
    # Beyond the ends of a table its end holds: that is what a clipped index reads.
    steps = np.abs(heads_bits - params.prior_bits)
    steps >>= BELIEF_STEP_BITS
    weight = taught.weight.take(steps, mode="clip")
    good = taught.sharp.take(_steps(heads_bits), mode="clip")
    good *= weight
    good >>= 16
    return good, weight


def targets(voices_bits: Ints, params: AggregationParams) -> Ints:
    """`learning.believed_outcome`: the target for each piece of evidence."""
    return _teaching(params).target.take(_steps(voices_bits), mode="clip")


def _steps(bits: Ints) -> Ints:
    """Where evidence stands in a table from -`BELIEF_BITS_MAX` bits on."""
    place = bits >> 63
    place &= (1 << BELIEF_STEP_BITS) - 1  # what is between two steps goes to the one nearer to no evidence
    place += bits
    place >>= BELIEF_STEP_BITS
    place += _MIDDLE
    return place


@dataclass(frozen=True, slots=True)
class Lessons:
    """What the ratings [k, c] of a slice teach, whatever they are about."""

    part: Slice
    learner: Ints
    """Who learns, or nobody."""
    good: Ints
    weight: Ints
    """Good and bad together."""


def lessons_of(part: Slice, heads_bits: Ints, waiting: Bools | None, params: AggregationParams) -> Lessons:
    """What each rating teaches its rater's histograms.

    Args:
        part: The slice.
        heads_bits: [k, c] Evidence of the candidate without the rating's own, each rater's bounded.
        waiting: [c] Candidates that teach later; None for none.
        params: The preset's numbers.
    """
    good, weight = believed(heads_bits, params)
    if len(part.probes):
        good[:, part.probes] = params.probe_weight * part.good
        weight[:, part.probes] = params.probe_weight
    learner = part.learner
    if waiting is not None:
        learner = np.where(waiting, part.nobody, learner)
    return Lessons(part, learner, good, weight)


def targets_of(part: Slice, voices_bits: Ints, params: AggregationParams) -> Ints:
    """[k, c] What an unbiased rater would have scored, by the evidence of all others, not bounded."""
    target = targets(voices_bits, params)
    if len(part.probes):
        target[:, part.probes] = np.where(part.good, params.target_good, params.target_bad)
    return target


class LessonSums:
    """Lessons added up per rater of the round, slice by slice; the last column is nobody's."""

    def __init__(self, raters: int) -> None:
        self._histograms = np.zeros((2, BINS, raters + 1), dtype=np.int64)
        self._ratings = np.zeros(raters + 1, dtype=np.int64)

    def add(self, lessons: Lessons) -> None:
        """Add what the histograms and maturity need."""
        width = len(self._ratings)
        cell = (lessons.part.bin * width + lessons.learner).ravel()
        bad, good = self._histograms.reshape(2, -1)
        np.add.at(bad, cell, (lessons.weight - lessons.good).ravel())
        np.add.at(good, cell, lessons.good.ravel())
        self._ratings += np.bincount(lessons.learner.ravel(), minlength=width)

    @property
    def histograms(self) -> Ints:
        """[2, BINS, A] Bad, then good."""
        return self._histograms[..., :-1]

    @property
    def ratings(self) -> Ints:
        """[A] From how many each of them learns."""
        return self._ratings[:-1]


class DoubtSums:
    """`learning._learn_doubts`: a round's doubts per drawer and rater, added up slice by slice; as in `LessonSums`."""

    def __init__(self, characters: Characters, params: AggregationParams) -> None:
        self._params = params
        self._bias = characters.bias
        self._bound = np.maximum(params.doubt_error_min, params.doubt_error_share * characters.error >> 16)
        self._sums = np.zeros((DRAWERS, len(self._bias) + 1), dtype=np.int64)

    def add(self, lessons: Lessons, miss: Ints) -> None:
        """Add what ratings that are `miss` [k, c] above their targets say of their raters."""
        part = lessons.part
        off = miss - self._bias.take(part.rater)
        off *= off
        off >>= 16
        np.minimum(off, self._params.doubt_error_max, out=off)
        off -= self._bound.take(part.rater)
        off *= lessons.weight
        off >>= 16
        cell = part.drawer * self._sums.shape[1] + lessons.learner
        np.add.at(self._sums.reshape(-1), cell.ravel(), off.ravel())

    def after(self, before: Ints) -> Ints:
        """[DRAWERS, A] The doubts after the round."""
        return clamp(before + self._sums[:, :-1], 0, self._params.doubt_mute)


@dataclass(frozen=True, slots=True)
class Memories:
    """What the raters of a round remembered before it, and what they answer to its probes."""

    histograms: Ints
    """[4, BINS, A]"""
    maturity: Ints
    """[A]"""
    answers: Ints
    """[4, A] Of this round: how many bad probes each answers wrongly and rightly, then how many good ones."""
    probes: Ints
    """[A] All of these."""

    @classmethod
    def of(cls, raters: RaterColumns, roster: Roster, slices: Iterable[Slice], params: AggregationParams) -> Memories:
        """Of a round's raters."""
        width = len(roster) + 1
        answers = np.zeros(4 * width, dtype=np.int64)
        for part in slices:
            if len(part.probes):
                right = (part.composite.take(part.probes, axis=1) >= params.answer_cut) == part.good
                place = (2 * part.good + right) * width + part.learner.take(part.probes, axis=1)
                answers += np.bincount(place.ravel(), minlength=4 * width)
        answers = answers.reshape(4, width)[:, :-1]
        return cls(
            histograms=roster.take(raters.histograms),
            maturity=roster.take(raters.maturity),
            answers=answers,
            probes=np.add.reduce(answers, axis=0),
        )


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
    gained = before.probes * (ONE - params.maturity_per_rating)
    gained += sums.ratings * params.maturity_per_rating
    gained += before.maturity
    # One that is beyond the most that rating can earn loses nothing by having had no lessons.
    return np.where(sums.ratings > 0, np.minimum(params.maturity_max, gained), before.maturity)


def _smooth(counts: Ints, share: int) -> Ints:
    moved = counts * share
    moved >>= 16
    flow = moved[:, 1:] - moved[:, :-1]
    smooth = counts.copy()
    smooth[:, :-1] += flow
    smooth[:, 1:] -= flow
    return smooth


def learn(
    raters: RaterColumns,
    roster: Roster,
    before: Memories,
    characters: Characters,
    slices: Iterable[tuple[Lessons, Ints]],
    params: AggregationParams,
) -> None:
    """`learning.learn` for a round's raters, in place.

    Args:
        raters: All nodes.
        roster: Those who rate.
        before: What they remember,
        characters: and how they treated generators and categories.
        slices: What their ratings teach, and the targets of these.
        params: The preset's numbers.
    """
    sums = LessonSums(len(roster))
    squared = np.zeros(len(roster) + 1, dtype=np.int64)
    excess = squared.copy()
    doubts = DoubtSums(characters, params)
    met: list[Meetings] = []
    for lessons, target in slices:
        sums.add(lessons)
        miss = lessons.part.composite - target
        square = miss * miss
        square >>= 16
        square *= lessons.weight
        square >>= 16
        np.add.at(squared, lessons.learner.ravel(), square.ravel())
        doubts.add(lessons, miss)
        np.add.at(excess, lessons.learner.ravel(), miss.ravel())
        met.append(Meetings(lessons.learner, lessons.part.generator, miss))
    raters.histograms[..., roster.index] = learnt_histograms(before, sums, params)
    raters.maturity[..., roster.index] = learnt_maturity(before, sums, params)
    weight = np.add.reduce(sums.histograms, axis=(0, 1))
    more = np.array([squared[:-1], weight, excess[:-1], sums.ratings * ONE])
    more += roster.take(raters.sums) * decays(params.forget_slow, sums.ratings) >> 16
    raters.sums[..., roster.index] = more
    answered = roster.take(raters.answers) * decays(params.forget_answers, before.probes)
    answered >>= 16
    answered += before.answers * ONE
    raters.answers[..., roster.index] = answered
    raters.doubts[:, roster.index] = doubts.after(roster.take(raters.doubts))
    learn_pairs(raters, roster, sums.ratings, met, params)
