"""The bounded parts behind gossip: what is remembered of messages, authors and peers, and for how long."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import trio
from libp2p.pubsub.mcache import MessageCache
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.rpc_queue import RpcQueue

from node.network.limits import Bucket, NetworkLimits

RPC_BYTES_MAX = 128 * 1024
"""Longest RPC, either way. Below the multiplexer's window, so that one always fits."""

QUEUE_MESSAGES_MAX = 1024
QUEUE_BYTES_MAX = 4 << 20
"""What may wait for one slow peer; beyond it messages to that peer are lost."""

CACHE_BYTES_MAX = 8 << 20
"""Messages kept for peers that ask for them; beyond it the newest are forwarded but not kept."""

SEEN_S = 120
SEEN_MAX = 100_000
"""How long, and how many, message ids are remembered so that copies stop."""

AUTHORS_MAX = 4096
"""Authors whose rates are measured apart."""

REPLAY_NUMBERS = 60 * 10**9
"""How far behind an author's newest number another may arrive: numbers are nanoseconds, so one minute. `SEEN_S` covers
twice that, so no message is taken twice."""

REPLAY_FORGOTTEN_S = 600
"""After this long without a message the next one of an author begins anew: its clock may have been set back."""


class SeenMessages:
    """Message ids of the last two minutes, oldest first. The library's own starts a thread that nothing ends."""

    def __init__(self) -> None:
        self._expiry: OrderedDict[bytes, float] = OrderedDict()

    def has(self, key: bytes) -> bool:
        """Whether it was seen."""
        return key in self._expiry

    def add(self, key: bytes) -> bool:
        """Remember it; whether it is new."""
        now = trio.current_time()
        while self._expiry and (len(self._expiry) >= SEEN_MAX or next(iter(self._expiry.values())) < now):
            self._expiry.popitem(last=False)
        new = key not in self._expiry
        self._expiry[key] = now + SEEN_S
        return new


@dataclass(slots=True)
class _Author:
    bucket: Bucket
    newest: int
    heard_at: float


class Authors:
    """The rate and the newest number of each author, for as many as `AUTHORS_MAX`; the longest silent is forgotten."""

    def __init__(self, limits: NetworkLimits) -> None:
        self._limits = limits
        self._authors: OrderedDict[bytes, _Author] = OrderedDict()

    def fault_of(self, author: bytes, number: int, now: float) -> str:
        """Charge one message; why it may not be taken, empty if it may.

        Without the number, anybody could send an author's old messages again once their ids are forgotten, and so use
        up the author's rate.
        """
        known = self._authors.pop(author, None)
        if known is None or now - known.heard_at > REPLAY_FORGOTTEN_S:
            known = _Author(Bucket(self._limits.origin_rate, self._limits.origin_burst, now), number, now)
        self._authors[author] = known
        if len(self._authors) > AUTHORS_MAX:
            self._authors.popitem(last=False)
        if number < known.newest - REPLAY_NUMBERS:
            return "gossip-replay"
        if not known.bucket.take(now):
            return "gossip-origin-rate"
        known.newest = max(known.newest, number)
        known.heard_at = now
        return ""


class BoundedMessageCache(MessageCache):
    """The library's cache of recent messages, with an end."""

    def __init__(self) -> None:
        super().__init__(window_size=3, history_size=5)
        self._bytes = 0

    def put(self, msg: rpc_pb2.Message) -> None:
        """Keep a message while there is room."""
        if self._bytes + len(msg.data) <= CACHE_BYTES_MAX:
            super().put(msg)
            self._bytes = self._bytes + len(msg.data)

    def shift(self) -> None:
        """Let the oldest heartbeat's messages go."""
        super().shift()
        self._bytes = sum(len(message.data) for message in self.msgs.values())


class BoundedQueue(RpcQueue):
    """What waits to be sent to one peer, bounded in bytes too, and without what the peer has sent us meanwhile.

    On a busy machine that spares most copies: of two neighbours the one that is behind need not send at all.
    """

    def __init__(self) -> None:
        super().__init__(max_size=QUEUE_MESSAGES_MAX, max_message_size=RPC_BYTES_MAX)
        self._bytes = 0
        self._peer_has: OrderedDict[bytes, None] = OrderedDict()

    def note(self, message_id: bytes) -> None:
        """The peer has this message."""
        self._peer_has[message_id] = None
        if len(self._peer_has) > 2 * QUEUE_MESSAGES_MAX:
            self._peer_has.popitem(last=False)

    def push(self, rpc: rpc_pb2.RPC, priority: bool = False) -> bool:
        """Queue an RPC while there is room."""
        size = rpc.ByteSize()
        if self._bytes + size > QUEUE_BYTES_MAX or not super().push(rpc, priority):
            return False
        self._bytes += size
        return True

    async def pop(self) -> rpc_pb2.RPC | None:
        """The next RPC that the peer needs; None once closed."""
        while (rpc := await super().pop()) is not None:
            self._bytes -= rpc.ByteSize()
            if not (len(rpc.publish) == 1 and message_id(rpc.publish[0]) in self._peer_has):
                return rpc
        return None


def message_id(message: rpc_pb2.Message) -> bytes:
    """Author and number: what makes two copies the same message (the library's default)."""
    return message.from_id + message.seqno
