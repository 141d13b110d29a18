"""What the rest of the node may ask of a network, whichever one carries it.

Gossip is a hint: unordered, possibly twice, possibly never, at most `GOSSIP_BYTES_MAX` a message, and not echoed to
its publisher. Whoever needs certainty asks: a request goes to one named peer and brings one bounded answer or a named
error. Messages on top of both are signed envelopes, so a network needs to be trusted with nothing but delay and loss.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from consensus.types import NodeId
from node.errors import TransientError
from node.values.peer import KnownPeer

GOSSIP_BYTES_MAX = 16 * 1024
"""Above this a message is announced by hash and pulled."""

REQUEST_BYTES_MAX = 1 << 20
"""Either direction of a request; larger contents are asked for in ranges."""

NAME_BYTES_MAX = 64
"""Topics and protocol names: printable ASCII without spaces, at most this long."""

GossipHandler = Callable[[NodeId, bytes], None]
"""Called on the asyncio loop with the forwarding peer (not the author) and the message. Must not block or raise."""

RequestHandler = Callable[[NodeId, bytes], Awaitable[bytes]]
"""Called on the asyncio loop with the authenticated asking peer. An exception becomes an error answer."""


class UnreachableError(TransientError):
    """No link to the peer, none could be made in time, or it broke before the answer came."""

    def __init__(self, message: str) -> None:
        super().__init__(message, waits_for="peer")


class NoAnswerError(TransientError):
    """The peer is linked and did not answer in time."""

    def __init__(self, message: str) -> None:
        super().__init__(message, waits_for="answer")


class RefusedError(TransientError):
    """The peer answered with an error.

    Attributes:
        reason: `busy`, `unknown-protocol`, `failed`, `answer-too-long`, or, where the peer's handler
            raised one of the node's own errors, `fault:<rule>` or `waits:<what for>`.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message, waits_for="answer")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PeerInfo:
    """A peer as `status` shows it."""

    node: NodeId
    addresses: tuple[str, ...]
    """`p2p://host:port` and `grpc://host:port`, best first."""
    connected: bool
    via: str
    """`gossip`, `rpc` or `memory`: how it is reached now; empty when it is not."""
    source: str
    """How it was first found: `bootstrap`, `cache`, `mdns`, `exchange`, `inbound`, `memory`."""


@dataclass(frozen=True, slots=True)
class NetworkHealth:
    """One line for people and a few numbers for metrics."""

    running: bool
    summary: str
    restarts: int
    gossip_sent: int
    gossip_received: int
    gossip_dropped: int
    """Oversized, malformed, over rate or over queue: counted, never raised. By reason in `drops`."""
    drops: tuple[tuple[str, int], ...] = ()
    """What was refused, counted by reason and sorted by it, e.g. `("gossip-oversize", 3)`."""


class PeerCache(Protocol):
    """Where known peers survive a restart. Called from a worker thread, never from an event loop."""

    def load(self) -> Sequence[KnownPeer]:
        """Every remembered peer. Damaged entries are left out.

        Raises:
            OperatorError, TransientError: Nothing can be read.
        """
        ...

    def save(self, peers: Sequence[KnownPeer]) -> None:
        """Replace what is remembered.

        Raises:
            OperatorError, TransientError: It cannot be written; what was remembered stays.
        """
        ...


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
        """Send a hint to everybody subscribed. Returns when it is on its way; while nobody is linked it is lost.

        Raises:
            ValueError: `data` is longer than `GOSSIP_BYTES_MAX`, or this node has not subscribed to `topic`: a link
                carries only the topics of both its ends, so the message would get nowhere.
        """
        ...

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """Answer requests for `protocol`, e.g. `fetch/1`. Set before `start`."""
        ...

    async def request(self, peer: NodeId, protocol: str, data: bytes, *, timeout_s: float) -> bytes:
        """Ask one peer.

        Raises:
            UnreachableError: No link to the peer, and none could be made.
            NoAnswerError: No answer within `timeout_s`.
            RefusedError: The peer answered with an error.
            PeerFaultError: The answer breaks the protocol, e.g. is longer than `REQUEST_BYTES_MAX`.
            ValueError: `data` is longer than `REQUEST_BYTES_MAX`.
        """
        ...

    def add_address(self, node: NodeId, address: str, *, source: str) -> None:
        """Learn where a peer may be found; it is dialled and remembered. A malformed address is counted and dropped."""
        ...

    def peers(self) -> tuple[PeerInfo, ...]:
        """Everybody known, connected or not, sorted by node."""
        ...

    def health(self) -> NetworkHealth:
        """How the network is doing."""
        ...
