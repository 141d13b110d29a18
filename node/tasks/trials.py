"""Trials: examples in the making, as generators that ask for checks and are handed the results.

A trial decides; it never runs anything. It yields the plans it needs and goes on with their results, so the driver can
advance many trials side by side and give the checker one large batch per step: one compile instead of hundreds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from node.values.verdict import CheckPlan, PlanResult

T = TypeVar("T")

Trial = Generator[tuple[CheckPlan, ...], tuple[PlanResult, ...], T]
"""Yields plans, is sent their results in order, returns what it found."""

Run = Callable[[Sequence[CheckPlan]], Awaitable[tuple[PlanResult, ...]]]


@dataclass(frozen=True, slots=True)
class Miss:
    """A site that gives no example, and why, as a word that is counted: `survived`, `untouched`, ..."""

    reason: str


@dataclass(slots=True)
class Driver:
    """Advances trials in lockstep and remembers every result, so that no plan runs twice."""

    run: Run
    results: dict[CheckPlan, PlanResult] = field(default_factory=dict)

    async def finish(self, trials: Sequence[Trial[T]]) -> list[T]:
        """Run all trials to their end; outcomes in the order given."""
        outcomes: dict[int, T] = {}
        started = {index: _start(trial, outcomes, index) for index, trial in enumerate(trials)}
        wanted = {index: plans for index, plans in started.items() if plans is not None}
        while wanted:
            await self._execute([plan for plans in wanted.values() for plan in plans])
            advanced: dict[int, tuple[CheckPlan, ...]] = {}
            for index, plans in wanted.items():
                results = tuple(self.results[plan] for plan in plans)
                following = _send(trials[index], results, outcomes, index)
                if following is not None:
                    advanced[index] = following
            wanted = advanced
        return [outcomes[index] for index in range(len(trials))]

    async def _execute(self, plans: Sequence[CheckPlan]) -> None:
        missing = tuple(dict.fromkeys(plan for plan in plans if plan not in self.results))
        if missing:
            results = await self.run(missing)
            self.results.update(zip(missing, results, strict=True))


def _start(trial: Trial[T], outcomes: dict[int, T], index: int) -> tuple[CheckPlan, ...] | None:
    try:
        return next(trial)
    except StopIteration as stop:
        outcomes[index] = stop.value
        return None


def _send(
    trial: Trial[T], results: tuple[PlanResult, ...], outcomes: dict[int, T], index: int
) -> tuple[CheckPlan, ...] | None:
    try:
        return trial.send(results)
    except StopIteration as stop:
        outcomes[index] = stop.value
        return None
