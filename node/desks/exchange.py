"""The network's requests and gossip by gRPC: handed to the network as if they had come over a link."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from consensus.types import NodeId
from node.errors import TransientError


@runtime_checkable
class DirectDoor(Protocol):
    """A network that takes what comes by another way (`node.network.fallback.FallbackNetwork`)."""

    async def on_request(self, peer: NodeId, protocol: str, data: bytes) -> bytes:
        """A peer asks directly."""
        ...

    def on_delivery(self, peer: NodeId, topic: str, data: bytes) -> None:
        """A peer delivered a gossip message directly."""
        ...


class NodeExchange:
    """Implements `ExchangeDesk` over the node's network; one without a door takes nothing."""

    def __init__(self, network: object) -> None:
        self._door = network if isinstance(network, DirectDoor) else None

    async def request(self, caller: NodeId, protocol: str, data: bytes) -> bytes:
        """See `ExchangeDesk.request`."""
        return await self._open().on_request(caller, protocol, data)

    async def deliver(self, caller: NodeId, topic: str, data: bytes) -> None:
        """See `ExchangeDesk.deliver`."""
        self._open().on_delivery(caller, topic, data)

    def _open(self) -> DirectDoor:
        if self._door is None:
            raise TransientError("this node's network takes nothing by gRPC", waits_for="another network")
        return self._door
