"""Whom this node knows, where it was last found, and when to dial it again. No clock, no chance, no network.

Three kinds of knowledge are kept apart. Proven: a peer showed its key at an address that we dialled. Told: somebody
(bootstrap list, cache, mDNS, another peer) says a peer is there. Nameless: an address of the bootstrap list without a
peer id; whoever answers there names itself. What is only told can crowd out nothing that is proven, and is forgotten
after some failures, except what our own operator named, which is retried for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from consensus.types import NodeId
from node.network.addresses import Address
from node.network.interface import PeerInfo
from node.network.limits import NetworkLimits
from node.values.peer import KnownPeer

ADDRESSES_PER_PEER = 4
"""Per scheme. A peer that moves shows its newest address first."""

TOLD_FAILURES_MAX = 5
"""Dials after which a peer that never proved itself and that our operator did not name is forgotten."""

STRANGER_BACKOFF_S = 300.0
"""Before a peer of another network is tried again: its operator may have put it right."""

LASTING_SOURCES = frozenset({"bootstrap"})


@dataclass(frozen=True, slots=True)
class Target:
    """Where to dial, and whose key to insist on; None takes whoever answers by its word and its key."""

    node: NodeId | None
    address: Address


@dataclass(slots=True)
class _Patience:
    """How often a place has failed in a row and when it may be tried again, in the caller's seconds."""

    failures: int = 0
    not_before: float = 0.0

    def fail(self, now: float, first_s: float, most_s: float, jitter: float) -> None:
        self.failures += 1
        pause = min(most_s, first_s * 2 ** min(self.failures - 1, 16))
        self.not_before = now + pause * (0.75 + 0.5 * jitter)

    def succeed(self) -> None:
        self.failures = 0
        self.not_before = 0.0


@dataclass(slots=True)
class _Peer:
    source: str
    addresses: list[Address] = field(default_factory=list)
    seen_unix_ms: int = 0
    linked: bool = False
    dialled: bool = False
    """It once answered at an address that we dialled: whoever invents identities has only called us."""
    patience: _Patience = field(default_factory=_Patience)
    turn: int = 0
    """Which of the addresses is dialled next."""

    def p2p(self) -> list[Address]:
        return [address for address in self.addresses if address.scheme == "p2p"]


