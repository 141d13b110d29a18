"""One network out of two: gossip and links first, and a direct carrier (gRPC) where they do not reach.

The rest of the node sees one `Network`. A request goes over a standing link; without one, or when it breaks, over the
carrier. A node whose gossip is down delivers its own messages to every peer that the carrier knows, and tells them so;
for a while (a lease, renewed while it lasts) they deliver theirs to it directly as well. Gossip stays a hint: whoever
is missed closes the gap by asking.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from consensus.types import NodeId
from node.errors import NodeError, PeerFaultError, TransientError
from node.network.handlers import Handlers, Tally, check_request
from node.network.interface import (
    GossipHandler,
    Network,
    NetworkHealth,
    NoAnswerError,
    PeerInfo,
    RefusedError,
    RequestHandler,
    UnreachableError,
)

logger = logging.getLogger(__name__)

LOOK_S = 2.0
"""Between two looks at whether gossip is up."""

CUT_OFF_AFTER_S = 10.0
"""Without a link for this long a node says that it is cut off; links come and go within less."""

LEASE_S = 30.0
"""How long peers deliver directly to a node that said so; it says it again three times as often."""

DELIVER_S = 5.0
DELIVERIES_AT_ONCE = 8
DELIVERIES_MAX = 256
"""Direct deliveries under way, and waiting; more are dropped and counted."""

DIRECT_PEERS_MAX = 32
"""Peers that a cut-off node delivers to: a committee."""

REACHED_S = 60.0
"""How long after a success a peer counts as reached by the carrier."""

TWICE_S = 10.0
TWICE_MAX = 2048
"""A message that came one way is not handed on when it comes the other way within this time."""

LEAST_S = 0.1
"""What the second way is granted of a time that the first has used up."""

SERVERS_MAX = 4096
"""Peers whose servers are remembered; as many as any network knows, and some that were forgotten there."""

CUT_OFF_TOPIC = "-"
"""Delivered with no data: "my gossip is down, deliver to me"."""


class DirectCarrier(Protocol):
    """Another way to a peer whose address is known (`node.rpc.PeerLinks`). It authenticates both sides by node key."""

    async def request(self, peer: NodeId, address: str, protocol: str, data: bytes, *, timeout_s: float) -> bytes:
        """Ask the peer at `grpc://host:port`; there `Exchange.request` is called.

        Raises:
            RefusedError, NoAnswerError: As `Network.request`: the peer is there, and this is its answer.
            TransientError: Anything else that did not bring an answer.
            PeerFaultError: Somebody else is there, or it breaks the protocol.
        """
        ...

    async def deliver(self, peer: NodeId, address: str, topic: str, data: bytes, *, timeout_s: float) -> None:
        """Hand over one gossip message; there `Exchange.deliver` is called. Raises as `request`."""
        ...


class Exchange:
    """What the carrier's server calls when a peer has come that way."""

    def __init__(self, network: FallbackNetwork) -> None:
        self._network = network

    async def request(self, caller: NodeId, protocol: str, data: bytes) -> bytes:
        """A peer asks.

        Raises:
            RefusedError: With the reason to tell it.
        """
        return await self._network.answer(caller, protocol, data)

    async def deliver(self, caller: NodeId, topic: str, data: bytes) -> None:
        """A peer delivers a message by hand."""
        self._network.take(caller, topic, data)


