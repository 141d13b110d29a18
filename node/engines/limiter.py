"""How many requests an endpoint gets at once: additive increase, multiplicative decrease, found from its answers.

A pure machine on times it is given. It begins small and doubles per round of answers until the server first objects
(slow start, as in TCP); from then on one more per round of answers, and less when the server says it is too much. The
decrease is small (`SHRINK`): what a server refuses costs it next to nothing, so probing close to its limit keeps it
busy, while a server that lets work time out is hurt by it and is relieved by half.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 8.0
"""Where slow start begins: any server with a GPU takes that many."""

SHRINK = 0.9
"""Factor on a refusal (429, 503). With at most one per round trip, the server stays over 90 % used."""

SHRINK_TIMEOUT = 0.5
"""Factor when work was cut by its deadline: the server was really busy with it, for nothing."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """Permission for one attempt; given back with how it went."""

    number: int
    """In the order of issue."""


class Limiter:
    """The current limit and how many are under way.

    Args:
        ceiling: Never more than this at once, at least 1.
    """

    def __init__(self, ceiling: int) -> None:
        self._ceiling = float(ceiling)
        self._limit = min(FIRST, self._ceiling)
        self._running = 0
        self._slow_start = True
        self._issued = self._decreased_at = 0
        self._hold_until_s = float("-inf")

    @property
    def limit(self) -> int:
        """Requests allowed at once, 1 to the ceiling."""
        return int(self._limit)

    @property
    def running(self) -> int:
        """Attempts under way."""
        return self._running

    def take(self) -> Ticket | None:
        """Permission for one attempt; None when as many are under way as the server is trusted with."""
        if self._running >= self.limit:
            return None
        self._running += 1
        self._issued += 1
        return Ticket(self._issued)

    def answered(self, ticket: Ticket, now_s: float) -> None:
        """An attempt was served. The limit grows only while more than half of it is used: else it says nothing."""
        del ticket
        was_used = self._running * 2 > self._limit
        self._running -= 1
        if not was_used or now_s < self._hold_until_s:
            return
        self._limit = min(self._ceiling, self._limit + (1.0 if self._slow_start else 1.0 / self._limit))

    def refused(self, ticket: Ticket, now_s: float, *, retry_after_s: float = 0.0) -> None:
        """The server said it was too much; `retry_after_s`: the limit does not grow before that has passed.

        If the limit was used up, it falls to what the server kept: nothing is sent in the place of a refused request
        until another one is answered.
        """
        was_full = self._running >= self.limit
        self._running -= 1
        self._hold_until_s = max(self._hold_until_s, now_s + retry_after_s)
        self._shrink(ticket, SHRINK)
        if was_full:
            self._limit = max(1.0, min(self._limit, float(self._running)))

    def timed_out(self, ticket: Ticket) -> None:
        """The server was still at it when the time was up."""
        self._running -= 1
        self._shrink(ticket, SHRINK_TIMEOUT)

    def ended(self, ticket: Ticket) -> None:
        """The attempt ended in a way that says nothing of load: cancelled, broken, bad request."""
        del ticket
        self._running -= 1

    def _shrink(self, ticket: Ticket, factor: float) -> None:
        """Once per round trip: what was sent before the last decrease knew nothing of it."""
        if ticket.number <= self._decreased_at:
            return
        self._limit = max(1.0, self._limit * factor)
        self._slow_start = False
        self._decreased_at = self._issued
