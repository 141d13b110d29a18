"""Logarithms, beliefs and decay in Q16, from integers alone.

Two nodes must compute the same bits on any processor, so nothing here ever was a float: the tables come from integer
square roots and squarings with 60 bits behind the point. They are fine enough to be read without interpolation, and
what they round off is the same everywhere.
"""

from __future__ import annotations

from functools import cache
from math import isqrt

from consensus.rater_tables import ONE

_FINE = 60
"""Bits behind the point while tables are made."""

LOG2_INDEX_BITS = 12
"""Bits after the leading one that choose a table entry: the error of a logarithm is below 0.0004 bits."""

BELIEF_BITS_MAX = 16
"""Beliefs beyond this much evidence are all the same."""

BELIEF_STEP_BITS = 6
"""A table step is 2^6 units of Q16, 1/1024 of a bit: the error of a belief is below 0.0002."""

_STEPS = ONE >> BELIEF_STEP_BITS


def _logarithm(value: int) -> int:
    """log2 in Q16, rounded down, of `value` in [1, 2) with 60 bits behind the point, digit by digit."""
    bits = 0
    for _ in range(16):
        value = value * value >> _FINE
        bits <<= 1
        if value >> (_FINE + 1):  # squared, it passed two: the next binary digit of the logarithm is a one
            value >>= 1
            bits |= 1
    return bits


LOG2_TABLE = tuple(
    _logarithm((1 << _FINE) + (index << _FINE - LOG2_INDEX_BITS)) for index in range(1 << LOG2_INDEX_BITS)
)
"""log2(1 + i / 4096) in Q16, rounded down."""


def log2(value: int) -> int:
    """log2 of a positive integer, Q16.

    Raises:
        ValueError: `value` is not positive.
    """
    if value <= 0:
        raise ValueError(f"log2 of {value}")
    whole = value.bit_length() - 1
    return (whole << 16) + LOG2_TABLE[((value << LOG2_INDEX_BITS) >> whole) - (1 << LOG2_INDEX_BITS)]


def _powers_of_two() -> list[int]:
    """2^(i / 1024) for i = 0..1023, 60 bits behind the point: products of repeated square roots of two."""
    roots = []
    root = 2 << _FINE
    for _ in range(_STEPS.bit_length() - 1):
        root = isqrt(root << _FINE)  # 2^(1/2), 2^(1/4), .. 2^(1/1024)
        roots.append(root)
    powers = [1 << _FINE]
    for root in reversed(roots):  # each root is worth twice the exponent of the one before: one more bit of i
        powers += [power * root >> _FINE for power in powers]
    return powers


def _beliefs() -> tuple[int, ...]:
    """1 / (1 + 2^-x) in Q16, rounded, for x = 0, 1/1024, .. 16 bits."""
    beliefs = []
    powers = _powers_of_two()
    for step in range(BELIEF_BITS_MAX * _STEPS + 1):
        odds = powers[step % _STEPS] << step // _STEPS  # 2^x
        total = odds + (1 << _FINE)
        beliefs.append((2 * (odds << 16) + total) // (2 * total))
    return tuple(beliefs)


BELIEF_TABLE = _beliefs()


def belief(bits: int) -> int:
    """The probability, Q16, that `bits` (Q16, any sign) of evidence in favour stand for.

    Symmetric to the last bit: `belief(x) + belief(-x)` is exactly one.
    """
    value = BELIEF_TABLE[min(abs(bits), BELIEF_BITS_MAX << 16) >> BELIEF_STEP_BITS]
    return value if bits >= 0 else ONE - value


@cache
def decay_table(factor: int) -> tuple[int, ...]:
    """`factor`^n in Q16 for n = 0, 1, .. until it is zero; computed with 60 bits and rounded down.

    Args:
        factor: Forgetting factor in Q16, from 0 up to but not including one.

    Raises:
        ValueError: `factor` is outside that range, so that the powers never end.
    """
    if not 0 <= factor < ONE:
        raise ValueError(f"a forgetting factor of {factor} / {ONE} does not forget")
    powers = [ONE]
    fine = 1 << _FINE
    while powers[-1]:
        fine = fine * factor >> 16
        powers.append(fine >> _FINE - 16)
    return tuple(powers)


def decay(factor: int, count: int) -> int:
    """`factor`^`count` in Q16."""
    powers = decay_table(factor)
    return powers[min(count, len(powers) - 1)]
