"""Reputation from a table alone, and the roles it opens and closes."""

from dataclasses import replace

import pytest

from consensus.aggregation import aggregate
from consensus.params import MAINNET
from consensus.rater_tables import EMPTY_TABLE, ONE
from reputation import Role, generating_skill_bp, new_member, role_of, standing_of
from tests.support.ratings import PARAMS, candidate, newcomers, node

HEIGHT = 100


def table_after_probes(answers, *, probes=16):
    """A rater's table after probes, half good and half bad; `answers` gives its score by number and verdict."""
    tables = newcomers("ada")
    for number in range(probes):
        good = number % 2 == 0
        rated = candidate(number, {"ada": answers(number, good)}, probe=good, generator=f"prober-{number % 5}")
        tables = aggregate(tables, [rated], PARAMS).tables
    return tables[node("ada")]


def able(number, good):
    return (8500 if good else 3400) + 40 * number


def member_with(table):
    return replace(new_member(node("ada"), "owner", 0), table=table)


def test_an_able_rater_has_all_four_virtues():
    standing = standing_of(table_after_probes(able), MAINNET)
    assert standing.maturity == ONE
    assert min(standing.discrimination, standing.accuracy, standing.fairness) > ONE * 8 // 10
    assert standing.reputation_bp > 7000


def test_reputation_is_the_product_of_its_factors():
    standing = standing_of(table_after_probes(able), MAINNET)
    product = standing.maturity * standing.discrimination * standing.accuracy * standing.fairness
    assert standing.reputation_bp == pytest.approx(10_000 * product / ONE**4, abs=2)


@pytest.mark.parametrize("offset", [-2500, 1200])
def test_a_rater_that_is_harsh_or_kind_with_everybody_is_accurate(offset):
    standing = standing_of(table_after_probes(lambda number, good: able(number, good) + offset), MAINNET)
    assert standing.accuracy > ONE * 8 // 10


def test_a_rater_that_is_kind_with_some_and_harsh_with_others_is_not():
    def two_faced(number, good):
        return min(10_000, max(0, able(number, good) + (4000 if number % 5 < 2 else -4000)))

    assert standing_of(table_after_probes(two_faced, probes=40), MAINNET).accuracy < ONE // 2


def test_a_newcomer_has_none():
    assert standing_of(EMPTY_TABLE, MAINNET).reputation_bp == 0


@pytest.mark.parametrize("score", [0, 5000, 9000, 10_000])
def test_saying_the_same_of_everything_earns_nothing(score):
    assert standing_of(table_after_probes(lambda *_: score, probes=40), MAINNET).reputation_bp < 400


def test_inverting_everything_earns_nothing():
    inverted = table_after_probes(lambda _, good: 3000 if good else 8800, probes=40)
    assert standing_of(inverted, MAINNET).reputation_bp == 0


def test_half_the_probes_give_half_the_reputation():
    half, full = (standing_of(table_after_probes(able, probes=count), MAINNET) for count in (4, 16))
    assert half.maturity == ONE // 2
    assert half.reputation_bp == pytest.approx(full.reputation_bp / 2, rel=0.15)


def test_a_member_of_whom_little_is_known_is_a_newcomer():
    assert role_of(new_member(node("ada"), "owner", 0), HEIGHT, MAINNET) is Role.NEWCOMER
    assert role_of(member_with(table_after_probes(able, probes=3)), HEIGHT, MAINNET) is Role.NEWCOMER


def test_a_trusted_member_is_a_rater():
    assert role_of(member_with(table_after_probes(able)), HEIGHT, MAINNET) is Role.RATER


def test_a_known_and_distrusted_member_observes_until_it_recovers():
    broken = table_after_probes(lambda *_: 5000, probes=30)
    assert role_of(member_with(broken), HEIGHT, MAINNET) is Role.OBSERVER
    tables = {node("ada"): broken}
    for number in range(80):
        rated = candidate(number, {"ada": able(number % 16, number % 2 == 0)}, probe=number % 2 == 0, observers=["ada"])
        tables = aggregate(tables, [rated], PARAMS).tables
    assert role_of(member_with(tables[node("ada")]), HEIGHT, MAINNET) is Role.RATER


def test_a_suspended_member_has_no_seat_until_the_height_has_come():
    member = replace(member_with(table_after_probes(able)), suspended_until=HEIGHT)
    assert role_of(member, HEIGHT - 1, MAINNET) is Role.BARRED
    assert role_of(member, HEIGHT, MAINNET) is Role.RATER


def test_generating_skill_starts_at_the_prior_and_follows_acceptance():
    member = new_member(node("ada"), "owner", 0)
    assert generating_skill_bp(member, MAINNET) == 7000
    assert generating_skill_bp(replace(member, accepted=0, generated=30 * ONE), MAINNET) == 1750
    assert generating_skill_bp(replace(member, accepted=30 * ONE, generated=30 * ONE), MAINNET) == 9250
