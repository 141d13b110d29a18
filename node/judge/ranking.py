"""From comparisons of pairs to an order among candidates that their scores hardly tell apart.

Bradley and Terry's model (1952): each candidate has a strength, and i is preferred to j with probability
s_i / (s_i + s_j). Strengths by Hunter's minorisation (2004), with half a win and half a loss of everybody against an
average opponent, so that who won or lost everything stays finite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

ROUNDS = 200
"""Of the iteration; it is monotone and converges long before for the handful of candidates of a task."""

NUDGE_MAX_BP = 100
"""How far an order may move a score. Scores further apart than twice this keep their order whatever pairs say."""

PAIRS_MAX = 15
"""Per task: all pairs of six candidates."""


def strengths(count: int, preferences: Mapping[tuple[int, int], float]) -> tuple[float, ...]:
    """Strengths of `count` candidates, mean 1, from the probability that i is preferred to j by pair (i, j)."""
    values = [1.0] * count
    for _ in range(ROUNDS):
        wins = [0.5] * count
        weights = [1.0 / (value + 1.0) for value in values]
        for (left, right), probability in preferences.items():
            wins[left] += probability
            wins[right] += 1.0 - probability
            met = 1.0 / (values[left] + values[right])
            weights[left] += met
            weights[right] += met
        values = [won / weight for won, weight in zip(wins, weights, strict=True)]
        mean = sum(values) / count
        values = [value / mean for value in values]
    return tuple(values)


def pairs_to_compare(composites_bp: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Which candidates of a task to compare: those that an order could still move past each other, nearest first."""
    close = [
        (abs(composites_bp[left] - composites_bp[right]), left, right)
        for left, right in combinations(range(len(composites_bp)), 2)
        if abs(composites_bp[left] - composites_bp[right]) <= 2 * NUDGE_MAX_BP
    ]
    return tuple((left, right) for _, left, right in sorted(close)[:PAIRS_MAX])


def nudges(count: int, preferences: Mapping[tuple[int, int], float]) -> tuple[int, ...]:
    """What comparisons add to each candidate's scores, basis points: nothing for whom nothing was compared."""
    compared = {place for pair in preferences for place in pair}
    found = strengths(count, preferences)
    return tuple(
        round(NUDGE_MAX_BP * (2 * value / (value + 1.0) - 1)) if place in compared else 0
        for place, value in enumerate(found)
    )
