"""Verdicts remembered by content: what was executed once for a project need not be executed again."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol


class VerdictCache(Protocol):
    """Observations by the hash of everything that decides them. Losing one costs time, never truth."""

    def get(self, key: bytes) -> bytes | None:
        """What was stored under the key, if anything. Called off the event loop."""

    def put(self, key: bytes, value: bytes) -> None:
        """Remember; the same key always comes with the same value. Called off the event loop."""


class MemoryCache:
    """The newest verdicts of this process."""

    def __init__(self, entries_max: int = 100_000) -> None:
        self._entries: OrderedDict[bytes, bytes] = OrderedDict()
        self._entries_max = entries_max

    def get(self, key: bytes) -> bytes | None:
        """See `VerdictCache.get`."""
        return self._entries.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """See `VerdictCache.put`."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)
