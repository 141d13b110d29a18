"""`aggregation.scoring` in columns: from evidence and ratings to scores (R24, R28, R29)."""

from __future__ import annotations

import itertools

import numpy as np

from consensus.aggregation.values import Verdict
from consensus.aggregation.vectorised.columns import Ints, RatingColumns, clamp
from consensus.aggregation.vectorised.slices import Slice
from consensus.params import AggregationParams

VERDICT_CODES = tuple(Verdict)
"""A verdict's code is its position in this tuple."""

ACCEPT, REVIEW, REJECT, PROBE = (
    VERDICT_CODES.index(verdict) for verdict in (Verdict.ACCEPT, Verdict.REVIEW, Verdict.REJECT, Verdict.PROBE)
)

_WEIGHT_BITS = 20
"""A rater's weight is below 2^20: a voice of at most 1, at most 2 * clip bits of information, a precision below 1."""


def cut_bits(ratings: RatingColumns, params: AggregationParams) -> Ints:
    """`scoring.cut_bits`, for all candidates of a round."""
    may_wait = ratings.reviewable & (ratings.probe < 0)
    may_wait &= ratings.review_bp < ratings.accept_bp
    cut = params.cut_per_rater_bits * ratings.raters
    cut += params.cut_base_bits
    cut += params.cut_reviewable_bits * may_wait
    return cut


def score_bp(bits: Ints, cut: Ints, quality: Ints, params: AggregationParams) -> Ints:
    """`scoring.score_bp`."""
    distance = bits - cut
    up = np.maximum(0, distance)
    near = np.minimum(up, params.above_cut_bits)
    sure_bp = params.above_cut_bp_per_bit * near + params.far_above_bp_per_bit * (up - near) >> 16
    fine_bp = params.quality_share * np.maximum(0, quality - params.quality_from_bp) >> 16
    ramp = np.minimum(up, params.quality_ramp_bits)
    above_bp = (np.minimum(sure_bp, params.far_above_bp_max) + fine_bp) * ramp // params.quality_ramp_bits
    below_bp = params.below_cut_bp_per_bit * np.minimum(0, distance) >> 16
    scores: Ints = clamp(params.score_at_cut_bp + below_bp + above_bp, 0, 10_000)
    return scores


def verdicts(score: Ints, ratings: RatingColumns) -> Ints:
    """`scoring.verdict_of`, for all candidates of a round."""
    below = np.where(ratings.reviewable & (score > ratings.review_bp), REVIEW, REJECT)
    return np.where(ratings.probe >= 0, PROBE, np.where(score > ratings.accept_bp, ACCEPT, below))


def winsorised_mean(part: Slice, values: Ints, weights: Ints, reach: int) -> Ints:
    """`scoring.winsorised_mean` of each candidate's ratings; those that do not count weigh nothing.

    Value and weight are packed into one integer each, so that one plain sort orders a candidate's ratings by value.
    """
    weight, total = _weights(part, weights)
    packed = values << _WEIGHT_BITS
    packed |= weight
    packed.sort(axis=0)
    weight = packed & (1 << _WEIGHT_BITS) - 1
    packed >>= _WEIGHT_BITS
    value = packed
    passed = 2 * weight
    for so_far, row in itertools.pairwise(passed):  # row by row: NumPy would sum up every column by itself
        np.add(so_far, row, out=row)
    median = np.minimum.reduce(np.where(passed >= total, value, value[-1]), axis=0)
    drawn = clamp(value, median - reach, median + reach)
    drawn *= weight
    mean: Ints = np.add.reduce(drawn, axis=0) // np.maximum(1, total)
    return mean


def _weights(part: Slice, weights: Ints) -> tuple[Ints, Ints]:
    """[k, c] Weights, 1 where all of a candidate's are zero, and [c] their sums; changed in place."""
    total = np.add.reduce(weights, axis=0)
    if not total.all():
        silent = (total == 0).nonzero()[0]
        weights[:, silent] = part.votes[:, silent]
        total[silent] = np.add.reduce(weights[:, silent], axis=0)
    return weights, total


def criteria_bp(part: Slice, weights: Ints) -> Ints:
    """[4, c] Weighted mean per criterion of the ratings that count."""
    weight, total = _weights(part, weights)
    means: Ints = np.add.reduce(part.scores_bp * weight, axis=1) // np.maximum(1, total)
    return means


def spread_bp(part: Slice) -> Ints:
    """[c] Largest minus smallest composite of the ratings that count; 0 without any."""
    largest = np.maximum.reduce(part.composite_bp * part.votes, axis=0)
    room = np.maximum.reduce((10_000 - part.composite_bp) * part.votes, axis=0)
    spread: Ints = np.maximum(0, largest + room - 10_000)
    return spread
