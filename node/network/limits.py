"""What one node grants its peers, and the buckets that measure it. A node's own configuration, not protocol."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, fields
from typing import Generic, TypeVar

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class NetworkLimits:
    """Bounds on links, rates, sizes and waits. The defaults hold for a committee of 31 on small machines."""

    links_wanted: int = 4
    """Links that the dialler keeps up. Three already join a random graph; the fourth is for the one that is down."""
    links_max: int = 24
    """Links altogether. Gossip never prunes below this, so every link carries it."""
    links_per_ip: int = 4
    """Links accepted from one address other than loopback: one machine does not fill every place."""
    pending_max: int = 64
    """Connections that have not yet proved key and network. One more pushes out the oldest, so that idle sockets keep
    nobody out who needs milliseconds."""
    handshake_s: float = 5.0
    """From accept or dial to proven key and network."""
    frame_s: float = 10.0
    """For one whole frame, once its first byte has come, and for one write."""
    idle_s: float = 60.0
    """After which a request stream without requests, or a link beyond `links_wanted` without use, is closed."""
    ping_s: float = 5.0
    """Between two pings of a link; one unanswered for twice as long ends the link."""
    explore_s: float = 30.0
    """Between two dials of a random further peer although enough links stand: this is what heals partitions."""
    exchange_s: float = 30.0
    """Between two exchanges of known peers on a link."""
    backoff_min_s: float = 1.0
    backoff_max_s: float = 30.0
    """Between two dials of the same peer; doubles from the one to the other, and never ends."""
    peers_max: int = 1024
    """Peers remembered; those that never proved their key go first."""
    origin_rate: float = 50.0
    origin_burst: float = 1000.0
    """Gossip messages per second by one author, whoever forwards them."""
    forwarder_rate: float = 250.0
    forwarder_burst: float = 4000.0
    """Gossip messages per second over one link, good and bad together."""
    link_bytes_rate: float = 16e6
    link_bytes_burst: float = 32e6
    """Bytes per second read from one link; beyond it the link is read more slowly, nothing is lost."""
    link_frames_rate: float = 4000.0
    link_frames_burst: float = 8000.0
    """Multiplexer frames per second read from one link, likewise."""
    streams_max: int = 24
    """Streams on one link, both directions."""
    requests_per_peer: int = 4
    """Requests under way to one peer, and answered at once for one peer; more wait for their turn."""
    requests_max: int = 32
    """Requests of all peers answered at once."""
    answer_s: float = 30.0
    """For a handler of ours to answer a peer."""
    bridge_events_max: int = 2048
    """Events waiting between the two event loops, either way; more are dropped and counted."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"{field.name} must be positive")
        if not self.links_wanted < self.links_max:
            raise ValueError("links_max must leave places for others beyond links_wanted")
        if self.backoff_min_s > self.backoff_max_s:
            raise ValueError("backoff_min_s is larger than backoff_max_s")


class Bucket:
    """A token bucket: `rate` per second, at most `burst` saved up. Time is handed in."""

    __slots__ = ("_burst", "_rate", "_since", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        """Start full."""
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._since = now

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take `amount` if there is that much."""
        self._fill(now)
        if self._tokens < amount:
            return False
        self._tokens -= amount
        return True

    def has(self, now: float, amount: float = 1.0) -> bool:
        """Whether `take` would succeed."""
        self._fill(now)
        return self._tokens >= amount

    def debt_s(self, now: float, amount: float) -> float:
        """Take `amount` in any case, and say for how many seconds to wait until the bucket is out of debt."""
        self._fill(now)
        self._tokens -= amount
        return max(0.0, -self._tokens / self._rate)

    def _fill(self, now: float) -> None:
        self._tokens = min(self._burst, self._tokens + (now - self._since) * self._rate)
        self._since = now


class Buckets(Generic[Key]):
    """One bucket per key, for as many keys as `count_max`; the key unused for longest is forgotten first.

    Whoever invents keys to be forgotten gets full buckets again, which is why they never stand alone: authors are
    counted inside the bucket of the link that brings them.
    """

    def __init__(self, rate: float, burst: float, *, count_max: int) -> None:
        self._rate = rate
        self._burst = burst
        self._count_max = count_max
        self._buckets: OrderedDict[Key, Bucket] = OrderedDict()

    def take(self, key: Key, now: float) -> bool:
        """Take one from the bucket of `key`."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._rate, self._burst, now)
            if len(self._buckets) > self._count_max:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket.take(now)

    def forget(self, key: Key) -> None:
        """Drop the bucket of `key`, if there is one."""
        self._buckets.pop(key, None)
