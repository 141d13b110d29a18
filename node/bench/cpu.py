"""CPU time of this process and of everything it started, however many processes lie between.

A child's time counts for its parent only once the parent has waited for it. Bubblewrap ends without waiting for what
ran in it, so such orphans must come to us instead of to init, and be waited for, before their time can be read.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import time
from dataclasses import dataclass

_SET_CHILD_SUBREAPER = 36
"""Of prctl(2): orphaned descendants become our children."""
_END_S = 10.0
"""How long orphans may take to end after their work is done."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What some work took."""

    cpu_ms: float
    """User and system time, children included."""
    own_cpu_ms: float
    """Of it, this process's."""
    wall_ms: float


class CpuClock:
    """Measures from its making, or from the last call of `lap`. One at a time."""

    def __init__(self) -> None:
        ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._last = self._read()

    def lap(self) -> Spent:
        """What was spent since the last time. Nothing that was started may be running any more."""
        _wait_for_orphans()
        before, self._last = self._last, self._read()
        own, children, wall = (now - then for now, then in zip(self._last, before, strict=True))
        return Spent(1000 * (own + children), 1000 * own, 1000 * wall)

    @staticmethod
    def _read() -> tuple[float, float, float]:
        own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime, time.perf_counter()


def _wait_for_orphans() -> None:
    until = time.monotonic() + _END_S
    with contextlib.suppress(ChildProcessError):  # Raised when there is no child left, which is what we wait for.
        while time.monotonic() < until:
            ended, _ = os.waitpid(-1, os.WNOHANG)
            if ended == 0:
                time.sleep(0.005)
