"""Notices a server that has stopped answering while requests wait for it.

An answer may rightly take minutes, so silence alone proves nothing. But a live server answers a trivial question at
once: after `SILENCE_S` without any answer it is asked one, and after `MISSES` misses in a row everything under way is
cut and tried again. From the last sign of life to that takes at most 24 s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from node.engines.faults import AttemptError
from node.engines.traffic import Traffic

log = logging.getLogger(__name__)

SILENCE_S = 8.0
EVERY_S = 4.0
PING_S = 4.0
MISSES = 2


class Watch:
    """Watches one endpoint.

    Args:
        traffic: Its requests.
        ping: Returns if the server is alive.
    """

    def __init__(self, traffic: Traffic, ping: Callable[[], Awaitable[None]]) -> None:
        self._traffic, self._ping = traffic, ping
        self._loop = asyncio.get_running_loop()
        self._heard_s = self._loop.time()
        self._task = self._loop.create_task(self._run(), name="engine watch")

    async def close(self) -> None:
        """Stop watching. Idempotent."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        misses = 0
        while True:
            await asyncio.sleep(EVERY_S)
            silent_s = self._loop.time() - max(self._heard_s, self._traffic.heard_s)
            if not self._traffic.running or silent_s < SILENCE_S:
                misses = 0
                continue
            reason = await self._ask()
            misses = misses + 1 if reason else 0
            if misses >= MISSES:
                log.warning("the engine does not answer: %s", reason)
                self._traffic.cut(f"it does not answer: {reason}")
                misses = 0

    async def _ask(self) -> str:
        """Why there was no answer; empty if there was."""
        try:
            async with asyncio.timeout(PING_S):
                await self._ping()
        except TimeoutError:
            return f"nothing within {PING_S:.0f} s to a trivial question"
        except AttemptError as error:
            return str(error)
        self._heard_s = self._loop.time()
        return ""
