"""Who is called for which topic and protocol, and what was refused and why: the same for every network.

A handler of ours that raises is our bug, yet must not take the network down with it: it is counted, and logged with its
trace once per kind of error. What a peer did is only counted, because a peer could otherwise fill the log.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter

from consensus.types import NodeId
from node.errors import PeerFaultError, TransientError
from node.network.interface import (
    GOSSIP_BYTES_MAX,
    NAME_BYTES_MAX,
    REQUEST_BYTES_MAX,
    GossipHandler,
    NetworkHealth,
    RefusedError,
    RequestHandler,
)

logger = logging.getLogger(__name__)

_NAME = re.compile(rf"[!-~]{{1,{NAME_BYTES_MAX}}}")


class Tally:
    """Counts for `NetworkHealth`, from both event loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.gossip_sent = 0
        self.gossip_received = 0
        self._drops: Counter[str] = Counter()

    def drop(self, reason: str, count: int = 1) -> None:
        """Count something refused. Reasons about gossip begin with `gossip-`."""
        with self._lock:
            self._drops[reason] += count

    def dropped(self, reason: str) -> int:
        """How often `reason` has been counted."""
        return self._drops[reason]

    def health(self, *, running: bool, summary: str, restarts: int = 0) -> NetworkHealth:
        """The numbers as `status` shows them."""
        with self._lock:
            drops = tuple(sorted(self._drops.items()))
        return NetworkHealth(
            running=running,
            summary=summary,
            restarts=restarts,
            gossip_sent=self.gossip_sent,
            gossip_received=self.gossip_received,
            gossip_dropped=sum(count for reason, count in drops if reason.startswith("gossip-")),
            drops=drops,
        )


class Handlers:
    """The topics and protocols of one node, set before it starts."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._topics: dict[str, GossipHandler] = {}
        self._protocols: dict[str, RequestHandler] = {}
        self._logged: set[tuple[str, type[Exception]]] = set()

    @property
    def topics(self) -> tuple[str, ...]:
        """Subscribed topics in the order in which they were set."""
        return tuple(self._topics)

    def subscribe(self, topic: str, handler: GossipHandler) -> None:
        """Set the one handler of `topic`.

        Raises:
            ValueError: The name is malformed or taken.
        """
        if topic in self._topics:
            raise ValueError(f"topic {topic} already has a handler")
        self._topics[_name(topic)] = handler

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """Set the one handler of `protocol`.

        Raises:
            ValueError: The name is malformed or taken.
        """
        if protocol in self._protocols:
            raise ValueError(f"protocol {protocol} already has a handler")
        self._protocols[_name(protocol)] = handler

    def check_gossip(self, topic: str, data: bytes) -> None:
        """Refuse what may not be published.

        Raises:
            ValueError: `data` is longer than `GOSSIP_BYTES_MAX`, or `topic` is not subscribed here.
        """
        if topic not in self._topics:
            raise ValueError(f"topic {topic!r} is not subscribed here, so nobody would hear this")
        if len(data) > GOSSIP_BYTES_MAX:
            raise ValueError(f"a gossip message of {len(data)} bytes is beyond {GOSSIP_BYTES_MAX}")

    def deliver(self, forwarder: NodeId, topic: str, data: bytes) -> None:
        """Hand one gossip message to its handler; never raises."""
        handler = self._topics.get(topic)
        if handler is None:
            self._tally.drop("gossip-unknown-topic")
            return
        self._tally.gossip_received += 1
        try:
            handler(forwarder, data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is ours; `_raised` tells
            self._raised(f"topic {topic}", error)

    async def answer(self, asker: NodeId, protocol: str, data: bytes) -> bytes:
        """Let the handler of `protocol` answer.

        Raises:
            RefusedError: There is none, it raised, or its answer is too long; `reason` is what the asker is told.
        """
        handler = self._protocols.get(protocol)
        if handler is None:
            self._tally.drop("request-unknown-protocol")
            raise RefusedError(f"nobody serves {protocol}", reason="unknown-protocol")
        try:
            answer = await handler(asker, data)
        except PeerFaultError as error:
            raise RefusedError(str(error), reason=f"fault:{error.rule}") from error
        except TransientError as error:
            raise RefusedError(str(error), reason=f"waits:{error.waits_for}") from error
        except Exception as error:
            self._raised(f"protocol {protocol}", error)
            raise RefusedError(f"{protocol} failed", reason="failed") from error
        if len(answer) > REQUEST_BYTES_MAX:
            self._tally.drop("handler-answer-too-long")
            logger.error("the handler of %s answered %d bytes of %d", protocol, len(answer), REQUEST_BYTES_MAX)
            raise RefusedError(f"{protocol} answered too much", reason="answer-too-long")
        return answer

    def _raised(self, whose: str, error: Exception) -> None:
        self._tally.drop("handler-raised")
        if (whose, type(error)) not in self._logged:
            self._logged.add((whose, type(error)))  # as many as there are handlers and bugs of ours
            logger.error("the handler of %s raised; it is counted from now on", whose, exc_info=error)


def check_request(protocol: str, data: bytes, timeout_s: float) -> None:
    """Refuse what may not be asked.

    Raises:
        ValueError: The protocol's name is malformed, `data` is longer than `REQUEST_BYTES_MAX`, or there is no time.
    """
    _name(protocol)
    if len(data) > REQUEST_BYTES_MAX:
        raise ValueError(f"a request of {len(data)} bytes is beyond {REQUEST_BYTES_MAX}")
    if timeout_s <= 0:
        raise ValueError(f"a request needs time, {timeout_s} s were given")


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: 1 to {NAME_BYTES_MAX} printable ASCII characters without spaces")
    return name
