"""A measured speed, and how it is measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast something was."""

    name: str
    ratings: int
    """In one call."""
    seconds: float
    """CPU time of the fastest call."""
    missing: str = ""
    """Why it was not measured."""

    @property
    def per_second(self) -> float:
        """Ratings."""
        return self.ratings / self.seconds if self.seconds else 0.0


def fastest(work: Callable[[], object], repeat: int) -> float:
    """CPU seconds of the fastest call: what else the machine does can only add to it."""
    best = float("inf")
    for _ in range(repeat):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def better(one: Speed, other: Speed) -> Speed:
    """The faster of two measurements of the same; of one that failed, the other."""
    return min(one, other, key=lambda speed: (bool(speed.missing), speed.seconds))
