"""Links: connections whose other side has proven its key and said that it belongs to this network.

Decided here: who is admitted, which of two links to one node stays, whether a link still lives, and what a node that
broke a rule may do for a while (nothing). Dialling and accepting are `libp2p_dialler` and `libp2p_door`.
"""

from __future__ import annotations

import logging
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import trio
from libp2p.abc import IMuxedConn, INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.stream_muxer.yamux.yamux import Yamux

from consensus.types import NodeId
from node.errors import OperatorError, PeerFaultError
from node.identity.names import short_name
from node.network.addresses import Address, parse_address
from node.network.handlers import Tally
from node.network.interface import UnreachableError
from node.network.libp2p_streams import FrameReader, open_stream, write_frame
from node.network.libp2p_transport import TcpStream, node_of
from node.network.limits import NetworkLimits
from node.network.link_messages import (
    LINK_FRAME_BYTES_MAX,
    Hello,
    Peers,
    Ping,
    Pong,
    Recommendation,
    Reply,
    decode_link_message,
    encode_link_message,
    refusal_of,
)
from node.network.peer_book import PeerBook

logger = logging.getLogger(__name__)

LINK_PROTOCOL = TProtocol("/swarm-node/link/1")

SHUN_S = 60.0
"""How long a node that broke a rule of the wire is not admitted. Never for ever: it may have been mended."""

SHUNNED_MAX = 1024
STRANGERS_MAX = 1024

YOUNG_S = 10.0
"""Two nodes that dial each other at once get two links within this time; later a second one replaces a dead first."""

RECOMMENDED = 16
"""Peers named in one exchange."""

FIRST_PING_S = 0.5
"""Before the first ping of a link; doubles up to the usual interval."""

PONG_PINGS = 2
"""Ping intervals that an answer may take before the dialling side gives a link up."""

SILENCE_PINGS = 4
"""Ping intervals without a word after which the accepting side gives a link up."""

STRANGE_REFUSALS = frozenset({"other-network", "other-preset", "other-version"})


@dataclass(slots=True, eq=False)
class Link:
    """An admitted connection."""

    node: NodeId
    connection: SwarmConn
    tcp: TcpStream
    dialled: bool
    since: float
    used: float
    extra: bool = False
    """Beyond the links wanted: dialled to explore or for one request; closed again when unused."""

    @property
    def peer(self) -> ID:
        """The library's name of the node."""
        return self.connection.muxed_conn.peer_id


@dataclass(slots=True, eq=False)
class _Waiting:
    """An accepted connection before its hello."""

    connection: SwarmConn
    tcp: TcpStream
    admitted: trio.Event


