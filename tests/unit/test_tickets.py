"""Tickets: who has none announces nothing, who has one says no more than that, and has one for each place (R13)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from consensus.encoding import hash_value
from consensus.errors import RefusedError
from consensus.group import ORDER
from consensus.tickets import TICKET_BYTES_MAX, Booth
from consensus.types import CandidateNotice, Hash, NodeId

SEEDS = [hash_value("seed", number) for number in range(4)]
GENERATORS = tuple(NodeId(bytes(SigningKey(seed).verify_key)) for seed in SEEDS)
BOOTH = Booth(Hash(b"s" * 32), 7, 3, GENERATORS[:3], places=2)
PSEUDONYM = NodeId(b"p" * 32)

SMALL_ORDER = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
"""A point of order 8."""


def notice(place: int = 0, content: int = 0) -> CandidateNotice:
    return CandidateNotice(7, 3, Hash(hash_value("content", content)), 900, place, b"")


def given_out(by: int, place: int = 0, content: int = 0, booth: Booth = BOOTH) -> CandidateNotice:
    return booth.give(SEEDS[by], notice(place, content), PSEUDONYM)


def test_each_generators_tickets_hold_and_are_the_same_when_given_out_again():
    tags = set()
    for by in range(3):
        for place in range(2):
            ticketed = given_out(by, place)
            tags.add(BOOTH.check(ticketed, PSEUDONYM))
            assert given_out(by, place) == ticketed
    assert len(tags) == 6, "one for each place of each generator"


def test_who_announces_two_contents_for_one_place_shows_one_tag():
    one, other = given_out(0, content=0), given_out(0, content=1)
    assert one.ticket != other.ticket
    assert BOOTH.check(one, PSEUDONYM) == BOOTH.check(other, PSEUDONYM)


def test_tags_of_one_place_in_another_task_round_or_swarm_have_nothing_in_common():
    others = [replace(BOOTH, task=4), replace(BOOTH, height=8), replace(BOOTH, seed=Hash(b"t" * 32))]
    tags = {BOOTH.check(given_out(0), PSEUDONYM)}
    for booth in others:
        moved = replace(notice(), task=booth.task, height=booth.height)
        tags.add(booth.check(booth.give(SEEDS[0], moved, PSEUDONYM), PSEUDONYM))
    assert len(tags) == 4


@pytest.mark.parametrize(
    "forge",
    [
        lambda said: replace(said, content=Hash(bytes(32))),
        lambda said: replace(said, size=901),
        lambda said: replace(said, place=1),
        lambda said: replace(said, place=2),
        lambda said: replace(said, place=-1),
        lambda said: replace(said, task=4),
        lambda said: replace(said, height=8),
        lambda said: replace(said, ticket=b""),
        lambda said: replace(said, ticket=said.ticket[:-32]),
        lambda said: replace(said, ticket=said.ticket + bytes(32)),
        lambda said: replace(said, ticket=bytes(len(said.ticket))),
        lambda said: replace(said, ticket=SMALL_ORDER + said.ticket[32:]),
        lambda said: replace(said, ticket=said.ticket[:32] + bytes(len(said.ticket) - 32)),
        lambda said: replace(said, ticket=said.ticket[:-32] + beyond_the_order(said.ticket[-32:])),
    ],
)
def test_a_ticket_is_good_for_nothing_else(forge):
    with pytest.raises(RefusedError):
        BOOTH.check(forge(given_out(1)), PSEUDONYM)


def beyond_the_order(scalar: bytes) -> bytes:
    """The same number modulo the order of the group, in another spelling."""
    return (int.from_bytes(scalar, "little") + ORDER).to_bytes(32, "little")


def test_nobody_else_can_take_a_ticket_under_its_own_pseudonym():
    with pytest.raises(RefusedError):
        BOOTH.check(given_out(1), NodeId(b"q" * 32))


def test_who_does_not_generate_in_the_task_has_no_ticket():
    wider = replace(BOOTH, generators=GENERATORS)
    stranger = wider.give(SEEDS[3], notice(), PSEUDONYM)
    assert wider.check(stranger, PSEUDONYM)
    for ticket in (stranger.ticket, stranger.ticket[:-32]):
        with pytest.raises(RefusedError):
            BOOTH.check(replace(stranger, ticket=ticket), PSEUDONYM)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_change_of_a_ticket_makes_another_one(data):
    said = given_out(data.draw(st.integers(0, 2)))
    position = data.draw(st.integers(0, 8 * len(said.ticket) - 1))
    changed = bytearray(said.ticket)
    changed[position // 8] ^= 1 << position % 8
    with pytest.raises(RefusedError):
        BOOTH.check(replace(said, ticket=bytes(changed)), PSEUDONYM)


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=0, max_size=TICKET_BYTES_MAX))
def test_bytes_that_are_no_ticket_are_refused_and_do_nothing_else(ticket):
    with pytest.raises(RefusedError):
        BOOTH.check(replace(notice(), ticket=ticket), PSEUDONYM)


def test_a_lone_generator_has_tickets_too():
    alone = replace(BOOTH, generators=GENERATORS[:1])
    assert alone.check(alone.give(SEEDS[0], notice(), PSEUDONYM), PSEUDONYM)


def test_a_generator_whose_key_is_no_point_spoils_nobodys_ticket():
    for bad in (SMALL_ORDER, bytes([2]) + bytes(31), b"\xff" * 32):
        booth = replace(BOOTH, generators=(NodeId(bad), *GENERATORS[:2]))
        assert booth.check(booth.give(SEEDS[1], notice(), PSEUDONYM), PSEUDONYM)
