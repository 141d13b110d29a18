"""Simulated time for tests whose client and server talk over real sockets within one event loop.

As `node.network.virtual_time`, but before the clock leaps, the kernel gets a moment to hand over what was just sent on
the loopback interface.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from node.network.virtual_time import VirtualTimeLoop, _LeapingSelector

T = TypeVar("T")

GRACE_S = 0.001
"""Real time; loopback delivers within microseconds."""


class _SocketSelector(_LeapingSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0 and not self.busy_threads:
            ready = selectors.DefaultSelector.select(self, GRACE_S)
            if ready:
                return ready
        return super().select(timeout)


class SocketTimeLoop(VirtualTimeLoop):
    def __init__(self) -> None:
        self._leaping = _SocketSelector()
        asyncio.SelectorEventLoop.__init__(self, self._leaping)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, in simulated time."""
    with asyncio.Runner(loop_factory=SocketTimeLoop) as runner:
        return runner.run(main)
