"""From what a server returns about one token to a probability for each choice. Pure.

The mean of such a distribution is a better score than its likeliest member (arXiv 2503.03064); that is the caller's
affair. Here it only has to be a distribution, and to say what share of the model's mind it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from node.engines.backend import Completion

PRIOR = 0.5
"""Added to every choice's count when sampling (Jeffreys), so that five samples never claim certainty."""


def compute_masses(completion: Completion, choices: Sequence[str]) -> tuple[float, ...]:
    """Probability of each choice as the beginning of the answer, not normalised; zeros without log-probabilities.

    A token counts for the choice that it begins, if there is exactly one; white space before it does not matter
    ("4" and " 4" are one answer).
    """
    masses = [0.0] * len(choices)
    if not completion.tokens:
        return tuple(masses)
    first = completion.tokens[0]
    # The server adds the sampled token to the list where it is not among the likeliest; equal texts are different
    # tokens (bytes of a longer character, say) and add up.
    for alternative in first.alternatives:
        begun = [n for n, choice in enumerate(choices) if _begins(alternative.text, choice)]
        if len(begun) == 1:
            masses[begun[0]] += math.exp(alternative.logprob)
    return tuple(masses)


def normalise(masses: Sequence[float]) -> tuple[float, ...]:
    """Made to sum to 1. At least one must be positive."""
    total = math.fsum(masses)
    return tuple(mass / total for mass in masses)


def count_samples(texts: Sequence[str], choices: Sequence[str]) -> tuple[tuple[float, ...], float]:
    """Probabilities from sampled answers, and the share of answers that were a choice at all."""
    counts = [PRIOR] * len(choices)
    hits = 0
    for text in texts:
        meant = [n for n, choice in enumerate(choices) if text.strip().startswith(choice)]
        if len(meant) == 1:
            counts[meant[0]] += 1
            hits += 1
    return normalise(counts), hits / len(texts)


def _begins(token: str, choice: str) -> bool:
    bare = token.strip()
    return bool(bare) and choice.startswith(bare)
