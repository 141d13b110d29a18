"""Who comes in, and who keeps a seat: by hidden probes alone (R37, R39)."""

from dataclasses import replace

import pytest

from consensus.aggregation import aggregate
from consensus.params import MAINNET
from consensus.rater_tables import EMPTY_TABLE, ONE
from consensus.types import DRAWERS, ZERO_HASH
from node.desks.standing import reasons_text
from node.pipeline.transition import standings
from reputation import (
    EMPTY_LEDGER,
    DecidedRound,
    ReasonKind,
    Role,
    apply_round,
    is_blind,
    is_capable,
    is_proven,
    members_after,
    new_member,
    role_of,
    voting_weights,
)
from tests.support.ratings import PARAMS, candidate, node, practised

GOOD, BAD = 8600, 3000


def answered(answers, scores):
    """The table after so many pairs of a good and a bad probe, scored alike each time."""
    tables = {node("new"): EMPTY_TABLE}
    for number in range(answers):
        probes = [
            candidate(f"good-{number}", {"new": scores[0]}, generator="prober", probe=True),
            candidate(f"bad-{number}", {"new": scores[1]}, generator="prober", probe=False),
        ]
        tables = dict(aggregate(tables, probes, PARAMS).tables)
    return tables[node("new")]


def newcomer(table=EMPTY_TABLE, since=5):
    return replace(new_member(node("new"), "its owner", since - 1), table=table, examined_from=since)


def decide(member, height, **facts):
    return apply_round([member], DecidedRound(height, ZERO_HASH, **facts), EMPTY_LEDGER, MAINNET)


def kinds(applied):
    return [reason.kind for event in applied.events for reason in event.reasons]


@pytest.mark.parametrize(
    ("scores", "capable"),
    [
        ((GOOD, BAD), True),
        ((6500, 6499), True),  # the scale is cut at 0.65
        ((10_000, 10_000), False),  # everything is good
        ((0, 0), False),
        ((BAD, GOOD), False),
        ((6499, BAD), False),
    ],
    ids=["right", "just right", "constant one", "constant zero", "inverted", "only the bad ones"],
)
def test_capable_is_who_calls_probes_of_either_kind_what_they_are(scores, capable):
    assert is_capable(answered(12, scores), MAINNET) is capable


@pytest.mark.parametrize("scores", [(GOOD, BAD), (0, 0)], ids=["rightly", "wrongly"])
def test_probes_have_told_enough_of_who_has_answered_eight_of_them(scores):
    tables = [answered(pairs, scores) for pairs in (0, 3, 4, 12)]
    assert [is_proven(table, MAINNET) for table in tables] == [False, False, True, True]
    member = new_member(node("ada"), "ada", 0)
    seen = [standings((replace(member, table=table),), 9, MAINNET)[0].proven for table in tables]
    assert seen == [False, False, True, True]


@pytest.mark.parametrize("drawer", [0, DRAWERS - 1])
def test_who_is_doubted_by_half_in_any_category_is_proven_no_more(drawer):
    table = answered(12, (GOOD, BAD))
    half = MAINNET.aggregation.doubt_mute // 2
    doubts = [0] * DRAWERS
    doubts[drawer] = half - 1
    assert is_proven(replace(table, doubts=tuple(doubts)), MAINNET)
    doubts[drawer] = half
    assert not is_proven(replace(table, doubts=tuple(doubts)), MAINNET)


def test_founders_are_nobodys_newcomers_unless_an_offence_has_made_them_begin_anew():
    founder = new_member(node("ada"), "ada", 0)
    later = new_member(node("ada"), "ada", 7)
    offender = replace(founder, offences=1)
    assert [standings((member,), 9, MAINNET)[0].mature for member in (founder, later, offender)] == [True, False, False]


def test_who_has_answered_nothing_has_shown_nothing():
    assert not is_capable(EMPTY_TABLE, MAINNET)


@pytest.mark.parametrize(("probes", "blind"), [(3, False), (4, True)])
@pytest.mark.parametrize("together", [True, False], ids=["in one round", "one a round"])
def test_four_probes_answered_wrongly_show_who_is_blind(probes, blind, together):
    wrong = [candidate(f"bad-{number}", {"new": GOOD}, probe=False) for number in range(probes)]
    tables = {node("new"): EMPTY_TABLE}
    for round_ in [wrong] if together else [[probe] for probe in wrong]:
        tables = dict(aggregate(tables, round_, PARAMS).tables)
    assert is_blind(tables[node("new")], MAINNET) is blind


def test_a_newcomer_observes_makes_nothing_and_weighs_nothing():
    member = newcomer(practised())
    assert role_of(member, 7, MAINNET) is Role.APPLICANT
    (standing,) = standings((member,), 7, MAINNET)
    assert (standing.may_rate, standing.skill) == (False, 0)
    others = [new_member(node(name), name, 0) for name in ("ada", "ben")]
    assert node("new") not in {seat.node for seat in voting_weights([member, *others], 6, MAINNET)}


def test_twenty_four_probes_answered_well_admit_with_seats_and_no_voice():
    table = answered(11, (GOOD, BAD))  # 22 so far
    assert kinds(decide(newcomer(), 8, tables={node("new"): table})) == [ReasonKind.RATED]
    applied = decide(newcomer(), 8, tables={node("new"): answered(12, (GOOD, BAD))})
    assert kinds(applied) == [ReasonKind.RATED, ReasonKind.ADMITTED]
    told = reasons_text(applied.events[0].reasons)
    assert "proven by hidden probes that it can rate, and has seats from round 11" in told
    (member,) = applied.members
    first = 8 + MAINNET.lookback + 1  # what is planned already it still observes
    assert [role_of(member, height, MAINNET) for height in (first - 1, first)] == [Role.APPLICANT, Role.NEWCOMER]
    for height in range(9, first):
        (member,) = members_after([member], DecidedRound(height, ZERO_HASH), MAINNET)
    assert (member.examined_from, member.admitted_from, member.table) == (0, 0, EMPTY_TABLE)
    assert role_of(member, first, MAINNET) is Role.NEWCOMER


