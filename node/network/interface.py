"""What the rest of the node may ask of a network, whichever one carries it.

Gossip is a hint: at most once, unordered, at most `GOSSIP_BYTES_MAX` a message. Whoever needs certainty asks: a
request goes to one named peer and brings one bounded answer or an error. Messages on top of both are signed
envelopes, so a network needs to be trusted with nothing but delay and loss.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from consensus.types import NodeId

GOSSIP_BYTES_MAX = 16 * 1024
"""Above this a message is announced by hash and pulled."""

REQUEST_BYTES_MAX = 1 << 20
"""Either direction of a request; larger contents are asked for in ranges."""

GossipHandler = Callable[[NodeId, bytes], None]
"""Called on the asyncio loop with the forwarding peer (not the author) and the message. Must not block or raise."""

RequestHandler = Callable[[NodeId, bytes], Awaitable[bytes]]
"""Called on the asyncio loop with the authenticated asking peer. An exception becomes an error answer."""


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """A peer as `status` shows it."""

    node: NodeId
    addresses: tuple[str, ...]
    connected: bool
    via: str
    """`gossip`, `rpc` or `memory`: how it is reached now; empty when it is not."""
    source: str
    """How it was found: `bootstrap`, `cache`, `mdns`, `exchange`, `inbound`."""


@dataclass(frozen=True, slots=True)
class NetworkHealth:
    """One line for people and a few numbers for metrics."""

    running: bool
    summary: str
    restarts: int
    gossip_sent: int
    gossip_received: int
    gossip_dropped: int
    """Oversized, malformed, over rate or over queue: counted, never raised."""


class Network(Protocol):
    """Gossip and requests between nodes named by their keys."""

    async def start(self) -> None:
        """Listen and begin to look for peers; returns when listening. Finding peers never ends or fails.

        Raises:
            OperatorError: The port is in use or the address cannot be bound.
        """
        ...

    async def stop(self) -> None:
        """Close everything within a bound. Idempotent."""
        ...

    def subscribe(self, topic: str, handler: GossipHandler) -> None:
        """Hand every gossip message on `topic` to `handler`. One handler per topic, set before `start`."""
        ...

    async def publish(self, topic: str, data: bytes) -> None:
        """Send a hint to everybody subscribed.

        Raises:
            ValueError: `data` is longer than `GOSSIP_BYTES_MAX`.
        """
        ...

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """Answer requests for `protocol`, e.g. `fetch/1`. Set before `start`."""
        ...

    async def request(self, peer: NodeId, protocol: str, data: bytes, *, timeout_s: float) -> bytes:
        """Ask one peer.

        Raises:
            TransientError: The peer is not reachable, answers with an error, or not within `timeout_s`.
            PeerFaultError: The answer is longer than `REQUEST_BYTES_MAX`.
        """
        ...

    def add_address(self, node: NodeId, address: str, *, source: str) -> None:
        """Learn where a peer may be found; it is dialled and remembered."""
        ...

    def peers(self) -> tuple[PeerInfo, ...]:
        """Everybody known, connected or not."""
        ...

    def health(self) -> NetworkHealth:
        """How the network is doing."""
        ...
