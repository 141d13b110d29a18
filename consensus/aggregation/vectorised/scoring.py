"""`aggregation.scoring` in columns: from evidence and ratings to scores (R24, R28, R29)."""

from __future__ import annotations

import numpy as np

from consensus.aggregation.values import Verdict
from consensus.aggregation.vectorised.columns import Bools, Ints, RatingColumns, clamp
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


def winsorised_mean(part: Slice, votes: Bools, values: Ints, weights: Ints, reach: int) -> Ints:
    """`scoring.winsorised_mean` of each candidate's ratings in `votes`.

    Candidate, value and weight are packed into one integer each, so that one plain sort orders the ratings of every
    candidate by value.
    """
    quality = np.zeros(len(part.sizes), dtype=np.int64)
    votes_of = part.per_candidate(votes.astype(np.int64))
    filled = np.flatnonzero(votes_of)
    if not len(filled):
        return quality
    sizes = votes_of[filled]
    starts = np.cumsum(sizes) - sizes
    silent = np.repeat(np.add.reduceat(weights[votes], starts) == 0, sizes)
    weight = np.where(silent, 1, weights[votes])
    value = values[votes]
    owner = np.repeat(np.arange(len(filled)), sizes)
    packed = (owner << _VALUE_BITS | value + _VALUE_OFFSET) << _WEIGHT_BITS | weight
    packed.sort()
    weight = packed & (1 << _WEIGHT_BITS) - 1
    value = (packed >> _WEIGHT_BITS & (1 << _VALUE_BITS) - 1) - _VALUE_OFFSET

    passed = np.cumsum(weight)
    total = np.add.reduceat(weight, starts)
    passed -= np.repeat(passed[starts] - weight[starts], sizes)
    before = np.add.reduceat((2 * passed < np.repeat(total, sizes)).astype(np.int64), starts)
    median = np.repeat(value[starts + before], sizes)
    drawn = clamp(value, median - reach, median + reach)
    quality[filled] = np.add.reduceat(drawn * weight, starts) // total
    return quality


def criteria_bp(part: Slice, votes: Bools, scores: Ints, weights: Ints) -> Ints:
    """[c, 4] Weighted mean per criterion of the ratings in `votes`."""
    weight = np.where(votes, weights, 0)
    silent = part.per_candidate(weight) == 0
    if silent.any():
        weight = np.where(votes & part.per_rating(silent), 1, weight)
    means = np.zeros((len(part.sizes), 4), dtype=np.int64)
    if len(part.filled):
        sums = np.add.reduceat(scores * weight[:, None], part.starts, axis=0)
        total = np.maximum(1, np.add.reduceat(weight, part.starts))
        means[part.filled] = sums // total[:, None]
    return means


def spread_bp(part: Slice, votes: Bools) -> Ints:
    """[c] Largest minus smallest composite of the ratings in `votes`; 0 without any."""
    largest = part.largest(np.where(votes, part.composite_bp, 0))
    room = part.largest(np.where(votes, 10_000 - part.composite_bp, 0))
    counted = part.per_candidate(votes.astype(np.int64)) > 0
    return np.where(counted, largest + room - 10_000, 0)
