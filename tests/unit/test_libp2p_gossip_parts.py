"""The bounded parts behind gossip: what is remembered, for how long, and what a slow peer can hold."""

import pytest
import trio
from libp2p.pubsub.pb import rpc_pb2

from node.network import libp2p_gossip_parts as gossip
from node.network.libp2p_gossip_parts import Authors, BoundedMessageCache, BoundedQueue, SeenMessages
from node.network.limits import NetworkLimits

LIMITS = NetworkLimits(origin_rate=1, origin_burst=2)
MINUTE = 60 * 10**9


def message(number, data=b""):
    return rpc_pb2.Message(from_id=b"author", seqno=number.to_bytes(8, "big"), topicIDs=["news"], data=data)


def rpc(number, data=b""):
    return rpc_pb2.RPC(publish=[message(number, data)])


async def popped(queue):
    got = []
    while len(queue):
        with trio.move_on_after(0.1):
            got.append(await queue.pop())
    return [int.from_bytes(each.publish[0].seqno, "big") for each in got if each]


def test_a_queue_is_bounded_in_bytes_and_frees_what_was_sent():
    async def story():
        queue = BoundedQueue()
        big = bytes(16 * 1024)
        taken = sum(queue.push(rpc(number, big)) for number in range(1000))
        assert taken == gossip.QUEUE_BYTES_MAX // rpc(0, big).ByteSize()
        await queue.pop()
        assert queue.push(rpc(2000, big))
        assert not queue.push(rpc(2001, big))

    trio.run(story)


def test_what_the_peer_has_sent_meanwhile_is_not_sent_to_it():
    async def story():
        queue = BoundedQueue()
        for number in range(5):
            queue.push(rpc(number))
        queue.note(b"author" + (0).to_bytes(8, "big"))
        queue.note(b"author" + (3).to_bytes(8, "big"))
        return await popped(queue)

    assert trio.run(story) == [1, 2, 4]


def test_a_closed_queue_says_so():
    async def story():
        queue = BoundedQueue()
        queue.close()
        return await queue.pop()

    assert trio.run(story) is None


def test_the_cache_of_recent_messages_is_bounded_and_empties_with_the_heartbeats():
    cache = BoundedMessageCache()
    big = bytes(16 * 1024)
    for number in range(1000):
        cache.put(message(number, big))
    kept = len(cache.msgs)
    assert kept == gossip.CACHE_BYTES_MAX // len(big)
    for _ in range(5):
        cache.shift()
    assert len(cache.msgs) == 0
    cache.put(message(5000, big))
    assert len(cache.msgs) == 1


def test_message_ids_are_forgotten_after_their_time(autojump):
    async def story():
        seen = SeenMessages()
        assert seen.add(b"old")
        await trio.sleep(gossip.SEEN_S / 2)
        assert seen.add(b"new")
        assert not seen.add(b"old")
        await trio.sleep(gossip.SEEN_S / 2 + 1)
        seen.add(b"newest")
        return seen.has(b"old"), seen.has(b"new")

    assert autojump(story) == (True, True)


def test_no_more_than_so_many_message_ids_are_kept(monkeypatch):
    monkeypatch.setattr(gossip, "SEEN_MAX", 10)

    async def story():
        seen = SeenMessages()
        for number in range(100):
            seen.add(b"%d" % number)
        return [number for number in range(100) if seen.has(b"%d" % number)]

    assert trio.run(story) == list(range(90, 100))


def test_an_author_is_held_to_its_rate_and_others_are_not():
    authors = Authors(LIMITS)
    faults = [authors.fault_of(author, number, 0.0) for author in (b"a", b"b") for number in (1, 2, 3)]
    assert faults == ["", "", "gossip-origin-rate"] * 2


def test_an_authors_old_messages_are_not_taken_again():
    authors = Authors(LIMITS)
    assert not authors.fault_of(b"a", 10 * MINUTE, 0.0)
    assert not authors.fault_of(b"a", 9 * MINUTE, 0.5)
    assert authors.fault_of(b"a", 9 * MINUTE - 1, 1.0) == "gossip-replay"


def test_an_author_whose_clock_was_set_back_is_heard_again_after_a_while():
    authors = Authors(LIMITS)
    assert not authors.fault_of(b"a", 10 * MINUTE, 0.0)
    assert authors.fault_of(b"a", 1, gossip.REPLAY_FORGOTTEN_S - 1) == "gossip-replay"
    assert not authors.fault_of(b"a", 1, gossip.REPLAY_FORGOTTEN_S + 1)


def test_replays_cost_an_author_nothing():
    authors = Authors(LIMITS)
    assert not authors.fault_of(b"a", 10 * MINUTE, 0.0)
    for _ in range(100):
        authors.fault_of(b"a", 1, 0.0)
    assert not authors.fault_of(b"a", 10 * MINUTE + 1, 0.0)


def test_authors_are_forgotten_beyond_their_number(monkeypatch):
    monkeypatch.setattr(gossip, "AUTHORS_MAX", 10)
    authors = Authors(LIMITS)
    for number in range(100):
        authors.fault_of(b"%d" % number, 1, 0.0)
    assert len(authors._authors) == 10


@pytest.fixture
def autojump():
    """Run a trio story on a clock that leaps."""
    from trio.testing import MockClock

    return lambda story: trio.run(story, clock=MockClock(autojump_threshold=0))
