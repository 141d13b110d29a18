"""When to stop asking a server that is down, and when to ask again: a circuit breaker with growing pauses.

A pure machine on times it is given. Closed: everything passes. After `FAILURES_TO_OPEN` failures in a row it opens:
nothing passes for a pause. Then it is half open: one attempt passes, and its end decides. A server that came back is
noticed `PAUSE_MAX_S` later at most, which keeps recovery under 30 s.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

FAILURES_TO_OPEN = 5
PAUSE_FIRST_S = 1.0
PAUSE_MAX_S = 15.0
JITTER = 0.2
"""Share of a pause by which it is shortened at random, so that nodes of one server do not all come back at once."""


class Circuit(StrEnum):
    """State of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """One endpoint's breaker.

    Args:
        dice: Gives a number in [0, 1).
    """

    def __init__(self, dice: Callable[[], float]) -> None:
        self._dice = dice
        self._failures = 0
        self._pause_s = PAUSE_FIRST_S
        self._open_until_s: float | None = None
        self._trial = False
        self.reason = ""
        """What the last failure said."""

    def circuit(self, now_s: float) -> Circuit:
        """Where it stands."""
        if self._open_until_s is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now_s < self._open_until_s else Circuit.HALF_OPEN

    @property
    def reopens_s(self) -> float | None:
        """When the next trial may begin; None when closed."""
        return self._open_until_s

    def admits(self, now_s: float) -> bool:
        """Whether an attempt may start. Asks nothing and changes nothing; `begin` follows."""
        circuit = self.circuit(now_s)
        return circuit is Circuit.CLOSED or (circuit is Circuit.HALF_OPEN and not self._trial)

    def begin(self, now_s: float) -> bool:
        """Start an admitted attempt; returns whether it is the trial of a half-open breaker."""
        assert self.admits(now_s), "started without asking"
        if self.circuit(now_s) is Circuit.HALF_OPEN:
            self._trial = True
            return True
        return False

    def answered(self) -> None:
        """The server answered, refusals of a single request and 429 included: it lives."""
        self._failures = 0
        self._pause_s = PAUSE_FIRST_S
        self._open_until_s = None
        self._trial = False

    def failed(self, now_s: float, reason: str, *, trial: bool) -> None:
        """No answer, or one that says that the server is broken. `trial`: what `begin` returned."""
        self.reason = reason
        if trial:
            self._trial = False
            self._pause_s = min(PAUSE_MAX_S, self._pause_s * 2)
            self._open(now_s)
        elif self._open_until_s is None:
            # Failures of attempts from before it opened tell nothing new.
            self._failures += 1
            if self._failures >= FAILURES_TO_OPEN:
                self._open(now_s)

    def abandoned(self, *, trial: bool) -> None:
        """The attempt ended without telling anything about the server, e.g. cancelled: another may try."""
        if trial:
            self._trial = False

    def _open(self, now_s: float) -> None:
        self._failures = 0
        self._open_until_s = now_s + self._pause_s * (1.0 - JITTER * self._dice())
