"""Work that a part of the driver has begun and does not wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


class Background:
    """Work under way until it ends by itself or is closed.

    Args:
        guard: Awaits a piece of work and answers for what it raises: nobody else hears of it.
    """

    def __init__(self, guard: Callable[[Awaitable[None]], Coroutine[Any, Any, None]]) -> None:
        self._guard = guard
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._tasks

    def begin(self, work: Awaitable[None]) -> None:
        """Begin a piece of work."""
        task = asyncio.ensure_future(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
