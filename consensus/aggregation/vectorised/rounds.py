"""A round in columns: equal to `reference.aggregate` bit for bit, and some hundred times as fast.

Every step has its counterpart there, where the rules are explained. What is added is only the layout: per-rater work is
done for the raters of this round alone, per-rating work in slices that fit a processor's cache. All columns are int64;
sums of integers do not depend on their order. In a round of a few thousand ratings every column is so short that the
number of calls costs more than what they compute.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from consensus.aggregation.reading import BIN_BP
from consensus.aggregation.vectorised.columns import Ints, RaterColumns, RatingColumns, Roster, clamp
from consensus.aggregation.vectorised.learning import (
    Lessons,
    LessonSums,
    Memories,
    learn,
    learnt_histograms,
    learnt_maturity,
    lessons_of,
    targets_of,
)
from consensus.aggregation.vectorised.reading import Characters, Worths, read_characters, read_worths
from consensus.aggregation.vectorised.scoring import (
    REVIEW,
    criteria_bp,
    cut_bits,
    score_bp,
    spread_bp,
    verdicts,
    winsorised_mean,
)
from consensus.aggregation.vectorised.slices import Slice, cut_slices
from consensus.params import AggregationParams
from consensus.rater_tables import ONE


@dataclass(frozen=True, slots=True)
class RatingScores:
    """What every rating did to its candidate's score, [M]."""

    rater: Ints
    """Position among the round's raters."""
    composite_bp: Ints
    bin: Ints
    counted: Ints
    """Position in `columns.COUNTED_CODES`."""
    bits: Ints
    """Evidence of the rating before its voice."""
    voice: Ints
    contributed: Ints
    heard: Ints


@dataclass(frozen=True, slots=True)
class _Weighed:
    """The evidence of a slice."""

    bits: Ints
    """[c]"""
    evidence: Ints
    """[k, c] Before the voice."""
    voice: Ints
    contributed: Ints


@dataclass(frozen=True, slots=True)
class ScoreColumns:
    """`ScoredCandidate` in columns."""

    evidence_bits: Ints
    """[C]"""
    cut_bits: Ints
    quality_bp: Ints
    score_bp: Ints
    verdict: Ints
    """[C] Position in `scoring.VERDICT_CODES`."""
    criteria_bp: Ints
    """[4, C]"""
    spread_bp: Ints
    counted: Ints
    """[C] Ratings that counted."""
    rows: Ints
    """[A] Rows of those who rated."""
    drafted: Ints
    """[4, BINS, A] Their histograms as the second pass read them."""
    ratings: int
    """M"""
    _weighed: tuple[tuple[Slice, _Weighed], ...] = field(repr=False)

    def explained(self) -> RatingScores:
        """What every rating did; laid out when somebody asks."""
        columns = np.zeros((8, self.ratings + 1), dtype=np.int64)  # the last of each is for empty seats
        for part, weighed in self._weighed:
            did = (weighed.evidence, weighed.voice, weighed.contributed, part.heard)
            for column, values in zip(
                columns, (part.rater, part.composite_bp, part.bin, part.counted, *did), strict=True
            ):
                column[part.ratings] = values
        return RatingScores(*columns[:, :-1])


def aggregate_columns(raters: RaterColumns, ratings: RatingColumns, params: AggregationParams) -> ScoreColumns:
    """Score a round's candidates, and teach the raters' columns in place (R20 to R29)."""
    nodes = len(raters.nodes)
    roster = Roster.of(ratings, nodes)
    characters = read_characters(raters, roster, params)
    slices = list(cut_slices(ratings, roster, characters, nodes, params))

    held = Memories.of(raters, roster, slices, params)
    before = read_worths(held.histograms, held.maturity, params)
    draft = LessonSums(len(roster))
    for part in slices:
        weighed = _weigh(part, before, characters, params, relative=False)
        draft.add(lessons_of(part, _heads(weighed, params), None, params))
    drafted = learnt_histograms(held, draft, params)
    after = read_worths(drafted, learnt_maturity(held, draft, params), params)

    second = [(part, _weigh(part, after, characters, params, relative=True)) for part in slices]
    scores = _score(second, after, characters, ratings, roster.rows, drafted, params)
    taught = (_final_lessons(part, weighed, scores.verdict, params) for part, weighed in second)  # a slice at a time
    learn(raters, roster, held, characters, taught, params)
    return scores


