"""Recorded rounds of ratings with a planted truth: our own generator of the study's kind of world (study A.1).

Every candidate has a quality; what is above 0.7 is good. Honest raters see it through their own shift, stretch and
noise, and all of them share an error per candidate that no aggregation can remove. Adversaries are described where they
are defined. A scenario is emitted as PROTOCOL section 8 records; the truth stays beside them.

The generator draws from one seeded NumPy generator in a fixed order, so a seed is a scenario on every machine.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

GOOD_ABOVE = 0.7


class Kind(enum.IntEnum):
    """What is wrong with a candidate."""

    GOOD = 0
    MEDIOCRE = 1
    WRONG = 2
    """Compiles and does the wrong thing; raters overlook some of it together."""
    BROKEN = 3
    """Does not compile."""


_QUALITY = {Kind.GOOD: (0.7001, 1.0), Kind.MEDIOCRE: (0.5, 0.7), Kind.WRONG: (0.15, 0.5), Kind.BROKEN: (0.0, 0.35)}
_CHECK_FAILS = {Kind.GOOD: 0.01, Kind.MEDIOCRE: 0.03, Kind.WRONG: 0.5, Kind.BROKEN: 1.0}
_AMONG_BAD = {Kind.MEDIOCRE: 0.30, Kind.WRONG: 0.37, Kind.BROKEN: 0.33}


@dataclass(frozen=True)
class World:
    """The shape of a scenario. Shares are 0..1."""

    attack: str = "none"
    adversaries: float = 0.0
    """Share of the nodes."""
    nodes: int = 20
    rounds: int = 40
    tasks: int = 10
    candidates: tuple[int, int] = (3, 5)
    """Smallest and largest number per task."""
    committee: int = 5
    probes: float = 0.1
    """Share of tasks whose candidates are all hidden probes."""
    checked: float = 0.6
    """Share of candidates with a public check."""
    good: float = 0.731
    shift: tuple[float, float] = (0.03, 0.08)
    """Mean and deviation over honest raters; likewise of the logarithm of the stretch."""
    stretch: tuple[float, float] = (-0.15, 0.25)
    noise: tuple[float, float] = (0.08, 0.30)
    """Range, log-uniform over honest raters."""
    shared_error: float = 0.05
    self_rating: bool = False
    """Generators of a task may sit in its committee."""
    junk: float = 0.6
    """How often a clique-like generator makes junk."""


@dataclass(frozen=True)
class Truth:
    """What a candidate really is."""

    round: int
    task: str
    quality: float
    good: bool
    probe: bool
    fails_check: bool


@dataclass
class Scenario:
    """Records in protocol order, and what they hide."""

    world: World
    seed: int
    records: list[dict[str, Any]] = field(default_factory=list)
    truths: dict[str, Truth] = field(default_factory=dict)
    adversaries: set[str] = field(default_factory=set)
    """Every identity an adversary ever used."""
    present: set[str] = field(default_factory=set)
    """Identities of the last round."""


@dataclass
class _Scene:
    """What an attack may know when it rates one round. Scores are [task, candidate, rater, criterion]."""

    round: int
    honest: Floats
    """What the rater would have said."""
    friend: Bools
    """[task, candidate, 1, 1]: made by an adversary, and no probe."""
    leaked: Bools
    """[task, candidate, 1, 1]: a probe that the clique knows of."""
    rng: np.random.Generator


def _constant(value: float) -> Callable[[_Scene], Floats]:
    return lambda scene: np.full_like(scene.honest, value)


def _random(scene: _Scene) -> Floats:
    return scene.rng.random(scene.honest.shape)


def _inverted(scene: _Scene) -> Floats:
    return 1 - np.clip(scene.honest, 0, 1)


def _copycat(scene: _Scene) -> Floats:
    """Under commit-reveal a copier knows only what scores usually are."""
    usual = 0.75 + scene.rng.normal(0, 0.05, scene.honest.shape[:-1])[..., None]
    return usual + scene.rng.normal(0, 0.02, scene.honest.shape)


def _boosting(own: float, others: float, *, knows_probes: bool = True) -> Callable[[_Scene], Floats]:
    """Praise what friends made, push down the rest, be honest where a probe has leaked."""

    def attack(scene: _Scene) -> Floats:
        praise = own + scene.rng.normal(0, 0.02, scene.honest.shape)
        scores = np.where(scene.friend, praise, scene.honest + others)
        return np.where(scene.leaked, scene.honest, scores) if knows_probes else scores

    return attack


_clique = _boosting(0.95, -0.4)


def _camouflage(scene: _Scene) -> Floats:
    attacking = scene.rng.random(scene.honest.shape[:-1])[..., None] < 0.35
    return np.where(attacking, _clique(scene), scene.honest)


def _sleeper(scene: _Scene) -> Floats:
    return _clique(scene) if scene.round > SLEEPER_WAKES else scene.honest


def _oscillating(scene: _Scene) -> Floats:
    return _clique(scene) if (scene.round - 1) // 10 % 2 else scene.honest


SLEEPER_WAKES = 20
"""The sleepers' last honest round."""

