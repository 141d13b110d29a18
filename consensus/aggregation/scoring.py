"""From evidence to a score, and from the score to a verdict (R24, R28, R29)."""

from __future__ import annotations

from collections.abc import Sequence

from consensus.aggregation.values import RatedCandidate, Verdict
from consensus.params import AggregationParams
from consensus.types import Scores


def composite_bp(scores: Scores, params: AggregationParams) -> int:
    """The weighted mean of the criteria, rounded down (R20)."""
    return sum(weight * score for weight, score in zip(params.criterion_weights_bp, scores, strict=True)) // 10_000


def cut_bits(candidate: RatedCandidate, params: AggregationParams) -> int:
    """The evidence at which a candidate scores exactly `score_at_cut_bp`, Q16 (R24).

    More is wanted while fresh raters could still be asked: to accept wrongly is final, to ask costs K ratings.
    """
    cut = params.cut_base_bits + params.cut_per_rater_bits * candidate.raters
    may_wait = candidate.reviewable and candidate.probe is None and candidate.review_bp < candidate.accept_bp
    return cut + params.cut_reviewable_bits if may_wait else cut


def score_bp(bits: int, cut: int, quality: int, params: AggregationParams) -> int:
    """The score, 0..10000, continuous and never falling in the evidence, `score_at_cut_bp` at the cut itself.

    Up to the cut it is linear in the evidence alone. Above it, evidence saturates: it says that a candidate is good,
    hardly how good. So there the larger part comes from the quality, and scores order the candidates of a task.

    Args:
        bits: Evidence, Q16.
        cut: Q16.
        quality: What unbiased raters would have given, basis points.
        params: The preset's numbers.
    """
    distance = bits - cut
    if distance <= 0:
        return max(0, params.score_at_cut_bp + (params.below_cut_bp_per_bit * distance >> 16))
    near = min(distance, params.above_cut_bits)
    sure_bp = params.above_cut_bp_per_bit * near + params.far_above_bp_per_bit * (distance - near) >> 16
    fine_bp = params.quality_share * max(0, quality - params.quality_from_bp) >> 16
    ramp = min(distance, params.quality_ramp_bits)
    above_bp = (min(sure_bp, params.far_above_bp_max) + fine_bp) * ramp // params.quality_ramp_bits
    return min(10_000, params.score_at_cut_bp + above_bp)


def verdict_of(score: int, candidate: RatedCandidate) -> Verdict:
    """What the score means (R28). At the threshold itself a candidate has not passed it."""
    if candidate.probe is not None:
        return Verdict.PROBE
    if score > candidate.accept_bp:
        return Verdict.ACCEPT
    if candidate.reviewable and score > candidate.review_bp:
        return Verdict.REVIEW
    return Verdict.REJECT


def winsorised_mean(values: Sequence[int], weights: Sequence[int], reach: int) -> int:
    """Weighted mean of `values`, each drawn to within `reach` of their lower weighted median, rounded down.

    Equal weights stand in when all weights are zero; no values give 0.
    """
    if not values:
        return 0
    total = sum(weights)
    if total == 0:
        weights, total = [1] * len(values), len(values)
    passed = 0
    median = 0
    for value, weight in sorted(zip(values, weights, strict=True)):
        passed += weight
        median = value
        if 2 * passed >= total:
            break
    drawn = (max(median - reach, min(median + reach, value)) for value in values)
    return sum(value * weight for value, weight in zip(drawn, weights, strict=True)) // total
