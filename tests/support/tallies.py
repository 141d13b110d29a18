"""Engines on the crate of `paraphraser`, and a round's slots as raters see them."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from node.tasks.interface import Probe, Request
from node.tasks.model.engine import ModelEngine, Terms
from node.tasks.probe_evidence import decode_evidence
from node.tasks.source import SourceEngine
from node.values.example import Example
from node.values.job import Sampling
from tests.support.paraphraser import paraphrase, tallies, tallies_crate
from tests.support.scripted_model import ScriptedModel
from tests.support.small_rust import SmallRustChecker
from tests.support.telling_apart import Seen

SAMPLING = Sampling(temperature_milli=700, top_p_milli=900, max_tokens=1500, seed=42)


@dataclass(frozen=True)
class Round:
    """What one generator filled its slots of one category with."""

    candidates: Mapping[int, Example]
    """By the number that their slot stands for."""
    good: Mapping[int, Probe]
    bad: Mapping[int, Probe]
    missing: int
    """Slots that have to hold a probe and hold none."""

    def seen(self) -> tuple[list[Seen], list[Seen], list[Seen]]:
        """Candidates, good probes and bad probes as a rater sees them."""
        good, bad = ({number: probe[0] for number, probe in some.items()} for some in (self.good, self.bad))
        candidates, good_ones, bad_ones = (
            [Seen(example, number, pseudonym(number)) for number, example in some.items()]
            for some in (self.candidates, good, bad)
        )
        return candidates, good_ones, bad_ones


def pseudonym(number: int) -> bytes:
    return hashlib.sha256(b"pseudonym %d" % number).digest()


def checker() -> SmallRustChecker:
    return SmallRustChecker(tallies())


def source_engine(checks: SmallRustChecker) -> SourceEngine:
    return SourceEngine(tallies(), tallies_crate(), checks)


def model_engine(checks: SmallRustChecker, *, source: SourceEngine | None = None) -> ModelEngine:
    return ModelEngine(
        tallies(),
        ScriptedModel(paraphrase),
        Terms(SAMPLING, 600),
        source=source or source_engine(checks),
        crate=tallies_crate(),
        checker=checks,
        salt=b"a test's",
    )


def play(engine: ModelEngine | SourceEngine, category: str, count: int, draw: int = 0) -> Round:
    """Fill `count` slots of a category; about a quarter each has to hold a good and a bad probe, by dice."""
    dice = random.Random(draw)
    rules = {number: dice.choice(["candidate", "candidate", "good", "bad"]) for number in range(count)}
    numbers = tuple(number for number, rule in rules.items() if rule == "candidate")
    wanted = [(category, number, rule == "good") for number, rule in rules.items() if rule != "candidate"]
    (proposal,), probes = asyncio.run(engine.fill([Request(category, numbers)], wanted))
    made = {entry: probe for entry, probe in zip(wanted, probes, strict=True) if probe is not None}
    good, bad = ({n: probe for (_, n, kind), probe in made.items() if kind is which} for which in (True, False))
    return Round(dict(proposal.examples), good, bad, len(wanted) - len(made))


def own_probes(engine: ModelEngine, category: str, numbers: Iterable[int], *, good: bool) -> dict[int, Probe]:
    """Which numbers' answers a probe can be made of, each at its own number, and the probes."""
    wanted = [(category, number, good) for number in numbers]
    _, probes = asyncio.run(engine.fill([], wanted))
    kinds = {"good", "slip"}
    made = zip(wanted, probes, strict=True)
    return {number: probe for (_, number, _), probe in made if probe is not None and kind_of(probe) in kinds}


def kind_of(probe: Probe) -> str:
    return decode_evidence(probe[1]).kind