class Links:
    """All links of this node. Belongs to the trio thread."""

    def __init__(
        self,
        *,
        swarm: Swarm,
        spawn: Callable[..., None],
        book: PeerBook,
        hello: Hello,
        limits: NetworkLimits,
        tally: Tally,
        chance: random.Random,
        on_linked: Callable[[Link], None],
        on_lost: Callable[[Link], None],
        on_learnt: Callable[[], None],
    ) -> None:
        """`on_linked` is told of every new link, `on_lost` of every node without one, `on_learnt` of new addresses.

        `spawn` runs a task whose failure ends nothing else.
        """
        self._swarm = swarm
        self._spawn = spawn
        self._book = book
        self._hello = hello
        self._limits = limits
        self._tally = tally
        self._chance = chance
        self._on_linked = on_linked
        self._on_lost = on_lost
        self._on_learnt = on_learnt
        self._me = node_of(swarm.self_id)
        self._by_node: dict[NodeId, Link] = {}
        self._waiting: dict[IMuxedConn, _Waiting] = {}
        self._shunned: OrderedDict[NodeId, float] = OrderedDict()
        self._strangers: OrderedDict[NodeId, None] = OrderedDict()

    @property
    def nodes(self) -> frozenset[NodeId]:
        """Who is linked."""
        return frozenset(self._by_node)

    def all(self) -> tuple[Link, ...]:
        """Every link, oldest first."""
        return tuple(self._by_node.values())

    def get(self, node: NodeId) -> Link | None:
        """The link to one node."""
        return self._by_node.get(node)

    def of_peer(self, peer: ID) -> Link | None:
        """The link to a node by its library name."""
        try:
            return self._by_node.get(node_of(peer))
        except PeerFaultError:
            return None

    # Admission

    async def await_hello(self, muxer: Yamux, tcp: TcpStream) -> None:
        """Accepting side: wait until the dialler has said hello and was admitted; the caller limits the time.

        Raises:
            UnreachableError: The connection ended first.
        """
        connection = await self._add(muxer, tcp, "inbound")
        waiting = self._waiting[muxer] = _Waiting(connection, tcp, trio.Event())
        try:
            await waiting.admitted.wait()
        finally:
            self._waiting.pop(muxer, None)

    async def greet(self, muxer: Yamux, tcp: TcpStream, *, dialled: Address, extra: bool) -> Link:
        """Dialling side: say hello; the caller limits the time.

        Raises:
            PeerFaultError: The other side is of another network (the rule says which way), or breaks the protocol.
            UnreachableError: It has no place, or the connection ended.
        """
        connection = await self._add(muxer, tcp, "outbound")
        stream = await open_stream(connection, LINK_PROTOCOL, within_s=self._limits.handshake_s)
        await write_frame(stream, encode_link_message(self._hello), within_s=self._limits.handshake_s)
        reader = FrameReader(stream)
        reply = await self._read(reader, self._limits.handshake_s)
        if not isinstance(reply, Reply):
            raise PeerFaultError("malformed-link-message", "no reply to the hello")
        refusal = refusal_of(reply.hello, self._hello) or reply.refusal
        if refusal in STRANGE_REFUSALS:
            self._say_stranger(node_of(muxer.peer_id), reply.hello, refusal)
            raise PeerFaultError(refusal, f"the peer is no peer of ours: {refusal}")
        self._learn(reply.peers, tcp)
        if refusal:
            raise UnreachableError(f"the peer did not admit us: {refusal}")
        link = self._admit(connection, tcp, reply.hello, dialled=dialled)
        link.extra = extra
        self._spawn(self._keep, link, stream, reader)
        return link

    async def serve(self, stream: INetStream) -> None:
        """Accepting side of a link's own stream: hello first, then pings and exchanges until it ends."""
        waiting = self._waiting.pop(stream.muxed_conn, None)
        if waiting is None:
            raise PeerFaultError("link-second-hello", "a second hello on one connection")
        reader = FrameReader(stream)
        hello = await self._read(reader, self._limits.handshake_s)
        if not isinstance(hello, Hello):
            raise PeerFaultError("malformed-link-message", "a link that does not begin with a hello")
        node = node_of(stream.muxed_conn.peer_id)
        refusal = self._refusal(node, hello, waiting.tcp)
        # Whoever is ours and finds no place here is told where else to go; a stranger is told nothing.
        peers = self._recommended(waiting.tcp) if refusal in {"", "full"} else ()
        reply = Reply(self._hello, refusal, peers)
        await write_frame(stream, encode_link_message(reply), within_s=self._limits.handshake_s)
        if refusal:
            self._tally.drop(f"link-refused-{refusal}")
            # The dialler hangs up once it has read why; hanging up first could take the reply back.
            await self._until_end(reader, waiting.tcp)
            return
        link = self._admit(waiting.connection, waiting.tcp, hello, dialled=None)
        waiting.admitted.set()
        await self._answer_words(link, stream, reader)

    def _refusal(self, node: NodeId, hello: Hello, tcp: TcpStream) -> str:
        strange = refusal_of(hello, self._hello)
        if strange:
            self._say_stranger(node, hello, strange)
            return strange
        if node == self._me or self._shunned.get(node, 0.0) > trio.current_time():
            return "shunned"
        others = [link for link in self._by_node.values() if link.node != node]
        same_ip = sum(link.tcp.remote_host == tcp.remote_host and not link.dialled for link in others)
        loopback = Address("p2p", tcp.remote_host, 1).is_loopback
        if len(others) >= self._limits.links_max or (same_ip >= self._limits.links_per_ip and not loopback):
            return "full"
        return ""

    def _admit(self, connection: SwarmConn, tcp: TcpStream, hello: Hello, *, dialled: Address | None) -> Link:
        """Put a new link in its node's place, or end it in favour of the one that stands there.

        Raises:
            UnreachableError: The earlier link stays.
        """
        now = trio.current_time()
        node = node_of(connection.muxed_conn.peer_id)
        earlier = self._by_node.get(node)
        if tcp.closed or (earlier is not None and self._outranks(earlier, dialled=bool(dialled), now=now)):
            tcp.abort()
            raise UnreachableError("there is a link already" if not tcp.closed else "the connection ended")
        link = self._by_node[node] = Link(node, connection, tcp, bool(dialled), since=now, used=now)
        if earlier is not None:
            earlier.tcp.abort()
        said = _said_addresses(hello, tcp)
        self._book.proved(node, said, dialled=dialled, unix_ms=time.time_ns() // 1_000_000)
        self._on_linked(link)
        return link

    def _outranks(self, earlier: Link, *, dialled: bool, now: float) -> bool:
        # When two nodes dial each other at once, both must keep the same link: the one dialled by the smaller id.
        crossed = earlier.dialled != dialled and now - earlier.since < YOUNG_S
        return crossed and earlier.dialled == (self._me < earlier.node)

    async def _add(self, muxer: Yamux, tcp: TcpStream, direction: str) -> SwarmConn:
        try:
            return await self._swarm.add_conn(muxer, direction=direction)
        except Exception as error:  # whatever the library raises of a connection that ends while it is taken over
            tcp.abort()
            raise UnreachableError("the connection ended before its hello") from error

    # Life of a link

    async def _keep(self, link: Link, stream: INetStream, reader: FrameReader) -> None:
        """Dialling side: ping, and exchange peers from time to time, until the link ends."""
        exchanged = trio.current_time()  # the reply to our hello named some
        pause_s = min(FIRST_PING_S, self._limits.ping_s)
        nonce = 0
        try:
            while not link.tcp.closed:
                # More often at first: whoever joins while others do learns of them within seconds.
                await trio.sleep(self._spread(pause_s))
                pause_s = min(2 * pause_s, self._limits.ping_s)
                nonce += 1
                await self._ask(stream, reader, Ping(nonce), Pong(nonce))
                lonely = len(self._by_node) < self._limits.links_wanted
                if lonely or trio.current_time() - exchanged > self._limits.exchange_s:
                    exchanged = trio.current_time()
                    await self._exchange(link, stream, reader)
        except UnreachableError as error:
            logger.debug("the link to %s ends: %s", short_name(link.node), error)
        except PeerFaultError as error:
            self.fault(link.node, error)
        finally:
            link.tcp.abort()

    async def _ask(self, stream: INetStream, reader: FrameReader, ping: Ping, expected: Pong) -> None:
        await write_frame(stream, encode_link_message(ping), within_s=self._limits.ping_s)
        if await self._read(reader, PONG_PINGS * self._limits.ping_s) != expected:
            raise PeerFaultError("malformed-link-message", "a ping was answered with something else")

    async def _exchange(self, link: Link, stream: INetStream, reader: FrameReader) -> None:
        ours = Peers(self._recommended(link.tcp))
        await write_frame(stream, encode_link_message(ours), within_s=self._limits.ping_s)
        theirs = await self._read(reader, PONG_PINGS * self._limits.ping_s)
        if not isinstance(theirs, Peers):
            raise PeerFaultError("malformed-link-message", "an exchange was answered with something else")
        self._learn(theirs.peers, link.tcp)

    async def _answer_words(self, link: Link, stream: INetStream, reader: FrameReader) -> None:
        """Accepting side: answer what comes, and give the link up when nothing does."""
        try:
            while True:
                word = await self._read(reader, SILENCE_PINGS * self._limits.ping_s)
                if isinstance(word, Ping):
                    answer: Pong | Peers = Pong(word.nonce)
                elif isinstance(word, Peers):
                    self._learn(word.peers, link.tcp)
                    answer = Peers(self._recommended(link.tcp))
                else:
                    raise PeerFaultError("malformed-link-message", f"an unexpected {type(word).__name__}")
                await write_frame(stream, encode_link_message(answer), within_s=self._limits.ping_s)
        finally:
            link.tcp.abort()

    async def _read(self, reader: FrameReader, within_s: float) -> object:
        body = await reader.frame(LINK_FRAME_BYTES_MAX, first_s=within_s, rest_s=within_s)
        return decode_link_message(body)

    async def _until_end(self, reader: FrameReader, tcp: TcpStream) -> None:
        try:
            await self._read(reader, 1.0)
        except (UnreachableError, PeerFaultError):
            tcp.abort()

    def lost(self, muxer: IMuxedConn) -> None:
        """The library says that a connection has ended."""
        for link in self._by_node.values():
            if link.connection.muxed_conn is muxer:
                del self._by_node[link.node]
                self._book.lost(link.node)
                self._on_lost(link)
                return

    def fault(self, node: NodeId, error: PeerFaultError) -> None:
        """A node broke a rule of the wire: count it, end its link, and do not admit it for a while."""
        self._tally.drop(error.rule)
        self._shunned.pop(node, None)
        self._shunned[node] = trio.current_time() + SHUN_S
        if len(self._shunned) > SHUNNED_MAX:
            self._shunned.popitem(last=False)
        link = self._by_node.get(node)
        if link is not None:
            link.tcp.abort()
        for muxer, waiting in self._waiting.items():
            if node_of(muxer.peer_id) == node:
                waiting.tcp.abort()

    def is_shunned(self, node: NodeId) -> bool:
        """Whether a node is not admitted, and so not dialled, for now."""
        return self._shunned.get(node, 0.0) > trio.current_time()

    # Whom others know

    def _recommended(self, tcp: TcpStream) -> tuple[Recommendation, ...]:
        to_loopback = Address("p2p", tcp.remote_host, 1).is_loopback
        known = self._book.proven()
        chosen = self._chance.sample(known, min(RECOMMENDED, len(known)))
        shown = (
            Recommendation(node, tuple(str(place) for place in places if to_loopback or not place.is_loopback))
            for node, places in chosen
        )
        return tuple(peer for peer in shown if peer.addresses)

    def _learn(self, peers: Iterable[Recommendation], tcp: TcpStream) -> None:
        """Hear of peers; only somebody on this machine may send us to this machine's own ports."""
        from_loopback = Address("p2p", tcp.remote_host, 1).is_loopback
        for peer in peers:
            for text in peer.addresses:
                try:
                    _, address = parse_address(text)
                except OperatorError:
                    self._tally.drop("link-malformed-address")
                    continue
                if from_loopback or not address.is_loopback:
                    self._book.learn(peer.node, address, source="exchange")
        self._on_learnt()

    def _say_stranger(self, node: NodeId, hello: Hello, refusal: str) -> None:
        if node in self._strangers:
            return
        self._strangers[node] = None
        if len(self._strangers) > STRANGERS_MAX:
            self._strangers.popitem(last=False)
        logger.warning(
            "node %s is not of our network (%s): it says network %r, preset %s; ours is %r, preset %s",
            short_name(node),
            refusal,
            hello.network_id,
            hello.preset_hash.hex()[:12],
            self._hello.network_id,
            self._hello.preset_hash.hex()[:12],
        )

    def _spread(self, seconds: float) -> float:
        """A time around `seconds`, so that nodes started together do not stay in step."""
        return seconds * (0.75 + 0.5 * self._chance.random())


def _said_addresses(hello: Hello, tcp: TcpStream) -> tuple[Address, ...]:
    """Where a caller listens: on the address we see, at the ports it names."""
    ports = (("p2p", hello.p2p_port), ("grpc", hello.grpc_port))
    return tuple(Address(scheme, tcp.remote_host, port) for scheme, port in ports if port)
