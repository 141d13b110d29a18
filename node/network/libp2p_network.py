"""The network over libp2p as the rest of the node sees it: asyncio here, a supervised trio thread behind it.

The thread may die or hang without the node noticing more than a gap: the listening socket, the handlers, the known
peers and everything waiting belong to this side. Each life of the thread gets its own copies, so that one that hangs
and wakes later can spoil nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio
from nacl.signing import SigningKey

from consensus.types import NodeId
from node.errors import OperatorError
from node.network.addresses import Address, parse_address
from node.network.bridge import Life, Mailbox, call_other_loop
from node.network.handlers import Handlers, Tally, check_request
from node.network.interface import (
    GossipHandler,
    Network,
    NetworkHealth,
    PeerCache,
    PeerInfo,
    RefusedError,
    RequestHandler,
    UnreachableError,
)
from node.network.limits import NetworkLimits
from node.network.link_messages import LINK_VERSION_HIGH, LINK_VERSION_LOW, TEXT_MAX, Hello
from node.network.listening import open_listener
from node.network.mdns import LanDiscovery
from node.network.peer_memory import PeerMemory, Told
from node.network.supervisor import START_S, Supervisor
from node.values.peer import KnownPeer

if TYPE_CHECKING:
    from node.network.libp2p_core import Core, Outcome, Question

logger = logging.getLogger(__name__)

STOP_S = 5.0

REQUESTS_OUT_MAX = 256
"""Requests of this node under way at once."""


@dataclass(frozen=True, slots=True)
class Libp2pConfig:
    """One node's own settings."""

    seed: bytes = field(repr=False)
    """32 bytes: the Ed25519 key that is node id and peer id."""
    network_id: str
    preset_hash: bytes
    """32 bytes; nodes with another are strangers."""
    listen_host: str = "127.0.0.1"
    """The address to bind; loopback unless the operator says otherwise. `0.0.0.0` and `::` bind all."""
    listen_port: int = 0
    """0 takes a free one."""
    bootstrap: tuple[str, ...] = ()
    """Addresses as `node.network.addresses` reads them, with or without peer id."""
    grpc_port: int = 0
    """Where this node's gRPC listens, to tell peers; 0 if it does not."""
    mdns: bool = False
    """Announce and look on the local network. Left out on loopback, where there is none."""
    limits: NetworkLimits = field(default_factory=NetworkLimits)

    def __post_init__(self) -> None:
        if len(self.seed) != 32 or len(self.preset_hash) != 32:
            raise ValueError("seed and preset hash have 32 bytes")
        if not 0 < len(self.network_id) <= TEXT_MAX or not self.network_id.isprintable():
            raise ValueError(f"a network id has 1 to {TEXT_MAX} printable characters")
        if not all(0 <= port <= 65535 for port in (self.listen_port, self.grpc_port)):
            raise ValueError("a port is 0 to 65535")


