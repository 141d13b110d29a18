"""Attacks on a node process by peers with valid keys: it lives, counts them, and serves honest peers as before."""

import contextlib

import pytest
import trio
import trio.lowlevel
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_varint_prefixed

from node.network.interface import GOSSIP_BYTES_MAX
from node.network.link_messages import Hello, Peers, Ping, Recommendation, encode_link_message
from node.network.request_frames import encode_request
from tests.support.attacked_node import attacked_pair, counted, drops, heard_by, unharmed
from tests.support.hostile_peer import (
    ENDED,
    GOSSIP,
    LINK,
    REQUEST,
    attack,
    connect,
    hostile,
    yamux_frame,
)

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def pair():
    with attacked_pair() as nodes:
        yield nodes


@pytest.fixture
def victim(pair):
    with unharmed(*pair) as node:
        yield node


OTHER = create_new_key_pair(b"o" * 32)
OTHER_ID = ID.from_pubkey(OTHER.public_key).to_bytes()
HASHED_ID = bytes.fromhex("1220") + bytes(32)
"""A peer id that holds a hash instead of a key, as RSA keys have: the key must come along."""

WRONG_MESSAGES = {
    "unsigned": ({"signature": b""}, "gossip-malformed"),
    "short signature": ({"signature": b"x" * 10}, "gossip-malformed"),
    "bad signature": ({"signature": b"x" * 64}, "gossip-signature"),
    "spoofed origin": ({"from_id": OTHER_ID}, "gossip-signature"),
    "spoofed origin with the true key": (
        {"from_id": OTHER_ID, "key": OTHER.public_key.serialize()},
        "gossip-signature",
    ),
    "garbage key for an id that needs one": (
        {"from_id": HASHED_ID, "key": b"\x08\x01\x12\x20junk"},
        "gossip-malformed",
    ),
    "key of an unknown kind": ({"from_id": HASHED_ID, "key": b"\x08\x63\x12\x00"}, "gossip-malformed"),
    "malformed id": ({"from_id": b"\xff\xff"}, "gossip-malformed"),
    "no id": ({"from_id": b""}, "gossip-malformed"),
    "long number": ({"seqno": b"9" * 100}, "gossip-malformed"),
    "no topic": ({"topics": []}, "gossip-topic"),
    "two topics": ({"topics": ["news", "news"]}, "gossip-topic"),
    "unknown topic": ({"topics": ["nonsense"]}, "gossip-topic"),
    "a replay from last year": ({"seqno": bytes(8)}, "gossip-replay"),
}


@pytest.mark.parametrize("name", WRONG_MESSAGES)
def test_a_message_that_breaks_a_rule_is_dropped_and_the_next_good_one_is_heard(victim, name):
    wrong, reason = WRONG_MESSAGES[name]
    before = drops(victim, reason)
    good = f"good after {name}".encode()

    async def talk(peer):
        await peer.greet()
        stream = await peer.stream(GOSSIP)
        await peer.gossip(stream, peer.message(b"good before"))
        await peer.gossip(stream, peer.message(b"bad", **wrong), peer.message(good))
        await heard_by(victim, good)
        return peer.tcp.closed

    assert attack(victim.port, talk) == [False]
    counted(victim, reason, before)
    assert b"bad" not in victim.heard()


def test_an_oversize_message_is_dropped(victim):
    before = drops(victim, "gossip-oversize")

    async def talk(peer):
        await peer.greet()
        stream = await peer.stream(GOSSIP)
        await peer.gossip(stream, peer.message(bytes(GOSSIP_BYTES_MAX + 1)))
        await peer.gossip(stream, peer.message(b"x" * GOSSIP_BYTES_MAX))
        await heard_by(victim, b"x" * GOSSIP_BYTES_MAX)

    attack(victim.port, talk)
    counted(victim, "gossip-oversize", before)
    assert max(map(len, victim.heard())) == GOSSIP_BYTES_MAX


