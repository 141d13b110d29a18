"""The peer book: whom to dial, when again, and who is forgotten."""

import pytest

from consensus.types import NodeId
from node.network.addresses import Address, parse_address
from node.network.limits import NetworkLimits
from node.network.peer_book import STRANGER_BACKOFF_S, TOLD_FAILURES_MAX, PeerBook, Target

ME, A, B, C = (NodeId(bytes([number]) * 32) for number in range(4))


def place(port, scheme="p2p"):
    return Address(scheme, "10.0.0.1", port)


@pytest.fixture
def book():
    return PeerBook(ME, NetworkLimits(peers_max=4))


def due(book, now=0.0):
    return book.targets(now, shuffle=lambda _targets: None)


def met(book, node, dialled, unix_ms=1):
    """A link that has come and gone."""
    book.proved(node, () if dialled else [place(node[0])], dialled=dialled, unix_ms=unix_ms)
    book.lost(node)


def fail(book, target, now=0.0, **how):
    book.failed(target, now, jitter=0.5, **how)


def test_a_told_peer_is_due_at_once_and_a_linked_one_is_not(book):
    book.learn(A, place(1), source="bootstrap")
    book.learn(B, place(2), source="exchange")
    assert due(book) == [Target(A, place(1)), Target(B, place(2))]
    book.proved(A, (), dialled=place(1), unix_ms=1)
    assert due(book) == [Target(B, place(2))]
    book.lost(A)
    assert due(book) == [Target(A, place(1)), Target(B, place(2))]


def test_a_node_never_learns_itself_nor_places_that_name_no_host(book):
    assert not book.learn(ME, place(1), source="exchange")
    assert not book.learn(A, Address("p2p", "0.0.0.0", 4001), source="exchange")
    assert due(book) == []


def test_pauses_double_from_one_second_to_thirty_and_dialling_never_ends(book):
    book.learn(A, place(1), source="bootstrap")
    now, pauses = 0.0, []
    for _ in range(50):
        (target,) = due(book, now)
        fail(book, target, now)
        assert due(book, now) == []
        next_try = book.next_due(now)
        pauses.append(next_try - now)
        now = next_try
    assert pauses[:7] == [1, 2, 4, 8, 16, 30, 30]
    assert set(pauses[7:]) == {30}


def test_jitter_spreads_a_pause_by_a_quarter_either_way(book):
    book.learn(A, place(1), source="bootstrap")
    book.failed(Target(A, place(1)), 0.0, jitter=0.0)
    early = book.next_due(0)
    met(book, A, place(1))
    book.failed(Target(A, place(1)), 0.0, jitter=1.0)
    assert (early, book.next_due(0)) == (0.75, 1.25)


def test_success_ends_the_pauses(book):
    book.learn(A, place(1), source="bootstrap")
    for _ in range(5):
        fail(book, Target(A, place(1)))
    met(book, A, place(1))
    assert due(book) == [Target(A, place(1))]


def test_a_peer_that_was_only_told_of_is_forgotten_and_a_proven_one_is_not(book):
    book.learn(A, place(1), source="exchange")
    book.learn(B, place(2), source="exchange")
    met(book, B, place(2))
    for _ in range(TOLD_FAILURES_MAX):
        fail(book, Target(A, place(1)))
        fail(book, Target(B, place(2)))
    assert due(book, now=1e6) == [Target(B, place(2))]


def test_addresses_of_a_peer_take_turns(book):
    book.learn(A, place(1), source="bootstrap")
    book.learn(A, place(2), source="bootstrap")
    now, dialled = 0.0, []
    for _ in range(3):
        (target,) = due(book, now)
        dialled.append(target.address.port)
        fail(book, target, now)
        now += 100
    assert dialled == [1, 2, 1]


def test_the_address_that_worked_last_is_tried_first(book):
    book.learn(A, place(1), source="bootstrap")
    book.learn(A, place(2), source="bootstrap")
    book.proved(A, (), dialled=place(2), unix_ms=1)
    assert book.target(A) == Target(A, place(2))


