"""Drives limiter, breaker and retry budget: the one way by which requests reach an engine.

A request waits in line until the breaker and the limiter let it pass, is attempted, and is attempted again where that
may help. Its deadline bounds all of it together. It ends in exactly one named state, which is counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from node.engines.accounts import Accounts
from node.engines.breaker import Breaker, Circuit
from node.engines.faults import FINAL, AttemptError, Circumstances, final_error
from node.engines.interface import Failure, ModelError, Tally, Usage
from node.engines.limiter import Limiter, Ticket
from node.engines.retries import ATTEMPTS_MAX, RetryBudget, compute_pause_s

T = TypeVar("T")
Send = Callable[[], Awaitable[T]]
"""One attempt; raises `AttemptError`. Cancelled when its time is up, which has to stop the server's work."""


@dataclass(frozen=True, slots=True)
class _Permit:
    ticket: Ticket
    is_trial: bool


@dataclass(slots=True)
class _Course:
    """How one request has fared so far."""

    deadline_s: float
    sent: int = 0
    failures: int = 0
    counted: int = 0
    last: AttemptError | None = None
    waiting: bool = True
    """For a permit or for its next attempt; otherwise the server is at it."""


class Traffic:
    """All requests to one endpoint.

    Args:
        ceiling: Attempts at once, at most.
        dice: Gives numbers in [0, 1), for jitter.
    """

    def __init__(self, ceiling: int, dice: Callable[[], float]) -> None:
        self._loop = asyncio.get_running_loop()
        self._dice = dice
        self._limiter = Limiter(ceiling)
        self._breaker = Breaker(dice)
        self._budget = RetryBudget(self._loop.time())
        self._accounts = Accounts()
        self._line: deque[asyncio.Future[_Permit]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._deadlines: set[asyncio.Timeout] = set()
        self._attempts: set[asyncio.Timeout] = set()
        self._cut_reason = ""
        self._closed_reason = ""
        self.heard_s = self._loop.time()
        """When the server last answered anything."""

    async def ask(self, send: Send[T], *, label: str, deadline_s: float, patience_s: float) -> tuple[T, int]:
        """Attempt until there is an answer, or none is to be expected.

        Args:
            send: One attempt.
            label: Counted by.
            deadline_s: On the loop's clock.
            patience_s: How long one attempt may take before the server is taken to be stuck.

        Returns:
            The answer and how many attempts it took.

        Raises:
            ModelUnavailableError: Time or attempts are used up, or this was closed.
            ModelRefusedError: It will not be done as it stands.
        """
        self._accounts.asked(label)
        course = _Course(deadline_s)
        outcome: Failure | None = Failure.UNAVAILABLE  # also of a bug in `send`, which passes through uncounted else
        try:
            answer = await self._ask_in_time(send, course, patience_s)
            outcome = None
        except ModelError as error:
            outcome = error.failure
            raise
        except asyncio.CancelledError:
            outcome = Failure.CANCELLED
            raise
        finally:
            if outcome is None:
                self._accounts.answered()
            else:
                self._accounts.failed(outcome)
        return answer, course.sent

    def used(self, usage: Usage) -> None:
        """Count an answer's tokens."""
        self._accounts.used(usage)

    def tally(self) -> Tally:
        """What became of all requests."""
        return self._accounts.tally()

    @property
    def running(self) -> int:
        """Attempts under way."""
        return self._limiter.running

    @property
    def limit(self) -> int:
        """Attempts the endpoint is trusted with at once."""
        return self._limiter.limit

    @property
    def trouble(self) -> str:
        """Why the breaker keeps requests back; empty while it does not."""
        circuit = self._breaker.circuit(self._loop.time())
        return "" if circuit is Circuit.CLOSED else f"circuit {circuit}: {self._breaker.reason}"

    def cut(self, reason: str) -> None:
        """The server is known not to answer: end all attempts under way, so that they are tried again."""
        self._cut_reason = reason
        self._expire(self._attempts)

    def close(self, reason: str) -> None:
        """End every request, now and later, as `CLOSED`. Idempotent."""
        self._closed_reason = self._closed_reason or reason
        self._expire(self._deadlines)
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self, limits: set[asyncio.Timeout]) -> None:
        for limit in limits:
            if not limit.expired():
                limit.reschedule(self._loop.time())

    # One request

    async def _ask_in_time(self, send: Send[T], course: _Course, patience_s: float) -> T:
        if self._closed_reason:
            raise final_error(Failure.CLOSED, self._closed_reason)
        try:
            async with asyncio.timeout_at(course.deadline_s) as deadline:
                with _member(self._deadlines, deadline):
                    return await self._ask_until_answered(send, course, patience_s, deadline)
        except TimeoutError:
            raise self._out_of_time(course) from course.last

    async def _ask_until_answered(
        self, send: Send[T], course: _Course, patience_s: float, deadline: asyncio.Timeout
    ) -> T:
        while True:
            try:
                return await self._attempt(send, course, patience_s, deadline)
            except AttemptError as error:
                await asyncio.sleep(self._pause_after(error, course))

    def _pause_after(self, error: AttemptError, course: _Course) -> float:
        """Seconds until the next attempt.

        Raises:
            ModelError: There will be none.
        """
        course.last = error
        course.failures += 1
        course.counted += error.circumstances.counts
        if error.failure in FINAL:
            raise final_error(error.failure, str(error)) from error
        if not error.circumstances.repeatable:
            raise final_error(error.failure, f"broke off within the answer: {error}") from error
        if course.counted >= ATTEMPTS_MAX:
            raise final_error(error.failure, f"failed {course.counted} times, last: {error}") from error
        now = self._loop.time()
        pause = compute_pause_s(course.failures, self._dice())
        pause = max(pause + error.circumstances.retry_after_s, self._budget.spend(now))
        if now + pause >= course.deadline_s:
            raise final_error(error.failure, f"no time is left to try again after: {error}") from error
        return pause

    def _out_of_time(self, course: _Course) -> ModelError:
        if self._closed_reason:
            return final_error(Failure.CLOSED, self._closed_reason)
        if course.waiting and course.last is not None:
            return final_error(course.last.failure, f"the deadline passed while waiting, after: {course.last}")
        if course.waiting and self.trouble:
            return final_error(Failure.UNAVAILABLE, f"the deadline passed while waiting, {self.trouble}")
        where = "in the queue" if course.waiting else "while the server worked"
        return final_error(Failure.DEADLINE, f"the deadline passed {where}")

    # One attempt

    async def _attempt(self, send: Send[T], course: _Course, patience_s: float, deadline: asyncio.Timeout) -> T:
        course.waiting = True
        permit = await self._admit()
        course.waiting = False
        self._accounts.sent(again=course.sent > 0)
        course.sent += 1
        settled = False
        try:
            answer = await self._send_with_patience(send, patience_s)
            self._settle_answered(permit)
            settled = True
        except AttemptError as error:
            self._settle_failed(permit, error)
            settled = True
            raise
        finally:
            if not settled:
                self._settle_abandoned(permit, out_of_time=deadline.expired() and not self._closed_reason)
            self._pump()
        return answer

    async def _send_with_patience(self, send: Send[T], patience_s: float) -> T:
        try:
            async with asyncio.timeout(patience_s) as attempt:
                with _member(self._attempts, attempt):
                    return await send()
        except TimeoutError as error:
            reason = self._cut_reason or f"no answer within {patience_s:.0f} s"
            raise AttemptError(Failure.UNAVAILABLE, reason, Circumstances(busy=not self._cut_reason)) from error

    def _settle_answered(self, permit: _Permit) -> None:
        now = self.heard_s = self._loop.time()
        self._cut_reason = ""
        self._limiter.answered(permit.ticket, now)
        self._breaker.answered()
        self._budget.answered()

    def _settle_failed(self, permit: _Permit, error: AttemptError) -> None:
        now, seen = self._loop.time(), error.circumstances
        if seen.busy:
            self._limiter.refused(permit.ticket, now, retry_after_s=seen.retry_after_s)
        else:
            self._limiter.ended(permit.ticket)
        if seen.sick:
            self._breaker.failed(now, str(error), trial=permit.is_trial)
        else:
            self.heard_s = now
            self._breaker.answered()

    def _settle_abandoned(self, permit: _Permit, *, out_of_time: bool) -> None:
        if out_of_time:
            self._limiter.timed_out(permit.ticket)
        else:
            self._limiter.ended(permit.ticket)
        self._breaker.abandoned(trial=permit.is_trial)

    # The line

    async def _admit(self) -> _Permit:
        """Wait for one's turn, first come first served."""
        waiter: asyncio.Future[_Permit] = self._loop.create_future()
        self._line.append(waiter)
        self._pump()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # Let in and taken back in the same turn of the loop: the place goes to the next.
                self._settle_abandoned(waiter.result(), out_of_time=False)
            elif waiter in self._line:
                self._line.remove(waiter)
            self._pump()
            raise

    def _pump(self) -> None:
        """Let in who may come in."""
        now = self._loop.time()
        while self._line:
            if self._line[0].done():  # cancelled; it has not come round to leaving the line yet
                self._line.popleft()
                continue
            if not self._breaker.admits(now):
                self._wake_at(self._breaker.reopens_s)
                return
            ticket = self._limiter.take()
            if ticket is None:
                return
            self._line.popleft().set_result(_Permit(ticket, self._breaker.begin(now)))

    def _wake_at(self, when_s: float | None) -> None:
        if when_s is None or when_s <= self._loop.time():
            return  # a trial is under way; its end wakes the line
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when_s, self._pump)


@contextmanager
def _member(group: set[asyncio.Timeout], item: asyncio.Timeout) -> Iterator[None]:
    group.add(item)
    try:
        yield
    finally:
        group.discard(item)
