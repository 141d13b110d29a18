"""Where a peer was last found: what the network remembers across restarts and the store keeps for it."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.types import NodeId


@dataclass(frozen=True, slots=True)
class KnownPeer:
    """A peer that somebody may dial again after a restart."""

    node: NodeId
    addresses: tuple[str, ...]
    """`p2p://host:port` and `grpc://host:port`, best first (`node.network.addresses`)."""
    source: str
    """How it was first found: `bootstrap`, `cache`, `mdns`, `exchange`, `inbound`."""
    seen_unix_ms: int
    """When it last proved its key to us; 0 when it never has."""
