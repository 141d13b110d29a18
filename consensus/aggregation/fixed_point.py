"""Logarithms, powers and beliefs in Q16, from integers alone.

Two nodes must compute the same bits on any processor, so nothing here ever was a float: the tables come from integer
square roots, with 60 bits behind the point, and are then rounded down to what is needed. Between entries they are
interpolated linearly; the error stays below 4 units of Q16, far below what any score can resolve, and it is the same
error everywhere.
"""

from __future__ import annotations

from functools import cache
from math import isqrt

from consensus.rater_tables import ONE

_STEPS = 256
"""Table entries per unit."""

_FINE = 60
"""Bits behind the point while tables are made."""

BELIEF_BITS_MAX = 16
"""Beliefs beyond this many bits of evidence are all the same in Q16."""


def _powers() -> tuple[int, ...]:
    """2^(i / 256) for i = 0..256, 60 bits behind the point: products of repeated square roots of two."""
    roots = []
    root = 2 << _FINE
    for _ in range(_STEPS.bit_length() - 1):
        root = isqrt(root << _FINE)  # 2^(1/2), 2^(1/4), .. 2^(1/256)
        roots.append(root)
    powers = []
    for step in range(_STEPS + 1):
        power = (1 << _FINE) << (step // _STEPS)
        for position, root in enumerate(reversed(roots)):
            if step % _STEPS >> position & 1:
                power = power * root >> _FINE
        powers.append(power)
    return tuple(powers)


def _logarithm(value: int) -> int:
    """log2 in Q16, rounded down, of `value` in [1, 2] with 60 bits behind the point, digit by digit."""
    bits = 0
    for _ in range(16):
        value = value * value >> _FINE
        bits <<= 1
        if value >> (_FINE + 1):  # squared, it passed two: the next binary digit of the logarithm is a one
            value >>= 1
            bits |= 1
    return bits


_POWERS = _powers()

LOG2_TABLE = (*(_logarithm(((1 << _FINE) * (_STEPS + step)) // _STEPS) for step in range(_STEPS)), ONE)
"""log2(1 + i / 256) in Q16 for i = 0..256."""


def log2(value: int) -> int:
    """log2 of a positive integer, Q16, rounded down between table entries.

    Raises:
        ValueError: `value` is not positive.
    """
    if value <= 0:
        raise ValueError(f"log2 of {value}")
    whole = value.bit_length() - 1
    fraction = ((value << 16) >> whole) - ONE
    index, rest = fraction >> 8, fraction & 0xFF
    low = LOG2_TABLE[index]
    return (whole << 16) + low + ((LOG2_TABLE[index + 1] - low) * rest >> 8)


def _belief_at(step: int) -> int:
    """1 / (1 + 2^-x) in Q16, rounded, at x = `step` / 256 bits."""
    whole, part = divmod(step, _STEPS)
    power = _POWERS[part] << whole  # 2^x
    total = power + (1 << _FINE)
    return (2 * (power << 16) + total) // (2 * total)


BELIEF_TABLE = tuple(_belief_at(step) for step in range(BELIEF_BITS_MAX * _STEPS + 1))
"""1 / (1 + 2^-x) in Q16 for x = 0, 1/256, .. 16 bits."""


def belief(bits: int) -> int:
    """The probability, Q16, that `bits` (Q16, any sign) of evidence in favour stand for.

    Symmetric to the last bit: `belief(x) + belief(-x)` is exactly one.
    """
    size = min(abs(bits), BELIEF_BITS_MAX << 16)
    index, rest = size >> 8, size & 0xFF
    low = BELIEF_TABLE[index]
    high = BELIEF_TABLE[index + 1] if rest else low
    value = low + ((high - low) * rest >> 8)
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
