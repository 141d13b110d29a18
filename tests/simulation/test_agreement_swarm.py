"""Thousands of hostile schedules, some played twice; and machines with one rule missing, which must be found out."""

import itertools
from dataclasses import replace

import pytest

from consensus.agreement import Accuse, Agreement
from tests.simulation.agreement_schedules import draw_scenario, make_swarm, run_schedule
from tests.simulation.agreement_swarm import Scenario

SCHEDULES = 2_400
BATCH = 300
TWICE_EVERY = 4  # Schedules of every kind: sieges are every third.


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SCHEDULES, BATCH))
def test_hostile_schedules_end_in_one_valid_decision_and_only_liars_are_accused(first):
    for seed in range(first, first + BATCH):
        outcome = run_schedule(seed)
        assert not outcome.violations, f"python -m tests.simulation.agreement_schedules --first {seed} --schedules 1"
        if seed % TWICE_EVERY == 0:
            assert run_schedule(seed) == outcome, f"schedule {seed} is not the same when played again"


@pytest.mark.parametrize("seed", [513, 552, 606, 843])  # sieges of four members that take three views and more
def test_a_member_killed_at_any_step_signs_nothing_twice_and_holds_nobody_up(seed):
    scenario = replace(draw_scenario(seed), crashes="none")
    member = min(index for index in range(4) if index not in scenario.faulty)
    for step in itertools.count(1):
        swarm = make_swarm(scenario)
        swarm.members[member].fuse = step
        outcome = swarm.run()
        assert not outcome.violations, f"killed at step {step}"
        if not outcome.restarts:
            break  # it decided before it came to this step
    assert step > 40


class Absent:
    """Has a seat, and is not there."""

    hears_all = False

    def start(self):
        pass

    def receive(self, event):
        pass


def test_one_absent_member_of_four_costs_one_view_at_most():
    for seed in range(200):
        absent = seed % 4
        swarm = make_swarm(Scenario(seed, (10,) * 4, {absent: "crash"}, "calm", 0, 0.0, 300, "none"))
        swarm.members[absent] = Absent()
        outcome = swarm.run()
        assert not outcome.violations
        assert outcome.views <= 2


def test_a_schedule_is_more_than_its_outcome():
    # The fingerprint tells two runs apart that end alike; without it "the same twice" would mean little.
    assert len({run_schedule(seed).fingerprint for seed in range(30)}) == 30


def test_schedules_cover_what_they_are_for():
    scenarios = [draw_scenario(seed) for seed in range(SCHEDULES)]
    assert {len(scenario.weights) for scenario in scenarios} == {4, 7, 10, 13}
    assert {scenario.crashes for scenario in scenarios} == {"none", "single", "power cut"}
    assert all(3 * sum(s.weights[member] for member in s.faulty) < sum(s.weights) for s in scenarios)
    outcomes = [run_schedule(seed) for seed in range(200)]
    assert sum(outcome.restarts for outcome in outcomes) > 100
    assert sum(len(outcome.exposed) for outcome in outcomes) > 100
    assert max(outcome.views for outcome in outcomes) > 3


class WithoutLocks(Agreement):
    """Forgets at once what it is locked on."""

    _lock = property(lambda self: None, lambda self, lock: None)


class ForgetsItsVotes(Agreement):
    """Comes back from a crash with everybody's messages but its own."""

    def __init__(self, *, me, stored=(), **others):
        super().__init__(me=me, stored=[message for message in stored if message.sender != me], **others)


class ForgetsItsLock(Agreement):
    """Comes back from a crash without the lock of its precommits."""

    def _restore(self, stored):
        super()._restore(stored)
        self._lock = self._valid = None


class HalfIsEnough(Agreement):
    """Takes more than half for a quorum."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self._committee.quorum = self._committee.total // 2 + 1


class BelievesClaims(Agreement):
    """Lets a lock go for a mere claim that a later view had its quorum."""

    def _rule_prevote(self):
        lock, self._lock = self._lock, None
        voted = super()._rule_prevote()
        self._lock = self._lock or lock
        return voted


class SeesNoEvil(Agreement):
    """Accuses nobody."""

    def handle(self, event):
        return [effect for effect in super().handle(event) if not isinstance(effect, Accuse)]


@pytest.mark.parametrize(
    ("machine", "violation"),
    [
        (WithoutLocks, "agreement"),
        (ForgetsItsLock, "agreement"),
        (HalfIsEnough, "agreement"),
        (BelievesClaims, "agreement"),
        (ForgetsItsVotes, "signed two messages"),
        (SeesNoEvil, "not accused"),
    ],
)
def test_a_machine_with_a_rule_missing_is_found_out(machine, violation):
    sieges = range(0, SCHEDULES, 3)
    found = (what for seed in sieges for what in run_schedule(seed, machine).violations if violation in what)
    assert next(found, None), f"{len(sieges)} sieges, and nothing found"


def test_sieges_come_every_third_number():
    for seed in itertools.islice(itertools.count(0, 3), 20):
        assert set(draw_scenario(seed).faulty.values()) == {"mirror"}
