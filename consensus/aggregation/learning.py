"""What a round teaches the raters' tables (R23, R25).

A lesson is one rating with what its candidate turned out to be: a probe's verdict, or the belief of all other raters.
Lessons of a round are added up before anything is forgotten or smoothed, so their order does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consensus.aggregation.fixed_point import belief, decay
from consensus.params import AggregationParams
from consensus.rater_tables import BINS, ONE, bias, unexplained_error
from consensus.types import DRAWERS, FavourCount, NodeId, RaterTable


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a candidate turned out to be, as far as one of its raters may learn it. All Q16."""

    good: int
    """Weight with which it counts as good; likewise bad."""
    bad: int
    target: int
    """What an unbiased rater would have scored it."""


def probe_outcome(*, good: bool, params: AggregationParams) -> Outcome:
    """A revealed probe is known."""
    if good:
        return Outcome(good=params.probe_weight, bad=0, target=params.target_good)
    return Outcome(good=0, bad=params.probe_weight, target=params.target_bad)


def teaching_bits(contributed: int, params: AggregationParams) -> int:
    """What one rater's evidence adds to the belief that the others learn from: bounded, whatever its record (R25).

    Beliefs make the voices that make the next beliefs. Were they the same sums that decide, a few who happen to be
    trusted most could teach everybody's table that whoever contradicts them is blind, within the two or three rounds
    that a fast memory reaches back. With a bound, being believed takes agreement of many, not a record of few.
    """
    return max(-params.teaching_bits_max, min(params.teaching_bits_max, contributed))


