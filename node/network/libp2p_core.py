"""One life of the libp2p side: everything that runs in the trio thread, from its start to its end.

Start reading at `Core.run`. Nothing of the library leaves this thread: what goes in and out are node ids, names and
bytes, through `Outside`.
"""

from __future__ import annotations

import logging
import random
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import trio
from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from libp2p.crypto.keys import KeyPair
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig
from libp2p.network.connection import swarm_connection
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.protocol_muxer.multiselect import Multiselect
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11
from libp2p.transport.upgrader import TransportUpgrader
from multiaddr.multiaddr import Multiaddr

from consensus.types import NodeId
from node.errors import PeerFaultError, TransientError
from node.network.addresses import Address
from node.network.handlers import Tally
from node.network.interface import PeerInfo, UnreachableError
from node.network.libp2p_dialler import Dialler
from node.network.libp2p_door import Door
from node.network.libp2p_gossip import FloodRouter, SafePubsub
from node.network.libp2p_links import LINK_PROTOCOL, Link, Links
from node.network.libp2p_requests import REQUEST_PROTOCOL, Answerer, Asker
from node.network.libp2p_streams import open_stream, reset_quietly
from node.network.libp2p_tasks import TaskRunner
from node.network.libp2p_transport import BoundedCommunicator, Upgrader, key_pair_of, node_of
from node.network.limits import NetworkLimits
from node.network.link_messages import Hello
from node.network.peer_book import PeerBook
from node.values.peer import KnownPeer

logger = logging.getLogger(__name__)

# The library warns of everything a peer does wrong, and a peer could so fill the disk; we count instead.
logging.getLogger("libp2p").setLevel(logging.CRITICAL + 1)
vars(swarm_connection)["logging"] = logging.getLogger("libp2p.swarm_connection")  # it writes to the root logger

UPKEEP_S = 60.0

ADMISSION_LOOK_S = 0.05

TELL_S = 0.2
"""Between two reports of whom we know; links may come and go by the dozen per second under attack."""

OUTGOING_MAX = 1024
"""Messages of this node waiting to be signed and queued; a second's worth and more."""


class Outside(Protocol):
    """What the trio thread tells and asks the rest of the node. Called in the trio thread; never blocks."""

    def deliver(self, forwarder: NodeId, topic: str, data: bytes) -> None:
        """A gossip message has come."""
        ...

    async def answer(self, asker: NodeId, protocol: str, data: bytes) -> bytes:
        """A request has come.

        Raises:
            RefusedError: With the reason to tell the asker.
        """
        ...

    def peers_changed(self, peers: tuple[PeerInfo, ...], known: tuple[KnownPeer, ...]) -> None:
        """Somebody was linked, lost or learnt; `known` is what to remember for the next life."""
        ...


@dataclass(frozen=True, slots=True)
class CoreConfig:
    """What a life needs to know, the same in every life."""

    seed: bytes
    """32 bytes, the node's key."""
    hello: Hello
    topics: Sequence[str]
    limits: NetworkLimits


@dataclass(frozen=True, slots=True)
class Question:
    """A request of this node."""

    node: NodeId
    protocol: str
    data: bytes
    timeout_s: float


Outcome = bytes | PeerFaultError | TransientError
"""The answer, or why there is none."""


class _QuietHost(BasicHost):
    """The library's host without its services (identify, ping, discovery), and with our links as its connections.

    Identify would store what strangers say of themselves and ask every peer for it; we need neither.
    """

    links: Links
    limits: NetworkLimits

    def _schedule_identify(self, peer_id: ID, *, reason: str) -> None:
        """Do not identify."""

    async def new_stream(self, peer_id: ID, protocol_ids: Sequence[TProtocol]) -> INetStream:
        """Open a stream on the link to a peer; never dial one."""
        link = self.links.of_peer(peer_id)
        if link is None:
            raise UnreachableError("no link")
        return await open_stream(link.connection, protocol_ids[0], within_s=self.limits.handshake_s)


class _NoAutoConnector(AutoConnector):
    """The library's own dialler, which would dial whatever it hears of, switched off."""

    async def start(self) -> None:
        """Do not start."""

    async def run_background_task(self, nursery: trio.Nursery) -> None:
        """Do not run."""

    async def maybe_connect(self) -> None:
        """Do not dial."""

    def record_disconnect(self, peer_id: ID) -> None:
        """Do not remember: it never forgets."""