def test_a_duplicate_is_heard_once_even_from_many(victim):
    async def talk(peer):
        await peer.greet()
        stream = await peer.stream(GOSSIP)
        message = peer.message(b"said once")
        for _ in range(100):
            await peer.gossip(stream, message)
        await peer.gossip(stream, peer.message(b"said last"))
        await heard_by(victim, b"said last")

    attack(victim.port, talk)
    assert victim.heard().count(b"said once") == 1


ENDING_WORDS = {
    "an RPC that does not parse": (GOSSIP, encode_varint_prefixed(b"\xff" * 40), "gossip-malformed-rpc"),
    "an RPC of endless length": (GOSSIP, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "frame-too-long"),
    "an RPC of a gigabyte": (GOSSIP, b"\x80\x80\x80\x80\x04", "frame-too-long"),
    "an RPC of a megabyte": (GOSSIP, b"\x80\x80\x40", "frame-too-long"),
    "an RPC of very many messages": (
        GOSSIP,
        encode_varint_prefixed(rpc_pb2.RPC(publish=[rpc_pb2.Message()] * 60_000).SerializeToString()),
        "gossip-malformed-rpc",
    ),
    "an empty request": (REQUEST, bytes(4), "frame-too-long"),
    "a request of four gigabytes": (REQUEST, b"\xff" * 4, "frame-too-long"),
    "a request without a name": (REQUEST, b"\0\0\0\2\0x", "malformed-request"),
    "a request whose name is longer than itself": (REQUEST, b"\0\0\0\2\xffx", "malformed-request"),
    "a request whose name is not ASCII": (REQUEST, b"\0\0\0\3\2\xc3\xa9", "malformed-request"),
    "a second hello": (LINK, encode_link_message(Hello(1, 1, "test", bytes(32), 0, 0)), "link-second-hello"),
}


@pytest.mark.parametrize("name", ENDING_WORDS)
def test_words_outside_the_protocol_end_the_link(victim, name):
    protocol, words, reason = ENDING_WORDS[name]
    before = drops(victim, reason)

    async def talk(peer):
        await peer.greet()
        with contextlib.suppress(*ENDED):
            stream = await peer.stream(protocol)
            await stream.write(words)
        return await peer.hung_up()

    assert attack(victim.port, talk) == [True]
    counted(victim, reason, before)


@pytest.mark.parametrize("protocol", [GOSSIP, REQUEST])
def test_who_has_not_said_hello_may_say_nothing_else(victim, protocol):
    async def talk(peer):
        with contextlib.suppress(*ENDED):
            stream = await peer.stream(protocol)
            await peer.gossip(stream, peer.message(b"before the hello"))
        return await peer.hung_up()

    assert attack(victim.port, talk) == [True]
    assert b"before the hello" not in victim.heard()


LINK_WORDS = {
    "garbage": b"\0\0\0\5\x00junk",
    "an unknown kind": b"\0\0\0\1\x63",
    "a pong nobody asked for": encode_link_message(Hello(1, 1, "test", bytes(32), 0, 0)),
    "too long": b"\x7f\xff\xff\xff",
    "a ping beyond 64 bits": encode_link_message(Ping(1 << 65)),
}


@pytest.mark.parametrize("name", LINK_WORDS)
def test_a_malformed_word_between_links_ends_the_link(victim, name):
    async def talk(peer):
        stream = await peer.greet(pinging=False)
        with contextlib.suppress(*ENDED):
            await stream.write(LINK_WORDS[name])
        return await peer.hung_up()

    assert attack(victim.port, talk) == [True]


def test_recommended_peers_are_bounded_and_nonsense_among_them_is_ignored(victim):
    async def talk(peer):
        stream = await peer.greet(pinging=False)
        for burst in range(40):
            peers = tuple(
                Recommendation(bytes([burst, number]) * 16, ("127.0.0.1:9", "no address", "p2p://0.0.0.0:1"))
                for number in range(32)
            )
            await stream.write(encode_link_message(Peers(peers)))
            await peer.frame(stream)

    attack(victim.port, talk)
    counted(victim, "link-malformed-address")
    assert len(victim.tell("known")) <= 1024


