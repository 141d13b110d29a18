"""Keeps links up: dials known peers until enough are linked, for ever, and now and then one more.

The library redials nobody and bars a peer that failed once for a minute; a bootstrap node that starts late would never
be found. Here every peer has its own patience (`peer_book`), from one second to thirty, and no end.

The one more is for partitions: two halves that each have links enough would otherwise never look for each other. A
dialled link beyond the wanted ones is closed again once unused.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass

import trio

from consensus.types import NodeId
from node.errors import PeerFaultError
from node.identity.names import short_name
from node.network.interface import UnreachableError
from node.network.libp2p_links import STRANGE_REFUSALS, Link, Links
from node.network.libp2p_transport import TcpStream, Upgrader, node_of
from node.network.limits import Bucket, NetworkLimits
from node.network.peer_book import PeerBook, Target

logger = logging.getLogger(__name__)

DIALS_AT_ONCE = 4

DIALS_PER_S = 4.0
DIALS_BURST = 16.0
"""All dials together: thousand dead peers in the book, or a peer that recommends thousand addresses of somebody else's,
must not make this node knock at doors all day."""

SPARE_LINKS = 2
"""Dialled links kept beyond those wanted before the least used goes."""

EXTRA_MIN_S = 20.0
"""An extra link lives at least this long: time for one exchange of peers and what follows from it."""


@dataclass(slots=True, eq=False)
class _Dial:
    """A dial under way, and what became of it."""

    over: trio.Event
    error: str = "no link"


class Dialler:
    """Makes links outwards. Belongs to the trio thread."""

    def __init__(
        self,
        *,
        me: NodeId,
        links: Links,
        book: PeerBook,
        upgrader: Upgrader,
        limits: NetworkLimits,
        chance: random.Random,
    ) -> None:
        self._me = me
        self._links = links
        self._book = book
        self._upgrader = upgrader
        self._limits = limits
        self._chance = chance
        self._wake = trio.Event()
        self._dials: dict[Target, _Dial] = {}
        self._rate = Bucket(DIALS_PER_S, DIALS_BURST, trio.current_time())
        self._nursery: trio.Nursery | None = None
        self._explore_at = 0.0

    def wake(self) -> None:
        """Something has changed: a link was lost, an address was learnt."""
        self._wake.set()

    async def run(self) -> None:
        """Dial until cancelled."""
        self._explore_at = trio.current_time() + self._pause_s(self._limits.explore_s)
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            while True:
                self._wake = trio.Event()
                self._start_dials(nursery)
                with trio.move_on_at(self._next_look()):
                    await self._wake.wait()

    async def ensure(self, node: NodeId) -> Link:
        """The link to one node, dialled if there is none; the caller limits the time.

        Raises:
            UnreachableError: Nobody knows where it is, or the dial came to nothing.
        """
        link = self._links.get(node)
        if link is not None:
            return link
        if self._links.is_shunned(node):
            raise UnreachableError(f"node {short_name(node)} broke the protocol a moment ago")
        target = self._book.target(node)
        if target is None or self._nursery is None:
            raise UnreachableError(f"no address of node {short_name(node)} is known")
        dial = self._dials.get(target) or self._start(self._nursery, target, extra=True)
        await dial.over.wait()
        link = self._links.get(node)
        if link is None:
            raise UnreachableError(f"node {short_name(node)} at {target.address}: {dial.error}")
        return link

    def _start_dials(self, nursery: trio.Nursery) -> None:
        now = trio.current_time()
        lacking = self._limits.links_wanted - len(self._links.nodes)
        exploring = now >= self._explore_at
        if exploring:
            self._explore_at = now + self._pause_s(self._limits.explore_s)
            self._close_unused(now)
        wanted = min(lacking, DIALS_AT_ONCE) - len(self._dials) if lacking > 0 else int(exploring)
        if wanted <= 0:
            return
        targets = [
            target
            for target in self._book.targets(now, self._chance.shuffle)
            if target not in self._dials and not (target.node and self._links.is_shunned(target.node))
        ]
        if lacking <= 0:
            self._chance.shuffle(targets)  # exploring: any of them, not the best
        for target in targets[:wanted]:
            if self._rate.take(now):
                self._start(nursery, target, extra=lacking <= 0)

    def _next_look(self) -> float:
        """When there may be something to dial again, if nothing happens before."""
        now = trio.current_time()
        if len(self._links.nodes) >= self._limits.links_wanted:
            return self._explore_at
        if not self._rate.has(now):
            return now + 1 / DIALS_PER_S
        due = self._book.next_due(now)
        return self._explore_at if due is None else min(due, self._explore_at)

    def _start(self, nursery: trio.Nursery, target: Target, *, extra: bool) -> _Dial:
        dial = self._dials[target] = _Dial(trio.Event())
        nursery.start_soon(self._dial_one, target, extra, dial)
        return dial

    async def _dial_one(self, target: Target, extra: bool, dial: _Dial) -> None:
        try:
            await self._dial(target, extra=extra)
        except (UnreachableError, PeerFaultError) as error:
            strange = isinstance(error, PeerFaultError) and error.rule in STRANGE_REFUSALS
            self._book.failed(target, trio.current_time(), jitter=self._chance.random(), stranger=strange)
            dial.error = str(error)
            logger.debug("dialling %s came to nothing: %s", target.address, error)
        finally:
            del self._dials[target]
            dial.over.set()
            self._wake.set()

    async def _dial(self, target: Target, *, extra: bool) -> None:
        address = target.address
        try:
            with trio.fail_after(self._limits.handshake_s):
                stream = await trio.open_tcp_stream(address.host, address.port)
        except (OSError, trio.TooSlowError) as error:
            raise UnreachableError(f"no connection: {error or 'no answer'}") from error
        tcp = TcpStream(stream, write_s=self._limits.frame_s, on_close=lambda: None)
        try:
            with trio.fail_after(2 * self._limits.handshake_s):
                await self._make_link(tcp, target, extra=extra)
        except trio.TooSlowError as error:
            raise UnreachableError("no handshake in time") from error
        finally:
            if not any(link.tcp is tcp for link in self._links.all()):
                tcp.abort()

    async def _make_link(self, tcp: TcpStream, target: Target, *, extra: bool) -> None:
        muxer = await self._upgrader.upgrade(tcp, dialled=True, expected=target.node)
        node = node_of(muxer.peer_id)
        if node == self._me:
            self._book.forget_own(target.address)
            raise UnreachableError("that is this node itself")
        if self._links.get(node) is None:
            await self._links.greet(muxer, tcp, dialled=target.address, extra=extra)
        else:  # a nameless address turned out to be a peer that is linked already
            self._book.proved(node, (), dialled=target.address, unix_ms=time.time_ns() // 1_000_000)

    def _close_unused(self, now: float) -> None:
        """End the extra link that was unused for longest, if there are more than enough."""
        if len(self._links.nodes) <= self._limits.links_wanted + SPARE_LINKS:
            return
        unused = [
            link
            for link in self._links.all()
            if link.extra and now - link.since > EXTRA_MIN_S and now - link.used > self._limits.idle_s / 2
        ]
        if unused:
            min(unused, key=lambda link: link.used).tcp.abort()

    def _pause_s(self, seconds: float) -> float:
        return seconds * (0.75 + 0.5 * self._chance.random())
