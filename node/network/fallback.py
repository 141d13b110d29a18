"""One network out of two: gossip and links first, and a direct carrier (gRPC) where they do not reach.

The rest of the node sees one `Network`. A request goes over a standing link; without one, or when it breaks, over the
carrier. A node whose gossip is down delivers its own messages to every peer that the carrier knows, and tells them so;
for a while (a lease, renewed while it lasts) they deliver theirs to it directly as well. Gossip stays a hint: whoever
is missed closes the gap by asking.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections import OrderedDict
from dataclasses import replace
from typing import Protocol

from consensus.types import NodeId
from node.errors import OperatorError, TransientError
from node.network.addresses import parse_address
from node.network.handlers import Handlers, Tally, check_request
from node.network.interface import (
    GossipHandler,
    Network,
    NetworkHealth,
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

CUT_OFF_TOPIC = "-"
"""Delivered with no data: "my gossip is down, deliver to me"."""


class DirectCarrier(Protocol):
    """Another way to a peer whose address is known. Authenticates both sides by their node keys."""

    def learn(self, peer: NodeId, host: str, port: int) -> None:
        """Where the peer's server listens."""
        ...

    def knows(self, peer: NodeId) -> bool:
        """Whether it could try."""
        ...

    async def request(self, peer: NodeId, protocol: str, data: bytes, *, timeout_s: float) -> bytes:
        """As `Network.request`, with its errors. The other side calls `FallbackNetwork.on_request`."""
        ...

    async def deliver(self, peer: NodeId, topic: str, data: bytes, *, timeout_s: float) -> None:
        """Hand over one gossip message. The other side calls `FallbackNetwork.on_delivery`.

        Raises:
            TransientError: It was not taken.
        """
        ...


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
        self._taught: dict[NodeId, tuple[str, ...]] = {}
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
        ways = [self._primary.request, self._ask_carrier]
        if self._carrier.knows(peer) and peer not in self._linked():
            ways.reverse()  # no link stands: the carrier knows where to go, the other would have to look first
        for way in ways[: len(ways) if self._carrier.knows(peer) else 1]:
            left_s = end - loop.time()
            if left_s <= 0:
                break
            try:
                return await way(peer, protocol, data, timeout_s=left_s)
            except UnreachableError as error:
                last = error
        raise last

    def add_address(self, node: NodeId, address: str, *, source: str) -> None:
        """See `Network.add_address`."""
        self._primary.add_address(node, address, source=source)
        self._teach(node, address)

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

    # What the carrier's server calls

    def on_delivery(self, peer: NodeId, topic: str, data: bytes) -> None:
        """A peer delivered a message directly: hand it on, and deliver to that peer likewise for a while."""
        loop = asyncio.get_running_loop()
        self._leases[peer] = loop.time() + LEASE_S
        if topic != CUT_OFF_TOPIC:
            self._hear("carrier", peer, topic, data)

    async def on_request(self, peer: NodeId, protocol: str, data: bytes) -> bytes:
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
        return [peer for peer in wanted if peer not in linked and self._carrier.knows(peer)][:DIRECT_PEERS_MAX]

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
                await self._carrier.deliver(peer, topic, data, timeout_s=DELIVER_S)
            except TransientError:
                self._tally.drop("gossip-carrier-failed")
            else:
                self._reached[peer] = asyncio.get_running_loop().time()
                self._tally.gossip_sent += topic != CUT_OFF_TOPIC

    async def _ask_carrier(self, peer: NodeId, protocol: str, data: bytes, *, timeout_s: float) -> bytes:
        answered = False
        try:
            answer = await self._carrier.request(peer, protocol, data, timeout_s=timeout_s)
            answered = True
        except RefusedError:
            answered = True  # a refusal is an answer: the peer is there
            raise
        finally:
            if answered:
                self._reached[peer] = asyncio.get_running_loop().time()
        return answer

    # Whether gossip is up

    def _linked(self) -> frozenset[NodeId]:
        return frozenset(info.node for info in self._primary.peers() if info.connected)

    async def _look(self) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            self._teach_all()
            self._reached = {peer: at for peer, at in self._reached.items() if now - at < REACHED_S}
            self._say_cut_off(now)
            await asyncio.sleep(LOOK_S)

    def _teach_all(self) -> None:
        """Tell the carrier where peers' servers listen, as far as that has changed."""
        taught = {info.node: info.addresses for info in self._primary.peers()}
        for node, addresses in taught.items():
            if self._taught.get(node) != addresses:
                for address in addresses:
                    self._teach(node, address)
        self._taught = taught

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

    def _teach(self, node: NodeId, text: str) -> None:
        with contextlib.suppress(OperatorError):  # the primary network has counted it
            _, address = parse_address(text)
            if address.scheme == "grpc":
                self._carrier.learn(node, address.host, address.port)
