"""Keeps a thread alive by starting another when one is over: it died, or it gives no sign of life."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from node.network.bridge import Life

logger = logging.getLogger(__name__)

START_S = 30.0
"""For a life to begin to serve; importing the library takes most of it on a busy machine."""

WATCH_S = 5.0
"""Between two signs of life asked of the thread."""

HANGS_S = 15.0
"""Without a sign for this long the thread is given up and another life begins."""

RESTART_MIN_S = 0.2
RESTART_MAX_S = 30.0
STEADY_S = 60.0
"""A life this long was a good one: the next failure is restarted from at once."""


class Supervisor:
    """Follows one life with another until cancelled."""

    def __init__(self, begin: Callable[[], Life], over: Callable[[str], None]) -> None:
        """`begin` starts a life; `over` hears why one ended, before the next is begun."""
        self._begin = begin
        self._over = over
        self.restarts = 0

    async def run(self, life: Life) -> None:
        """Watch the first life and all that follow."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            reason = await watch(life)
            self._over(reason)
            failures = 0 if loop.time() - began > STEADY_S else failures + 1
            pause_s = min(RESTART_MAX_S, RESTART_MIN_S * 2 ** max(0, failures - 1))
            self.restarts += 1
            logger.warning("the network thread is down (%s); it is started again in %.1f s", reason, pause_s)
            await asyncio.sleep(pause_s)
            life = self._begin()


async def watch(life: Life) -> str:
    """Wait until a life is over, one way or another; says which."""
    loop = asyncio.get_running_loop()
    beats, beat_at = life.beats, loop.time()
    while True:
        life.ask_beat()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WATCH_S):
                await life.ended.wait()
            return describe(life.error) if life.error else "it ended"
        if life.beats != beats:
            beats, beat_at = life.beats, loop.time()
        elif loop.time() - beat_at > (HANGS_S if life.started.is_set() else START_S):
            life.end()  # it will, should it ever wake
            return f"no sign of life for {HANGS_S:.0f} s"


def describe(error: BaseException) -> str:
    """The error that ended a life, without the groups that trio wraps around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
