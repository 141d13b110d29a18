"""Whole members against hostile ones: nothing is violated, nobody honest is punished, and a seed is a run."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from consensus.types import CandidateState, Kind
from node.cli import main
from node.simulate import protocol
from node.simulate.faults import BEHAVIOURS
from node.simulate.protocol import Setting, Swarm, run_protocol
from reputation import ReasonKind, generating_skill_bp


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_no_adversary_below_one_third_breaks_a_round_or_has_anybody_honest_punished(behaviour):
    found = run_protocol(Setting(behaviour=behaviour, rounds=7), seed=5)
    assert not found.violations
    assert found.unfinished == 0
    assert not found.penalties
    assert found.precision > 0.75


@pytest.mark.slow
@pytest.mark.parametrize("network", ["lossy", "slow", "partition"])
def test_bad_networks_and_crashes_delay_rounds_and_change_nothing_else(network):
    found = run_protocol(Setting(network=network, crashes=True, rounds=8), seed=2)
    assert not found.violations
    assert found.unfinished == 0
    assert not found.penalties


def test_who_was_away_believes_no_list_of_attestations_that_is_not_the_headers():
    setting = Setting(behaviour="list-forger", network="lossy", crashes=True, rounds=5)
    found = run_protocol(setting, seed=3)  # in which a member that believed them takes a certified header for a fork
    assert not found.violations
    assert found.unfinished == 0


@pytest.mark.parametrize("behaviour", ["idler", "thief"])
def test_who_makes_nothing_ends_no_task_and_takes_nobodys_examples(behaviour):
    swarm = Swarm(Setting(behaviour=behaviour, rounds=8), seed=1)
    found = swarm.run()
    assert found.lost == 0
    state = swarm.honest[0].disk.state
    assert not any(task.exhausted for task in state.jobs[0].tasks)
    skills = {member.node: generating_skill_bp(member, swarm.preset) for member in state.members}
    (bad,) = swarm.friends
    assert skills[bad] == min(skills.values())


@pytest.mark.parametrize("behaviour", ["equivocator", "flooder"])
def test_who_signs_twice_is_barred_within_a_few_rounds(behaviour):
    found = run_protocol(Setting(behaviour=behaviour, nodes=7, rounds=6), seed=1)
    assert len(found.detect_rounds) == 1
    assert max(found.detect_rounds.values()) <= 4
    assert found.adversary_share == 0


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", ["inverted", "const1", "withholder"])
def test_liars_lose_their_weight(behaviour):
    found = run_protocol(Setting(behaviour=behaviour, rounds=12), seed=3)
    assert found.adversary_share == 0
    assert found.reputation_auc == 1.0


def test_every_probe_of_a_dishonest_maker_is_void_and_counts_as_a_candidate_that_was_not_accepted():
    found = 0
    for seed in (1, 2):
        swarm = Swarm(Setting(behaviour="probe-maker", rounds=6), seed=seed)
        assert not swarm.run().violations
        for decided in swarm.honest[0].disk.rounds.values():
            found += check_probes_of(decided.transition, set(swarm.friends))
    assert found


def test_where_probes_are_few_members_make_more_until_most_raters_are_proven(monkeypatch):
    monkeypatch.setattr(protocol, "PRESET", replace(protocol.PRESET, probe_one_in=1000))
    swarm = Swarm(Setting(rounds=12), seed=1)
    found = swarm.run()
    assert not found.violations
    asked, held = {}, {}
    for height, decided in swarm.honest[0].disk.rounds.items():
        asked |= {plan.height: plan.probe_one_in for plan in decided.transition.state.plans}
        held[height] = [item.state for item in decided.transition.outcome.decisions]
    early = [state for height, states in held.items() if asked.get(height) == 10 for state in states]
    late = [state for height, states in held.items() if asked.get(height) == 1000 for state in states]
    assert CandidateState.VOID not in early + late, "all of them go by the same plan"
    assert 0.05 < early.count(CandidateState.PROBE) / len(early) < 0.15
    assert len(late) > 100
    assert late.count(CandidateState.PROBE) <= 2


def check_probes_of(transition, makers):
    """How many of a round's probes did not hold: only the makers', each charged, and none that counts as a probe."""
    outcome = transition.outcome
    false = dict(outcome.conduct.false_probes)
    assert set(false) <= makers
    for maker in makers:
        states = [item.state for item in outcome.decisions if item.generator == maker]
        reasons = [reason for event in transition.events if event.node == maker for reason in event.reasons]
        charged = sum(reason.amount for reason in reasons if reason.kind is ReasonKind.NOT_ACCEPTED)
        rejected = sum(state in {CandidateState.REJECTED_SCORE, CandidateState.REJECTED_CHECK} for state in states)
        assert charged == rejected + false.get(maker, 0)
        assert states.count(CandidateState.VOID) == false.get(maker, 0)
        assert CandidateState.PROBE not in states
    return sum(false.values())


def test_who_was_away_follows_rounds_that_punished_an_equivocator_and_counts_the_same_offences():
    setting = Setting(behaviour="equivocator", network="lossy", crashes=True, rounds=6)
    swarm = Swarm(setting, seed=9)  # a member is away while the offence is punished
    assert swarm.run().unfinished == 0
    assert len({member.disk.state for member in swarm.honest if member.disk.state.height == 6}) == 1


def test_one_offence_is_punished_once_however_often_it_is_reported():
    swarm = Swarm(Setting(behaviour="equivocator", rounds=3), seed=1)
    swarm.run()
    offences = {m.node: m.offences for m in swarm.honest[0].disk.state.members}
    for member in swarm.members:
        if member.kind == "equivocator":
            member.say = super(type(member), member).say  # from here on it keeps to the protocol
    reporter = swarm.honest[0]
    evidence = [item for item in reporter.disk.messages.values() if item.kind is Kind.EVIDENCE]
    assert evidence

    def report_again():
        for item in evidence:
            reporter.broadcast(item, reporter.disk.envelopes[item.digest])
            for peer in swarm.honest:
                peer.put(lambda peer=peer, item=item: peer.take(item))
        swarm.clockwork.after(5_000, report_again)

    report_again()
    swarm.clockwork.run(lambda: min(m.disk.state.height for m in swarm.honest) >= 12, 48 * 3_600_000)
    settled = {m.node: m.offences for m in swarm.honest[0].disk.state.members}
    assert swarm.honest[0].disk.state.height >= 12
    assert sum(settled.values()) <= sum(offences.values()) + 1  # what it signed before, in rounds planned later


def test_a_seed_is_a_run_with_every_line_of_its_transcript():
    def played(seed):
        lines = []
        found = run_protocol(
            Setting(behaviour="equivocator", network="lossy", crashes=True, rounds=5), seed, lines.append
        )
        return found.fingerprint, lines

    assert played(9) == played(9)
    assert played(9)[0] != played(10)[0]


def test_with_too_many_silent_members_rounds_do_not_end_and_the_run_says_so():
    found = run_protocol(Setting(nodes=4, behaviour="silent", adversaries=0.5, rounds=1), seed=1)
    assert found.unfinished == 1
    assert not found.violations


def run(*arguments):
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)])


def test_the_command_prints_one_table():
    result = run("--rounds", 8, "--attack", "const1", "--attack", "clique")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[3:]] == ["none", "const1", "clique", "mean"]


def test_the_command_prints_json():
    result = run("--rounds", 8, "--attack", "const1", "--json")
    figures = json.loads(result.stdout, parse_constant=pytest.fail)["figures"]
    assert figures["const1"]["recall"] > 0.5
    assert figures["none"]["adversary_share"] is None


def test_the_command_replays_a_seed_as_a_transcript():
    result = run("--rounds", 8, "--attack", "clique", "--transcript")
    assert "round 8: " in result.stdout
    protocol = run("--level", "protocol", "--rounds", 3, "--attack", "equivocator", "--transcript")
    assert "decided in view" in protocol.stdout
    assert "(equivocator): equivocated, suspended" in protocol.stdout


def test_the_command_ends_with_one_when_a_round_does_not_end():
    options = ("--level", "protocol", "--nodes", 4, "--rounds", 1, "--attack", "silent", "--adversaries", 0.5)
    result = run(*options)
    assert result.exit_code == 1
    assert "rounds not ended" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--attack", "bribe"),
        ("--nodes", 5),
        ("--transcript", "--attack", "clique", "--attack", "aware"),
        ("--transcript", "--seeds", 2, "--attack", "clique"),
    ],
)
def test_what_cannot_be_played_is_refused_with_a_hint(options):
    result = run(*options)
    assert result.exit_code == 2
    assert "hint: " in result.stderr
