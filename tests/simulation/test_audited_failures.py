"""What auditors found in systems of this kind, each played against the code that ships.

The findings: public audits of contracts in which peers score each other in a range and a contract aggregates and pays.
"""

import json
from dataclasses import replace
from itertools import permutations

import pytest

from consensus.aggregation import Verdict, aggregate, reference
from consensus.encoding import hash_value
from consensus.outcome import best_first
from consensus.params import MAINNET
from consensus.rater_tables import EMPTY_TABLE, ONE
from consensus.round import Phase, Round, Send
from consensus.schedule import Standing, draw_raters
from consensus.types import (
    Attestation,
    CandidateState,
    Hash,
    JobId,
    Kind,
    RatingCommit,
    RatingReveal,
    RoundPlan,
    Seat,
    Signed,
    Task,
    TaskKind,
)
from node.pipeline.transition import standings
from node.replay import CandidateOutcome, Replay, replay_lines
from node.simulate.protocol import Setting, Swarm, run_protocol
from node.simulate.ratings import RatingRun
from node.simulate.scenarios import make_scenario
from node.simulate.worlds import World
from reputation import DecidedRound, Role, members_after, new_member, role_of, voting_weights
from tests.support.ratings import PARAMS, candidate, content, newcomers, node

RATERS = ("ada", "ben", "cleo", "dora", "emil")


@pytest.fixture(scope="module")
def known():
    """Tables of raters that have answered eighteen probes well."""
    tables = newcomers(*RATERS, "generator", "prober", "new")
    for number in range(9):
        probes = [
            candidate(f"good-{number}", dict.fromkeys(RATERS, 8600 + 20 * number), generator="prober", probe=True),
            candidate(f"bad-{number}", dict.fromkeys(RATERS, 3000 + 90 * number), generator="prober", probe=False),
        ]
        tables = dict(aggregate(tables, probes, PARAMS).tables)
    return tables


# "Wait, compute the mean, submit."


def test_a_late_scorer_that_copies_the_mean_gains_nothing_for_there_is_no_mean_to_copy():
    def weight_of_copiers(attack):
        run = RatingRun(World(attack, 0.3), 21)
        run.run()
        reputations = run.reputations()
        return reputations[run.bad].mean() / reputations[~run.bad].mean()

    assert weight_of_copiers("copycat_cr") < 0.15
    assert weight_of_copiers("copycat") > 0.8, "what it would gain if scores were public"


# "Arithmetic bricks the round."


AS = {
    "known": lambda table: table,
    "new": lambda _table: EMPTY_TABLE,
    "inverted": lambda table: replace(  # what they say tells nothing, so that all weights are zero
        table,
        slow_bad=table.slow_good,
        slow_good=table.slow_bad,
        fast_bad=table.fast_good,
        fast_good=table.fast_bad,
    ),
    "voiceless": lambda table: replace(table, maturity=0),
}


@pytest.mark.parametrize(
    "scores",
    [
        (100, 100, 100, 100, 9700),  # a deviation above the mean
        (0, 0, 0, 0, 0),
        (10_000,) * 5,
        (0, 10_000, 0, 10_000, 0),
        (1, 0, 0, 0, 0),
        (-(1 << 62), 1 << 62, 5000, 5000, 5000),  # the wire refuses these; arithmetic has to bear them all the same
    ],
    ids=str,
)
@pytest.mark.parametrize("tables", ["known", "new", "inverted", "voiceless"])
@pytest.mark.parametrize("form", [aggregate, reference.aggregate], ids=["fast", "plain"])
def test_no_scores_keep_a_round_from_being_decided(known, scores, tables, form):
    members = {name: AS[tables](table) for name, table in known.items()}
    found = form(members, [candidate("x", dict(zip(RATERS, scores, strict=True)))], PARAMS)
    (scored,) = found.candidates
    assert 0 <= scored.score_bp <= 10_000
    assert scored.verdict in Verdict


def test_rounding_favours_nobody(known):
    pairs = {"ada": 8501, "ben": 8499}
    one = aggregate(known, [candidate("x", pairs, raters=2)], PARAMS).candidates[0]
    swapped = {"ada": 8499, "ben": 8501}
    other = aggregate(known, [candidate("x", swapped, raters=2)], PARAMS).candidates[0]
    assert abs(one.score_bp - other.score_bp) <= 1


# "With one or two validators, one of them decides."