def test_control_words_about_unknown_topics_and_messages_leave_nothing_behind(victim):
    async def talk(peer):
        await peer.greet()
        stream = await peer.stream(GOSSIP)
        for burst in range(20):
            topics = [f"topic {burst} {number} {'x' * 200}" for number in range(100)]
            control = rpc_pb2.ControlMessage(
                graft=[rpc_pb2.ControlGraft(topicID=topic) for topic in topics],
                prune=[
                    rpc_pb2.ControlPrune(topicID=topic, backoff=1 << 60, peers=[rpc_pb2.PeerInfo(peerID=b"junk")])
                    for topic in (*topics, "news")
                ],
                ihave=[rpc_pb2.ControlIHave(topicID="news", messageIDs=[b"%d" % number for number in range(500)])],
                iwant=[rpc_pb2.ControlIWant(messageIDs=[b"%d" % number for number in range(500)])],
            )
            subscriptions = [rpc_pb2.RPC.SubOpts(subscribe=True, topicid=topic) for topic in topics]
            await peer.gossip(stream, control=control, subscriptions=subscriptions, senderRecord=b"junk" * 20)
        # What it asked for has used up its rate for a while, so it has to say this more than once.
        heard = False
        while not heard:
            await peer.gossip(stream, peer.message(b"after the control words"))
            await trio.sleep(0.3)
            heard = b"after the control words" in await trio.to_thread.run_sync(victim.heard)

    attack(victim.port, talk)
    counted(victim, "gossip-forwarder-rate")


def test_a_flood_by_one_author_is_cut_at_its_rate_and_others_are_heard(victim):
    async def talk(peer):
        await peer.greet()
        stream = await peer.stream(GOSSIP)
        for burst in range(8):
            await peer.gossip(stream, *[peer.message(b"flood %d %d" % (burst, number)) for number in range(50)])
        await trio.to_thread.run_sync(counted, victim, "gossip-origin-rate")

    attack(victim.port, talk)
    assert 100 <= sum(data.startswith(b"flood") for data in victim.heard()) < 400


def test_a_flood_of_bad_signatures_is_cut_at_the_links_rate(victim):
    async def talk(peer):
        await peer.greet()
        stream = await peer.stream(GOSSIP)
        for _ in range(20):
            await peer.gossip(stream, *[peer.message(b"x", signature=b"x" * 64)] * 100)
        await trio.to_thread.run_sync(counted, victim, "gossip-forwarder-rate")

    attack(victim.port, talk)


def test_a_peer_that_ignores_the_window_is_cut_off(victim):
    before = drops(victim, "link-window")

    async def talk(peer):
        await peer.greet()
        with contextlib.suppress(*ENDED):
            stream = await peer.stream(REQUEST)
            await stream.write(encode_request("slow/1", b"8"))  # nobody reads this stream for a while
            for _ in range(200):
                await peer.yamux(yamux_frame(0, 0, stream.stream_id, 60_000, bytes(60_000)))
        return await peer.hung_up()

    assert attack(victim.port, talk) == [True]
    counted(victim, "link-window", before)


def test_a_peer_that_fills_the_windows_of_many_streams_is_cut_off(victim):
    before = drops(victim, "link-window")

    async def talk(peer):
        await peer.greet()
        with contextlib.suppress(*ENDED):
            streams = [await peer.stream(REQUEST) for _ in range(4)]
            for stream in streams:
                await stream.write(encode_request("slow/1", b"8"))
            for _ in range(16):
                for stream in streams:
                    await peer.yamux(yamux_frame(0, 0, stream.stream_id, 60_000, bytes(60_000)))
        return await peer.hung_up()

    assert attack(victim.port, talk) == [True]
    counted(victim, "link-window", before)


