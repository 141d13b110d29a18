"""A peer with a valid key that says whatever a test wants, at any layer: the attacks of the network tests.

It speaks TCP, Noise and Yamux through the parts under test, because those are the library's wire format; from there on
every byte is its own. Each one calls from an address and with a key of its own, as an attacker would.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import struct
import time

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.exceptions import BaseLibp2pError
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_varint_prefixed

from node.errors import PeerFaultError
from node.network.libp2p_transport import BoundedCommunicator, TcpStream, Upgrader
from node.network.limits import NetworkLimits
from node.network.link_messages import Hello, Ping, Reply, decode_link_message, encode_link_message

GOSSIP = "/meshsub/1.1.0"
LINK = "/swarm-node/link/1"
REQUEST = "/swarm-node/request/1"

GENEROUS = NetworkLimits(link_bytes_rate=1e12, link_bytes_burst=1e12, link_frames_rate=1e12, link_frames_burst=1e12)
"""An attacker does not slow itself down."""

ENDED = (BaseLibp2pError, PeerFaultError, OSError, KeyError, ValueError, trio.BrokenResourceError, trio.TooSlowError)
"""What the attacker sees when the victim has hung up."""

TEST_HELLO = Hello(1, 1, "test", bytes(32), 0, 0)

_callers = itertools.count(1)


def next_caller():
    """A loopback address that nobody has called from yet, other than 127.0.0.x."""
    number = next(_callers)
    return f"127.{1 + number // 64000}.{number // 250 % 256}.{1 + number % 250}"


async def connect(port):
    """A bare TCP connection from a fresh address."""
    sock = trio.socket.socket()
    await sock.bind((next_caller(), 0))
    await sock.connect(("127.0.0.1", port))
    return trio.SocketStream(sock)


def unchecked(*_):
    """Not asked."""


def yamux_frame(kind, flags, stream_id, length, body=b"", version=0):
    """A frame of the multiplexer."""
    return struct.pack("!BBHII", version, kind, flags & 0xFFFF, stream_id, length & 0xFFFFFFFF) + body


class HostilePeer:
    """One connection to the victim. Use `hostile(...)`, which runs and ends it."""

    def __init__(self, keys, tcp, muxer, nursery, hello):
        self.nursery, self.hello = nursery, hello
        self.keys = keys
        self.peer = ID.from_pubkey(keys.public_key)
        self.tcp = tcp
        self.muxer = muxer
        self.counter = time.time_ns()

    async def stream(self, protocol):
        """A stream on which `protocol` was agreed."""
        stream = await self.muxer.open_stream()
        words = BoundedCommunicator(stream)
        await words.write("/multistream/1.0.0")
        assert await words.read() == "/multistream/1.0.0"
        await words.write(protocol)
        assert await words.read() == protocol
        return stream

    async def greet(self, *, pinging=True):
        """Be admitted, and stay so by pinging."""
        stream = await self.stream(LINK)
        await stream.write(encode_link_message(self.hello))
        reply = decode_link_message(await self.frame(stream))
        assert isinstance(reply, Reply)
        assert not reply.refusal, reply.refusal
        if pinging:
            self.nursery.start_soon(self._ping, stream)
        return stream

    async def _ping(self, stream):
        with contextlib.suppress(*ENDED):
            for nonce in itertools.count():
                await trio.sleep(0.5)
                await stream.write(encode_link_message(Ping(nonce)))
                await self.frame(stream)

    async def frame(self, stream):
        """The next frame with a 4-byte length."""
        length = int.from_bytes(await self.exactly(stream, 4), "big")
        return await self.exactly(stream, length)

    @staticmethod
    async def exactly(stream, count):
        got = b""
        while len(got) < count:
            got += await stream.read(count - len(got))
        return got

    async def yamux(self, *frames, **frame):
        """Frames of the multiplexer as given, true or not."""
        await self.muxer._write_frame(b"".join(frames) or yamux_frame(**frame))

    def message(self, data, *, topic="news", **wrong):
        """A gossip message, properly signed, unless told otherwise."""
        self.counter += 1
        message = rpc_pb2.Message(
            data=data, topicIDs=[topic], from_id=self.peer.to_bytes(), seqno=self.counter.to_bytes(8, "big")
        )
        for field in ("from_id", "seqno"):
            if field in wrong:
                setattr(message, field, wrong.pop(field))
        if "topics" in wrong:
            message.topicIDs[:] = wrong.pop("topics")
        message.signature = self.keys.private_key.sign(b"libp2p-pubsub:" + message.SerializeToString())
        message.key = self.keys.public_key.serialize()
        for field, value in wrong.items():
            setattr(message, field, value)
        return message

    async def gossip(self, stream, *messages, **fields):
        """One RPC."""
        await stream.write(encode_varint_prefixed(rpc_pb2.RPC(publish=messages, **fields).SerializeToString()))

    async def hung_up(self, within_s=60):
        """Whether the victim ends the connection in time."""
        with trio.move_on_after(within_s):
            while not self.tcp.closed:  # noqa: ASYNC110 - the library tells nobody
                await trio.sleep(0.02)
        return self.tcp.closed


@contextlib.asynccontextmanager
async def hostile(port, seed=None, *, hello=TEST_HELLO):
    """A connected, authenticated, not yet admitted attacker, which will introduce itself by `hello`."""
    keys = create_new_key_pair(seed or random.randbytes(32))
    tcp = TcpStream(await connect(port), write_s=10, on_close=unchecked)
    muxer = await Upgrader(keys, GENEROUS, unchecked).upgrade(tcp, dialled=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(muxer.start)
        await muxer.event_started.wait()
        try:
            yield HostilePeer(keys, tcp, muxer, nursery, hello)
        finally:
            tcp.abort()
            nursery.cancel_scope.cancel()


def attack(port, *talks, limit_s=240):
    """Run attacks at once, each as a peer of its own; what they return, in order."""
    results = [None] * len(talks)

    async def one(index, talk):
        async with hostile(port) as peer:
            results[index] = await talk(peer)

    async def main():
        with trio.fail_after(limit_s):
            async with trio.open_nursery() as nursery:
                for index, talk in enumerate(talks):
                    nursery.start_soon(one, index, talk)

    trio.run(main)
    return results
