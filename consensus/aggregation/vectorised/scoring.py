"""`aggregation.scoring` in columns: from evidence and ratings to scores (R24, R28, R29)."""

from __future__ import annotations

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

_VALUE_BITS = 17
"""Scores less biases, moved up by `_VALUE_OFFSET`, are below 2^17."""

_VALUE_OFFSET = 1 << 16


def cut_bits(ratings: RatingColumns, candidates: slice, params: AggregationParams) -> Ints:
    """`scoring.cut_bits`, for some of a round's candidates."""
    asks = ratings.review_bp[candidates] < ratings.accept_bp[candidates]
    may_wait = ratings.reviewable[candidates] & (ratings.probe[candidates] < 0) & asks
    cut = params.cut_base_bits + params.cut_per_rater_bits * ratings.raters[candidates]
    return cut + params.cut_reviewable_bits * may_wait


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
    """`scoring.winsorised_mean` of each candidate's ratings that count.

    Candidate, value and weight are packed into one integer each, so that one plain sort orders the ratings of every
    candidate by value. Those that do not count weigh nothing there.
    """
    quality = np.zeros(len(part.sizes), dtype=np.int64)
    if not len(part.filled):
        return quality
    starts, sizes = part.starts, part.sizes[part.filled]
    weight, total = _weights(part, weights)
    packed = np.arange(len(sizes)).repeat(sizes)
    packed <<= _VALUE_BITS
    packed += values
    packed += _VALUE_OFFSET
    packed <<= _WEIGHT_BITS
    packed |= weight
    packed.sort()
    weight = packed & (1 << _WEIGHT_BITS) - 1
    packed >>= _WEIGHT_BITS
    packed &= (1 << _VALUE_BITS) - 1
    value = packed
    value -= _VALUE_OFFSET

    passed = weight.cumsum()
    middle = 2 * (passed[starts] - weight[starts]) + total  # of each candidate, twice, as far as all before it go
    passed <<= 1
    before = np.add.reduceat((passed < middle.repeat(sizes)).astype(np.int64), starts)
    median = value[starts + before].repeat(sizes)
    drawn = clamp(value, median - reach, median + reach)
    drawn *= weight
    quality[part.filled] = np.add.reduceat(drawn, starts) // np.maximum(1, total)
    return quality


def _weights(part: Slice, weights: Ints) -> tuple[Ints, Ints]:
    """[m] Weights of the ratings that count, 1 where all of a candidate's are zero, and [filled c] their sums."""
    weight = weights * part.votes
    total = np.add.reduceat(weight, part.starts)
    if not total.all():
        silent = (total == 0).repeat(part.sizes[part.filled])
        weight = np.where(silent, part.votes, weight)
        total = np.add.reduceat(weight, part.starts)
    return weight, total


def criteria_bp(part: Slice, weights: Ints) -> Ints:
    """[c, 4] Weighted mean per criterion of the ratings that count."""
    means = np.zeros((len(part.sizes), 4), dtype=np.int64)
    if len(part.filled):
        weight, total = _weights(part, weights)
        total = np.maximum(1, total)
        for criterion, scores in enumerate(part.criteria_bp):
            means[part.filled, criterion] = np.add.reduceat(scores * weight, part.starts) // total
    return means


def spread_bp(part: Slice) -> Ints:
    """[c] Largest minus smallest composite of the ratings that count; 0 without any."""
    largest = part.largest(part.composite_bp * part.votes)
    room = part.largest((10_000 - part.composite_bp) * part.votes)
    return np.where(part.votes_of > 0, largest + room - 10_000, 0)
