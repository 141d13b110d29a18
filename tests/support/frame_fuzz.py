"""Random and mutated frames for every layer of a node's gossip port."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass

import trio
from google.protobuf.message import DecodeError
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_varint_prefixed

from node.network.libp2p_transport import TcpStream, Upgrader
from node.network.link_messages import Hello, Peers, Recommendation, encode_link_message
from node.network.request_frames import encode_request
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


@dataclass(frozen=True, slots=True)
class Words:
    """What the victim understands, so that a part of what is thrown at it gets far."""

    network_id: str = "test"
    preset_hash: bytes = bytes(32)
    topics: tuple[str, ...] = ("news",)
    protocols: tuple[str, ...] = ("echo/1", "fail/1", "nothing/1")
    recorded: tuple[bytes, ...] = ()
    """Contents of real gossip, which are mutated and sent again."""

    @property
    def hello(self):
        return Hello(1, 1, self.network_id, self.preset_hash, 1, 0)


class Mutator:
    """Random and mutated frames; the seed is what a failure prints."""

    def __init__(self, seed, words=None):
        self.random = random.Random(seed)
        self.words = words or Words()
        self.sent = 0

    def content(self, most):
        """What a gossip message or a request carries: mutated real contents, where there are, or garbage."""
        if self.words.recorded and self.random.random() < 0.8:
            return self._changed(self.random.choice(self.words.recorded))
        return self.random.randbytes(self.random.randrange(most))

    def garbage(self, most=200):
        self.sent += 1
        return self.random.randbytes(self.random.randint(1, most))

    def mutated(self, frame):
        """Bytes flipped, cut out, doubled or replaced."""
        self.sent += 1
        return self._changed(frame)

    def _changed(self, frame):
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


async def fuzz_tcp(port, mutator, connections=400):
    """Garbage on the bare port, and after a proper multistream greeting, and in place of Noise."""
    hello = b"\x13/multistream/1.0.0\n"
    noise = hello + b"\x07/noise\n"
    for opening in (b"", hello, noise, noise + b"\x00\x20" + bytes(32)) * (connections // 4):
        with contextlib.suppress(*ENDED), trio.move_on_after(2):
            stream = await connect(port)
            await stream.send_all(mutator.mutated(opening) if mutator.random.random() < 0.3 else opening or b"\0")
            for _ in range(6):
                await stream.send_all(mutator.garbage())
            await stream.aclose()


async def fuzz_noise(port, mutator, connections=40):
    """Garbage in an authenticated channel where Yamux should be agreed on or spoken."""
    for _ in range(connections):
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
    pick, topic = mutator.random, mutator.random.choice(mutator.words.topics)
    control = rpc_pb2.ControlMessage(
        graft=[rpc_pb2.ControlGraft(topicID=topic)],
        prune=[rpc_pb2.ControlPrune(topicID=topic, backoff=pick.randrange(1 << 63))],
        ihave=[rpc_pb2.ControlIHave(topicID=topic, messageIDs=[pick.randbytes(pick.randrange(60))])],
        iwant=[rpc_pb2.ControlIWant(messageIDs=[pick.randbytes(pick.randrange(60))])],
    )
    whole = rpc_pb2.RPC(
        publish=[peer.message(mutator.content(100), topic=topic)],
        control=control if pick.random() < 0.5 else None,
        subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=pick.random() < 0.5, topicid=pick.choice([topic, "x", ""]))],
    ).SerializeToString()
    mangled = mutator.mutated(whole)
    if mutator.words.recorded and pick.random() < 0.5:
        return whole  # the content in it has been mutated, and should get past the signature
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
        frames = [encode_request(pick.choice(mutator.words.protocols), mutator.content(200)) for _ in range(10)]
        await stream.write(b"".join(frames))
        mutator.sent += len(frames)
        for _ in frames:
            await peer.frame(stream)
    await stream.write(mutator.mutated(frames[0]))


async def fuzz_links(peer, mutator):
    """The words between links, mutated."""
    stream = await peer.stream(LINK)
    hello = encode_link_message(mutator.words.hello)
    await stream.write(mutator.mutated(hello) if mutator.random.random() < 0.5 else hello)
    peers = encode_link_message(Peers((Recommendation(bytes(32), ("127.0.0.1:9",)),)))
    for _ in range(10):
        await stream.write(mutator.mutated(peers))


async def repeatedly(port, mutator, talk, rounds):
    """One kind of attack, over and over, each time as a new peer."""
    for _ in range(rounds):
        with contextlib.suppress(*ENDED, BaseExceptionGroup), trio.move_on_after(10):
            async with hostile(port, mutator.random.randbytes(32), hello=mutator.words.hello) as peer:
                await talk(peer, mutator)