class _OnDisconnect(INotifee):
    """Tells when the library has ended a connection."""

    def __init__(self, lost: Callable[[INetConn], None]) -> None:
        self._lost = lost

    async def disconnected(self, network: INetwork, conn: INetConn) -> None:
        del network
        self._lost(conn)

    async def connected(self, network: INetwork, conn: INetConn) -> None:
        pass

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None:
        pass

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None:
        pass

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None:
        pass

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None:
        pass


class Core:
    """The parts of one life, joined."""

    def __init__(
        self, config: CoreConfig, *, book: PeerBook, tally: Tally, outside: Outside, nursery: trio.Nursery
    ) -> None:
        self._config = config
        self._limits = config.limits
        self._book = book
        self._tally = tally
        self._outside = outside
        self._nursery = nursery
        self._chance = random.Random()  # noqa: S311 - spreads dials and pings; nothing secret hangs on it
        self._changed = trio.Event()
        self._outgoing, self._to_publish = trio.open_memory_channel[tuple[str, bytes]](OUTGOING_MAX)
        self._asking: dict[int, trio.CancelScope] = {}
        self._tasks = TaskRunner(nursery, tally.drop)
        keys = key_pair_of(config.seed)
        self._upgrader = Upgrader(keys, config.limits, tally.drop)
        self._swarm = _swarm(keys, config.limits)
        self._swarm.register_notifee(_OnDisconnect(lambda conn: self.links.lost(conn.muxed_conn)))
        self.links = self._make_links()
        self.dialler = Dialler(
            me=node_of(self._swarm.self_id),
            links=self.links,
            book=book,
            upgrader=self._upgrader,
            limits=config.limits,
            chance=self._chance,
        )
        self.asker = Asker(links=self.links, ensure=self.dialler.ensure, limits=config.limits)
        self._router = FloodRouter(tally)
        self.pubsub = self._make_pubsub()
        answerer = Answerer(links=self.links, answer=outside.answer, limits=config.limits, tally=tally)
        self._protocols: dict[TProtocol, Callable[[INetStream], Awaitable[None]]] = {
            LINK_PROTOCOL: self.links.serve,
            REQUEST_PROTOCOL: answerer.serve,
            PROTOCOL_ID_V11: self.pubsub.stream_handler,
        }
        self._swarm.set_stream_handler(self._serve_stream)

    def _make_links(self) -> Links:
        return Links(
            swarm=self._swarm,
            spawn=self._tasks.run_task,
            book=self._book,
            hello=self._config.hello,
            limits=self._limits,
            tally=self._tally,
            chance=self._chance,
            on_linked=self._linked,
            on_lost=self._lost,
            on_learnt=self._learnt,
        )

    def _make_pubsub(self) -> SafePubsub:
        host = _QuietHost(self._swarm, default_protocols=OrderedDict())
        host.links = self.links
        host.limits = self._limits
        return SafePubsub(
            host,
            self._router,
            topics=self._config.topics,
            limits=self._limits,
            tally=self._tally,
            deliver=self._outside.deliver,
            is_linked=lambda peer: self.links.of_peer(peer) is not None,
        )

    async def run(self, listening: socket.socket, ready: Callable[[], None]) -> None:
        """Live until cancelled. `listening` is bound and listens; it is closed at the end."""
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        for service in (self._swarm, self._router, self.pubsub):
            self._tasks.manage(service)
        await self.pubsub.wait_until_ready()
        for topic in self._config.topics:
            await self.pubsub.subscribe(topic)
        door = Door(links=self.links, upgrader=self._upgrader, limits=self._limits, tally=self._tally)
        try:
            self._nursery.start_soon(door.serve, listener)
            self._nursery.start_soon(self.dialler.run)
            self._nursery.start_soon(self._publish_in_order)
            self._nursery.start_soon(self._tell_of_changes)
            ready()
            await self._upkeep()
        finally:
            listener.socket.close()
            for link in self.links.all():
                link.tcp.abort()

    # Called across the bridge

    def publish(self, topic: str, data: bytes) -> None:
        """Send a message after those before it."""
        try:
            self._outgoing.send_nowait((topic, data))
        except trio.WouldBlock:
            self._tally.drop("gossip-queue-full")

    def ask(self, number: int, question: Question, done: Callable[[Outcome], None]) -> None:
        """Begin a request; `done` is called in this thread with what became of it, unless it is given up before."""
        self._nursery.start_soon(self._ask, number, question, done)

    def give_up(self, number: int) -> None:
        """Nobody waits for this request any more."""
        scope = self._asking.get(number)
        if scope is not None:
            scope.cancel()

    def learn(self, node: NodeId | None, address: Address, source: str) -> None:
        """Hear of a peer."""
        if self._book.learn(node, address, source=source):
            self._learnt()

    async def _ask(self, number: int, question: Question, done: Callable[[Outcome], None]) -> None:
        outcome: Outcome
        with trio.CancelScope() as scope:
            self._asking[number] = scope
            try:
                outcome = await self.asker.ask(
                    question.node, question.protocol, question.data, timeout_s=question.timeout_s
                )
            except (PeerFaultError, TransientError) as error:
                outcome = error
            finally:
                del self._asking[number]
            done(outcome)

    async def _publish_in_order(self) -> None:
        async for topic, data in self._to_publish:
            await self.pubsub.publish_own(topic, data)

    async def _upkeep(self) -> None:
        while True:
            await trio.sleep(UPKEEP_S)
            await self.asker.close_idle()

    async def _serve_stream(self, stream: INetStream) -> None:
        """Everything that a peer can start ends here, one way or the other."""
        peer = stream.muxed_conn.peer_id
        try:
            protocol = await self._negotiated(stream)
            if protocol != LINK_PROTOCOL:
                await self._await_hello(peer)
            await self._protocols[protocol](stream)
        except PeerFaultError as error:
            self.links.fault(node_of(peer), error)
        except UnreachableError:
            pass  # the stream has ended: they all do
        except Exception:  # the library's parsers raise whatever a peer's bytes make them: counted, the stream ends
            self._tally.drop("stream-handler")
            logger.debug("a stream of %s ended with an error", peer, exc_info=True)
        finally:
            await reset_quietly(stream)

    async def _await_hello(self, peer: ID) -> None:
        """Let a peer go on that is linked, or is so within a handshake's time: its first stream may overtake our reply.

        Raises:
            PeerFaultError: `link-no-hello`.
        """
        with trio.move_on_after(self._limits.handshake_s):
            while self.links.of_peer(peer) is None:  # noqa: ASYNC110 - hardly ever more than once
                await trio.sleep(ADMISSION_LOOK_S)
        if self.links.of_peer(peer) is None:
            raise PeerFaultError("link-no-hello", "a stream on a link that has not said hello")

    async def _negotiated(self, stream: INetStream) -> TProtocol:
        try:
            with trio.fail_after(self._limits.handshake_s):
                offered = Multiselect(dict.fromkeys(self._protocols))
                protocol, _ = await offered.negotiate(BoundedCommunicator(stream))
        except Exception as error:
            # Slow, broken or nonsense: whichever it is, there is no protocol to speak.
            self._tally.drop("stream-negotiation")
            raise UnreachableError("no protocol was agreed on") from error
        assert protocol is not None
        stream.set_protocol(protocol)
        return protocol

    def _linked(self, link: Link) -> None:
        self._tasks.run_task(self._open_gossip, link.peer)
        self.dialler.wake()
        self._changed.set()

    async def _open_gossip(self, peer: ID) -> None:
        self.pubsub.forget_stream(peer)
        await self.pubsub.ensure_peer_stream(peer)  # the library's word for it; tries until the link ends

    def _lost(self, link: Link) -> None:
        self.asker.forget(link)
        self.dialler.wake()
        self._changed.set()

    def _learnt(self) -> None:
        self.dialler.wake()
        self._changed.set()

    async def _tell_of_changes(self) -> None:
        """Show the rest of the node whom we know: at once, and then not more often than anybody looks."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            self._outside.peers_changed(self._book.infos(), self._book.known())
            await trio.sleep(TELL_S)


def _swarm(keys: KeyPair, limits: NetworkLimits) -> Swarm:
    """The library's table of connections, which neither dials nor listens: `Links` hands it connections."""
    me = ID.from_pubkey(keys.public_key)
    store = PeerStore()
    store.add_key_pair(me, keys)
    swarm = Swarm(me, store, TransportUpgrader({}, {}), [], connection_config=_unmanaged(limits))
    swarm.auto_connector = _NoAutoConnector(swarm)
    return swarm


def _unmanaged(limits: NetworkLimits) -> ConnectionConfig:
    """The library neither dials, nor prunes, nor limits by itself: all of that is decided in `Links`."""
    room = 4 * (limits.links_max + limits.pending_max)
    return ConnectionConfig(
        max_connections=room,
        high_watermark=room,
        low_watermark=0,
        min_connections=0,
        max_connections_per_peer=room,
    )
