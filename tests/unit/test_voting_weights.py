"""Weights of votes: reputation, capped per owner, and never an empty committee."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.params import MAINNET
from consensus.rater_tables import EMPTY_TABLE, ONE
from reputation import new_member, standing_of, voting_weights
from reputation.weights import fill_to_cap
from tests.support.ratings import node

HEIGHT = 200


def rater(name, maturity=ONE * 8, owner=None):
    """A member whose reputation grows with its maturity; the rest of its table is untouched."""
    return replace(new_member(node(name), owner or name, 0), table=replace(EMPTY_TABLE, maturity=maturity))


def points(members):
    return {seat.node: seat.weight for seat in voting_weights(members, HEIGHT, MAINNET)}


def test_weight_is_reputation_in_basis_points_where_no_cap_binds():
    members = [rater(f"m{number:02}", ONE * (6 + number % 3)) for number in range(24)]
    expected = {member.node: standing_of(member.table, MAINNET).reputation_bp for member in members}
    assert points(members) == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_up_to_four_active_members_weigh_the_same(size):
    members = [rater(f"m{number}", ONE * (5 + number)) for number in range(size)]
    assert len(set(points(members).values())) == 1
    assert len(points(members)) == size


def test_an_owner_of_many_nodes_weighs_no_more_than_the_cap():
    crowd = [rater(f"crowd-{number}", owner="crowd") for number in range(20)]
    others = [rater(f"m{number:02}") for number in range(20)]
    weights = points(crowd + others)
    held = sum(weights[member.node] for member in crowd)
    assert held / sum(weights.values()) == pytest.approx(0.10, abs=0.001)


def test_the_distrusted_and_the_suspended_have_no_vote():
    members = [rater(f"m{number}") for number in range(6)]
    distrusted = replace(
        rater("distrusted"), table=replace(EMPTY_TABLE, maturity=8 * ONE, squared_error=ONE, error_weight=ONE)
    )
    suspended = replace(rater("suspended"), suspended_until=HEIGHT + 2)
    assert set(points([*members, distrusted, suspended])) == {member.node for member in members}


def test_a_suspension_that_ends_with_the_next_round_costs_no_vote():
    back = replace(rater("back"), suspended_until=HEIGHT + 1)
    assert back.node in points([back, *(rater(f"m{number}") for number in range(6))])


def test_a_swarm_of_newcomers_votes_with_equal_weights():
    assert set(points([rater(f"m{number}", 0) for number in range(7)]).values()) == {MAINNET.founder_weight}


@pytest.mark.parametrize(("earned", "voting"), [(0, 7), (1, 7), (3, 7), (4, 4), (5, 5)])
def test_founders_vote_until_four_members_have_earned_it(earned, voting):
    # Else the first rounds' raters decide alone, and each of two or three can stop a swarm of seven by being away.
    members = [rater(f"m{number}", ONE if number < earned else 0) for number in range(7)]
    assert len(points(members)) == voting
    assert len(set(points(members).values())) == 1


def test_nobody_but_an_untried_founder_votes_on_credit():
    few = [rater("m0"), rater("m1")]
    distrusted = replace(
        rater("distrusted"), table=replace(EMPTY_TABLE, maturity=8 * ONE, squared_error=ONE, error_weight=ONE)
    )
    suspended = replace(rater("suspended", 0), suspended_until=HEIGHT + 2)
    offender = replace(rater("offender", 0), offences=1)
    stranger = replace(rater("stranger", 0), joined=9, examined_from=10, admitted_from=12)
    founder = rater("founder", 0)
    assert set(points([*few, distrusted, suspended, offender, stranger, founder])) == {
        member.node for member in (*few, founder)
    }


def test_a_swarm_without_anybody_in_good_standing_still_has_a_committee():
    suspended = [replace(rater(f"m{number}"), suspended_until=HEIGHT + 50) for number in range(5)]
    assert len(points(suspended)) == 5
    assert len(points([*suspended, rater("new", 0)])) == 1


def test_no_members_have_no_weights():
    assert points([]) == {}


def test_seats_are_sorted_by_node_whatever_the_order_of_members():
    members = [rater(f"m{number}") for number in range(9)]
    assert voting_weights(members[::-1], HEIGHT, MAINNET) == voting_weights(members, HEIGHT, MAINNET)
    assert [seat.node for seat in voting_weights(members, HEIGHT, MAINNET)] == sorted(member.node for member in members)


owners = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.integers(1, 50_000), min_size=1, max_size=30)


@given(owners, st.integers(1000, 2500))
def test_filling_to_the_cap_keeps_the_total_and_the_order_and_obeys_the_cap(weights, cap_bp):
    capped = fill_to_cap(weights, cap_bp)
    total = sum(weights.values())
    assert total - len(weights) <= sum(capped.values()) <= total
    feasible = total * cap_bp // 10_000 * len(weights) >= total
    assert max(capped.values()) <= (total * cap_bp // 10_000 if feasible else total // len(weights))
    by_weight = sorted(weights, key=weights.__getitem__)
    assert [capped[owner] for owner in by_weight] == sorted(capped.values())


@given(owners)
def test_nobody_is_cut_by_a_cap_that_nobody_reaches(weights):
    assert fill_to_cap(weights, 10_000) == weights
