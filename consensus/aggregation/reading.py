"""What a rater's scores are worth: evidence per bin, and the voice that scales it (R21, R22, R23).

The table holds what the rater's scores were followed by. Reading it gives, per bin, the evidence in bits that a score
in this bin is for a good candidate. Between the middles of two bins the evidence is interpolated, so that two scores
a hair apart never differ by a bit.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.aggregation.fixed_point import log2
from consensus.params import AggregationParams
from consensus.rater_tables import (
    BINS,
    ONE,
    Memory,
    bias,
    fairness,
    favoured,
    heard,
    maturity,
    memories,
    unexplained_error,
)
from consensus.types import DRAWERS, NodeId, RaterTable

BIN_BP = 10_000 // BINS

MUTE = (0,) * BINS


@dataclass(frozen=True, slots=True)
class Worth:
    """What a table's histograms say, Q16."""

    evidence: tuple[int, ...]
    """Bits at the middle of each bin; all zero for a muted rater."""
    information: int
    """Bits by which one rating tells good from bad on average, of the weaker memory; 0 for a muted rater."""
    maturity: int
    """0..1."""


@dataclass(frozen=True, slots=True)
class Character:
    """How a rater treats generators and categories: read once, before the round."""

    bias_bp: int
    """Mean of its scores over their targets, basis points."""
    precision: int
    """How much nearer than others its scores, less its bias, come to their targets, Q16, 0..1; only proportions
    matter."""
    fairness: int
    """Factor on its voice, from `fairness_voice_min` to 1,"""
    heard: tuple[int, ...]
    """and another per drawer of categories, 0..1."""
    favoured: frozenset[NodeId]
    """Generators for whom its ratings do not count."""


def read_worth(table: RaterTable, params: AggregationParams) -> Worth:
    """R21: of the slow and the fast memory the weaker evidence."""
    slow_memory, fast_memory = memories(table, params)
    slow, slow_information = _evidence(slow_memory, params)
    fast, fast_information = _evidence(fast_memory, params)
    return Worth(
        evidence=tuple(map(_weaker, slow, fast)),
        information=min(slow_information, fast_information),
        maturity=maturity(table, params),
    )


def read_character(table: RaterTable, params: AggregationParams) -> Character:
    """R22, R23: whom the rater favours, where it is in doubt, and what that leaves of its voice."""
    error = unexplained_error(table)
    if error is None:
        error = params.error_unknown
    return Character(
        bias_bp=bias(table) * 10_000 >> 16,
        precision=(params.error_floor << 16) // (params.error_floor + error),
        heard=tuple(heard(table, drawer, params) for drawer in range(DRAWERS)),
        fairness=max(params.fairness_voice_min, fairness(table, params)),
        favoured=favoured(table, params),
    )


def evidence_at(evidence: tuple[int, ...], composite_bp: int) -> int:
    """Evidence for one score, interpolated between the middles of the bins and flat beyond the outermost ones."""
    place = max(0, min((BINS - 1) * BIN_BP, composite_bp - BIN_BP // 2))
    low = min(BINS - 2, place // BIN_BP)
    return evidence[low] + (evidence[low + 1] - evidence[low]) * (place - low * BIN_BP) // BIN_BP


def _weaker(slow: int, fast: int) -> int:
    """The smaller of two pieces of evidence of the same sign; nothing when the memories contradict each other."""
    if slow > 0 and fast > 0:
        return min(slow, fast)
    if slow < 0 and fast < 0:
        return max(slow, fast)
    return 0


def _evidence(memory: Memory, params: AggregationParams) -> tuple[tuple[int, ...], int]:
    """Evidence per bin and expected information; mute when this memory does not tell good from bad.

    A reversed rater is muted, never inverted: whoever is believed in reverse can choose when to turn.
    """
    shift = log2(memory.bad_total) - log2(memory.good_total)
    clip = params.clip_bits
    evidence = tuple(
        max(-clip, min(clip, log2(good) - log2(bad) + shift)) for bad, good in zip(memory.bad, memory.good, strict=True)
    )
    shares = zip(*memory.shares(), strict=True)
    information = sum((good - bad) * bits for (bad, good), bits in zip(shares, evidence, strict=True)) >> 16
    if memory.double_area() <= ONE or information <= params.informative_bits_min:
        return MUTE, 0
    return evidence, information