def _weigh(
    part: Slice, worths: Worths, characters: Characters, params: AggregationParams, *, relative: bool
) -> _Weighed:
    voice = (worths.maturity * characters.fairness >> 16).take(part.rater)
    voice *= part.heard
    voice >>= 16
    voice *= part.votes
    if relative:
        loudest = np.maximum.reduce(voice, axis=0)
        voice <<= 16
        voice //= np.maximum(1, loudest)
    rises = worths.evidence[part.nobody :] - worths.evidence[: -part.nobody]  # from each bin to the next
    evidence = rises.take(part.low)
    evidence *= part.above_bp
    evidence //= BIN_BP
    evidence += worths.evidence.take(part.low)
    contributed = voice * evidence
    contributed >>= 16
    return _Weighed(params.prior_bits + np.add.reduce(contributed, axis=0), evidence, voice, contributed)


def _heads(weighed: _Weighed, params: AggregationParams) -> Ints:
    """[k, c] What the others say, each bounded (R25)."""
    taught = clamp(weighed.contributed, -params.teaching_bits_max, params.teaching_bits_max)
    heads: Ints = params.prior_bits + np.add.reduce(taught, axis=0) - taught
    return heads


def _final_lessons(part: Slice, weighed: _Weighed, verdict: Ints, params: AggregationParams) -> tuple[Lessons, Ints]:
    """Of the second pass, without the candidates that are carried over; and the targets."""
    waiting = verdict.take(part.candidates) == REVIEW
    lessons = lessons_of(part, _heads(weighed, params), waiting, params)
    return lessons, targets_of(part, weighed.bits - weighed.contributed, params)


def _score(
    weighed_slices: list[tuple[Slice, _Weighed]],
    worths: Worths,
    characters: Characters,
    ratings: RatingColumns,
    rows: Ints,
    drafted: Ints,
    params: AggregationParams,
) -> ScoreColumns:
    candidates = len(ratings.generator)
    bits = np.full(candidates, params.prior_bits)
    quality, spread, counted = np.zeros((3, candidates), dtype=np.int64)
    criteria = np.zeros((4, candidates), dtype=np.int64)
    for part, weighed in weighed_slices:
        here = part.candidates
        bits[here] = weighed.bits
        quality[here] = _quality_bp(part, weighed, worths, characters, params)
        criteria[:, here] = criteria_bp(part, weighed.voice * worths.information.take(part.rater) >> 16)
        spread[here] = spread_bp(part)
        counted[here] = np.add.reduce(part.votes, axis=0)
    cut = cut_bits(ratings, params)
    score = score_bp(bits, cut, quality, params)
    return ScoreColumns(
        evidence_bits=bits,
        cut_bits=cut,
        quality_bp=quality,
        score_bp=score,
        verdict=verdicts(score, ratings),
        criteria_bp=criteria,
        spread_bp=spread,
        counted=counted,
        rows=rows,
        drafted=drafted,
        ratings=len(ratings.rater),
        _weighed=tuple(weighed_slices),
    )


def _quality_bp(
    part: Slice, weighed: _Weighed, worths: Worths, characters: Characters, params: AggregationParams
) -> Ints:
    """[c] `reference._quality_bp`."""
    weight = np.minimum(ONE, (weighed.voice << 16) // params.fairness_voice_min)
    weight *= worths.information.take(part.rater)
    weight >>= 16
    weight *= characters.precision.take(part.rater)
    weight >>= 16
    unbiased = part.composite_bp - characters.bias_bp.take(part.rater)
    return winsorised_mean(part, unbiased, weight, params.winsor_bp)
