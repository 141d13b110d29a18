"""Applications that wait: one of a node and epoch, in bounded memory, attested only where they can be taken up."""

import contextlib
from dataclasses import replace

import pytest

from consensus.encoding import hash_value
from consensus.errors import RefusedError
from consensus.genesis import Founder, Genesis, first_state
from consensus.joining import counts_at, last_of_epoch
from consensus.params import MAINNET
from consensus.types import ZERO_HASH, Application, Hash, Kind, Signed
from node.identity import peer_id
from node.pipeline import lobby as lobby_module
from node.pipeline.lobby import APPLICATIONS_MAX, Lobby
from reputation import new_member
from tests.support.ratings import node

FOUNDERS = tuple(sorted((Founder(node(name), name) for name in ("ada", "ben", "cleo")), key=lambda item: item.node))
GENESIS = Genesis("test", MAINNET.hash(), Hash(b"\x07" * 32), FOUNDERS, ())
STATE = first_state(GENESIS, MAINNET)
UNTIL = MAINNET.epoch_rounds


def asks(name, *, owner=None, until=UNTIL, digest=None):
    body = Application(until, node(owner or name), bytes(64))
    return Signed(node(name), Kind.APPLICATION, digest or Hash(node(f"{name} until {until}")), body)


def examined(name, owner):
    return replace(new_member(node(name), owner, 0), examined_from=1)


def with_members(*members):
    return replace(STATE, members=tuple(sorted((*STATE.members, *members), key=lambda member: member.node)))


def lobby(*messages, genesis=GENESIS, preset=MAINNET, state=STATE):
    found = Lobby(genesis, preset)
    for message in messages:
        found.add(message, state)
    return found


def attested(found, state=STATE):
    return [item.sender for item in found.attested(state)]


def refusal(found, message, state=STATE):
    with pytest.raises(RefusedError) as caught:
        found.add(message, state)
    return caught.value.rule, caught.value.fault


def test_what_is_asked_for_the_running_epoch_is_attested():
    message = asks("new")
    found = lobby(message)
    (entry,) = found.attested(STATE)
    assert (entry.kind, entry.sender, entry.digest) == (Kind.APPLICATION, message.sender, message.digest)
    assert found.get(message.digest) == message
    assert found.digests() == (message.digest,)


@pytest.mark.parametrize(
    ("message", "rule", "fault"),
    [
        (asks("new", until=UNTIL - 1), "bad-epoch", True),
        (asks("new", until=2 * UNTIL), "other-epoch", False),
        (asks("ada"), "is-member", False),
    ],
    ids=["no epoch's last round", "an epoch to come", "a member"],
)
def test_what_can_count_nowhere_is_refused_by_name(message, rule, fault):
    found = lobby()
    assert refusal(found, message) == (rule, fault)
    assert found.digests() == ()


def test_an_application_of_an_epoch_that_is_over_counts_nowhere_any_more():
    """So what a dropped node once said is not said against it again."""
    state = replace(STATE, height=UNTIL, plans=tuple(replace(plan, height=plan.height + UNTIL) for plan in STATE.plans))
    assert refusal(lobby(), asks("new"), state) == ("other-epoch", False)
    found = lobby(asks("new"))
    found.forget(state)
    assert found.digests() == ()
    body = asks("new").body
    assert [height for height in range(1, 100) if counts_at(body, height, GENESIS, MAINNET)] == list(range(1, 33))


def test_who_is_examined_already_is_not_taken_again():
    assert refusal(lobby(), asks("new"), with_members(examined("new", "x"))) == ("is-member", False)


def test_a_swarm_that_lists_owners_takes_theirs_only_and_a_closed_one_nobodys():
    listed = replace(GENESIS, owners=(node("olga"),))
    found = lobby(asks("new", owner="olga"), genesis=listed)
    assert refusal(found, asks("stranger")) == ("not-admitted", False)
    assert refusal(lobby(genesis=replace(GENESIS, owners=())), asks("new")) == ("not-admitted", False)
    full = replace(MAINNET, reputation=replace(MAINNET.reputation, applicants_max=0))
    assert refusal(lobby(preset=full), asks("new")) == ("not-admitted", False)


