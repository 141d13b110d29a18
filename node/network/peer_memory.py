"""What outlives a life of the network thread: peers that were told of, peers that proved a key, and their cache."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict

from consensus.types import NodeId
from node.errors import OperatorError, TransientError
from node.network.addresses import Address, parse_address
from node.network.interface import PeerCache
from node.network.limits import NetworkLimits
from node.network.peer_book import PeerBook
from node.values.peer import KnownPeer

logger = logging.getLogger(__name__)

SAVE_SOON_S = 1.0
SAVE_S = 30.0
"""After the first change of known peers, and between two writes of the peer cache."""

TOLD_MAX = 1024
"""Addresses given by `Network.add_address` and kept for later lives."""

Told = tuple[NodeId | None, Address, str]
"""Whose address, where, and who says so."""


class PeerMemory:
    """Belongs to the asyncio loop."""

    def __init__(self, cache: PeerCache | None) -> None:
        self._cache = cache
        self._told: OrderedDict[tuple[NodeId | None, Address], str] = OrderedDict()
        self._known: tuple[KnownPeer, ...] = ()
        self._saved: tuple[KnownPeer, ...] = ()
        self._changed = asyncio.Event()

    @property
    def told(self) -> tuple[Told, ...]:
        """Every address somebody told, oldest first."""
        return tuple((node, address, source) for (node, address), source in self._told.items())

    def tell(self, node: NodeId | None, address: Address, *, source: str) -> None:
        """Remember an address; the oldest that is not our operator's makes room."""
        self._told[node, address] = source
        if len(self._told) > TOLD_MAX:
            oldest = next((key for key, told_by in self._told.items() if told_by != "bootstrap"), None)
            del self._told[oldest or (node, address)]

    def learn_known(self, known: tuple[KnownPeer, ...]) -> None:
        """Take over what a life knows of peers that proved their key."""
        self._known = known
        self._changed.set()

    def book(self, me: NodeId, limits: NetworkLimits) -> PeerBook:
        """A fresh book for a life, with all that the earlier ones, the cache and our operator knew."""
        book = PeerBook(me, limits)
        for peer in self._known:
            addresses = []
            for text in peer.addresses:
                with contextlib.suppress(OperatorError):  # a cache is a hint; what does not read is left out
                    addresses.append(parse_address(text)[1])
            book.restore(peer.node, addresses, seen_unix_ms=peer.seen_unix_ms)
        for node, address, source in self.told:
            book.learn(node, address, source=source)
        return book

    async def load(self) -> None:
        """Take up what the cache remembers."""
        if self._cache is None:
            return
        try:
            self._known = self._saved = tuple(await asyncio.to_thread(self._cache.load))
        except (OperatorError, TransientError) as error:
            logger.warning("known peers cannot be read (%s); they are looked for anew", error)

    async def save_now_and_then(self) -> None:
        """Write the cache when something has changed, until cancelled; soon at first, for a node that is killed."""
        pause_s = SAVE_SOON_S
        while True:
            await self._changed.wait()
            await asyncio.sleep(pause_s)
            self._changed.clear()
            await self.save()
            pause_s = SAVE_S

    async def save(self) -> None:
        """Write the cache, if anything has changed."""
        if self._cache is None or self._known == self._saved:
            return
        known = self._known
        try:
            await asyncio.to_thread(self._cache.save, known)
        except (OperatorError, TransientError) as error:
            logger.warning("known peers cannot be remembered: %s", error)
        else:
            self._saved = known