def believed_outcome(heads_bits: int, voices_bits: int, params: AggregationParams) -> Outcome:
    """Otherwise the evidence of the others tells, the more the surer they are (R25).

    Sure is what the others say beyond the prior: those who say nothing teach nothing, whatever the prior believes. And
    a belief of 0.95 teaches as if it were certain: in a swarm where nearly everything is good, the doubt that remains
    would otherwise fill the histogram of bad candidates with the scores of good ones, and mute every honest rater.

    Args:
        heads_bits: The others' evidence, each bounded by `teaching_bits`: what the histograms learn.
        voices_bits: The same without the bound, as it decides: what the target follows.
        params: The preset's numbers.
    """
    good = belief(heads_bits)
    weight = params.belief_weight * abs(2 * belief(heads_bits - params.prior_bits) - ONE) >> 16
    sharp = max(0, min(ONE, ONE // 2 + (params.belief_sharpness * (good - ONE // 2) >> 16)))
    return Outcome(
        good=weight * sharp >> 16,
        bad=weight - (weight * sharp >> 16),
        target=params.belief_base + (params.belief_span * belief(voices_bits) >> 16),
    )


@dataclass(frozen=True, slots=True)
class Lesson:
    """One rating and what its candidate turned out to be."""

    generator: NodeId
    drawer: int
    """Of its candidate's category."""
    bin: int
    composite: int
    """Q16."""
    probe: bool
    outcome: Outcome


def learn(table: RaterTable, lessons: Sequence[Lesson], params: AggregationParams) -> RaterTable:
    """The rater's table after a round's lessons, given in any order."""
    if not lessons:
        return table
    bad, good = [0] * BINS, [0] * BINS
    for lesson in lessons:
        bad[lesson.bin] += lesson.outcome.bad
        good[lesson.bin] += lesson.outcome.good
    bad, good = _smooth(bad, params.smoothing), _smooth(good, params.smoothing)
    slow, fast = decay(params.forget_slow, len(lessons)), decay(params.forget_fast, len(lessons))
    misses = [lesson.composite - lesson.outcome.target for lesson in lessons]
    weights = [lesson.outcome.good + lesson.outcome.bad for lesson in lessons]
    squared = sum(weight * (miss * miss >> 16) >> 16 for weight, miss in zip(weights, misses, strict=True))
    return RaterTable(
        slow_bad=_faded(table.slow_bad, slow, bad),
        slow_good=_faded(table.slow_good, slow, good),
        fast_bad=_faded(table.fast_bad, fast, bad),
        fast_good=_faded(table.fast_good, fast, good),
        maturity=min(params.maturity_max, table.maturity + _experience(lessons, params)),
        squared_error=(table.squared_error * slow >> 16) + squared,
        error_weight=(table.error_weight * slow >> 16) + sum(weights),
        excess=(table.excess * slow >> 16) + sum(misses),
        excess_count=(table.excess_count * slow >> 16) + len(lessons) * ONE,
        pairs=_learn_pairs(table.pairs, lessons, params),
        answers=_learn_answers(table.answers, lessons, params),
        doubts=_learn_doubts(table, lessons, params),
    )


def _smooth(counts: list[int], share: int) -> list[int]:
    """Give a share of each bin to either neighbour; what would leave the edges stays."""
    moved = [count * share >> 16 for count in counts]
    smooth = list(counts)
    for position, part in enumerate(moved):
        for neighbour in (position - 1, position + 1):
            if 0 <= neighbour < BINS:
                smooth[position] -= part
                smooth[neighbour] += part
    return smooth


def _faded(counts: tuple[int, ...], factor: int, added: list[int]) -> tuple[int, ...]:
    return tuple((count * factor >> 16) + more for count, more in zip(counts, added, strict=True))


def _experience(lessons: Sequence[Lesson], params: AggregationParams) -> int:
    return sum(ONE if lesson.probe else params.maturity_per_rating for lesson in lessons)


def _learn_answers(answers: tuple[int, ...], lessons: Sequence[Lesson], params: AggregationParams) -> tuple[int, ...]:
    """Count which probes the rater called what they are, after what it answered before has faded."""
    given = [0, 0, 0, 0]
    for lesson in lessons:
        if lesson.probe:
            good = lesson.outcome.good > 0
            given[2 * good + ((lesson.composite >= params.answer_cut) == good)] += ONE
    factor = decay(params.forget_answers, sum(given) // ONE)
    return tuple((count * factor >> 16) + more for count, more in zip(answers, given, strict=True))


def _learn_doubts(table: RaterTable, lessons: Sequence[Lesson], params: AggregationParams) -> tuple[int, ...]:
    """Where the rater is further from the targets than its own error explains, and where it no longer is (R22).

    What histograms and favours remember is an average over all categories: a record that is earned in one would else be
    spent in another. So each has a cumulative sum (Page, Biometrika 41, 1954): it rises with what is worse than usual
    and falls with what is not, but never below zero, so that old merit outweighs no new harm.
    """
    usual = unexplained_error(table)
    if usual is None:
        usual = params.error_unknown
    bound = max(params.doubt_error_min, params.doubt_error_share * usual >> 16)
    own_bias = bias(table)
    added = [0] * DRAWERS
    for lesson in lessons:
        miss = lesson.composite - lesson.outcome.target - own_bias
        error = min(params.doubt_error_max, miss * miss >> 16)
        added[lesson.drawer] += (lesson.outcome.good + lesson.outcome.bad) * (error - bound) >> 16
    return tuple(max(0, min(params.doubt_mute, old + more)) for old, more in zip(table.doubts, added, strict=True))


def _learn_pairs(
    pairs: tuple[FavourCount, ...], lessons: Sequence[Lesson], params: AggregationParams
) -> tuple[FavourCount, ...]:
    """Fade what is remembered of every generator, add the round, forget the faint and the least suspicious (R23)."""
    factor = decay(params.forget_pairs, len(lessons))
    counts = {pair.generator: pair.count * factor >> 16 for pair in pairs}
    excesses = {pair.generator: pair.excess * factor >> 16 for pair in pairs}
    for lesson in lessons:
        generator = lesson.generator
        counts[generator] = counts.get(generator, 0) + ONE
        excesses[generator] = excesses.get(generator, 0) + lesson.composite - lesson.outcome.target
    remembered = [generator for generator, count in counts.items() if count >= params.pair_count_min]
    remembered.sort(key=lambda generator: (-excesses[generator], generator))
    return tuple(
        FavourCount(generator=generator, count=counts[generator], excess=excesses[generator])
        for generator in sorted(remembered[: params.pairs_max])
    )