class Libp2pNetwork(Network):
    """Implements `Network`. Belongs to the event loop that starts it."""

    def __init__(self, config: Libp2pConfig, *, cache: PeerCache | None = None) -> None:
        """Prepare; nothing is opened before `start`.

        Raises:
            OperatorError: A bootstrap address is malformed.
        """
        self.node = NodeId(bytes(SigningKey(config.seed).verify_key))
        self.port = 0
        self._config = config
        self._memory = PeerMemory(cache)
        self._tally = Tally()
        self._handlers = Handlers(self._tally)
        for text in config.bootstrap:
            self._memory.tell(*parse_address(text), source="bootstrap")
        self._infos: tuple[PeerInfo, ...] = ()
        self._life: Life | None = None
        self._core: Core | None = None
        self._supervisor = Supervisor(self._begin_life, self._after_life)
        self._down_because = "not started"
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._stopping = False
        self._listening: socket.socket | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """See `Network.start`."""
        self._listening = open_listener(self._config.listen_host, self._config.listen_port)
        self.port = int(self._listening.getsockname()[1])
        await self._memory.load()
        first = self._begin_life()
        self._tasks = [
            asyncio.create_task(self._supervisor.run(first)),
            asyncio.create_task(self._memory.save_now_and_then()),
        ]
        await first.begun(START_S)
        if self._config.mdns and not Address("p2p", self._config.listen_host, 1).is_loopback:
            self._tasks.append(asyncio.create_task(self._discover_on_lan()))

    async def stop(self) -> None:
        """See `Network.stop`."""
        if self._stopping:
            return
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._life is not None:
            self._life.end()
            if not await self._life.join(STOP_S):
                logger.warning("the libp2p thread did not end within %s s and is left behind", STOP_S)
        self._after_life("stopped")
        if self._listening is not None:
            self._listening.close()
        await self._memory.save()

    # Network

    def subscribe(self, topic: str, handler: GossipHandler) -> None:
        """See `Network.subscribe`."""
        self._handlers.subscribe(topic, handler)

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """See `Network.serve`."""
        self._handlers.serve(protocol, handler)

    async def publish(self, topic: str, data: bytes) -> None:
        """See `Network.publish`."""
        self._handlers.check_gossip(topic, data)
        core = self._core
        if core is None or self._life is None or not self._life.post(lambda: core.publish(topic, data)):
            self._tally.drop("gossip-not-running" if core is None else "gossip-bridge-full")

    async def request(self, peer: NodeId, protocol: str, data: bytes, *, timeout_s: float) -> bytes:
        """See `Network.request`."""
        from node.network.libp2p_core import Question

        check_request(protocol, data, timeout_s)
        if len(self._waiting) >= REQUESTS_OUT_MAX:
            raise UnreachableError(f"{REQUESTS_OUT_MAX} requests are under way already")
        number = next(self._numbers)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._post_question(number, Question(peer, protocol, data, timeout_s), answer)
            # The other side keeps the limit; this one is for when it hangs.
            async with asyncio.timeout(timeout_s + 1):
                return await answer
        except TimeoutError:
            raise UnreachableError("the libp2p thread does not answer") from None
        finally:
            del self._waiting[number]
            if not answer.done() or answer.cancelled():
                self._give_up(number)

    def add_address(self, node: NodeId, address: str, *, source: str) -> None:
        """See `Network.add_address`."""
        try:
            named, place = parse_address(address)
        except OperatorError:
            self._tally.drop("address-malformed")
            return
        if named not in {None, node}:
            self._tally.drop("address-malformed")
            return
        self._memory.tell(node, place, source=source)
        core = self._core
        if core is not None and self._life is not None:
            self._life.post(lambda: core.learn(node, place, source))

    def peers(self) -> tuple[PeerInfo, ...]:
        """See `Network.peers`."""
        return self._infos

    def health(self) -> NetworkHealth:
        """See `Network.health`."""
        running = self._core is not None
        return self._tally.health(running=running, summary=self._summary(), restarts=self._supervisor.restarts)

    def _summary(self) -> str:
        if self._core is None:
            return f"libp2p is down: {self._down_because}"
        linked = sum(info.connected for info in self._infos)
        if linked:
            return f"{linked} links, {len(self._infos)} peers known"
        places = {address for info in self._infos for address in info.addresses if address.startswith("p2p")}
        tried = max(len(places), len(self._memory.told))
        if not tried:
            return "alone: no peer is known; give a bootstrap address"
        return f"no links yet: {tried} addresses are being tried"

    # Questions to peers

    def _post_question(self, number: int, question: Question, answer: asyncio.Future[bytes]) -> None:
        loop = asyncio.get_running_loop()
        core, life = self._core, self._life

        def done(outcome: Outcome) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is gone, and who waited with it
                loop.call_soon_threadsafe(_settle, answer, outcome)

        if core is None or life is None or not life.post(lambda: core.ask(number, question, done)):
            raise UnreachableError(self._summary())

    def _give_up(self, number: int) -> None:
        core = self._core
        if core is not None and self._life is not None:
            self._life.post(lambda: core.give_up(number))

    # Lives of the thread

    def _begin_life(self) -> Life:
        loop = asyncio.get_running_loop()
        limits = self._config.limits
        life = self._life = Life(loop, limits.bridge_events_max)
        mailbox = Mailbox(loop.call_soon_threadsafe, limits.bridge_events_max)
        outside = _Asyncio(self.peers_changed, self._handlers, self._tally, mailbox, life, loop)
        book = self._memory.book(self.node, limits)
        listening = self._listening
        assert listening is not None

        async def main(ready: Callable[[], None]) -> None:
            # Imported here: the library costs 60 MB and half a second, in the thread that needs it.
            from node.network.libp2p_core import Core, CoreConfig

            config = CoreConfig(self._config.seed, self._hello(), self._handlers.topics, limits)
            async with trio.open_nursery() as nursery:
                core = Core(config, book=book, tally=self._tally, outside=outside, nursery=nursery)

                def serving() -> None:
                    outside.tell(lambda: self._life_serves(life, core))
                    ready()

                await core.run(listening.dup(), serving)

        life.start(main, name=f"libp2p-{self._supervisor.restarts}")
        return life

    def _life_serves(self, life: Life, core: Core) -> None:
        if life is self._life:
            self._core = core
            told = self._memory.told
            life.post(lambda: _teach(core, told))

    def _after_life(self, reason: str) -> None:
        self._core = None
        self._down_because = reason
        self._infos = tuple(
            PeerInfo(info.node, info.addresses, connected=False, via="", source=info.source) for info in self._infos
        )
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(UnreachableError(f"libp2p went down: {reason}"))

    def _hello(self) -> Hello:
        return Hello(
            version_low=LINK_VERSION_LOW,
            version_high=LINK_VERSION_HIGH,
            network_id=self._config.network_id,
            preset_hash=self._config.preset_hash,
            p2p_port=self.port,
            grpc_port=self._config.grpc_port,
        )

    def peers_changed(self, life: Life, peers: tuple[PeerInfo, ...], known: tuple[KnownPeer, ...]) -> None:
        """A life tells whom it knows."""
        if life is self._life:
            self._infos = peers
            self._memory.learn_known(known)

    async def _discover_on_lan(self) -> None:
        def found(node: NodeId, address: Address) -> None:
            self.add_address(node, str(address), source="mdns")

        lan = LanDiscovery(
            node=self.node,
            network_id=self._config.network_id,
            preset_hash=self._config.preset_hash,
            host=self._config.listen_host,
            p2p_port=self.port,
            grpc_port=self._config.grpc_port,
            found=found,
        )
        try:
            await lan.start()
            await asyncio.Event().wait()
        except OSError as error:
            logger.warning("this machine's network does not carry mDNS (%s); peers are looked for elsewhere", error)
        finally:
            await lan.stop()