def test_a_nameless_address_is_dialled_until_its_owner_is_linked(book):
    _, address = parse_address("seed.example.org:4001")
    book.learn(None, address, source="bootstrap")
    assert due(book) == [Target(None, address)]
    book.proved(A, (), dialled=address, unix_ms=1)
    assert due(book) == []
    book.lost(A)
    assert due(book) == [Target(A, address), Target(None, address)]


def test_ones_own_address_in_the_bootstrap_list_is_dialled_once(book):
    book.learn(None, place(1), source="bootstrap")
    book.forget_own(place(1))
    assert due(book) == []


def test_a_stranger_is_left_alone_for_long_but_not_for_ever(book):
    book.learn(A, place(1), source="bootstrap")
    fail(book, Target(A, place(1)), stranger=True)
    assert due(book, now=STRANGER_BACKOFF_S - 1) == []
    assert due(book, now=STRANGER_BACKOFF_S + 1) == [Target(A, place(1))]


def crowd(count, begin=1):
    return [NodeId(number.to_bytes(32, "little")) for number in range(begin, begin + count)]


def known_nodes(book):
    return {info.node for info in book.infos()}


def test_hearsay_crowds_out_nobody_who_proved_a_key(book):
    for node in (A, B, C):
        met(book, node, None)
    for node in crowd(100, begin=1000):
        book.learn(node, place(9), source="exchange")
    assert {A, B, C} < known_nodes(book)
    assert len(known_nodes(book)) == 4


def test_callers_with_invented_keys_crowd_out_nobody_whom_we_reached_or_are_linked_to(book):
    met(book, A, place(1))
    book.proved(B, [place(2)], dialled=None, unix_ms=1)
    for number, node in enumerate(crowd(100, begin=1000)):
        met(book, node, None, unix_ms=100 + number)
    assert {A, B} < known_nodes(book)
    assert len(known_nodes(book)) == 4


def test_whom_the_operator_named_is_never_crowded_out(book):
    book.learn(A, place(1), source="bootstrap")
    for number, node in enumerate(crowd(100, begin=1000)):
        met(book, node, place(5), unix_ms=100 + number)
    assert A in known_nodes(book)


def test_only_proven_peers_are_recommended_and_remembered(book):
    book.learn(A, place(1), source="exchange")
    book.proved(B, [place(2), place(3, "grpc")], dialled=None, unix_ms=7)
    assert book.proven() == [(B, (place(2), place(3, "grpc")))]
    (known,) = book.known()
    assert (known.node, known.addresses, known.seen_unix_ms) == (B, ("p2p://10.0.0.1:2", "grpc://10.0.0.1:3"), 7)


def test_what_a_cache_remembered_is_as_good_as_proven(book):
    book.restore(A, [place(1)], seen_unix_ms=3)
    for _ in range(TOLD_FAILURES_MAX + 1):
        fail(book, Target(A, place(1)))
    assert due(book, now=1e6) == [Target(A, place(1))]


def test_hearsay_does_not_push_out_the_address_a_peer_named_itself(book):
    book.proved(A, [place(1)], dialled=None, unix_ms=1)
    for port in range(2, 20):
        book.learn(A, place(port), source="exchange")
    assert [address.port for _, addresses in book.proven() for address in addresses] == [1, 2, 3, 19]
    book.proved(A, [place(20)], dialled=None, unix_ms=2)
    assert book.target(A).address.port == 20


def test_a_peer_keeps_few_addresses_and_a_grpc_address_is_not_dialled(book):
    for port in range(1, 20):
        book.learn(A, place(port), source="exchange")
    book.learn(B, place(1, "grpc"), source="exchange")
    addresses = {info.node: info.addresses for info in book.infos()}
    assert len(addresses[A]) == 4
    assert [target.node for target in due(book)] == [A]


def test_infos_say_who_is_linked_and_how_it_was_found(book):
    book.learn(A, place(1), source="mdns")
    book.proved(B, [place(2)], dialled=None, unix_ms=1)
    shown = [(info.node, info.connected, info.via, info.source) for info in book.infos()]
    assert shown == [(A, False, "", "mdns"), (B, True, "gossip", "inbound")]
    book.lost(B)
    assert [info.connected for info in book.infos()] == [False, False]