class PeerBook:
    """Every peer this node knows. Belongs to one thread at a time."""

    def __init__(self, me: NodeId, limits: NetworkLimits) -> None:
        self._me = me
        self._limits = limits
        self._peers: dict[NodeId, _Peer] = {}
        self._nameless: dict[Address, _Patience] = {}

    def learn(self, node: NodeId | None, address: Address, *, source: str) -> bool:
        """Hear where a peer may be found.

        Returns:
            False if there is no place for it, it is not dialable, or it is this node itself.
        """
        if node == self._me or not address.is_dialable:
            return False
        if node is None:
            self._nameless.setdefault(address, _Patience())
            return True
        peer = self._peers.get(node)
        if peer is None:
            if not self._make_place():
                return False
            peer = self._peers[node] = _Peer(source)
        if address not in peer.addresses:
            _insert(peer, address, front=False)
        return True

    def restore(self, node: NodeId, addresses: Iterable[Address], *, seen_unix_ms: int) -> None:
        """Take up a peer that a cache remembered as proven."""
        for address in addresses:
            if self.learn(node, address, source="cache"):
                self._peers[node].seen_unix_ms = seen_unix_ms

    def proved(self, node: NodeId, addresses: Iterable[Address], *, dialled: Address | None, unix_ms: int) -> None:
        """A peer showed its key and is linked: at `dialled`, or it called us. `addresses`: its own word."""
        peer = self._peers.get(node)
        if peer is None:
            if not self._make_place():
                return
            peer = self._peers[node] = _Peer("inbound")
        for address in addresses:
            if address.is_dialable:
                _insert(peer, address, front=True)
        peer.linked = True
        if dialled is not None:
            peer.dialled = True
            _insert(peer, dialled, front=True)
            if dialled in self._nameless:
                self._nameless[dialled].succeed()
                peer.source = "bootstrap"
        peer.seen_unix_ms = unix_ms
        peer.patience.succeed()

    def lost(self, node: NodeId) -> None:
        """The last link to a peer has ended."""
        peer = self._peers.get(node)
        if peer is not None:
            peer.linked = False

    def failed(self, target: Target, now: float, *, jitter: float, stranger: bool = False) -> None:
        """A dial came to nothing; `jitter` in [0, 1) spreads the next ones. A stranger is of another network."""
        limits = self._limits
        patience = self._patience_of(target)
        if patience is None:
            return
        if stranger:
            patience.fail(now, STRANGER_BACKOFF_S, STRANGER_BACKOFF_S, jitter)
            return
        patience.fail(now, limits.backoff_min_s, limits.backoff_max_s, jitter)
        peer = self._peers.get(target.node) if target.node is not None else None
        if peer is None or target.node is None:
            return
        peer.turn += 1
        told_only = peer.seen_unix_ms == 0 and peer.source not in LASTING_SOURCES
        if told_only and patience.failures >= TOLD_FAILURES_MAX:
            del self._peers[target.node]

    def forget_own(self, address: Address) -> None:
        """An address of the bootstrap list turned out to be this node's own: never dial it again."""
        self._nameless.pop(address, None)

    def targets(self, now: float, shuffle: Callable[[list[Target]], None]) -> list[Target]:
        """Whom one could dial now: the proven first, then the nameless of the bootstrap list, then the merely told.

        `shuffle` mixes each kind, so that links spread over the network.
        """
        proven: list[Target] = []
        told: list[Target] = []
        for node, peer in self._peers.items():
            if peer.linked or peer.patience.not_before > now:
                continue
            target = self._target_of(node, peer)
            if target is not None:
                (proven if peer.seen_unix_ms or peer.source in LASTING_SOURCES else told).append(target)
        linked_places = {address for peer in self._peers.values() if peer.linked for address in peer.addresses}
        nameless = [
            Target(None, address)
            for address, patience in self._nameless.items()
            if patience.not_before <= now and address not in linked_places
        ]
        for kind in (proven, nameless, told):
            shuffle(kind)
        return proven + nameless + told

    def target(self, node: NodeId) -> Target | None:
        """Where to dial one peer, whether its pause is over or not; None if nobody knows."""
        peer = self._peers.get(node)
        return self._target_of(node, peer) if peer is not None else None

    def next_due(self, now: float) -> float | None:
        """When the next pause ends, of those not linked; None when nobody is waited for."""
        pauses = [peer.patience.not_before for peer in self._peers.values() if not peer.linked and peer.p2p()]
        pauses += [patience.not_before for patience in self._nameless.values()]
        return min((pause for pause in pauses if pause > now), default=None)

    def proven(self) -> list[tuple[NodeId, tuple[Address, ...]]]:
        """Peers worth telling others about, last seen first."""
        found = sorted(
            ((peer.seen_unix_ms, node) for node, peer in self._peers.items() if peer.seen_unix_ms), reverse=True
        )
        return [(node, tuple(self._peers[node].addresses)) for _, node in found]

    def known(self) -> tuple[KnownPeer, ...]:
        """What a cache should remember: everybody who ever proved a key."""
        return tuple(
            KnownPeer(node, tuple(map(str, addresses)), self._peers[node].source, self._peers[node].seen_unix_ms)
            for node, addresses in self.proven()
        )

    def infos(self) -> tuple[PeerInfo, ...]:
        """Everybody, as `status` shows them."""
        return tuple(
            PeerInfo(
                node=node,
                addresses=tuple(map(str, peer.addresses)),
                connected=peer.linked,
                via="gossip" if peer.linked else "",
                source=peer.source,
            )
            for node, peer in sorted(self._peers.items())
        )

    def _patience_of(self, target: Target) -> _Patience | None:
        if target.node is None:
            return self._nameless.get(target.address)
        peer = self._peers.get(target.node)
        return peer.patience if peer is not None else None

    @staticmethod
    def _target_of(node: NodeId, peer: _Peer) -> Target | None:
        places = peer.p2p()
        return Target(node, places[peer.turn % len(places)]) if places else None

    def _make_place(self) -> bool:
        """Leave room for one more, at the cost of somebody who is not linked and whom our operator did not name.

        First of those who never proved a key, then of those who only ever called us, then of the longest unseen.
        """
        if len(self._peers) < self._limits.peers_max:
            return True
        victims = [
            (peer.dialled, peer.seen_unix_ms, node)
            for node, peer in self._peers.items()
            if not peer.linked and peer.source not in LASTING_SOURCES
        ]
        if not victims:
            return False
        del self._peers[min(victims)[-1]]
        return True


def _insert(peer: _Peer, address: Address, *, front: bool) -> None:
    """Add an address: in front if it is the peer's own word, else last, at the cost of what stood there."""
    others = [other for other in peer.addresses if other != address]
    same = [other for other in others if other.scheme == address.scheme]
    same = [address, *same] if front else [*same[: ADDRESSES_PER_PEER - 1], address]
    rest = [other for other in others if other.scheme != address.scheme]
    kept = same[:ADDRESSES_PER_PEER]
    peer.addresses = kept + rest if address.scheme == "p2p" else rest + kept
    if front:
        peer.turn = 0
