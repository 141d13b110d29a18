"""`aggregation.reading` and `rater_tables` in columns: what the raters of a round are worth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from consensus.aggregation.fixed_point import LOG2_INDEX_BITS, LOG2_TABLE
from consensus.aggregation.vectorised.columns import Ints, RaterColumns, Roster, clamp
from consensus.params import AggregationParams
from consensus.rater_tables import BINS, ONE, prior_counts

_LOG2 = np.array(LOG2_TABLE, dtype=np.int64) - (np.arange(len(LOG2_TABLE)) << 16 - LOG2_INDEX_BITS) - (1023 << 16)
"""What is to be added to a float's exponent and the index behind it, Q16."""


@dataclass(frozen=True, slots=True)
class Worths:
    """`reading.Worth`, a row per rater of the round."""

    evidence: Ints
    """[BINS * A] Bin after bin."""
    information: Ints
    maturity: Ints


@dataclass(frozen=True, slots=True)
class Characters:
    """`reading.Character`, a row per rater of the round."""

    bias: Ints
    """Q16; likewise"""
    error: Ints
    """the mean squared error that it does not explain."""
    bias_bp: Ints
    precision: Ints
    fairness: Ints
    heard: Ints
    """[DRAWERS * A] Drawer after drawer."""
    favoured: Ints
    """Keys, row * N + generator."""


def log2(values: Ints) -> Ints:
    """`fixed_point.log2` of positive integers below 2^53.

    A float holds such an integer exactly, as a power of two and a fraction, so its bits are read instead of searching
    for the highest one. Nothing is ever computed in floating point.
    """
    bits = values.astype(np.float64).view(np.int64)
    bits >>= 52 - LOG2_INDEX_BITS
    logs: Ints = _LOG2.take(bits & (1 << LOG2_INDEX_BITS) - 1)
    bits <<= 16 - LOG2_INDEX_BITS
    logs += bits
    return logs


def read_worths(histograms: Ints, maturity: Ints, params: AggregationParams) -> Worths:
    """R21 for [4, BINS, A] histograms and their raters' maturity counters."""
    raters = histograms.shape[-1]
    counts = np.empty((2, 2, BINS + 1, raters), dtype=np.int64)  # memory, class, bins and their total, rater
    of_bins = counts[:, :, :BINS]
    prior = _prior(params.prior_bad_per_myriad, params.prior_good_per_myriad, params.prior_count)
    np.add(histograms.reshape(2, 2, BINS, raters), prior, out=of_bins)
    np.add.reduce(of_bins, axis=2, out=counts[:, :, BINS])
    logs = log2(counts)
    differences = logs[:, 1] - logs[:, 0]
    evidence = differences[:, :BINS] - differences[:, BINS:]
    np.maximum(evidence, -params.clip_bits, out=evidence)
    np.minimum(evidence, params.clip_bits, out=evidence)

    shares = of_bins * ((1 << 62) // counts[:, :, BINS:])
    shares >>= 46
    bad, good = shares[:, 0], shares[:, 1]
    below = np.add.accumulate(bad, axis=1)
    below *= 2
    below -= bad
    double_area = np.add.reduce(good * below, axis=1) >> 16
    information = np.add.reduce((good - bad) * evidence, axis=1) >> 16
    tells = (double_area > ONE) & (information > params.informative_bits_min)
    if not tells.all():
        evidence *= tells[:, None]
        information *= tells

    slow, fast = evidence
    weaker = np.maximum(np.minimum(slow, fast), np.minimum(0, np.maximum(slow, fast)))  # the middle one of both and 0
    return Worths(
        evidence=weaker.ravel(),
        information=np.minimum(*information),
        maturity=np.minimum(ONE, (maturity << 16) // params.maturity_full),
    )


@cache
def _prior(bad_per_myriad: tuple[int, ...], good_per_myriad: tuple[int, ...], count: int) -> Ints:
    """Pseudo-counts as [class, bin, 1]."""
    counts = [prior_counts(shares, count) for shares in (bad_per_myriad, good_per_myriad)]
    return np.array(counts, dtype=np.int64)[:, :, None]


def read_characters(raters: RaterColumns, roster: Roster, params: AggregationParams) -> Characters:
    """R22 and R23 for a round's raters, before the round."""
    squared_error, error_weight, excess, excess_count = roster.take(raters.sums)
    mean = clamp((excess << 16) // np.maximum(1, excess_count), -ONE, ONE)
    bias = np.where(excess_count > 0, mean, 0)
    known = (squared_error << 16) // np.maximum(1, error_weight)
    error = np.where(error_weight > 0, np.maximum(0, known - (bias * bias >> 16)), params.error_unknown)
    heard = params.doubt_mute - roster.take(raters.doubts)
    np.maximum(heard, 0, out=heard)
    heard <<= 16
    heard //= params.doubt_mute
    fairness, favoured = _read_favours(raters, roster, bias, params)
    return Characters(
        bias=bias,
        error=error,
        bias_bp=bias * 10_000 >> 16,
        precision=(params.error_floor << 16) // (params.error_floor + error),
        fairness=np.maximum(params.fairness_voice_min, fairness),
        heard=heard.ravel(),
        favoured=favoured,
    )


def _read_favours(raters: RaterColumns, roster: Roster, bias: Ints, params: AggregationParams) -> tuple[Ints, Ints]:
    """Fairness of each rater, and the keys of the pairs that do not count."""
    count = roster.take(raters.pair_count, axis=0)
    shown = bias[:, None] * count
    shown >>= 16
    excess = roster.take(raters.pair_excess, axis=0) - shown
    excess <<= 16
    largest = (excess // (count + params.favour_prior)).max(axis=1)
    fairness = clamp((params.favour_worst - largest << 16) // params.favour_span, 0, ONE)
    # A quotient, rounded down, is above the bound if it reaches the next integer: no division is needed to know.
    # A free place, of no excess and no count, is below.
    excess -= (params.favour_excess_max + 1) * (count + params.favour_doubt)
    place = (excess >= 0).ravel().nonzero()[0]
    generator = roster.take(raters.pair_generator, axis=0).ravel().take(place)
    return fairness, place // excess.shape[1] * len(raters.nodes) + generator
