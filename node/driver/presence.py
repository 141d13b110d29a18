"""Who is alive: linked with this node, or heard of through others.

A node keeps a few links, whatever the size of its swarm. So that nobody takes a live member for an absent one because
it is linked with others (R12), members give signs of life, which gossip carries to everybody. A sign is signed and
names its time by the giver's own clock; an earlier one again is no news, so nobody can keep a dead member alive with
what it once said. It decides how long a round waits, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from consensus.types import NodeId
from node.identity import NodeKey, verify
from node.identity.keys import SIGNATURE_BYTES
from node.network.interface import Network
from node.wire import Domain

TOPIC = "alive"
SIGNS_WITHIN_ABSENCE = 4
"""Given within the time after which a member counts as absent: gossip may lose two or three of them."""

_NODE_BYTES = 32
_TIME_BYTES = 8
_SIGN_BYTES = _NODE_BYTES + _TIME_BYTES + SIGNATURE_BYTES
_PURPOSE = b"swarm-node/v1/alive\0"


class Presence:
    """Signs of life of one node's swarm.

    Args:
        key: Signs this node's own.
        domain: The swarm.
        network: What carries them.
        members: Whose signs count, now; this node gives some while it is one of them.
        clock: Unix seconds.
        absent_ms: How long nothing may be heard of a member.
    """

    def __init__(
        self,
        *,
        key: NodeKey,
        domain: Domain,
        network: Network,
        members: Callable[[], Collection[NodeId]],
        clock: Callable[[], float],
        absent_ms: int,
    ) -> None:
        self._key, self._network, self._members, self._clock = key, network, members, clock
        self._tag = _PURPOSE + domain.protocol.to_bytes(4, "big") + domain.network
        self._absent_s = absent_ms / 1000
        self._last_seen: dict[NodeId, float] = {}
        self._last_sign: dict[NodeId, int] = {}
        self._told_at: float | None = None

    def attach(self) -> None:
        """Take over the network's topic. Called once, before the network starts."""
        self._network.subscribe(TOPIC, self._on_gossip)

    async def tell(self) -> None:
        """Give a sign if this node is a member and one is due; called once a second or so."""
        now = asyncio.get_running_loop().time()
        due = self._told_at is None or now - self._told_at >= self._absent_s / SIGNS_WITHIN_ABSENCE
        if due and self._key.node in self._members():
            self._told_at = now
            await self._network.publish(TOPIC, self._own_sign())

    def absent(self) -> frozenset[NodeId]:
        """Members of which nothing has been heard for `absent_ms`: neither a link, nor a sign. Never this node."""
        now = asyncio.get_running_loop().time()
        linked = {peer.node for peer in self._network.peers() if peer.connected}
        members = self._members()
        self._last_seen = {
            node: now if node in linked or node == self._key.node else self._last_seen.get(node, now)
            for node in members
        }
        self._last_sign = {node: self._last_sign[node] for node in members if node in self._last_sign}
        return frozenset(node for node, seen in self._last_seen.items() if now - seen > self._absent_s)

    def _own_sign(self) -> bytes:
        node = self._key.node
        # Later than the last one, whatever has become of the clock since.
        at = max(int(self._clock() * 1000), self._last_sign.get(node, -1) + 1)
        self._last_sign[node] = at
        signed = at.to_bytes(_TIME_BYTES, "big")
        return node + signed + self._key.sign(self._tag + signed)

    def _on_gossip(self, _forwarder: NodeId, data: bytes) -> None:
        if len(data) != _SIGN_BYTES:
            return
        node, signed, signature = (
            NodeId(data[:_NODE_BYTES]),
            data[_NODE_BYTES:-SIGNATURE_BYTES],
            data[-SIGNATURE_BYTES:],
        )
        at = int.from_bytes(signed, "big")
        if node not in self._members() or at <= self._last_sign.get(node, -1):
            return
        if verify(node, self._tag + signed, signature):
            self._last_sign[node] = at
            self._last_seen[node] = asyncio.get_running_loop().time()
