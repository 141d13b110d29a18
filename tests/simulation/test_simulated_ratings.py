"""The simulation in columns is the shipped code: equal to a replay of the same scenario, record by record."""

from dataclasses import fields

import numpy as np
import pytest

from node.replay import NodeOutcome
from node.simulate.attacks import ATTACKS, MORE_ATTACKS
from node.simulate.ratings import RatingRun
from node.simulate.scenarios import make_scenario
from node.simulate.worlds import World
from tests.support.verdicts import judge, replay_scenario

SMALL = {"rounds": 34, "tasks": 6}
"""An epoch and a little more."""
WORLDS = [
    World(tasks=6, rounds=31),  # an epoch, with the round that decides what the last one left
    World("clique", 0.3, **SMALL),
    World("sleeper", 0.45, **SMALL),
    World("oscillate", 0.3, self_rating=True, **SMALL),
    World("stealth", 0.3, nodes=9, committee=3, **SMALL),
    World("random", 0.4, nodes=5, committee=4, probes=0.0, **SMALL),  # nobody is left to review
]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: f"{world.attack}-{world.nodes}")
def test_columns_give_the_scores_and_reputations_that_a_replay_gives(world):
    scenario = make_scenario(world, 11)
    outcomes = replay_scenario(scenario)
    expected = judge(scenario, outcomes)
    run = RatingRun(world, 11)
    found = run.run()
    for field in fields(expected):
        if field.name not in {"detected", "detect_rounds", "unfairly"}:
            assert getattr(found, field.name) == pytest.approx(getattr(expected, field.name), rel=1e-12, nan_ok=True)
    replayed = {item.node: item.reputation_bp for item in outcomes if isinstance(item, NodeOutcome)}
    assert [replayed[f"node-{n}"] for n in range(world.nodes)] == run.reputations().tolist()


def test_who_throws_an_identity_away_begins_as_a_stranger():
    run = RatingRun(World("sybil", 0.3, rounds=25), 3)  # round 25 begins new identities
    run.run()
    bad = np.flatnonzero(run.bad)
    assert (run.raters.maturity[bad] <= run.raters.maturity[~run.bad].min()).all()
    assert run.reputations()[bad].max() < run.reputations()[~run.bad].max()


@pytest.mark.parametrize("attack", [*ATTACKS, *MORE_ATTACKS])
def test_every_attack_of_the_library_plays_and_replays(attack):
    world = World(attack, 0.3, rounds=12)
    first, again = RatingRun(world, 2), RatingRun(world, 2)
    assert repr(first.run()) == repr(again.run())
    assert (first.raters.histograms == again.raters.histograms).all()


def test_copying_pays_without_commit_reveal_and_not_with_it():
    def share(attack):
        run = RatingRun(World(attack, 0.3), 4)
        run.run()
        reputations = run.reputations()
        return reputations[run.bad].mean() / reputations[~run.bad].mean()

    assert share("copycat") > 0.8
    assert share("copycat_cr") < 0.15


def test_the_transcript_names_every_wrong_decision_with_what_each_rater_said():
    lines = []
    RatingRun(World("clique", 0.3, rounds=30), 1, tell=lines.append).run()
    assert sum(line.startswith("round 7: ") and " rated, " in line for line in lines) == 1
    wrong = [line for line in lines if "accepted, and bad" in line]
    assert {line.count("node-") for line in wrong} == {6, 11}  # its maker and five raters; five fresh ones in reviews
    assert any("an adversary, has no standing" in line for line in lines)


def test_memory_does_not_grow_with_the_rounds():
    run = RatingRun(World("clique", 0.3, nodes=50, rounds=60), 5)
    run.run()
    assert run.raters.pair_generator.shape == (50, 32)
    assert run.ratings > 60 * 100
