"""The check engine's verdicts in the node's store: a restarted node executes nothing a second time."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from node.checks import MemoryCache
from node.errors import NodeError
from node.store import Store

log = logging.getLogger(__name__)

WAIT_S = 10.0
"""For the store to answer; then the claim is executed again, which is slower and just as true."""

T = TypeVar("T")


class StoredVerdicts:
    """Implements `node.checks.VerdictCache` over a store that lives on the event loop it is made on."""

    def __init__(self, store: Store) -> None:
        self._verdicts = store.verdicts
        self._newest = MemoryCache()
        self._loop = asyncio.get_running_loop()

    def get(self, key: bytes) -> bytes | None:
        """See `VerdictCache.get`."""
        known = self._newest.get(key)
        return known if known is not None else self._ask(self._verdicts.get(key))

    def put(self, key: bytes, value: bytes) -> None:
        """See `VerdictCache.put`."""
        self._newest.put(key, value)
        self._ask(self._verdicts.put(key, value))

    def _ask(self, question: Coroutine[Any, Any, T]) -> T | None:
        try:
            return asyncio.run_coroutine_threadsafe(question, self._loop).result(WAIT_S)
        except (NodeError, ValueError, concurrent.futures.TimeoutError, concurrent.futures.CancelledError) as error:
            log.warning("a verdict was not kept or found: %s", str(error) or type(error).__name__)
            return None
