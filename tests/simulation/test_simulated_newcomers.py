"""Newcomers in whole rounds over bad networks: everybody decides alike, whoever heard what of their applications."""

from random import Random

import pytest

from consensus.types import Application
from node.identity import NodeKey
from node.identity.consent import give_consent
from node.simulate import protocol
from node.simulate.faults import BEHAVIOURS
from node.simulate.members import SimulatedMember
from node.simulate.protocol import Setting, Swarm, run_protocol


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """Newcomers come within a few rounds."""
    monkeypatch.setattr(protocol, "NEWCOMERS_AFTER_MS", 60_000)


def final_states(swarm):
    return {member.disk.state for member in swarm.honest if member.disk.state.height == swarm.setting.rounds}


@pytest.mark.slow
def test_newcomers_get_in_over_a_bad_network_among_members_that_crash():
    found = run_protocol(Setting(rounds=18, newcomers=2, network="lossy", crashes=True, tasks=6), seed=5)
    assert not found.violations
    assert not found.penalties
    assert found.unfinished == 0
    assert sorted(found.admitted) == [7, 8]


class Told(SimulatedMember):
    """Tells its application to every third of the others, and answers nobody who asks what it has."""

    def broadcast(self, message, envelope, share=1.0):
        if isinstance(message.body, Application):
            for peer in self.swarm.members[::3]:
                self.send(peer, message, envelope)
        else:
            super().broadcast(message, envelope, share)


def test_members_that_missed_an_application_recompute_the_round_that_took_it_up(monkeypatch):
    monkeypatch.setitem(BEHAVIOURS, "told", Told)
    swarm = Swarm(Setting(rounds=10, tasks=2, newcomers=1, newcomer_behaviour="told"), seed=2)
    found = swarm.run()
    assert not found.violations
    assert found.unfinished == 0
    (state,) = final_states(swarm)
    assert swarm.members[7].node in {member.node for member in state.members}


class TwoFaced(SimulatedMember):
    """Tells some that it is its own, and the others that it is somebody else's."""

    def say(self, body):
        if isinstance(body, Application):
            owner = NodeKey(bytes([self.index]) * 32)
            consent = give_consent(owner, self.node, self.swarm.genesis.network)
            other, envelope = self.sign(Application(body.until, owner.node, consent.signature))
            one, first = self.sign(body)
            for number, peer in enumerate(self.swarm.founders):
                self.send(peer, *((one, first) if number % 2 else (other, envelope)))
        else:
            super().say(body)


def test_who_applies_twice_in_an_epoch_is_examined_once_at_most_and_nobody_disagrees(monkeypatch):
    monkeypatch.setitem(BEHAVIOURS, "two-faced", TwoFaced)
    swarm = Swarm(Setting(rounds=10, tasks=2, newcomers=3, newcomer_behaviour="two-faced"), seed=4)
    found = swarm.run()
    assert not found.violations
    assert not found.penalties
    assert found.unfinished == 0
    (state,) = final_states(swarm)
    nodes = [member.node for member in state.members]
    assert len(nodes) == len(set(nodes))
    assert all(member.offences == 0 for member in state.members)


class Idle(SimulatedMember):
    """Asks to be examined and then says nothing."""

    def say(self, body):
        if isinstance(body, Application):
            super().say(body)


def test_newcomers_that_say_nothing_hold_up_no_round(monkeypatch):
    monkeypatch.setitem(BEHAVIOURS, "idle", Idle)
    swarm = Swarm(Setting(rounds=12, tasks=2, newcomers=2, newcomer_behaviour="idle"), seed=1)
    found = swarm.run()
    assert found.unfinished == 0
    assert sum(member.examined_from > 0 for member in swarm.honest[0].disk.state.members) == 2
    times = swarm.preset.times
    rounds = [swarm.decided_ms[height + 1] - swarm.decided_ms[height] for height in range(1, 12)]
    slowest_ms = max(member.work_ms_max for member in swarm.honest)
    assert max(rounds) < 3 * slowest_ms + 2 * times.observe_ms < times.rate_ms


def test_strangers_that_crowd_in_cost_no_round_and_no_member_anything(monkeypatch):
    """A hundred keys ask at once: eight of them are examined."""

    class Crowd(SimulatedMember):
        def say(self, body):
            if not isinstance(body, Application):
                return
            chance = Random(self.index)
            for _ in range(100):
                self.key = NodeKey(chance.randbytes(32))
                consent = give_consent(self.key, self.key.node, self.swarm.genesis.network)
                message, envelope = self.sign(Application(body.until, self.key.node, consent.signature))
                self.broadcast(message, envelope)

    monkeypatch.setitem(BEHAVIOURS, "crowd", Crowd)
    swarm = Swarm(Setting(rounds=8, tasks=1, newcomers=1, newcomer_behaviour="crowd"), seed=2)
    monkeypatch.setattr(swarm, "_judge_members", lambda decided: None)  # it knows no members but its own
    found = swarm.run()
    assert not found.violations
    assert found.unfinished == 0
    (state,) = final_states(swarm)
    examined = [member for member in state.members if member.examined_from]
    assert len(examined) == swarm.preset.reputation.applicants_max
    assert swarm.refused["lobby-full"] > 0
