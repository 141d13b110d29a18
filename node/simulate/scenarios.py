"""A whole scenario as PROTOCOL section 8 records, with the truth that it hides beside them: for `swarm-node replay`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from node.simulate.worlds import DrawnRound, World, bad_nodes, category_of, draw_rounds


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


def make_scenario(world: World, seed: int) -> Scenario:
    """Draw a whole scenario."""
    scenario = Scenario(world=world, seed=seed)
    scenario.records.append(
        {
            "type": "scenario",
            "id": f"{world.attack}-{world.adversaries}-{seed}",
            "criteria": ["syntactic_correctness", "semantic_validity", "idiomatic_rust", "compilation_potential"],
            "weights": [0.25] * 4,
            "accept": 0.7,
            "review": 0.5,
            "committee": world.committee,
            "rounds": world.rounds,
        }
    )
    bad = np.flatnonzero(bad_nodes(world, seed))
    for drawn in draw_rounds(world, seed):
        scenario.adversaries.update(drawn.names[node] for node in bad)
        scenario.present = set(drawn.names)
        _add_truths(scenario, drawn)
        scenario.records += _candidate_records(world, drawn)
        for stage in (1, 2):
            scenario.records += _rating_records(drawn, stage)
        scenario.records += _reveal_records(drawn)
    return scenario


def _add_truths(scenario: Scenario, drawn: DrawnRound) -> None:
    for task, slot, name in drawn.named():
        scenario.truths[name] = Truth(
            round=drawn.number,
            task=f"r{drawn.number}-t{task}",
            quality=float(drawn.quality[task, slot]),
            good=bool(drawn.good[task, slot]),
            probe=bool(drawn.probes[task]),
            fails_check=str(drawn.checks[task, slot]) == "fail",
        )


def _candidate_records(world: World, drawn: DrawnRound) -> Iterator[dict[str, Any]]:
    for task, slot, name in drawn.named():
        yield {
            "type": "candidate",
            "round": drawn.number,
            "id": name,
            "task": f"r{drawn.number}-t{task}",
            "category": category_of(task, world),
            "check": str(drawn.checks[task, slot]),
        }


def _rating_records(drawn: DrawnRound, stage: int) -> Iterator[dict[str, Any]]:
    """Stage 2 is what fresh raters would say in a review; probes are not reviewed."""
    seats, scores = (drawn.committee, drawn.fresh)[stage - 1], drawn.stages[stage - 1]
    for task, slot, name in drawn.named():
        if stage == 2 and drawn.probes[task]:
            continue
        for rater, given in zip(seats[task], scores[task, slot].tolist(), strict=True):
            yield {
                "type": "rating",
                "round": drawn.number,
                "candidate": name,
                "rater": drawn.names[rater],
                "stage": stage,
                "scores": given,
            }


def _reveal_records(drawn: DrawnRound) -> Iterator[dict[str, Any]]:
    for task, slot, name in drawn.named():
        reveal: dict[str, Any] = {"type": "reveal", "round": drawn.number, "candidate": name}
        reveal["generator"] = drawn.names[drawn.makers[task, slot]]
        if drawn.probes[task]:
            reveal["probe"] = "good" if drawn.good[task, slot] else "bad"
        yield reveal
