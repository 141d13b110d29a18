"""Members that speak before their turn, or only when they have seen what others show, gain nothing by it."""

import pytest

from consensus.types import CandidateState, Kind
from node.simulate.protocol import Setting, Swarm


def played(behaviour, rounds=4, seed=1, **setting):
    swarm = Swarm(Setting(behaviour=behaviour, rounds=rounds, **setting), seed=seed)
    found = swarm.run()
    assert (found.unfinished, found.violations, found.penalties) == (0, [], {})
    return swarm, found


def outcomes(swarm):
    return [decided.transition.outcome for decided in swarm.honest[0].disk.rounds.values()]


@pytest.mark.parametrize(
    ("behaviour", "setting"), [("late-copier", {}), ("drifter", {"nodes": 10, "adversaries": 0.3, "seed": 2})]
)
def test_whoever_commits_when_the_first_ratings_are_revealed_is_late_everywhere(behaviour, setting):
    swarm, _ = played(behaviour, **setting)
    copiers = set(swarm.friends)
    said = [message for message in swarm.honest[0].disk.messages.values() if message.kind is Kind.RATING_REVEAL]
    assert copiers & {message.sender for message in said}, "they copied"
    assert not any(copiers & outcome.conduct.revealed for outcome in outcomes(swarm))


def test_whoever_commits_to_contents_when_the_first_are_published_takes_none_away():
    swarm, found = played("late-thief", seed=2)
    thieves = set(swarm.friends)
    said = [message for message in swarm.honest[0].disk.messages.values() if message.kind is Kind.CANDIDATE_COMMIT]
    assert thieves & {message.sender for message in said}, "they copied"
    decisions = [decision for outcome in outcomes(swarm) for decision in outcome.decisions]
    assert not [decision for decision in decisions if decision.generator in thieves]
    assert found.made
    assert found.lost == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_whoever_says_at_once_to_be_past_everything_makes_nobody_late_and_no_probe_void(seed):
    swarm, found = played("rusher", rounds=6, seed=seed)
    states = [decision.state for outcome in outcomes(swarm) for decision in outcome.decisions]
    assert CandidateState.PROBE in states
    assert found.lost == 0
