"""Scorers that misbehave on purpose, for tests and the demo: the swarm must see through each of them.

Nothing selects one but an option that says so (`--misbehave`); a node never falls back to one. They lie in their
scores alone: facts are reproducible, and a false one is an offence that the protocol proves by itself (R17).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from consensus.types import Scores
from node.errors import OperatorError
from node.rating.interface import FULL, ZERO, Evidence, Scorer


class InvertingScorer:
    """Praises what is bad and damns what is good: the worst a single rater can do."""

    def __init__(self, honest: Scorer) -> None:
        self._honest = honest

    @property
    def name(self) -> str:
        """What ratings call this method."""
        return "misbehaving-invert"

    def score(self, evidence: Evidence) -> Scores:
        """What the honest scorer would say, turned around."""
        syntax, meaning, idiom, compiles = self._honest.score(evidence)
        return (FULL - syntax, FULL - meaning, FULL - idiom, FULL - compiles)


class ConstantScorer:
    """Says the same of everything, without looking."""

    def __init__(self, scores: Scores) -> None:
        self._scores = scores

    @property
    def name(self) -> str:
        """What ratings call this method."""
        return "misbehaving-constant"

    def score(self, evidence: Evidence) -> Scores:
        """Always the same."""
        del evidence
        return self._scores


class RandomScorer:
    """Rolls dice: uniform scores that follow from a seed and the candidate, so that a run can be repeated."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed

    @property
    def name(self) -> str:
        """What ratings call this method."""
        return "misbehaving-random"

    def score(self, evidence: Evidence) -> Scores:
        """Four independent draws from 0 to 10,000; the bias of the remainder is below 10^-15."""
        roll = hashlib.sha256(b"swarm-node/v1/dice\0" + self._seed + evidence.example.example_id).digest()
        syntax, meaning, idiom, compiles = (
            int.from_bytes(roll[8 * index : 8 * index + 8], "big") % (FULL + 1) for index in range(4)
        )
        return (syntax, meaning, idiom, compiles)


MISBEHAVIOURS: Mapping[str, Callable[[Scorer, bytes], Scorer]] = {
    "invert": lambda honest, _seed: InvertingScorer(honest),
    "constant-one": lambda _honest, _seed: ConstantScorer((FULL, FULL, FULL, FULL)),
    "constant-zero": lambda _honest, _seed: ConstantScorer(ZERO),
    "random": lambda _honest, seed: RandomScorer(seed),
}
"""By the name that the testing option takes."""


def misbehaving(kind: str, honest: Scorer, *, seed: bytes) -> Scorer:
    """The misbehaving scorer of this name.

    Args:
        kind: One of `MISBEHAVIOURS`.
        honest: What an honest node would use.
        seed: For those that roll dice.

    Raises:
        OperatorError: There is no such misbehaviour.
    """
    if kind not in MISBEHAVIOURS:
        raise OperatorError(f"no misbehaviour is called {kind!r}", hint=f"one of: {', '.join(MISBEHAVIOURS)}")
    return MISBEHAVIOURS[kind](honest, seed)
