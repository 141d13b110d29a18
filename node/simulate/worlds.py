"""Rounds of ratings with a planted truth: our own generator of the study's kind of world (study A.1).

Every candidate has a quality; what is above 0.7 is good. Honest raters see it through their own shift, stretch and
noise, and all of them share an error per candidate that no aggregation can remove. What adversaries say instead:
`attacks`. `draw_rounds` gives arrays, one round at a time; `scenarios` a whole scenario as PROTOCOL section 8 records.

The generator draws from one seeded NumPy generator in a fixed order, so a seed is a scenario on every machine.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from node.simulate.attacks import (
    ATTACKS,
    IDENTITY_ROUNDS,
    MAKE_JUNK,
    MORE_ATTACKS,
    SLEEPER_WAKES,
    TRICKS,
    Bools,
    Floats,
    Scene,
    is_poisoned,
)
from node.values.example import CATEGORIES

Words = NDArray[np.str_]

Ints = NDArray[np.int64]

NOBODY = -1
"""In a row of seats: this one stays empty."""

BURN_IN = 5
"""Rounds at the start that are not judged: nobody is known yet."""


class Kind(enum.IntEnum):
    """What is wrong with a candidate."""

    GOOD = 0
    MEDIOCRE = 1
    WRONG = 2
    """Compiles and does the wrong thing; raters overlook some of it together."""
    BROKEN = 3
    """Does not compile."""


QUALITY = {Kind.GOOD: (0.7001, 1.0), Kind.MEDIOCRE: (0.5, 0.7), Kind.WRONG: (0.15, 0.5), Kind.BROKEN: (0.0, 0.35)}
CHECK_FAILS = {Kind.GOOD: 0.01, Kind.MEDIOCRE: 0.03, Kind.WRONG: 0.5, Kind.BROKEN: 1.0}
LOOKS_EVEN = 1.2
"""A tricked probe's quality and its looks together: good ones look like 0.2 to 0.5, bad ones like 0.7 and more."""
AMONG_BAD = {Kind.MEDIOCRE: 0.30, Kind.WRONG: 0.37, Kind.BROKEN: 0.33}


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
    """Share of tasks whose candidates are all hidden probes. With seats by standing more in a swarm's first rounds, if
    it is less than the plans then ask for (R14); none at all where it is 0."""
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
    leaks: float | None = None
    """Share of probes that adversaries tell from candidates; None for their share of the nodes, who make as many."""
    categories: int = 5
    """The tasks of a round take turns among so many, 1 to 15."""
    seats: str = "alike"
    """`alike`: everybody has the same chance, as in the study. `standing`: as plans that ship draw them."""


@dataclass(frozen=True)
class Seats:
    """Who makes and who rates the candidates of a round's tasks."""

    makers: Ints
    """[task, slot] `NOBODY` throughout for a task that is not worked."""
    committee: Ints
    """[task, seat] Raters, then observers; `NOBODY` where a seat stays empty."""
    observing: Bools
    """[task, seat]"""
    examined: Bools
    """[N] Newcomers that have yet to prove that they can rate: until then adversaries are honest."""
    probes: float
    """Share of tasks whose candidates are all hidden probes."""


Seating = Callable[[int], Seats]
"""Seats for the round of that number."""


@dataclass
class DrawnRound:
    """One round as drawn; the first two axes are task and slot."""

    number: int
    present: Bools
    makers: Ints
    """Node that made the candidate."""
    committee: Ints
    """[task, seat] Nodes that rate the task's candidates."""
    observing: Bools
    """[task, seat] Whether they observe: then their ratings teach, and do not count."""
    fresh: Ints
    """[task, K] Nodes that a review would ask; no columns where reviews are seated when it is known what goes there."""
    kinds: Ints
    quality: Floats
    checks: Words
    """What a public check says: `pass`, `fail` or `none`."""
    probes: Bools
    """[task]"""
    stages: list[Floats]
    """[task, slot, rater, criterion] for the committee and for the fresh raters, 0..1 with three decimals."""
    seen: Floats
    """[task, slot, criterion] What all honest raters see, before each adds an error of its own."""
    leaked: Bools
    """[task, slot] Probes that adversaries know of."""
    names: tuple[str, ...]
    """Identity of each node in this round."""

    def named(self) -> Iterator[tuple[int, int, str]]:
        """Task, slot and name of every candidate."""
        for task, slot in zip(*np.nonzero(self.present), strict=True):
            yield int(task), int(slot), f"r{self.number}-t{task}-c{slot}"

    @property
    def good(self) -> Bools:
        """What is truly acceptable."""
        good: Bools = self.kinds == Kind.GOOD
        return good


