"""The ledger: one event per changed member and round, each holding on to the one before."""

from dataclasses import replace

import pytest

from consensus.encoding import decode, encode
from consensus.params import MAINNET
from consensus.rater_tables import EMPTY_TABLE, ONE
from consensus.types import Hash
from reputation import (
    EMPTY_LEDGER,
    DecidedRound,
    LedgerError,
    LedgerEvent,
    apply_round,
    extend_ledger,
    link_hash,
    new_member,
)
from tests.support.ratings import node

NAMES = ("ada", "ben", "cleo")


@pytest.fixture
def history():
    """The events of four rounds in which Ada answers and the others do not."""
    members = [replace(new_member(node(name), name, 0), table=replace(EMPTY_TABLE, maturity=9 * ONE)) for name in NAMES]
    ledger, events = EMPTY_LEDGER, []
    for height in range(1, 5):
        decided = DecidedRound(
            height=height,
            outcome_root=Hash(bytes([height]) * 32),
            seats=dict.fromkeys(map(node, NAMES), 1),
            revealed=frozenset({node("ada")}),
            equivocators=frozenset({node("cleo")}) if height == 3 else frozenset(),
        )
        applied = apply_round(members, decided, ledger, MAINNET)
        members, ledger = list(applied.members), applied.ledger
        events += applied.events
    return events


def test_a_history_extends_the_empty_ledger_to_its_end(history):
    head = extend_ledger(EMPTY_LEDGER, history)
    assert (head.length, head.hash) == (len(history), history[-1].hash())


def test_only_changed_members_leave_an_event(history):
    assert {event.node for event in history} == {node("ben"), node("cleo")}


def test_a_history_may_come_in_parts(history):
    head = extend_ledger(EMPTY_LEDGER, history[:3])
    assert extend_ledger(head, history[3:]) == extend_ledger(EMPTY_LEDGER, history)


def test_an_event_names_its_round_and_the_standing_before_and_after(history):
    event = next(event for event in history if event.node == node("cleo") and event.height == 3)
    assert event.outcome_root == bytes([3]) * 32
    assert event.before.maturity > event.after.maturity == 0


def test_an_event_survives_its_encoding(history):
    assert [decode(LedgerEvent, encode(event)) for event in history] == history


def test_the_link_is_computed_from_the_stored_bytes_alone(history):
    assert all(link_hash(event.previous, encode(event)) == event.hash() for event in history)


@pytest.mark.parametrize(
    ("change", "index"),
    [
        (lambda events: events[1:], 0),
        (lambda events: events[:2] + events[3:], 2),
        (lambda events: [*events[:1], events[1], *events[1:]], 2),
        (lambda events: [events[1], events[0], *events[2:]], 0),
        (lambda events: [replace(events[0], height=9), *events[1:]], 1),
        (lambda events: [*events[:3], replace(events[3], previous=events[1].hash()), *events[4:]], 3),
        (lambda events: [*events[:-1], replace(events[-1], height=0)], -1),
        (lambda events: [*events[:-1], replace(events[-1], before=replace(events[-1].before, maturity=1))], -1),
    ],
    ids=["headless", "gap", "double", "swapped", "altered", "relinked", "backwards", "discontinuous"],
)
def test_a_broken_history_is_refused_where_it_breaks(history, change, index):
    with pytest.raises(LedgerError) as refusal:
        extend_ledger(EMPTY_LEDGER, change(history))
    assert refusal.value.index == index % len(history)
