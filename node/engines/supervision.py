"""When to start a model server again, and when to end one that no longer answers. Pure, on times it is given.

It restarts for ever, with growing pauses: an operator who finds the cause (memory, a driver) finds the node working
again. What a server says before it was ever up is the operator's turn at once; that is decided where it is opened.
"""

from __future__ import annotations

from enum import StrEnum

from node.engines.interface import Condition, Health

PAUSE_FIRST_S = 1.0
PAUSE_MAX_S = 60.0
STABLE_S = 300.0
"""Up that long, a server's next failure is a first one again."""

MISSES_MAX = 3
"""Health checks in a row without an answer before a server is ended."""


class Phase(StrEnum):
    """Where a server stands."""

    STARTING = "starting"
    UP = "up"
    PAUSING = "pausing"


class Order(StrEnum):
    """What is to be done."""

    START = "start"
    KILL = "kill"


class Supervision:
    """One server's.

    Args:
        start_s: How long it may take until its first answer.
        now_s: The time; the first start is due at once.
    """

    def __init__(self, start_s: float, now_s: float) -> None:
        self._start_s = start_s
        self._phase = Phase.PAUSING
        self._since_s = self._due_s = now_s
        self._failures = self._misses = 0
        self._ending = False
        self._reason = "not started yet"
        self.restarts = -1
        """Starts after the first."""

    @property
    def phase(self) -> Phase:
        """Where it stands."""
        return self._phase

    def tick(self, now_s: float) -> Order | None:
        """What the time alone makes due."""
        if self._phase is Phase.PAUSING and now_s >= self._due_s:
            self._enter(Phase.STARTING, now_s)
            self.restarts += 1
            return Order.START
        if self._phase is Phase.STARTING and now_s - self._since_s > self._start_s:
            return self._end(f"no answer within {self._start_s:.0f} s of its start")
        return None

    def answered(self, now_s: float) -> None:
        """A health check was answered."""
        self._misses = 0
        if self._phase is Phase.STARTING and not self._ending:
            self._enter(Phase.UP, now_s)

    def missed(self, reason: str) -> Order | None:
        """A health check was not answered. A starting server may be silent."""
        if self._phase is not Phase.UP:
            return None
        self._misses += 1
        return self._end(f"its health check fails: {reason}") if self._misses >= MISSES_MAX else None

    def dead(self, reason: str) -> Order | None:
        """The server says itself that it cannot go on."""
        return self._end(reason) if self._phase is Phase.UP else None

    def exited(self, now_s: float, how: str) -> None:
        """The process is gone; another one is due after a pause."""
        if self._phase is Phase.UP and now_s - self._since_s >= STABLE_S:
            self._failures = 0
        self._reason = self._reason if self._ending else how
        pause = min(PAUSE_MAX_S, PAUSE_FIRST_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        self._enter(Phase.PAUSING, now_s)
        self._due_s = now_s + pause

    def health(self, now_s: float) -> Health:
        """For `status`."""
        if self._phase is Phase.UP and not self._misses and not self._ending:
            return Health(Condition.WELL, "the server answers")
        if self._phase is Phase.STARTING:
            condition = Condition.STARTING if self.restarts == 0 else Condition.DEGRADED
            return Health(condition, f"the server starts since {now_s - self._since_s:.0f} s{self._after()}")
        if self._phase is Phase.PAUSING:
            wait = max(0.0, self._due_s - now_s)
            return Health(Condition.DEGRADED, f"the server is started again in {wait:.0f} s{self._after()}")
        return Health(Condition.DEGRADED, "the server does not answer its health check")

    def _after(self) -> str:
        return f", after: {self._reason}" if self.restarts > 0 or self._failures else ""

    def _end(self, reason: str) -> Order | None:
        if self._ending:
            return None
        self._ending = True
        self._reason = reason
        return Order.KILL

    def _enter(self, phase: Phase, now_s: float) -> None:
        self._phase, self._since_s = phase, now_s
        self._misses = 0
        self._ending = False
