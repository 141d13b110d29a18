"""Requests over reused streams: one at a time on each, a few streams to each peer, every wait limited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol

from consensus.types import NodeId
from node.errors import PeerFaultError
from node.identity.names import short_name
from node.network.handlers import Tally
from node.network.interface import NoAnswerError, RefusedError, UnreachableError
from node.network.libp2p_links import Link, Links
from node.network.libp2p_streams import FrameReader, open_stream, reset_quietly, write_frame
from node.network.limits import NetworkLimits
from node.network.request_frames import (
    ANSWER_FRAME_BYTES_MAX,
    REQUEST_FRAME_BYTES_MAX,
    decode_answer,
    decode_request,
    encode_answer,
    encode_refusal,
    encode_request,
)

REQUEST_PROTOCOL = TProtocol("/swarm-node/request/1")

Answer = Callable[[NodeId, str, bytes], Awaitable[bytes]]
"""Asks the other event loop for the answer; raises `RefusedError`."""

Ensure = Callable[[NodeId], Awaitable[Link]]


@dataclass(slots=True, eq=False)
class _Channel:
    """A stream that stands open between requests."""

    stream: INetStream
    reader: FrameReader
    used: float


@dataclass(slots=True, eq=False)
class _Pool:
    """The streams to one node, all on one link."""

    link: Link
    places: trio.CapacityLimiter
    idle: list[_Channel] = field(default_factory=list)


class Asker:
    """The asking side."""

    def __init__(self, *, links: Links, ensure: Ensure, limits: NetworkLimits) -> None:
        self._links = links
        self._ensure = ensure
        self._limits = limits
        self._pools: dict[NodeId, _Pool] = {}

    async def ask(self, node: NodeId, protocol: str, data: bytes, *, timeout_s: float) -> bytes:
        """One request and its answer.

        Raises:
            UnreachableError: There is no link and none could be made, or it ended meanwhile.
            NoAnswerError: Time ran out on a standing link.
            RefusedError: The peer said why not.
            PeerFaultError: What came is no answer.
        """
        try:
            with trio.fail_after(timeout_s):
                pool = self._pool(await self._ensure(node))
                async with pool.places:
                    return await self._ask_on(pool, protocol, data)
        except trio.TooSlowError as error:
            if self._links.get(node) is None:
                raise UnreachableError(f"no link to node {short_name(node)} within {timeout_s} s") from error
            raise NoAnswerError(f"no answer to {protocol} from {short_name(node)} within {timeout_s} s") from error

    async def _ask_on(self, pool: _Pool, protocol: str, data: bytes) -> bytes:
        channel = await self._channel(pool)
        kept = False
        try:
            await write_frame(channel.stream, encode_request(protocol, data), within_s=self._limits.frame_s)
            body = await channel.reader.frame(ANSWER_FRAME_BYTES_MAX, first_s=float("inf"), rest_s=self._limits.frame_s)
            kept = True
            return decode_answer(body)
        except PeerFaultError as error:
            kept = False
            self._links.fault(pool.link.node, error)
            raise
        finally:
            channel.used = pool.link.used = trio.current_time()
            if kept and self._pools.get(pool.link.node) is pool:
                pool.idle.append(channel)
            else:
                await reset_quietly(channel.stream)

    async def _channel(self, pool: _Pool) -> _Channel:
        # Given up before the other side does (`idle_s`), so that a request never goes into a stream being closed.
        freshest = trio.current_time() - self._limits.idle_s / 2
        while pool.idle:
            channel = pool.idle.pop()
            if channel.used >= freshest:
                return channel
            await reset_quietly(channel.stream)
        stream = await open_stream(pool.link.connection, REQUEST_PROTOCOL, within_s=self._limits.handshake_s)
        return _Channel(stream, FrameReader(stream), trio.current_time())

    def _pool(self, link: Link) -> _Pool:
        pool = self._pools.get(link.node)
        if pool is None or pool.link is not link:
            places = trio.CapacityLimiter(self._limits.requests_per_peer)
            pool = self._pools[link.node] = _Pool(link, places)
        return pool

    def forget(self, link: Link) -> None:
        """The link has ended, its streams with it."""
        pool = self._pools.get(link.node)
        if pool is not None and pool.link is link:
            del self._pools[link.node]

    async def close_idle(self) -> None:
        """End streams that nobody has used for a while; called now and then."""
        freshest = trio.current_time() - self._limits.idle_s / 2
        for pool in tuple(self._pools.values()):
            stale = [channel for channel in pool.idle if channel.used < freshest]
            pool.idle = [channel for channel in pool.idle if channel.used >= freshest]
            for channel in stale:
                await reset_quietly(channel.stream)


class Answerer:
    """The answering side."""

    def __init__(self, *, links: Links, answer: Answer, limits: NetworkLimits, tally: Tally) -> None:
        self._links = links
        self._answer = answer
        self._limits = limits
        self._tally = tally
        self._streams: Counter[NodeId] = Counter()
        self._answering = 0

    async def serve(self, stream: INetStream) -> None:
        """Answer request after request on one stream, until it ends, idles or breaks a rule."""
        link = self._links.of_peer(stream.muxed_conn.peer_id)
        if link is None:
            raise UnreachableError("the link has ended meanwhile")
        # A few more than may be used at once: a peer that comes back does so before its old streams are gone.
        if self._streams[link.node] >= 2 * self._limits.requests_per_peer:
            self._tally.drop("request-streams")
            return
        self._streams[link.node] += 1
        try:
            await self._serve(link, stream)
        finally:
            self._streams[link.node] -= 1
            if not self._streams[link.node]:
                del self._streams[link.node]

    async def _serve(self, link: Link, stream: INetStream) -> None:
        reader = FrameReader(stream)
        while True:
            body = await reader.frame(REQUEST_FRAME_BYTES_MAX, first_s=self._limits.idle_s, rest_s=self._limits.frame_s)
            link.used = trio.current_time()
            protocol, data = decode_request(body)
            frame = await self._frame_for(link.node, protocol, data)
            await write_frame(stream, frame, within_s=self._limits.frame_s)

    async def _frame_for(self, node: NodeId, protocol: str, data: bytes) -> bytes:
        if self._answering >= self._limits.requests_max:
            self._tally.drop("request-busy")
            return encode_refusal("busy")
        self._answering += 1
        try:
            with trio.fail_after(self._limits.answer_s):
                return encode_answer(await self._answer(node, protocol, data))
        except trio.TooSlowError:
            self._tally.drop("request-handler-time")
            return encode_refusal("failed")
        except RefusedError as error:
            return encode_refusal(error.reason)
        finally:
            self._answering -= 1
