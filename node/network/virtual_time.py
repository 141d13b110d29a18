"""An event loop whose clock leaps: a simulated hour takes as long as its work, and every run of a seed is the same.

`loop.time()` stands still while callbacks run and jumps to the next timer when nothing is left to do. While a worker
thread of the loop's executor is busy (`asyncio.to_thread`), the clock waits for it, because its answer belongs to now.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Args = TypeVarTuple("Args")


class _LeapingSelector(selectors.DefaultSelector):
    """Never sleeps for a timer: moves the clock there instead."""

    now_s = 0.0
    busy_threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or (timeout > 0 and self.busy_threads):
            # No timer at all, or a thread still at work: only the outside world can go on.
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.now_s += max(timeout, 0.0)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop on simulated seconds, beginning at 0."""

    def __init__(self) -> None:
        self._leaping = _LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        """Simulated seconds since the loop was made."""
        return self._leaping.now_s

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Args], T], *args: *Args) -> asyncio.Future[T]:
        """Run in a thread; time stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._leaping.busy_threads += 1
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _: asyncio.Future[Any]) -> None:
        self._leaping.busy_threads -= 1


def run(main: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, in simulated time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