class FallbackNetwork(Network):
    """Implements `Network` over a primary one and a carrier. Belongs to one event loop."""

    def __init__(self, primary: Network, carrier: DirectCarrier) -> None:
        """Join the two; neither is started."""
        self._primary = primary
        self._carrier = carrier
        self._tally = Tally()
        self._handlers = Handlers(self._tally)
        self._leases: dict[NodeId, float] = {}
        self._reached: dict[NodeId, float] = {}
        self._servers: dict[NodeId, str] = {}
        self.exchange = Exchange(self)
        self._heard: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._places = asyncio.Semaphore(DELIVERIES_AT_ONCE)
        self._deliveries: set[asyncio.Task[None]] = set()
        self._alone_since: float | None = None
        self._said_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """See `Network.start`."""
        await self._primary.start()
        self._looking = asyncio.create_task(self._look())

    async def stop(self) -> None:
        """See `Network.stop`."""
        tasks = [*self._deliveries, *([self._looking] if self._looking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._primary.stop()

    def subscribe(self, topic: str, handler: GossipHandler) -> None:
        """See `Network.subscribe`."""
        self._handlers.subscribe(topic, handler)
        self._primary.subscribe(topic, lambda forwarder, data: self._hear("gossip", forwarder, topic, data))

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """See `Network.serve`."""
        self._handlers.serve(protocol, handler)
        self._primary.serve(protocol, handler)

    async def publish(self, topic: str, data: bytes) -> None:
        """See `Network.publish`."""
        self._handlers.check_gossip(topic, data)
        await self._primary.publish(topic, data)
        for peer in self._direct_peers():
            self._send(peer, topic, data)

    async def request(self, peer: NodeId, protocol: str, data: bytes, *, timeout_s: float) -> bytes:
        """See `Network.request`."""
        check_request(protocol, data, timeout_s)
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        ways = [self._primary.request]
        if peer in self._servers:
            # Where no link stands the carrier knows where to go, and the other would have to look first.
            ways.insert(1 if peer in self._linked() else 0, self._ask_carrier)
        last: NodeError = UnreachableError("no way was tried")
        for way in ways:
            try:
                return await way(peer, protocol, data, timeout_s=max(end - loop.time(), LEAST_S))
            except (RefusedError, NoAnswerError):
                raise  # the peer is there: another way would not change its mind
            except (TransientError, PeerFaultError) as error:
                last = error
        raise last if isinstance(last, UnreachableError | PeerFaultError) else UnreachableError(str(last)) from last

    def add_address(self, node: NodeId, address: str, *, source: str) -> None:
        """See `Network.add_address`."""
        self._primary.add_address(node, address, source=source)
        self._learn_server(node, (address,))

    def peers(self) -> tuple[PeerInfo, ...]:
        """See `Network.peers`."""
        now = asyncio.get_running_loop().time()
        reached = {peer for peer, at in self._reached.items() if now - at < REACHED_S}
        return tuple(
            replace(info, connected=True, via="rpc") if not info.connected and info.node in reached else info
            for info in self._primary.peers()
        )

    def health(self) -> NetworkHealth:
        """See `Network.health`."""
        health, ours = self._primary.health(), self._tally.health(running=True, summary="")
        direct = sum(info.via == "rpc" for info in self.peers())
        drops = dict(health.drops)
        for reason, count in ours.drops:
            drops[reason] = drops.get(reason, 0) + count
        return replace(
            health,
            summary=f"{health.summary}; {direct} peers by rpc" if direct else health.summary,
            gossip_sent=health.gossip_sent + ours.gossip_sent,
            gossip_dropped=health.gossip_dropped + ours.gossip_dropped,
            drops=tuple(sorted(drops.items())),
        )

    # What comes by the carrier

    def take(self, peer: NodeId, topic: str, data: bytes) -> None:
        """A peer delivered a message directly: hand it on, and deliver to that peer likewise for a while."""
        self._leases[peer] = asyncio.get_running_loop().time() + LEASE_S
        if topic != CUT_OFF_TOPIC:
            self._hear("carrier", peer, topic, data)

    async def answer(self, peer: NodeId, protocol: str, data: bytes) -> bytes:
        """A peer asks directly.

        Raises:
            RefusedError: With the reason to tell it.
        """
        return await self._handlers.answer(peer, protocol, data)

    # Gossip by hand

    def _hear(self, way: str, forwarder: NodeId, topic: str, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        key = hashlib.sha256(topic.encode() + b"\0" + data).digest()
        first_way, at = self._heard.pop(key, (way, now))
        if first_way != way and now - at < TWICE_S:
            return
        self._heard[key] = (way, now)
        if len(self._heard) > TWICE_MAX:
            self._heard.popitem(last=False)
        self._handlers.deliver(forwarder, topic, data)

    def _direct_peers(self) -> list[NodeId]:
        """Whom gossip does not reach: everybody while this node has no link, else those that said so."""
        now = asyncio.get_running_loop().time()
        linked = self._linked()
        if linked:
            self._leases = {peer: until for peer, until in self._leases.items() if until > now}
            wanted = list(self._leases)
        else:
            wanted = [info.node for info in self._primary.peers()]
            wanted += [peer for peer in self._leases if peer not in wanted]
        return [peer for peer in wanted if peer not in linked and peer in self._servers][:DIRECT_PEERS_MAX]

    def _send(self, peer: NodeId, topic: str, data: bytes) -> None:
        if len(self._deliveries) >= DELIVERIES_MAX:
            self._tally.drop("gossip-carrier-full")
            return
        task = asyncio.create_task(self._deliver(peer, topic, data))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _deliver(self, peer: NodeId, topic: str, data: bytes) -> None:
        async with self._places:
            try:
                await self._carrier.deliver(peer, self._servers[peer], topic, data, timeout_s=DELIVER_S)
            except (TransientError, PeerFaultError):
                self._tally.drop("gossip-carrier-failed")
            else:
                self._reached[peer] = asyncio.get_running_loop().time()
                self._tally.gossip_sent += topic != CUT_OFF_TOPIC

    async def _ask_carrier(self, peer: NodeId, protocol: str, data: bytes, *, timeout_s: float) -> bytes:
        try:
            answer = await self._carrier.request(peer, self._servers[peer], protocol, data, timeout_s=timeout_s)
        except RefusedError:
            self._reached[peer] = asyncio.get_running_loop().time()  # a refusal is an answer
            raise
        self._reached[peer] = asyncio.get_running_loop().time()
        return answer

    # Whether gossip is up

    def _linked(self) -> frozenset[NodeId]:
        return frozenset(info.node for info in self._primary.peers() if info.connected)

    async def _look(self) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            for info in self._primary.peers():
                self._learn_server(info.node, info.addresses)
            self._reached = {peer: at for peer, at in self._reached.items() if now - at < REACHED_S}
            self._say_cut_off(now)
            await asyncio.sleep(LOOK_S)

    def _say_cut_off(self, now: float) -> None:
        if self._linked():
            self._alone_since = None
            return
        if self._alone_since is None:
            self._alone_since = now
        if now - self._alone_since >= CUT_OFF_AFTER_S and now - self._said_at >= LEASE_S / 3:
            self._said_at = now
            for peer in self._direct_peers():
                self._send(peer, CUT_OFF_TOPIC, b"")

    def _learn_server(self, node: NodeId, addresses: Iterable[str]) -> None:
        """Remember where a peer's server listens: the first such address, which is the newest."""
        server = next((address for address in addresses if address.startswith("grpc://")), None)
        if server is not None and (node in self._servers or len(self._servers) < SERVERS_MAX):
            self._servers[node] = server
