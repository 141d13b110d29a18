"""The listening side: takes sockets, turns them into links, and lets nobody stand in the doorway.

A connection that has not proven key and network is *pending*, for `handshake_s` at most. There are few places for
these, and a new one pushes out the oldest: an honest handshake takes milliseconds, so whoever only holds sockets open
loses its places first, without our having to know who that is.
"""

from __future__ import annotations

import logging
from collections import OrderedDict

import trio

from node.errors import PeerFaultError
from node.network.handlers import Tally
from node.network.interface import UnreachableError
from node.network.libp2p_links import Links
from node.network.libp2p_transport import TcpStream, Upgrader
from node.network.limits import Bucket, Buckets, NetworkLimits

logger = logging.getLogger(__name__)

ACCEPTS_PER_S = 20.0
ACCEPTS_BURST = 100.0
"""Connections taken from one address; a handshake costs some milliseconds of CPU. Wide enough for a swarm on one
machine that starts at once."""

ALL_ACCEPTS_PER_S = 200.0
ALL_ACCEPTS_BURST = 1000.0
"""Connections taken from all addresses together."""

ADDRESSES_MAX = 4096

OUT_OF_HANDLES_S = 0.1
"""Pause when the system has no file handle for another connection."""


class Door:
    """Accepts connections on one listening socket."""

    def __init__(self, *, links: Links, upgrader: Upgrader, limits: NetworkLimits, tally: Tally) -> None:
        self._links = links
        self._upgrader = upgrader
        self._limits = limits
        self._tally = tally
        self._pending: OrderedDict[TcpStream, None] = OrderedDict()
        self._open: set[TcpStream] = set()
        self._rates: Buckets[str] = Buckets(ACCEPTS_PER_S, ACCEPTS_BURST, count_max=ADDRESSES_MAX)
        self._rate = Bucket(ALL_ACCEPTS_PER_S, ALL_ACCEPTS_BURST, trio.current_time())

    async def serve(self, listener: trio.SocketListener) -> None:
        """Accept until cancelled; then every connection that came in is closed."""
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    try:
                        stream = await listener.accept()
                    except OSError as error:
                        self._tally.drop("link-accept-failed")
                        logger.debug("cannot accept: %s", error)
                        await trio.sleep(OUT_OF_HANDLES_S)
                        continue
                    nursery.start_soon(self._take, stream)
        finally:
            for tcp in tuple(self._open):
                tcp.abort()

    async def _take(self, stream: trio.SocketStream) -> None:
        tcp = TcpStream(stream, write_s=self._limits.frame_s, on_close=lambda: self._open.discard(tcp))
        self._open.add(tcp)
        now = trio.current_time()
        if not (self._rates.take(tcp.remote_host, now) and self._rate.take(now)):
            self._tally.drop("link-accept-rate")
            tcp.abort()
            return
        self._pending[tcp] = None
        if len(self._pending) > self._limits.pending_max:
            self._tally.drop("link-pending")
            oldest, _ = self._pending.popitem(last=False)
            oldest.abort()
        try:
            with trio.fail_after(self._limits.handshake_s):
                muxer = await self._upgrader.upgrade(tcp, dialled=False)
                await self._links.await_hello(muxer, tcp)
        except trio.TooSlowError:
            self._tally.drop("link-handshake-time")
            tcp.abort()
        except PeerFaultError as error:
            self._tally.drop(f"link-{error.rule}")
            tcp.abort()
        except UnreachableError:
            tcp.abort()
        except Exception:  # likewise: a stranger's handshake ends in any of the library's ways, and only itself
            self._tally.drop("link-accept-error")
            logger.debug("a connection could not be taken", exc_info=True)
            tcp.abort()
        finally:
            self._pending.pop(tcp, None)
