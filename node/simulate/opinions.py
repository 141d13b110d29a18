"""What simulated candidates are worth, and what members say of them: the world of `worlds`, one candidate at a time.

Quality and opinions are functions of the seed and of names alone, so that a member that is asked again after a crash,
or in another order, says the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from consensus.types import CheckFact, Hash, NodeId, Scores
from node.simulate.worlds import AMONG_BAD, CHECK_FAILS, QUALITY, Kind, World


@dataclass(frozen=True, slots=True)
class Planted:
    """What a content really is."""

    generator: NodeId
    good: bool
    quality: float
    fails_check: bool
    common: float
    """Error that all honest raters share."""


class Truth:
    """Everything that has been made, and how honest members see it."""

    def __init__(self, seed: int, world: World) -> None:
        self._seed, self._world = seed, world
        self.planted: dict[Hash, Planted] = {}
        self.bodies: dict[Hash, Hash] = {}
        """By name, the hash of a content's bytes, which is its claim as well: known to everybody who fetched it."""

    def plant(self, content: Hash, generator: NodeId, *, good: bool | None = None) -> Planted:
        """Make a content: good, bad, or as it happens."""
        chance = Random(f"{self._seed}/content/{content.hex()}")
        kinds = [kind for kind in AMONG_BAD if good is None or kind is Kind.WRONG]  # a bad probe is a compiling mutant
        is_good = chance.random() < self._world.good if good is None else good
        kind = Kind.GOOD if is_good else chance.choices(kinds, [AMONG_BAD[kind] for kind in kinds])[0]
        fails = good is None and chance.random() < self._world.checked and chance.random() < CHECK_FAILS[kind]
        common = chance.gauss(0, self._world.shared_error) + (0.04 if kind is Kind.WRONG else 0.0)
        planted = Planted(generator, is_good, chance.uniform(*QUALITY[kind]), fails, common)
        self.planted[content] = planted
        return planted

    def see(self, rater: NodeId, content: Hash) -> tuple[float, float, float, float]:
        """The four scores an honest member would give, 0..1."""
        planted, world = self.planted[content], self._world
        eyes = Random(f"{self._seed}/eyes/{rater.hex()}")
        shift, stretch = eyes.gauss(*world.shift), math.exp(eyes.gauss(*world.stretch))
        noise = math.exp(eyes.uniform(math.log(world.noise[0]), math.log(world.noise[1])))
        chance = Random(f"{self._seed}/{rater.hex()}/{content.hex()}")
        halo = 0.9 * noise * chance.gauss(0, 1)
        base = 0.65 + shift + stretch * (planted.quality + planted.common - 0.65) + halo
        first, second, third, fourth = (base + 0.6 * noise * chance.gauss(0, 1) for _ in range(4))
        return first, second, third, fourth


Opinion = Callable[["Truth", NodeId, Hash, frozenset[NodeId]], tuple[CheckFact, Scores]]
"""What a member says of a content; the set are its friends."""


def honest(truth: Truth, rater: NodeId, content: Hash, friends: frozenset[NodeId]) -> tuple[CheckFact, Scores]:
    """What it found, and what it thinks."""
    del friends
    if truth.planted[content].fails_check:
        return CheckFact.FAILED, (0, 0, 0, 0)
    return CheckFact.PASSED, basis_points(truth.see(rater, content))


def constant(value: float) -> Opinion:
    """The same of everything."""
    return lambda _truth, _rater, _content, _friends: (CheckFact.PASSED, basis_points((value,) * 4))


def inverted(truth: Truth, rater: NodeId, content: Hash, friends: frozenset[NodeId]) -> tuple[CheckFact, Scores]:
    """The contrary."""
    del friends
    return CheckFact.PASSED, basis_points(tuple(1 - score for score in truth.see(rater, content)))


def at_random(truth: Truth, rater: NodeId, content: Hash, friends: frozenset[NodeId]) -> tuple[CheckFact, Scores]:
    """Anything."""
    del truth, friends
    chance = Random(f"{rater.hex()}{content.hex()}")
    return CheckFact.PASSED, basis_points(tuple(chance.random() for _ in range(4)))


def copied(truth: Truth, rater: NodeId, content: Hash, friends: frozenset[NodeId]) -> tuple[CheckFact, Scores]:
    """Nobody has revealed anything yet, so a copier knows only what scores usually are."""
    del truth, friends
    chance = Random(f"{rater.hex()}{content.hex()}")
    return CheckFact.PASSED, basis_points(tuple(chance.gauss(0.75, 0.05) for _ in range(4)))


def clique(truth: Truth, rater: NodeId, content: Hash, friends: frozenset[NodeId]) -> tuple[CheckFact, Scores]:
    """Praise friends', push down the rest."""
    seen = truth.see(rater, content)
    friendly = truth.planted[content].generator in friends
    return CheckFact.PASSED, basis_points(tuple(0.95 if friendly else score - 0.4 for score in seen))


def forged(truth: Truth, rater: NodeId, content: Hash, friends: frozenset[NodeId]) -> tuple[CheckFact, Scores]:
    """A check report that says the contrary of what was executed."""
    if truth.planted[content].fails_check:
        return CheckFact.PASSED, basis_points((0.9,) * 4)
    if Random(f"{rater.hex()}{content.hex()}").random() < 0.5:
        return CheckFact.FAILED, (0, 0, 0, 0)
    return honest(truth, rater, content, friends)


def basis_points(scores: tuple[float, ...]) -> Scores:
    """Scores as they are signed."""
    first, second, third, fourth = (round(min(1.0, max(0.0, score)) * 10_000) for score in scores)
    return first, second, third, fourth