IDENTITY_ROUNDS = 8
"""Rounds after which a Sybil replaces its identity."""

ATTACKS: dict[str, Callable[[_Scene], Floats]] = {
    "const1": _constant(1.0),
    "const0": _constant(0.0),
    "random": _random,
    "inverted": _inverted,
    "copycat_cr": _copycat,
    "camouflage": _camouflage,
    "clique": _clique,
    "stealth": _boosting(0.95, 0.0),
    "aware": _boosting(0.92, -0.15),
    "sleeper": _sleeper,
    "sybil": _clique,
}
"""The study's eleven."""

MORE_ATTACKS: dict[str, Callable[[_Scene], Floats]] = {"oscillate": _oscillating}

_MAKE_JUNK = {"camouflage", "clique", "stealth", "aware", "sleeper", "sybil", "oscillate"}


def make_scenario(world: World, seed: int) -> Scenario:
    """Draw a scenario."""
    return _Maker(world, seed).make()


class _Maker:
    """Draws a world's nodes once, then its rounds one after the other."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._rng = np.random.default_rng([seed, *world.attack.encode()])
        nodes = world.nodes
        self._bad = np.zeros(nodes, dtype=bool)
        if world.attack != "none":
            self._bad[self._rng.permutation(nodes)[: round(nodes * world.adversaries)]] = True
        self._shift = self._rng.normal(*world.shift, nodes)
        self._stretch = np.exp(self._rng.normal(*world.stretch, nodes))
        self._noise = np.exp(self._rng.uniform(*np.log(world.noise), nodes))
        self._names = [f"node-{number}" for number in range(nodes)]
        self._scenario = Scenario(world=world, seed=seed)

    def make(self) -> Scenario:
        world, scenario = self._world, self._scenario
        scenario.records.append(
            {
                "type": "scenario",
                "id": f"{world.attack}-{world.adversaries}-{scenario.seed}",
                "criteria": ["syntactic_correctness", "semantic_validity", "idiomatic_rust", "compilation_potential"],
                "weights": [0.25] * 4,
                "accept": 0.7,
                "review": 0.5,
                "committee": world.committee,
                "rounds": world.rounds,
            }
        )
        for number in range(1, world.rounds + 1):
            if world.attack == "sybil" and number > 1 and (number - 1) % IDENTITY_ROUNDS == 0:
                for node in np.flatnonzero(self._bad):
                    self._names[node] = f"node-{node}-{number}"
            scenario.adversaries.update(self._names[node] for node in np.flatnonzero(self._bad))
            self._round(number)
        scenario.present = set(self._names)
        return scenario

    def _round(self, number: int) -> None:
        world, rng = self._world, self._rng
        shape = (world.tasks, world.candidates[1])
        counts = rng.integers(world.candidates[0], world.candidates[1] + 1, world.tasks)
        probes = self._probe_tasks()
        counts[probes] = 4
        present = np.arange(shape[1])[None, :] < counts[:, None]
        makers, committee, fresh = self._seats(shape[1])
        kinds = self._kinds(number, makers, probes)
        quality = np.vectorize(lambda kind: rng.uniform(*_QUALITY[Kind(kind)]))(kinds)
        checks = self._checks(kinds, probes)
        criteria = np.clip(quality[..., None] + rng.normal(0, 0.03, (*shape, 4)), 0, 1)
        seen = criteria + (rng.normal(0, world.shared_error, shape) + 0.04 * (kinds == Kind.WRONG))[..., None]
        leaked = probes[:, None] & (rng.random(shape) < self._bad.mean())
        stages = [self._scores(number, seats, makers, probes, seen, checks, leaked) for seats in (committee, fresh)]
        drawn = _Round(number, present, makers, committee, fresh, kinds, quality, checks, probes, stages)
        self._emit(drawn)

    def _probe_tasks(self) -> Bools:
        """A whole number of tasks on average: the fraction left over is drawn."""
        expected = self._world.tasks * self._world.probes
        count = int(expected) + int(self._rng.random() < expected - int(expected))
        probes = np.zeros(self._world.tasks, dtype=bool)
        probes[self._rng.permutation(self._world.tasks)[:count]] = True
        return probes

    def _seats(self, candidates: int) -> tuple[Ints, Ints, Ints]:
        """Per task its makers, its committee and the fresh raters of a review; in small swarms makers repeat."""
        world, rng = self._world, self._rng
        order = np.argsort(rng.random((world.tasks, world.nodes)), axis=1)
        makers = min(candidates, max(2, world.nodes - 2 * world.committee))
        chosen = order[:, np.arange(candidates) % makers]
        raters = np.argsort(rng.random(order.shape), axis=1) if world.self_rating else order[:, makers:]
        return chosen, raters[:, : world.committee], raters[:, world.committee : 2 * world.committee]

    def _kinds(self, number: int, makers: Ints, probes: Bools) -> Ints:
        """Probes are known-good code or compiling mutants, half and half."""
        world, rng = self._world, self._rng
        junk = self._bad[makers] & (world.attack in _MAKE_JUNK)
        if world.attack == "sleeper" and number <= SLEEPER_WAKES:
            junk[:] = False
        good = rng.random(makers.shape) < np.where(junk, 1 - world.junk, world.good)
        bad_kinds = rng.choice(list(_AMONG_BAD), p=list(_AMONG_BAD.values()), size=makers.shape)
        probe_kinds = np.where(rng.random(makers.shape) < 0.5, Kind.GOOD, Kind.WRONG)
        return np.where(probes[:, None], probe_kinds, np.where(good, Kind.GOOD, bad_kinds))

    def _checks(self, kinds: Ints, probes: Bools) -> NDArray[np.str_]:
        fails = np.vectorize(lambda kind: _CHECK_FAILS[Kind(kind)])(kinds)
        failed = (self._rng.random(kinds.shape) < fails) & ~probes[:, None]
        checked = self._rng.random(kinds.shape) < self._world.checked
        return np.where(checked, np.where(failed, "fail", "pass"), "none")

    def _scores(
        self,
        number: int,
        seats: Ints,
        makers: Ints,
        probes: Bools,
        seen: Floats,
        checks: NDArray[np.str_],
        leaked: Bools,
    ) -> Floats:
        """What everybody in `seats` says: [task, candidate, rater, criterion], 0..1 with three decimals."""
        rng = self._rng
        passed = (checks == "pass")[..., None, None]  # a rater that sees the check pass is surer and kinder
        noise = self._noise[seats][:, None, :, None] * np.where(passed, 0.8, 1.0)
        honest = 0.65 + self._shift[seats][:, None, :, None] + 0.02 * passed
        honest = honest + self._stretch[seats][:, None, :, None] * (seen[:, :, None, :] - 0.65)
        halo = rng.normal(0, 1, (*honest.shape[:-1], 1))
        honest = honest + 0.9 * noise * halo + 0.6 * noise * rng.normal(0, 1, honest.shape)
        if self._world.attack != "none":
            friend = self._bad[makers] & ~probes[:, None]
            scene = _Scene(number, honest, friend[..., None, None], leaked[..., None, None], rng)
            attack = (ATTACKS | MORE_ATTACKS)[self._world.attack]
            honest = np.where(self._bad[seats][:, None, :, None], attack(scene), honest)
        return np.round(np.clip(honest, 0, 1), 3)

    def _emit(self, drawn: _Round) -> None:
        records = self._scenario.records
        for task, slot, name in drawn.named():
            fails = str(drawn.checks[task, slot]) == "fail"
            self._scenario.truths[name] = Truth(
                round=drawn.number,
                task=f"r{drawn.number}-t{task}",
                quality=float(drawn.quality[task, slot]),
                good=bool(drawn.kinds[task, slot] == Kind.GOOD),
                probe=bool(drawn.probes[task]),
                fails_check=fails,
            )
            records.append(
                {
                    "type": "candidate",
                    "round": drawn.number,
                    "id": name,
                    "task": f"r{drawn.number}-t{task}",
                    "category": "code_generation",
                    "check": str(drawn.checks[task, slot]),
                }
            )
        for stage, seats, scores in zip((1, 2), (drawn.committee, drawn.fresh), drawn.stages, strict=True):
            for task, slot, name in drawn.named():
                if stage == 2 and drawn.probes[task]:
                    continue
                records.extend(
                    {
                        "type": "rating",
                        "round": drawn.number,
                        "candidate": name,
                        "rater": self._names[rater],
                        "stage": stage,
                        "scores": given,
                    }
                    for rater, given in zip(seats[task], scores[task, slot].tolist(), strict=True)
                )
        for task, slot, name in drawn.named():
            reveal = {"type": "reveal", "round": drawn.number, "candidate": name}
            reveal["generator"] = self._names[drawn.makers[task, slot]]
            if drawn.probes[task]:
                reveal["probe"] = "good" if drawn.kinds[task, slot] == Kind.GOOD else "bad"
            records.append(reveal)


@dataclass
class _Round:
    """One round as drawn; the first two axes are task and slot."""

    number: int
    present: Bools
    makers: Ints
    committee: Ints
    fresh: Ints
    kinds: Ints
    quality: Floats
    checks: NDArray[np.str_]
    probes: Bools
    stages: list[Floats]

    def named(self) -> Iterator[tuple[int, int, str]]:
        """Task, slot and name of every candidate."""
        for task, slot in zip(*np.nonzero(self.present), strict=True):
            yield int(task), int(slot), f"r{self.number}-t{task}-c{slot}"