FRAMES = {
    "an unknown version": ({"kind": 0, "flags": 0, "stream_id": 1, "length": 0, "version": 7}, "link-unknown-frame"),
    "an unknown kind": ({"kind": 9, "flags": 0, "stream_id": 1, "length": 0}, "link-unknown-frame"),
    "four gigabytes of data": ({"kind": 0, "flags": 0, "stream_id": 1, "length": 0xFFFFFFFF}, "link-window"),
    "sixteen megabytes of data": ({"kind": 0, "flags": 1, "stream_id": 101, "length": 1 << 24}, "link-window"),
    "a stream on the other side's number": (
        {"kind": 1, "flags": 1, "stream_id": 1000, "length": 0},
        "link-stream-limit",
    ),
    "a stream number zero": ({"kind": 1, "flags": 1, "stream_id": 0, "length": 0}, "link-stream-limit"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_outside_the_multiplexers_rules_ends_the_link(victim, name):
    frame, reason = FRAMES[name]
    before = drops(victim, reason)

    async def talk(peer):
        await peer.greet()
        with contextlib.suppress(*ENDED):
            await peer.yamux(**frame)
        return await peer.hung_up()

    assert attack(victim.port, talk) == [True]
    counted(victim, reason, before)


def test_a_peer_cannot_open_streams_without_end(victim):
    before = drops(victim, "link-stream-limit")

    async def talk(peer):
        await peer.greet()
        with contextlib.suppress(*ENDED):
            await peer.yamux(*[yamux_frame(1, 1, number, 0) for number in range(101, 301, 2)])
        return await peer.hung_up()

    assert attack(victim.port, talk) == [True]
    counted(victim, "link-stream-limit", before)


def test_a_flood_of_empty_frames_slows_only_its_own_link(victim):
    async def talk(peer):
        await peer.greet()
        with contextlib.suppress(*ENDED):
            for _ in range(100):
                await peer.yamux(*[yamux_frame(2, 1, 0, number) for number in range(100)])

    attack(victim.port, talk)


def test_idle_connections_do_not_keep_a_newcomer_out(victim):
    async def main():
        held = [await connect(victim.port) for _ in range(400)]
        async with hostile(victim.port) as newcomer:
            await newcomer.greet(pinging=False)  # raises if it is not admitted
        for stream in held:
            await stream.aclose()

    trio.run(main)
    counted(victim, "link-pending")


def test_a_frame_that_never_ends_is_given_up(victim):
    async def talk(peer):
        await peer.greet()
        stream = await peer.stream(REQUEST)
        with contextlib.suppress(*ENDED):
            for byte in encode_request("echo/1", bytes(1000)):
                await stream.write(bytes([byte]))
                await trio.sleep(0.2)
        return stream.closed, peer.tcp.closed

    assert attack(victim.port, talk) == [(True, False)]


def test_a_handshake_that_never_ends_is_given_up(victim):
    before = drops(victim, "link-handshake-time")

    async def main():
        stream = await connect(victim.port)
        with trio.fail_after(60):
            await stream.send_all(b"\x13/multistream/1.0")
            while await stream.receive_some(100):
                pass

    trio.run(main)
    counted(victim, "link-handshake-time", before)


async def never(_count):
    await trio.sleep_forever()


def test_a_peer_that_reads_nothing_is_cut_off(victim):
    async def talk(peer):
        await peer.greet(pinging=False)
        streams = [await peer.stream(REQUEST) for _ in range(4)]
        peer.tcp.read = never
        with contextlib.suppress(*ENDED):
            for stream in streams:
                await stream.write(encode_request("echo/1", bytes(200_000)))
                await stream.write(encode_request("echo/1", bytes(200_000)))
        me = peer.peer.to_bytes()[6:]
        with trio.fail_after(120):
            while me in await trio.to_thread.run_sync(victim.links):  # noqa: ASYNC110 - a process, not an event
                await trio.sleep(0.1)

    attack(victim.port, talk)