def test_who_fails_waits_for_the_next_epoch_and_is_dropped_when_it_comes():
    applied = decide(newcomer(), 8, tables={node("new"): answered(12, (GOOD, GOOD))})
    assert kinds(applied) == [ReasonKind.RATED, ReasonKind.NOT_ADMITTED]
    (member,) = applied.members
    assert role_of(member, 9, MAINNET) is Role.BARRED
    assert member.examined_from == MAINNET.epoch_rounds + 1
    ended = decide(member, MAINNET.epoch_rounds)
    assert ended.members == ()
    assert kinds(ended) == [ReasonKind.DROPPED]
    assert ended.events[0].member == ZERO_HASH


def test_nobody_keeps_a_place_by_saying_nothing():
    silent = newcomer(since=MAINNET.epoch_rounds + 1)
    assert members_after([silent], DecidedRound(MAINNET.epoch_rounds + 5, ZERO_HASH), MAINNET)
    assert not members_after([silent], DecidedRound(2 * MAINNET.epoch_rounds, ZERO_HASH), MAINNET)


def test_a_failure_is_told_once():
    (failed,) = decide(newcomer(), 8, tables={node("new"): answered(12, (GOOD, GOOD))}).members
    later = decide(failed, 9, tables={node("new"): answered(1, (GOOD, BAD))})
    assert kinds(later) == [ReasonKind.RATED]


def test_marks_of_the_examination_are_not_those_of_the_member():
    marked = replace(newcomer(), unrevealed=0b11)
    (admitted,) = decide(marked, 8, tables={node("new"): answered(12, (GOOD, BAD))}).members
    assert admitted.unrevealed == 0


def test_an_examination_lasts_its_rounds_however_short_epochs_are():
    preset = replace(MAINNET, epoch_rounds=2)
    member, rounds = newcomer(since=5), MAINNET.reputation.examination_rounds
    for height in (6, 4 + rounds - 2):
        assert members_after([member], DecidedRound(height, ZERO_HASH), preset)
    assert not members_after([member], DecidedRound(4 + rounds, ZERO_HASH), preset)


def test_the_lot_between_applicants_is_not_known_from_an_outcome_alone():
    """The outcome of a round without tasks is the same every time, and keys could be made for it."""
    asking = {node(f"n{number}"): f"owner {number}" for number in range(40)}
    rounds = [DecidedRound(8, ZERO_HASH, applicants=asking, lot=bytes([number]) * 32) for number in range(2)]
    first, second = (members_after([], decided, MAINNET) for decided in rounds)
    assert first != second


def test_who_asks_is_examined_from_the_next_round_on():
    applied = apply_round([], DecidedRound(8, ZERO_HASH, applicants={node("new"): "ada"}), EMPTY_LEDGER, MAINNET)
    (member,) = applied.members
    assert (member.joined, member.examined_from, member.owner) == (8, 9, "ada")
    assert kinds(applied) == [ReasonKind.APPLIED]


def test_places_are_drawn_by_lot_and_an_owner_has_one_at_a_time():
    asking = {node(f"n{number}"): f"owner {number % 20}" for number in range(40)}
    lots = [bytes([number]) * 32 for number in range(2)]
    chosen = [members_after([], DecidedRound(8, lot, applicants=asking), MAINNET) for lot in lots]
    for members in chosen:
        assert len(members) == MAINNET.reputation.applicants_max
        assert len({member.owner for member in members}) == len(members)
    assert chosen[0] != chosen[1]
    again = members_after(chosen[0], DecidedRound(9, lots[1], applicants=asking), MAINNET)
    assert again == chosen[0]  # no place is free, and who is examined does not begin anew


def test_a_member_that_asks_again_gains_nothing():
    member = replace(new_member(node("ada"), "ada", 0), table=practised())
    decided = DecidedRound(8, ZERO_HASH, applicants={node("ada"): "somebody else"})
    assert members_after([member], decided, MAINNET) == (member,)


def test_a_majority_that_calls_an_honest_rater_blind_does_not_take_its_seats():
    """Beliefs have emptied its reputation; its answers to probes are facts."""
    framed = replace(practised(), slow_bad=(0,) * 9 + (40 * ONE,), fast_bad=(0,) * 9 + (40 * ONE,))
    honest = replace(new_member(node("ada"), "ada", 0), table=framed)
    assert role_of(honest, 9, MAINNET) is Role.RATER
    hardly_asked = replace(honest, table=replace(framed, answers=(3 * ONE, 0, 0, 0)))
    assert role_of(hardly_asked, 9, MAINNET) is Role.RATER
    blind = replace(honest, table=replace(framed, answers=(9 * ONE, 0, 0, 9 * ONE)))
    assert role_of(blind, 9, MAINNET) is Role.OBSERVER
    others = [
        replace(new_member(node(name), name, 0), table=practised()) for name in ("ben", "cleo", "dora", "emil", "f")
    ]
    weights = {seat.node: seat.weight for seat in voting_weights([honest, *others], 9, MAINNET)}
    assert node("ada") not in weights
    assert len(weights) == len(others)
