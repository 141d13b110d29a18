"""A round in columns: equal to `reference.aggregate` bit for bit, and some fifty times as fast.

Every step has its counterpart there, where the rules are explained. What is added is only the layout: per-rater work is
done for the raters of this round alone, per-rating work in slices that fit a processor's cache. All columns are int64;
sums of integers do not depend on their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from consensus.aggregation.reading import BIN_BP
from consensus.aggregation.vectorised.columns import Ints, RaterColumns, RatingColumns, clamp
from consensus.aggregation.vectorised.learning import (
    Lessons,
    LessonSums,
    Memories,
    learn,
    learnt_histograms,
    learnt_maturity,
    lessons_of,
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
    """[C, 4]"""
    spread_bp: Ints
    counted: Ints
    """[C] Ratings that counted."""
    rating_counted: Ints
    """[M] Position in `columns.COUNTED_CODES`."""
    rating_bits: Ints
    """[M] Evidence of the rating before its voice."""
    rating_voice: Ints
    rating_contributed: Ints
    rows: Ints
    """[A] Rows of those who rated."""
    drafted: Ints
    """[4, BINS, A] Their histograms as the second pass read them."""


@dataclass(frozen=True, slots=True)
class _Weighed:
    """The evidence of a slice."""

    bits: Ints
    """[c]"""
    evidence: Ints
    """[m] Before the voice."""
    voice: Ints
    contributed: Ints


def aggregate_columns(raters: RaterColumns, ratings: RatingColumns, params: AggregationParams) -> ScoreColumns:
    """Score a round's candidates, and teach the raters' columns in place (R20 to R29)."""
    nodes = len(raters.nodes)
    rows = np.flatnonzero(np.bincount(ratings.rater, minlength=nodes))
    position = np.zeros(nodes, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    characters = read_characters(raters, rows, params)
    slices = list(cut_slices(ratings, position, characters, params))

    held = Memories.of(raters, rows)
    before = read_worths(held.histograms, held.maturity, params)
    draft = LessonSums(len(rows))
    for part in slices:
        weighed = _weigh(part, before, characters, params, relative=False)
        draft.add(_lessons(part, weighed, params))
    drafted = learnt_histograms(held, draft, params)
    after = read_worths(drafted, learnt_maturity(held, draft, params), params)

    scores = _empty_scores(ratings, rows, drafted)
    second = [_weigh(part, after, characters, params, relative=True) for part in slices]
    for part, weighed in zip(slices, second, strict=True):
        _score(scores, part, weighed, after, characters, ratings, params)
    scores.verdict[:] = verdicts(scores.score_bp, ratings)
    learn(raters, rows, held, _final_lessons(slices, second, scores, params), params)
    return scores


def _weigh(
    part: Slice, worths: Worths, characters: Characters, params: AggregationParams, *, relative: bool
) -> _Weighed:
    full = worths.maturity * characters.fairness >> 16
    voice = full[part.rater] * part.votes
    if relative:
        loudest = np.maximum(1, part.largest(voice))
        voice <<= 16
        voice //= part.per_rating(loudest)
    rises = worths.evidence[len(full) :] - worths.evidence[: -len(full)]  # from each bin to the next
    evidence = rises[part.low]
    evidence *= part.above_bp
    evidence //= BIN_BP
    evidence += worths.evidence[part.low]
    contributed = voice * evidence
    contributed >>= 16
    return _Weighed(params.prior_bits + part.per_candidate(contributed), evidence, voice, contributed)


def _lessons(part: Slice, weighed: _Weighed, params: AggregationParams, verdict: Ints | None = None) -> Lessons:
    taught = clamp(weighed.contributed, -params.teaching_bits_max, params.teaching_bits_max)
    heads = part.per_rating(params.prior_bits + part.per_candidate(taught))
    heads -= taught
    voices = part.per_rating(weighed.bits)
    voices -= weighed.contributed
    now = None if verdict is None else verdict[part.candidates] != REVIEW
    return lessons_of(part, heads, voices, now, params)


def _final_lessons(
    slices: list[Slice],
    second: list[_Weighed],
    scores: ScoreColumns,
    params: AggregationParams,
) -> Iterator[Lessons]:
    """Of the second pass, without the candidates that are carried over."""
    for part, weighed in zip(slices, second, strict=True):
        yield _lessons(part, weighed, params, scores.verdict)


def _score(
    scores: ScoreColumns,
    part: Slice,
    weighed: _Weighed,
    worths: Worths,
    characters: Characters,
    ratings: RatingColumns,
    params: AggregationParams,
) -> None:
    """Fill in the slice's rows of `scores`, but for the verdicts."""
    value = part.composite_bp - characters.bias_bp[part.rater]
    whole = np.minimum(ONE, (weighed.voice << 16) // params.fairness_voice_min)
    information = worths.information[part.rater]
    weight = weighed.voice * information >> 16
    precise = (whole * information >> 16) * characters.precision[part.rater] >> 16
    here = part.candidates
    cut = cut_bits(ratings, here, params)
    quality = winsorised_mean(part, value, precise, params.winsor_bp)
    scores.evidence_bits[here] = weighed.bits
    scores.cut_bits[here] = cut
    scores.quality_bp[here] = quality
    scores.score_bp[here] = score_bp(weighed.bits, cut, quality, params)
    scores.criteria_bp[here] = criteria_bp(part, weight)
    scores.spread_bp[here] = spread_bp(part)
    scores.counted[here] = part.votes_of
    scores.rating_counted[part.ratings] = part.counted
    scores.rating_bits[part.ratings] = weighed.evidence
    scores.rating_voice[part.ratings] = weighed.voice
    scores.rating_contributed[part.ratings] = weighed.contributed


def _empty_scores(ratings: RatingColumns, rows: Ints, drafted: Ints) -> ScoreColumns:
    candidates, given = len(ratings.generator), len(ratings.rater)

    def column(rows: int) -> Ints:
        return np.zeros(rows, dtype=np.int64)

    return ScoreColumns(
        evidence_bits=column(candidates),
        cut_bits=column(candidates),
        quality_bp=column(candidates),
        score_bp=column(candidates),
        verdict=column(candidates),
        criteria_bp=np.zeros((candidates, 4), dtype=np.int64),
        spread_bp=column(candidates),
        counted=column(candidates),
        rating_counted=column(given),
        rating_bits=column(given),
        rating_voice=column(given),
        rating_contributed=column(given),
        rows=rows,
        drafted=drafted,
    )
