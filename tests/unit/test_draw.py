"""Draws: the same everywhere, fair, without repetition, and never endless."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.agreement.admission import VIEWS_MAX
from consensus.committee import Committee
from consensus.draw import (
    SlotContent,
    builder_alpha,
    draw_committee,
    draw_shares,
    draw_uniform,
    draw_weighted,
    next_seed,
    proposer,
    slot_content,
)
from consensus.encoding import hash_value
from consensus.openings import probe_alpha
from consensus.params import MAINNET
from consensus.types import Hash, NodeId, Seat, Snapshot

SEED = hash_value("test", "seed")
weights_lists = st.lists(st.integers(0, 1 << 40), max_size=30)


def seeds(count):
    return [hash_value("test", index) for index in range(count)]


def snapshot(weights, epoch=3):
    nodes = sorted(NodeId(hash_value("test", ("node", index))) for index in range(len(weights)))
    return Snapshot(epoch, tuple(Seat(node, weight) for node, weight in zip(nodes, weights, strict=True)), SEED)


@given(weights_lists, st.integers(0, 40))
def test_a_weighted_draw_picks_different_entries_that_have_weight(weights, picks):
    chosen = draw_weighted(SEED, "test", weights, picks)
    assert len(set(chosen)) == len(chosen) == min(picks, sum(weight > 0 for weight in weights))
    assert all(weights[index] > 0 for index in chosen)


@given(weights_lists, st.integers(0, 40))
def test_a_shorter_draw_is_the_beginning_of_a_longer_one(weights, picks):
    assert draw_weighted(SEED, "test", weights, 40)[:picks] == draw_weighted(SEED, "test", weights, picks)[:picks]


@given(st.integers(0, 50), st.integers(0, 60))
def test_a_uniform_draw_picks_different_numbers(size, picks):
    chosen = draw_uniform(SEED, "test", size, picks)
    assert len(set(chosen)) == len(chosen) == min(picks, size)
    assert set(chosen) <= set(range(size))


def test_the_numbers_drawn_are_those_every_version_has_drawn():
    # Computed apart, from R11 as it is written. A change here forks a swarm: plans of old and new nodes would differ.
    assert draw_weighted(SEED, "raters", [5, 1, 1, 0, 9], 4) == (2, 4, 0, 1)
    assert draw_uniform(SEED, "raters", 10, 5) == (4, 9, 0, 2, 3)
    assert draw_shares(SEED, "raters", [5, 1, 1, 0, 9], 16) == (4, 1, 2, 0, 9)


def test_seed_and_purpose_both_change_a_draw():
    draws = {draw_uniform(seed, purpose, 1000, 3) for seed in seeds(5) for purpose in ("a", "b", "a/1")}
    assert len(draws) == 15


def test_the_chance_of_an_entry_is_its_share_of_the_weight():
    weights = [1, 2, 3, 4]
    first = Counter(draw_weighted(seed, "test", weights, 1)[0] for seed in seeds(2000))
    for index, weight in enumerate(weights):
        assert abs(first[index] - 200 * weight) < 5 * (200 * weight) ** 0.5  # five standard deviations, or nearly


def test_the_second_pick_is_drawn_from_what_is_left():
    # Chance of (1 first, then 0) with weights 1, 3, 4: 3/8 · 1/5.
    pairs = Counter(draw_weighted(seed, "test", [1, 3, 4], 2) for seed in seeds(2000))
    assert abs(pairs[1, 0] - 150) < 60


def test_an_entry_with_nearly_all_weight_does_not_make_a_draw_endless():
    assert draw_weighted(SEED, "test", [(1 << 63), 1, 1], 3)[0] == 0
    assert set(draw_weighted(SEED, "test", [(1 << 63), 1, 1], 3)) == {0, 1, 2}


@pytest.mark.parametrize("weights", [[1, -1], [1 << 64], [1 << 63, 1 << 63]])
def test_weights_that_no_draw_can_hold_are_refused(weights):
    with pytest.raises(ValueError, match="weight"):
        draw_weighted(SEED, "test", weights, 1)
    with pytest.raises(ValueError, match="weight"):
        draw_shares(SEED, "test", weights, 1)


@given(weights_lists.filter(any), st.integers(0, 100))
def test_shares_add_up_and_go_to_weight_only(weights, picks):
    shares = draw_shares(SEED, "test", weights, picks)
    assert sum(shares) == picks
    assert all(weight or not share for weight, share in zip(weights, shares, strict=True))


def test_nothing_can_be_drawn_from_nothing():
    assert draw_weighted(SEED, "test", [0, 0], 1) == ()
    for weights in ([], [0, 0]):
        with pytest.raises(ValueError, match="nothing to draw from"):
            draw_shares(SEED, "test", weights, 1)


def test_up_to_thirty_one_members_all_have_their_seat_and_weight():
    weights = [100 + index for index in range(31)]
    seats = draw_committee(snapshot(weights), 99, MAINNET)
    assert [seat.weight for seat in seats] == weights


def test_members_without_weight_have_no_seat():
    assert [seat.weight for seat in draw_committee(snapshot([5, 0, 7]), 99, MAINNET)] == [5, 7]


def test_above_that_a_hundred_votes_are_drawn_by_weight():
    members = snapshot([100] * 30 + [0] * 5 + [3000] * 2)
    for height in range(97, 107):
        seats = draw_committee(members, height, MAINNET)
        assert sum(seat.weight for seat in seats) == 100
        assert [seat.node for seat in seats] == sorted({seat.node for seat in seats})
    heavy = {members.seats[35].node, members.seats[36].node}
    votes = sum(
        seat.weight for height in range(50) for seat in draw_committee(members, height, MAINNET) if seat.node in heavy
    )
    assert abs(votes / 5000 - 6000 / 9000) < 0.03


def test_a_large_committee_follows_from_snapshot_and_height_alone():
    members = snapshot([100] * 40)
    assert draw_committee(members, 97, MAINNET) == draw_committee(members, 97, MAINNET)
    assert draw_committee(members, 97, MAINNET) != draw_committee(members, 98, MAINNET)
    other = replace(members, seed=Hash(bytes(32)))
    assert draw_committee(members, 97, MAINNET) != draw_committee(other, 97, MAINNET)


def test_an_epoch_in_which_nobody_has_weight_has_no_committee():
    with pytest.raises(ValueError, match="nobody has weight in epoch 3"):
        draw_committee(snapshot([0, 0]), 99, MAINNET)


def test_turns_to_propose_follow_the_weights():
    committee = Committee(draw_committee(snapshot([1, 1, 8]), 99, MAINNET))
    turns = Counter(proposer(committee, SEED, view) for view in range(1000))
    assert abs(turns[committee.seats[2].node] - 800) < 65


@given(st.lists(st.integers(1, 100), min_size=1, max_size=12), st.integers(0, 1 << 60), st.integers(0, 1000))
def test_nobody_has_a_second_turn_before_more_than_a_third_of_the_weight_has_had_one(weights, number, run):
    committee = Committee(draw_committee(snapshot(weights), 99, MAINNET))
    had = set()
    for place in range(len(weights)):
        node = proposer(committee, hash_value("test", number), run * len(weights) + place)
        assert node not in had
        had.add(node)
        if sum(map(committee.weight, had)) >= committee.third:
            had.clear()


def test_the_turn_of_the_last_of_all_views_is_found_at_once():
    committee = Committee(draw_committee(snapshot([1, 2, 3, 4]), 99, MAINNET))
    assert proposer(committee, SEED, VIEWS_MAX - 1) in committee


def test_the_turns_are_those_that_the_rule_gives():
    # Computed apart, from R41 as it is written. A change here forks a swarm.
    committee = Committee(draw_committee(snapshot([10, 20, 30, 40]), 99, MAINNET))
    turns = [committee.position(proposer(committee, SEED, view)) for view in range(16)]
    assert turns == [1, 2, 3, 3, 3, 2, 0, 3, 3, 1, 0, 2, 2, 3, 3, 2]


@pytest.mark.parametrize("one_in", [4, 10, 50])
def test_one_slot_in_so_many_must_hold_a_probe_half_of_them_good(one_in):
    contents = Counter(slot_content(hash_value("test", index) * 2, one_in) for index in range(500 * one_in))
    assert abs(contents[SlotContent.GOOD_PROBE] - 250) < 75
    assert abs(contents[SlotContent.BAD_PROBE] - 250) < 75


@pytest.mark.parametrize(
    ("output", "content"),
    [
        (0, SlotContent.BAD_PROBE),
        (10, SlotContent.GOOD_PROBE),
        (20, SlotContent.BAD_PROBE),
        (7, SlotContent.CANDIDATE),
        (19, SlotContent.CANDIDATE),
    ],
)
def test_the_rule_for_probes_is_as_written(output, content):
    assert slot_content(output.to_bytes(64, "big"), 10) is content


def test_no_two_proofs_of_a_node_are_on_the_same_text():
    texts = {probe_alpha(SEED, height) for height in range(26)}
    texts |= {builder_alpha(SEED, view) for view in range(5)}
    assert len(texts) == 31


def test_the_next_seed_depends_on_the_last_one_and_on_the_output():
    assert len({next_seed(seed, bytes([byte] * 64)) for seed in seeds(3) for byte in range(3)}) == 9
