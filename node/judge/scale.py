"""From a distribution over the score tokens 1 to 5 to one number.

The mean of the distribution, not its mode: Wang, Zhang, Choi (Findings of EMNLP 2025, arXiv 2503.03064) find it better
throughout; G-Eval (arXiv 2303.16634) introduced it. One token, no reasoning before it: reasoning makes the distribution
collapse onto one score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from node.engines.interface import ChoiceDistribution, ChoiceMethod

SCORES = ("1", "2", "3", "4", "5")
"""Single tokens in every common vocabulary. Never two digits: `10` begins as `1` does."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model says of one criterion of one candidate."""

    expected: float
    """Mean of the distribution, moved to [0, 1]. An ordinal score: what it means only a calibration says."""
    sigma: float
    """Standard deviation of the distribution on the same scale."""
    mass: float | None
    """Probability of all score tokens before normalising; None where the method hides it."""
    method: ChoiceMethod
    low_mass: bool
    """The model mostly wanted to say something else: not to be used."""


def opinion_of(distribution: ChoiceDistribution) -> Opinion:
    """The expected score and its spread of a distribution over `SCORES`."""
    assert distribution.choices == SCORES, "the judge asks for scores in this order"
    places = [index / (len(SCORES) - 1) for index in range(len(SCORES))]
    total = sum(distribution.probabilities)
    mean = sum(place * p for place, p in zip(places, distribution.probabilities, strict=True)) / total
    square = sum((place - mean) ** 2 * p for place, p in zip(places, distribution.probabilities, strict=True)) / total
    return Opinion(
        expected=min(1.0, max(0.0, mean)),
        sigma=math.sqrt(max(0.0, square)),
        mass=distribution.mass,
        method=distribution.method,
        low_mass=distribution.low_mass,
    )
