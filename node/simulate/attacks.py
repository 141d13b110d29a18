"""What adversaries say instead of their honest opinion: the study's eleven, and more.

An attack sees a whole round at once, what everybody would honestly have said included. Which of it it may use is said
at each. A clique knows its members' candidates, and those probes that a member of it made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass
class Scene:
    """One round as an attack may see it. Scores are [task, candidate, rater, criterion], 0..1 or a little beyond."""

    round: int
    honest: Floats
    """What every rater would have said."""
    liar: Bools
    """[task, 1, rater, 1]: the rater is an adversary."""
    friend: Bools
    """[task, candidate, 1, 1]: made by an adversary, and no probe."""
    leaked: Bools
    """[task, candidate, 1, 1]: a probe that the clique knows of."""
    empty: Bools
    """[task, 1, rater, 1]: nobody sits there."""
    tasks: Ints
    """[task, 1, 1, 1]: their numbers in the round; a number stands for the same category in every round."""
    rng: np.random.Generator


Attack = Callable[[Scene], Floats]


def _constant(value: float) -> Attack:
    return lambda scene: np.full_like(scene.honest, value)


def _random(scene: Scene) -> Floats:
    return scene.rng.random(scene.honest.shape)


def _inverted(scene: Scene) -> Floats:
    return 1 - np.clip(scene.honest, 0, 1)


def _blind_copier(scene: Scene) -> Floats:
    """Under commit-reveal a copier knows only what scores usually are."""
    usual = 0.75 + scene.rng.normal(0, 0.05, scene.honest.shape[:-1])[..., None]
    return usual + scene.rng.normal(0, 0.02, scene.honest.shape)


def _seeing_copier(scene: Scene) -> Floats:
    """Without commit-reveal it waits, and says the mean of what the honest raters have said; alone it must guess."""
    honest = np.where(scene.liar, 0.0, np.clip(scene.honest, 0, 1))
    count = np.broadcast_to(~scene.liar, honest.shape).sum(axis=2, keepdims=True)
    mean = honest.sum(axis=2, keepdims=True) / np.maximum(1, count)
    return np.where(count > 0, mean, 0.75) + scene.rng.normal(0, 0.01, honest.shape)


def _boosting(own: float, others: float, *, knows_probes: bool = True) -> Attack:
    """Praise what friends made, push down the rest, be honest where a probe has leaked."""

    def attack(scene: Scene) -> Floats:
        praise = own + scene.rng.normal(0, 0.02, scene.honest.shape)
        scores = np.where(scene.friend, praise, scene.honest + others)
        return np.where(scene.leaked, scene.honest, scores) if knows_probes else scores

    return attack


_clique = _boosting(0.95, -0.4)


def _camouflage(scene: Scene) -> Floats:
    attacking = scene.rng.random(scene.honest.shape[:-1])[..., None] < 0.35
    return np.where(attacking, _clique(scene), scene.honest)


def _sleeper(scene: Scene) -> Floats:
    return _clique(scene) if scene.round > SLEEPER_WAKES else scene.honest


def _oscillating(scene: Scene) -> Floats:
    return _clique(scene) if (scene.round - 1) // 10 % 2 else scene.honest


def _majority(scene: Scene) -> Floats:
    """A clique where its members are most of the committee, which the plan tells beforehand; honest elsewhere."""
    liars = (scene.liar & ~scene.empty).sum(axis=2, keepdims=True)
    others = (~scene.liar & ~scene.empty).sum(axis=2, keepdims=True)
    return np.where(liars > others, _clique(scene), scene.honest)


def _marginal(scene: Scene) -> Floats:
    """Honest where its members agree that the matter is clear; where it is close, for friends and against the rest."""
    ours = scene.liar & ~scene.empty
    seen = np.clip(scene.honest, 0, 1).mean(axis=3, keepdims=True)
    view = np.where(ours, seen, 0).sum(axis=2, keepdims=True) / np.maximum(1, ours.sum(axis=2, keepdims=True))
    close = (np.abs(view - CLOSE_AROUND) < CLOSE_WITHIN) & ~scene.leaked
    lies = np.where(scene.friend, 0.9 + scene.rng.normal(0, 0.02, scene.honest.shape), scene.honest - 0.25)
    return np.where(close, lies, scene.honest)


CLOSE_AROUND, CLOSE_WITHIN = 0.68, 0.15
"""Mean scores that leave it open whether a candidate is accepted."""


def _poisoning(scene: Scene) -> Floats:
    """A clique in one category, honest in all others: a record earned there is spent here."""
    return np.where(is_poisoned(scene.tasks), _clique(scene), scene.honest)


def is_poisoned(tasks: Ints) -> Bools:
    """Which tasks of a round, by their numbers, are of the category that `poisoning` is after: one in five."""
    poisoned: Bools = tasks % 5 == 0
    return poisoned


SLEEPER_WAKES = 20
"""The sleepers' last honest round."""

ATTACKS: dict[str, Attack] = {
    "const1": _constant(1.0),
    "const0": _constant(0.0),
    "random": _random,
    "inverted": _inverted,
    "copycat_cr": _blind_copier,
    "camouflage": _camouflage,
    "clique": _clique,
    "stealth": _boosting(0.95, 0.0),
    "aware": _boosting(0.92, -0.15),
    "sleeper": _sleeper,
    "sybil": _clique,
}
"""The study's eleven."""

MORE_ATTACKS: dict[str, Attack] = {
    "copycat": _seeing_copier,
    "oscillate": _oscillating,
    "whitewash": _clique,
    "majority": _majority,
    "marginal": _marginal,
    "poisoning": _poisoning,
    "trick-probes": _boosting(0.92, -0.15),
}
"""Others of the library. `copycat` shows what commit-reveal is worth: without it, copying is as good as rating."""

MAKE_JUNK = frozenset(
    {"camouflage", "clique", "stealth", "aware", "sleeper", "sybil", "oscillate", "whitewash"}
    | {"majority", "marginal", "poisoning", "trick-probes"}
)
"""Attacks whose nodes also generate bad candidates, to have them praised."""

TRICKS = frozenset({"trick-probes"})
"""Attacks whose probes look to every honest rater like their contrary, and pass the check of their evidence: the worst
that a maker of probes could do, were there such code for every probe."""

IDENTITY_ROUNDS = {"sybil": 8, "whitewash": 25}
"""Rounds after which an adversary throws its identity away: before it is known, or once it is."""