class _Asyncio:
    """What a life knows of the asyncio side (`libp2p_core.Outside`). Used in the trio thread."""

    def __init__(
        self,
        tell_peers: Callable[[Life, tuple[PeerInfo, ...], tuple[KnownPeer, ...]], None],
        handlers: Handlers,
        tally: Tally,
        mailbox: Mailbox,
        life: Life,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._tell_peers, self._handlers, self._tally = tell_peers, handlers, tally
        self._mailbox, self._life, self._loop = mailbox, life, loop

    def tell(self, call: Callable[[], None]) -> None:
        """Make a call on the asyncio side that must not be lost; there are few of these."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)

    def deliver(self, forwarder: NodeId, topic: str, data: bytes) -> None:
        """See `Outside.deliver`."""
        if not self._mailbox.post(lambda: self._handlers.deliver(forwarder, topic, data)):
            self._tally.drop("gossip-bridge-full")

    async def answer(self, asker: NodeId, protocol: str, data: bytes) -> bytes:
        """See `Outside.answer`."""
        try:
            return await call_other_loop(
                self._mailbox.post, self._loop, lambda: self._handlers.answer(asker, protocol, data)
            )
        except trio.WouldBlock:
            raise RefusedError("no room on the bridge", reason="busy") from None
        except asyncio.CancelledError:
            raise RefusedError("the node is stopping", reason="busy") from None

    def peers_changed(self, peers: tuple[PeerInfo, ...], known: tuple[KnownPeer, ...]) -> None:
        """See `Outside.peers_changed`."""
        self.tell(lambda: self._tell_peers(self._life, peers, known))


def _teach(core: Core, told: tuple[Told, ...]) -> None:
    """In the trio thread: what was told while the life was starting."""
    for node, address, source in told:
        core.learn(node, address, source)


def _settle(answer: asyncio.Future[bytes], outcome: Outcome) -> None:
    if answer.done():
        return
    if isinstance(outcome, bytes):
        answer.set_result(outcome)
    else:
        answer.set_exception(outcome)
