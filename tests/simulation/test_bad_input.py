"""What no honest node says, in whole rounds: defined results, no node that ends, no round that stands still.

Single messages off the scale, not numbers, incomplete or doubled are refused at the door (`test_wire_refusals`,
`test_replay`); rounds without ratings, members or weight: `test_aggregation`, `test_outcome`, `test_voting_weights`.
"""

import pytest

from consensus.encoding import hash_value
from consensus.types import CheckFact, Rating
from node.simulate import faults
from node.simulate.members import SimulatedMember
from node.simulate.protocol import Setting, Swarm, run_protocol


class Nonsense(SimulatedMember):
    """Rates what nobody made, in tasks that are none, and not what it was asked to."""

    kind = "nonsense"

    def rate(self, task, content):
        return Rating(task + 90, hash_value("nobody made this", content), CheckFact.PASSED, (10_000,) * 4)


class Empty(SimulatedMember):
    """Commits to no rating at all, and reveals that."""

    kind = "empty"

    def _rate(self, effect):
        self._work(lambda: self.pipeline.on_ratings_ready(effect.height, ()))


class Unavailable(SimulatedMember):
    """Says of everything that it could not be fetched."""

    kind = "unavailable"

    def rate(self, task, content):
        return Rating(task, content, CheckFact.UNAVAILABLE, (0,) * 4)


@pytest.mark.parametrize("behaviour", [Nonsense, Empty, Unavailable])
def test_a_member_that_says_nothing_of_use_costs_nobody_anything(behaviour, monkeypatch):
    monkeypatch.setitem(faults.BEHAVIOURS, behaviour.kind, behaviour)
    found = run_protocol(Setting(behaviour=behaviour.kind, rounds=5), seed=6)
    assert found.unfinished == 0
    assert not found.violations
    assert not found.penalties
    assert found.precision > 0.8


def test_one_member_alone_decides_and_plans_no_work_that_nobody_could_rate():
    swarm = Swarm(Setting(nodes=1, rounds=1), seed=1)
    assert swarm.run().unfinished == 0
    (member,) = swarm.members
    assert member.disk.state.height == 1
    assert not any(plan.tasks for plan in member.pipeline.state.plans)
    assert member.pipeline.progress.waits_for == "jobs"


def test_two_members_work_for_each_other():
    found = run_protocol(Setting(nodes=2, rounds=4), seed=1)
    assert found.unfinished == 0
    assert found.accepted > 0


def test_a_swarm_of_nothing_but_constant_raters_still_decides_every_round():
    found = run_protocol(Setting(nodes=5, behaviour="const1", adversaries=0.8, rounds=5), seed=1)
    assert found.unfinished == 0
    assert not found.violations