def test_who_says_two_things_is_attested_no_more_until_the_epoch_is_over():
    one, other = asks("new"), asks("new", owner="olga", digest=Hash(b"\x01" * 32))
    found = lobby(one, other, asks("second"))
    assert attested(found) == [node("second")]
    assert found.get(one.digest) == one  # either may have counted where only one of them was known
    assert found.get(other.digest) == other
    assert refusal(found, asks("new", digest=Hash(b"\x02" * 32))) == ("is-known", False)
    assert refusal(found, one) == ("is-known", False)


def test_nothing_is_attested_that_could_not_be_taken_up():
    """Or an idle swarm would work rounds for it without end."""
    found = lobby(asks("new", owner="olga"), asks("second"))
    assert attested(found, with_members(examined("first", peer_id(node("olga"))))) == [node("second")]
    places = [examined(f"n{number}", f"o{number}") for number in range(MAINNET.reputation.applicants_max)]
    assert attested(found, with_members(*places)) == []


def test_a_flood_leaves_no_more_than_the_bound_and_the_same_ones_whoever_came_first():
    crowd = [asks(f"key {number}") for number in range(5 * APPLICATIONS_MAX)]
    one, other = Lobby(GENESIS, MAINNET), Lobby(GENESIS, MAINNET)
    for message in crowd:
        try_to_add(one, message)
    for message in reversed(crowd):
        try_to_add(other, message)
    assert refusal(one, max(crowd, key=lambda message: message.digest not in one.digests())) == ("lobby-full", False)
    assert len(one.digests()) == APPLICATIONS_MAX
    assert set(one.digests()) == set(other.digests())
    assert len(one.attested(STATE)) == APPLICATIONS_MAX


def try_to_add(found, message, state=STATE):
    with contextlib.suppress(RefusedError):
        found.add(message, state)


def test_a_flood_in_falling_order_fills_no_disk(monkeypatch):
    """Each of these would push out another: so what has been kept in an epoch is counted."""
    monkeypatch.setattr(lobby_module, "TAKEN_PER_EPOCH_MAX", 150)
    crowd = [asks(f"key {number}") for number in range(300)]
    falling = sorted(crowd, key=lambda message: hash_value("lobby", (STATE.seed, message.sender)), reverse=True)
    found, taken = Lobby(GENESIS, MAINNET), 0
    for message in falling:
        try_to_add(found, message)
        taken += message.digest in found.digests()
    assert taken == 150
    assert len(found.digests()) == APPLICATIONS_MAX


def test_a_key_made_for_one_lot_is_nothing_special_in_the_next():
    crowd = [asks(f"key {number}") for number in range(5 * APPLICATIONS_MAX)]
    kept = []
    for seed in (b"\x01", b"\x02"):
        state, found = replace(STATE, seed=Hash(seed * 32)), Lobby(GENESIS, MAINNET)
        for message in crowd:
            try_to_add(found, message, state)
        kept.append(set(found.digests()))
    assert len(kept[0] & kept[1]) < APPLICATIONS_MAX // 2


def test_what_a_rounds_attestations_name_is_kept_until_the_round_is_decided_however_full_it_is():
    found = lobby()
    for number in range(5 * APPLICATIONS_MAX):
        try_to_add(found, asks(f"key {number}"))
    wanted = asks("ada", until=7)
    found.need(wanted)
    assert found.get(wanted.digest) == wanted
    found.forget(STATE)
    assert found.get(wanted.digest) is None
    assert found.get(ZERO_HASH) is None


def test_who_has_become_a_member_waits_no_longer():
    found = lobby(asks("new"), asks("second"))
    found.forget(with_members(examined("new", "x")))
    assert attested(found) == [node("second")]


def test_an_epochs_last_round():
    assert [last_of_epoch(height, MAINNET) for height in (1, 31, 32, 33)] == [32, 32, 32, 64]
