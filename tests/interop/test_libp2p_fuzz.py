"""Ten thousand random and mutated frames at a node process, on every port and protocol that it listens to."""

import contextlib
import random

import pytest
import trio
from google.protobuf.message import DecodeError
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_varint_prefixed

from node.network.libp2p_transport import TcpStream, Upgrader
from node.network.link_messages import Hello, Peers, Recommendation, encode_link_message
from node.network.request_frames import encode_request
from tests.support.attacked_node import attacked_pair, unharmed
from tests.support.hostile_peer import (
    ENDED,
    GENEROUS,
    GOSSIP,
    LINK,
    REQUEST,
    connect,
    hostile,
    unchecked,
    yamux_frame,
)

pytestmark = pytest.mark.processes

FRAMES_SENT_MIN = 10_000


class Mutator:
    """Random and mutated frames; the seed is what a failure prints."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.sent = 0

    def garbage(self, most=200):
        self.sent += 1
        return self.random.randbytes(self.random.randint(1, most))

    def mutated(self, frame):
        """Bytes flipped, cut out, doubled or replaced."""
        self.sent += 1
        frame = bytearray(frame)
        for _ in range(self.random.randint(1, 3)):
            if not frame:
                break
            at = self.random.randrange(len(frame))
            kind = self.random.randrange(4)
            if kind == 0:
                frame[at] ^= 1 << self.random.randrange(8)
            elif kind == 1:
                del frame[at : at + self.random.randint(1, 8)]
            elif kind == 2:
                frame[at:at] = frame[at : at + self.random.randint(1, 8)]
            else:
                frame[at : at + 4] = self.random.randbytes(4)
        return bytes(frame)


async def fuzz_tcp(port, mutator):
    """Garbage on the bare port, and after a proper multistream greeting, and in place of Noise."""
    hello = b"\x13/multistream/1.0.0\n"
    noise = hello + b"\x07/noise\n"
    for opening in (b"", hello, noise, noise + b"\x00\x20" + bytes(32)) * 100:
        with contextlib.suppress(*ENDED), trio.move_on_after(2):
            stream = await connect(port)
            await stream.send_all(mutator.mutated(opening) if mutator.random.random() < 0.3 else opening or b"\0")
            for _ in range(6):
                await stream.send_all(mutator.garbage())
            await stream.aclose()


async def fuzz_noise(port, mutator):
    """Garbage in an authenticated channel where Yamux should be agreed on or spoken."""
    for _ in range(40):
        with contextlib.suppress(*ENDED), trio.move_on_after(2):
            tcp = TcpStream(await connect(port), write_s=2, on_close=unchecked)
            muxer = await Upgrader(create_new_key_pair(), GENEROUS, unchecked).upgrade(tcp, dialled=True)
            for _ in range(10):
                await muxer.secured_conn.write(mutator.garbage(60))
            tcp.abort()


async def fuzz_yamux(peer, mutator):
    """Frames of every kind, with numbers that may or may not mean something."""
    await peer.greet()
    stream = await peer.stream(REQUEST)
    for _ in range(15):
        await peer.yamux(*[random_frame(mutator, stream.stream_id) for _ in range(20)])
        await trio.lowlevel.checkpoint()


def random_frame(mutator, open_stream):
    mutator.sent += 1
    pick = mutator.random
    kind = pick.choice([0, 1, 2]) if pick.random() < 0.998 else pick.randrange(256)
    body = pick.randbytes(pick.randrange(40)) if kind == 0 else b""
    number = pick.choice([0, 99, pick.randrange(1 << 16) * 2 + 99, pick.randrange(1000, 1 << 32)])
    if kind != 0 or pick.random() < 0.002:  # data on the open stream is a request, and a wrong one ends the link
        number = pick.choice([number, open_stream])
    flags = pick.choice([0, 0, 0, 2, 4, 8, pick.randrange(1 << 16) & ~1])
    return yamux_frame(kind, flags, number, len(body) if kind == 0 else pick.randrange(1 << 20), body)


async def fuzz_gossip(peer, mutator):
    """RPCs whose messages and control words are mutated; most still parse."""
    await peer.greet()
    stream = await peer.stream(GOSSIP)
    for _ in range(15):
        await stream.write(b"".join(encode_varint_prefixed(random_rpc(peer, mutator)) for _ in range(10)))


def random_rpc(peer, mutator):
    pick = mutator.random
    control = rpc_pb2.ControlMessage(
        graft=[rpc_pb2.ControlGraft(topicID="news")],
        prune=[rpc_pb2.ControlPrune(topicID="news", backoff=pick.randrange(1 << 63))],
        ihave=[rpc_pb2.ControlIHave(topicID="news", messageIDs=[pick.randbytes(pick.randrange(60))])],
        iwant=[rpc_pb2.ControlIWant(messageIDs=[pick.randbytes(pick.randrange(60))])],
    )
    whole = rpc_pb2.RPC(
        publish=[peer.message(pick.randbytes(pick.randrange(100)))],
        control=control if pick.random() < 0.5 else None,
        subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=pick.random() < 0.5, topicid=pick.choice(["news", "x", ""]))],
    ).SerializeToString()
    mangled = mutator.mutated(whole)
    try:
        rpc_pb2.RPC().ParseFromString(mangled)
    except DecodeError:
        return mangled if pick.random() < 0.003 else whole  # one of these ends the link, so they are rare
    return mangled


async def fuzz_requests(peer, mutator):
    """Requests for anything with any content; one that is malformed ends the link."""
    pick = mutator.random
    await peer.greet()
    stream = await peer.stream(REQUEST)
    for _ in range(8):
        frames = [encode_request(pick.choice(["echo/1", "fail/1", "nothing/1"]), mutator.garbage()) for _ in range(10)]
        await stream.write(b"".join(frames))
        for _ in frames:
            await peer.frame(stream)
    await stream.write(mutator.mutated(frames[0]))


async def fuzz_links(peer, mutator):
    """The words between links, mutated."""
    stream = await peer.stream(LINK)
    hello = encode_link_message(Hello(1, 1, "test", bytes(32), 1, 0))
    await stream.write(mutator.mutated(hello) if mutator.random.random() < 0.5 else hello)
    peers = encode_link_message(Peers((Recommendation(bytes(32), ("127.0.0.1:9",)),)))
    for _ in range(10):
        await stream.write(mutator.mutated(peers))


@pytest.fixture
def victim():
    with attacked_pair() as pair, unharmed(*pair) as node:
        yield node


def test_ten_thousand_random_and_mutated_frames_on_every_layer(victim):
    seed = random.randrange(1 << 32)
    mutator = Mutator(seed)

    async def repeatedly(talk, rounds):
        for _ in range(rounds):
            with contextlib.suppress(*ENDED, BaseExceptionGroup), trio.move_on_after(10):
                async with hostile(victim.port, mutator.random.randbytes(32)) as peer:
                    await talk(peer, mutator)

    async def main():
        with trio.fail_after(240):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fuzz_tcp, victim.port, mutator)
                nursery.start_soon(fuzz_noise, victim.port, mutator)
                for talk, rounds in ((fuzz_yamux, 16), (fuzz_gossip, 14), (fuzz_requests, 14), (fuzz_links, 60)):
                    nursery.start_soon(repeatedly, talk, rounds)

    try:
        trio.run(main)
        assert mutator.sent >= FRAMES_SENT_MIN
        assert victim.alive(), victim.last_words()
    except BaseException:
        print(f"seed of the fuzz: {seed}")
        raise