def test_one_voter_accepts_nothing_however_sure_and_however_well_known():
    scenario = make_scenario(World(rounds=25), 4)
    last, votes = 25, {}
    records = []
    for record in scenario.records:
        if record["type"] == "rating" and record["round"] == last:
            if record["stage"] == 2 or votes.setdefault(record["candidate"], record["rater"]) != record["rater"]:
                continue
            record["scores"] = [1.0] * 4
        records.append(json.dumps(record))
    outcomes = {item.candidate: item for item in replay_lines(records, Replay()) if isinstance(item, CandidateOutcome)}
    alone = [outcomes[name] for name in votes if not scenario.truths[name].probe]
    assert len(alone) > 20
    assert not any(item.accepted for item in alone)
    assert CandidateState.UNAVAILABLE in {item.state for item in alone}, "its evidence alone would have been enough"


def test_a_swarm_of_two_accepts_only_what_the_other_one_rated():
    found = run_protocol(Setting(nodes=2, rounds=6), seed=1)
    assert found.unfinished == 0
    assert found.precision > 0.8


# "One actor front-runs and fills all seats."


def test_seats_are_drawn_and_an_owners_nodes_never_rate_each_other():
    crowd = [Standing(node(f"crowd-{n}"), "crowd", may_rate=True, mature=True, proven=True, skill=1) for n in range(30)]
    others = [Standing(node(f"m{n}"), f"m{n}", may_rate=True, mature=True, proven=True, skill=1) for n in range(30)]
    everybody = sorted((*crowd, *others), key=lambda item: item.node)
    seats = [draw_raters(Hash(bytes(31) + bytes([n])), "raters", everybody, (), 5, 1) for n in range(200)]
    share = sum(seat in {item.node for item in crowd} for drawn in seats for seat in drawn) / 1000
    assert share == pytest.approx(0.5, abs=0.06), "as many as its nodes, whoever comes first"
    generator = crowd[0].node
    assert not set(draw_raters(Hash(bytes(32)), "raters", everybody, (generator,), 5, 1)) & {c.node for c in crowd}


def test_many_wallets_of_one_owner_weigh_as_one():
    def rater(name, owner):
        return replace(new_member(node(name), owner, 0), table=replace(EMPTY_TABLE, maturity=8 * ONE))

    crowd = [rater(f"crowd-{number}", "crowd") for number in range(40)]
    members = crowd + [rater(f"m{number:02}", f"m{number}") for number in range(20)]
    weights = {seat.node: seat.weight for seat in voting_weights(members, 100, MAINNET)}
    assert sum(weights[item.node] for item in crowd) <= sum(weights.values()) * 0.101


# "Ties and all-zero go to the first response."


def test_ties_go_to_no_place_in_the_queue(known):
    tied = [candidate(name, dict.fromkeys(RATERS, 8700), generator=f"maker-{name}") for name in "abc"]
    winners = set()
    for order in permutations(tied):
        scored = aggregate(known, order, PARAMS).candidates
        winners.add(best_first(scored)[0].content)
    assert winners == {content("a")}, "the content decides, and nobody can choose its hash and its place"


def test_when_all_are_worthless_nobody_wins(known):
    zero = [candidate(name, dict.fromkeys(RATERS, 0), generator=f"maker-{name}") for name in "abc"]
    assert all(item.verdict is Verdict.REJECT for item in aggregate(known, zero, PARAMS).candidates)


# "Nothing is at stake, so leave at once after cheating."


def test_who_cheats_and_leaves_has_nothing_to_take_along():
    cheat = replace(new_member(node("ada"), "ada", 0), table=replace(EMPTY_TABLE, maturity=8 * ONE))
    decided = DecidedRound(height=9, outcome_root=Hash(bytes(32)), equivocators=frozenset({cheat.node}))
    (after,) = members_after([cheat], decided, MAINNET)
    for height in range(10, 74):  # whether it comes back under its name
        assert role_of(after, height, MAINNET) is Role.BARRED
    stranger = new_member(node("again"), "again", 10)  # or under another
    old = [replace(new_member(node(n), n, 0), table=replace(EMPTY_TABLE, maturity=8 * ONE)) for n in RATERS]
    weights = {seat.node for seat in voting_weights([stranger, *old], 10, MAINNET)}
    assert stranger.node not in weights


# "Commit and reveal in one block shows the score to those who have not committed."


EVERYBODY = tuple(node(name) for name in ("gen", *RATERS))


