"""Time and the network of a simulated swarm: one event queue, one source of chance, nothing else.

Times are whole milliseconds of the queue's own clock. Two runs with the same seed and the same calls are the same.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random

Act = Callable[[], None]


class Clockwork:
    """What is to happen, in order."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._queue: list[tuple[int, int, Act]] = []
        self._count = count()

    def after(self, delay_ms: int, act: Act) -> None:
        """Have something happen after a while; what was asked for first comes first."""
        heapq.heappush(self._queue, (self.now_ms + max(0, delay_ms), next(self._count), act))

    def run(self, until: Callable[[], bool], horizon_ms: int) -> bool:
        """Let things happen until `until` holds; False if it does not before the horizon or nothing is left to do."""
        while not until():
            if not self._queue or self._queue[0][0] > horizon_ms:
                return False
            self.now_ms, _, act = heapq.heappop(self._queue)
            act()
        return True


@dataclass(frozen=True, slots=True)
class Conditions:
    """How bad a network is. Shares 0..1."""

    loss: float = 0.0
    delay_ms_max: int = 100
    duplication: float = 0.0
    """Of messages that come a second time, up to ten times as late: reordering comes with it."""
    partition_ms: int = 0
    """How long a cut lasts; 0 for none. Cuts are as long as the time between them."""


CONDITIONS = {
    "calm": Conditions(),
    "lossy": Conditions(loss=0.15, delay_ms_max=2_000, duplication=0.1),
    "slow": Conditions(loss=0.02, delay_ms_max=12_000, duplication=0.05),
    "partition": Conditions(loss=0.02, delay_ms_max=500, duplication=0.05, partition_ms=120_000),
}
"""Networks by name."""


class SimulatedNetwork:
    """Carries things between numbered members, or does not.

    Args:
        clockwork: When.
        chance: Whether.
        size: How many members there are.
        conditions: How badly.
    """

    def __init__(self, clockwork: Clockwork, chance: Random, size: int, conditions: Conditions) -> None:
        self._clockwork, self._chance, self._conditions = clockwork, chance, conditions
        self._size = size
        self._sides: dict[int, list[bool]] = {}
        self.sent = 0

    def carry(self, sender: int, receiver: int, deliver: Act) -> None:
        """Try to have `deliver` happen at the receiver: not at all, once or twice, some time."""
        self.sent += 1
        conditions = self._conditions
        if self.cuts(sender, receiver) or self._chance.random() < conditions.loss:
            return
        self._clockwork.after(1 + self._chance.randrange(conditions.delay_ms_max), deliver)
        if self._chance.random() < conditions.duplication:
            self._clockwork.after(1 + self._chance.randrange(10 * conditions.delay_ms_max), deliver)

    def cuts(self, one: int, other: int) -> bool:
        """Whether two members cannot reach each other now: every second era the swarm is cut in two, anew each time."""
        length = self._conditions.partition_ms
        if not length:
            return False
        era = self._clockwork.now_ms // length
        if era % 2 == 0:
            return False
        if era not in self._sides:
            self._sides[era] = [self._chance.random() < 0.5 for _ in range(self._size)]
        return self._sides[era][one] != self._sides[era][other]
