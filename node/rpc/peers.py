"""The network's second way: requests and gossip to known peers over gRPC, on few connections that are used again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from consensus.types import NodeId
from node.errors import NodeError, OperatorError, TransientError
from node.identity import NodeKey
from node.rpc.binding import LeafKeeper
from node.rpc.client import NodeClient
from node.rpc.failures import AccusedError
from node.rpc.link import Link
from node.rpc.target import Target, parse_target

LINKS_MAX = 64
"""Connections kept; the least recently used idle one gives way."""


class PeerLinks:
    """Connections to peers by their keys, opened when first needed."""

    def __init__(self, key: NodeKey, *, clock: Callable[[], float] = time.time, links_max: int = LINKS_MAX) -> None:
        self._leaves = LeafKeeper(key, clock=clock)
        self._clock = clock
        self._links_max = links_max
        self._links: OrderedDict[Target, Link] = OrderedDict()

    async def request(self, peer: NodeId, address: str, protocol: str, data: bytes, *, timeout_s: float) -> bytes:
        """Ask a peer at an address (`grpc://host:port` or `host:port`).

        Raises:
            TransientError: It is not reachable there, cannot answer now, or refuses to, whatever it says why.
            PeerFaultError: Somebody else is there, or it breaks the protocol.
        """
        client = NodeClient(await self._link(peer, address))
        try:
            return await client.request(protocol, data, timeout_s=timeout_s)
        except (OperatorError, AccusedError) as error:
            raise _refused(error, address) from error

    async def deliver(self, peer: NodeId, address: str, topic: str, data: bytes, *, timeout_s: float) -> None:
        """Hand a gossip message to a peer. Raises as `request`."""
        client = NodeClient(await self._link(peer, address))
        try:
            await client.deliver(topic, data, timeout_s=timeout_s)
        except (OperatorError, AccusedError) as error:
            raise _refused(error, address) from error

    async def close(self) -> None:
        """End all connections. Idempotent."""
        while self._links:
            _, link = self._links.popitem()
            await link.close()

    async def _link(self, peer: NodeId, address: str) -> Link:
        try:
            target = parse_target(address)
        except OperatorError as error:  # peers' addresses come from peers: no operator typed this
            raise TransientError(str(error), waits_for="a usable address") from error
        target = Target(target.host, target.port, peer)
        if target not in self._links:
            if len(self._links) >= self._links_max:
                await self._evict()
            self._links.setdefault(target, Link(target, self._leaves, clock=self._clock))
        self._links.move_to_end(target)
        return self._links[target]

    async def _evict(self) -> None:
        idle = next((target for target, link in self._links.items() if not link.in_flight), None)
        if idle is None:
            raise TransientError(f"all {self._links_max} connections are busy", waits_for="a free connection")
        await self._links.pop(idle).close()


def _refused(error: NodeError, address: str) -> TransientError:
    # That "a person must act" is said to the peer's operator, not to ours; and that we broke a rule is the peer's word.
    return TransientError(str(error), waits_for=f"another answer of the node at {address}")