def open_round(me):
    task = Task(
        index=0,
        job=JobId(bytes(32)),
        crate=0,
        category=0,
        kind=TaskKind.REVIEW,
        generators=(),
        raters=EVERYBODY[1:],
        observers=(),
        slots=0,
        quota=1,
        attempt=0,
        carried=(content("x"),),
    )
    plan = RoundPlan(7, 0, Hash(bytes(32)), (task,), tuple(Seat(member, 1) for member in EVERYBODY), 10)
    current = Round(plan, me, MAINNET.times, salt=bytes(32))
    return current, current.start()


def say(sender, kind, body):
    return Signed(sender, kind, hash_value("message", (sender, kind, body)), body)


def sent(effects, kind):
    return [effect for effect in effects if isinstance(effect, Send) and effect.kind is kind]


def test_nothing_is_revealed_while_somebody_may_still_commit():
    current, effects = open_round(EVERYBODY[1])
    effects += current.on_ratings_ready(())
    mine = sent(effects, Kind.RATING_COMMIT)[0]
    effects += current.on_message(say(EVERYBODY[1], Kind.RATING_COMMIT, mine.body))
    for rater in EVERYBODY[2:5]:
        effects += current.on_message(say(rater, Kind.RATING_COMMIT, RatingCommit(7, Hash(bytes(32)))))
    assert current.phase is Phase.RATE
    assert not sent(effects, Kind.RATING_REVEAL), "one is missing"
    effects += current.on_message(say(EVERYBODY[5], Kind.RATING_COMMIT, RatingCommit(7, Hash(bytes(32)))))
    assert len(sent(effects, Kind.RATING_REVEAL)) == 1


def test_a_commitment_that_comes_after_the_reveals_have_begun_does_not_count():
    current, effects = open_round(EVERYBODY[0])
    for rater in EVERYBODY[1:5]:
        effects += current.on_message(say(rater, Kind.RATING_COMMIT, RatingCommit(7, Hash(bytes(32)))))
    effects += current.on_timer(Phase.RATE)
    late = say(EVERYBODY[5], Kind.RATING_COMMIT, RatingCommit(7, Hash(b"\x01" * 32)))
    effects += current.on_message(late)
    for rater in EVERYBODY[1:5]:
        effects += current.on_message(say(rater, Kind.RATING_REVEAL, RatingReveal(7, bytes(32), ())))
    effects += current.on_timer(Phase.REVEAL)
    (attested,) = sent(effects, Kind.ATTESTATION)
    assert isinstance(attested.body, Attestation)
    assert late.digest not in {entry.digest for entry in attested.body.messages}
    assert len(attested.body.messages) == 8


# "Reputation is read when the task is claimed, so who has lost it still counts."


def test_a_lost_standing_counts_from_the_next_plan_on_and_a_voice_from_the_next_round():
    fine = replace(new_member(node("ada"), "ada", 0), table=replace(EMPTY_TABLE, maturity=8 * ONE))
    assert standings((fine,), 10, MAINNET)[0].may_rate
    barred = replace(fine, suspended_until=20)
    assert standings((barred,), 10, MAINNET) == ()
    high = (0,) * 9 + (40 * ONE,)  # what it praised was bad, probes among it
    mute = replace(fine, table=replace(fine.table, slow_bad=high, fast_bad=high, answers=(5 * ONE, 0, 0, 0)))
    assert not standings((mute,), 10, MAINNET)[0].may_rate
    rated = [candidate("x", {"ada": 9900}, raters=1)]
    assert aggregate({node("ada"): mute.table}, rated, PARAMS).candidates[0].verdict is not Verdict.ACCEPT


def test_reputation_does_not_move_before_a_round_is_certified():
    swarm = Swarm(Setting(rounds=5, behaviour="inverted"), seed=2)
    swarm.run()
    for member in swarm.honest:
        for height, decided in member.disk.rounds.items():
            assert decided.transition.header.height == height
            assert all(event.height == height for event in decided.transition.events)
            changed = {event.node for event in decided.transition.events}
            before = member.disk.rounds.get(height - 1)
            if before is not None:
                moved = set(decided.transition.state.members) - set(before.transition.state.members)
                assert {item.node for item in moved} == changed


# "If validators stay silent, a round can wait for ever."


def test_silent_members_delay_a_round_by_its_time_outs_and_no_more():
    found = run_protocol(Setting(behaviour="silent", rounds=5), seed=3)
    times = MAINNET.times
    longest = times.generate_ms + times.publish_ms + times.rate_ms + times.reveal_ms + 2 * times.unmask_ms
    longest += times.attest_ms + 4 * (times.propose_ms + 3 * times.propose_step_ms + 2 * times.vote_ms)
    assert found.unfinished == 0
    assert found.hours * 3_600_000 < 5 * 1.2 * longest