def draw_rounds(world: World, seed: int) -> Iterator[DrawnRound]:
    """Draw a world's rounds one after the other, in bounded memory."""
    return WorldMaker(world, seed).rounds()


def bad_nodes(world: World, seed: int) -> Bools:
    """Which of a world's nodes are adversaries."""
    return WorldMaker(world, seed).bad


def first_judged(world: World) -> int:
    """The first round that is judged: nobody is known before; of sleepers, after they wake."""
    return (SLEEPER_WAKES if world.attack == "sleeper" else BURN_IN) + 1


def judged_tasks(world: World) -> Bools:
    """[task] Which tasks of a round are judged: all, but of poisoners only those they are after."""
    tasks = np.arange(world.tasks)
    return is_poisoned(tasks) if world.attack == "poisoning" else np.ones(world.tasks, dtype=np.bool_)


def category_of(task: int, world: World) -> str:
    """The category of a round's task, by its number: the same in every round."""
    return CATEGORIES[task % world.categories]


def makers_of_task(world: World) -> int:
    """Nodes that make a task's candidates: one each, unless they are needed as raters."""
    return min(world.candidates[1], max(2, world.nodes - 2 * world.committee))


class WorldMaker:
    """Draws a world's nodes once, then its rounds one after the other.

    Attributes:
        bad: [N] Which nodes are adversaries.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._rng = np.random.default_rng([seed, *world.attack.encode()])
        nodes = world.nodes
        self.bad = np.zeros(nodes, dtype=bool)
        if world.attack != "none":
            self.bad[self._rng.permutation(nodes)[: round(nodes * world.adversaries)]] = True
        self._shift = self._rng.normal(*world.shift, nodes)
        self._stretch = np.exp(self._rng.normal(*world.stretch, nodes))
        self._noise = np.exp(self._rng.uniform(math.log(world.noise[0]), math.log(world.noise[1]), nodes))
        self._names = [f"node-{number}" for number in range(nodes)]
        self._lying = self.bad
        """Adversaries that have nothing to prove."""

    def rounds(self, seating: Seating | None = None) -> Iterator[DrawnRound]:
        """All rounds; each is drawn when it is asked for.

        Args:
            seating: Asked for each round's seats before the round is drawn. Without it everybody is seated alike, as in
                the study, and the fresh raters of reviews are drawn with the round.
        """
        lifetime = IDENTITY_ROUNDS.get(self._world.attack, 0)
        for number in range(1, self._world.rounds + 1):
            if lifetime and number > 1 and (number - 1) % lifetime == 0:
                for node in np.flatnonzero(self.bad):
                    self._names[node] = f"node-{node}-{number}"
            yield self._round(number, seating)

    def second(self, drawn: DrawnRound, task: Ints, slot: Ints, raters: Ints) -> Floats:
        """[n, rater, criterion] What fresh raters [n, rater] say of n candidates of a round, as `DrawnRound.stages`."""
        scores = self._scores(
            drawn.number,
            raters,
            drawn.makers[task, slot][:, None],
            drawn.probes[task],
            drawn.seen[task, slot][:, None],
            drawn.checks[task, slot][:, None],
            drawn.leaked[task, slot][:, None],
            task,
        )
        return scores[:, 0]

    def _round(self, number: int, seating: Seating | None) -> DrawnRound:
        world, rng = self._world, self._rng
        shape = (world.tasks, world.candidates[1])
        planned = None if seating is None else seating(number)  # draws nothing from our generator
        counts = rng.integers(world.candidates[0], world.candidates[1] + 1, world.tasks)
        probes = self._probe_tasks(world.probes if planned is None else planned.probes)
        counts[probes] = 4
        present = np.arange(shape[1])[None, :] < counts[:, None]
        if planned is None:
            seats, fresh = self._alike(shape[1])
        else:
            seats, fresh = planned, np.zeros((world.tasks, 0), dtype=np.int64)
            present &= seats.makers[:, :1] != NOBODY
        makers = seats.makers
        self._lying = self.bad & ~seats.examined
        kinds = self._kinds(number, makers, probes)
        quality = self._quality(kinds)
        checks = self._checks(kinds, probes)
        criteria = np.clip(quality[..., None] + rng.normal(0, 0.03, (*shape, 4)), 0, 1)
        seen = criteria + (rng.normal(0, world.shared_error, shape) + 0.04 * (kinds == Kind.WRONG))[..., None]
        leaks = self.bad.mean() if world.leaks is None else world.leaks
        leaked = probes[:, None] & (rng.random(shape) < leaks)
        order = np.arange(world.tasks)
        asked = (seats.committee, fresh) if planned is None else (seats.committee,)
        return DrawnRound(
            number=number,
            present=present,
            makers=makers,
            committee=seats.committee,
            observing=seats.observing,
            fresh=fresh,
            kinds=kinds,
            quality=quality,
            checks=checks,
            probes=probes,
            stages=[self._scores(number, these, makers, probes, seen, checks, leaked, order) for these in asked],
            seen=seen,
            leaked=leaked,
            names=tuple(self._names),
        )

    def _quality(self, kinds: Ints) -> Floats:
        low, high = (np.array([QUALITY[kind][end] for kind in Kind])[kinds] for end in (0, 1))
        # The first number is thrown away: figures are quoted for seeds of a version that drew one more.
        drawn: Floats = low + (high - low) * self._rng.random(kinds.size + 1)[1:].reshape(kinds.shape)
        return drawn

    def _probe_tasks(self, share: float) -> Bools:
        """A whole number of tasks on average: the fraction left over is drawn."""
        expected = self._world.tasks * share
        count = int(expected) + int(self._rng.random() < expected - int(expected))
        probes = np.zeros(self._world.tasks, dtype=bool)
        probes[self._rng.permutation(self._world.tasks)[:count]] = True
        return probes

    def _alike(self, candidates: int) -> tuple[Seats, Ints]:
        """Seats with the same chance for everybody, and the fresh raters of a review; in small swarms makers repeat."""
        world, rng = self._world, self._rng
        order = np.argsort(rng.random((world.tasks, world.nodes)), axis=1)
        makers = makers_of_task(world)
        chosen = order[:, np.arange(candidates) % makers]
        raters = np.argsort(rng.random(order.shape), axis=1) if world.self_rating else order[:, makers:]
        committee = raters[:, : world.committee]
        nobody = np.zeros(world.nodes, dtype=np.bool_)
        seats = Seats(chosen, committee, np.zeros(committee.shape, dtype=np.bool_), nobody, world.probes)
        return seats, raters[:, world.committee : 2 * world.committee]

    def _kinds(self, number: int, makers: Ints, probes: Bools) -> Ints:
        """Probes are known-good code or compiling mutants, half and half."""
        world, rng = self._world, self._rng
        junk = self.bad[makers] & (world.attack in MAKE_JUNK)
        if world.attack == "sleeper" and number <= SLEEPER_WAKES:
            junk[:] = False
        good = rng.random(makers.shape) < np.where(junk, 1 - world.junk, world.good)
        bad_kinds = rng.choice(list(AMONG_BAD), p=list(AMONG_BAD.values()), size=makers.shape)
        probe_kinds = np.where(rng.random(makers.shape) < 0.5, Kind.GOOD, Kind.WRONG)
        return np.where(probes[:, None], probe_kinds, np.where(good, Kind.GOOD, bad_kinds))

    def _checks(self, kinds: Ints, probes: Bools) -> Words:
        fails = np.array([CHECK_FAILS[kind] for kind in Kind])[kinds]
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
        checks: Words,
        leaked: Bools,
        tasks: Ints,
    ) -> Floats:
        """What everybody in `seats` says: [task, candidate, rater, criterion], 0..1 with three decimals."""
        rng = self._rng
        liar = (self._lying[seats] | (seats == NOBODY))[:, None, :, None]  # nobody's scores are nobody's example
        looks = seen[:, :, None, :]
        if self._world.attack in TRICKS:
            looks = np.where(leaked[..., None, None] & ~liar, LOOKS_EVEN - looks, looks)
        passed = (checks == "pass")[..., None, None]  # a rater that sees the check pass is surer and kinder
        noise = self._noise[seats][:, None, :, None] * np.where(passed, 0.8, 1.0)
        honest = 0.65 + self._shift[seats][:, None, :, None] + 0.02 * passed
        honest = honest + self._stretch[seats][:, None, :, None] * (looks - 0.65)
        halo = rng.normal(0, 1, (*honest.shape[:-1], 1))
        honest = honest + 0.9 * noise * halo + 0.6 * noise * rng.normal(0, 1, honest.shape)
        if self._world.attack != "none":
            friend = self.bad[makers] & ~probes[:, None]
            scene = Scene(
                round=number,
                honest=honest,
                liar=liar,
                friend=friend[..., None, None],
                leaked=leaked[..., None, None],
                empty=(seats == NOBODY)[:, None, :, None],
                tasks=tasks[:, None, None, None],
                rng=rng,
            )
            attack = (ATTACKS | MORE_ATTACKS)[self._world.attack]
            honest = np.where(liar, attack(scene), honest)
        said: Floats = np.round(np.clip(honest, 0, 1), 3)
        return said
