"""A node that is cut off from everybody while the others work, and what has to hold when it comes back."""

from __future__ import annotations

import asyncio
import fcntl
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from consensus.types import JobStatus
from tests.support.process_swarm import (
    CHEAP,
    FOLLOW_S,
    Layout,
    ProcessSwarm,
    assert_no_slot_was_signed_twice,
    assert_one_history,
    order,
)


@dataclass(frozen=True, slots=True)
class Cut:
    """How it went."""

    away_s: float
    missed: int
    """Rounds certified without it."""
    followed_s: float
    """From its return to equal heads."""


async def cut_off(layout: Layout, *, away_s: float, categories: Sequence[str] = CHEAP) -> Cut:
    """Cut a node off in the middle of a job, let the others end it, and have the node come back.

    The node's process is stopped (SIGSTOP): its connections stay open and say nothing, on gossip and gRPC alike, which
    is what a cable that was pulled looks like to the others. It comes back not knowing that time has passed.

    Args:
        layout: The swarm.
        away_s: At least this long, and until the others have ended the job.
        categories: Of the job.
    """
    async with ProcessSwarm(layout) as swarm:
        victim, others = len(swarm.processes) - 1, list(range(len(swarm.processes) - 1))
        job = await swarm.submit(swarm.sign(order(categories)))
        await swarm.until(lambda: _knows(swarm, job, victim), FOLLOW_S, "the victim's knowing of the job")
        began = time.monotonic()
        await _stop(swarm, victim, layout.kept)
        before = max((await swarm.chains())[victim].rounds, default=0)
        if await swarm.has_ended(job):  # before we came to stop the victim
            job = await swarm.submit(swarm.sign(order(categories[:1])))
        view = await swarm.until_ended(job, others)
        await asyncio.sleep(max(0.0, began + away_s - time.monotonic()))
        missed = max((await swarm.chains())[0].rounds) - before
        swarm.signal(victim, signal.SIGCONT)
        returned = time.monotonic()
        await swarm.until_level()
        followed_s = time.monotonic() - returned
        again = await swarm.until_ended(await swarm.submit(swarm.sign(order(("function_naming",))), victim))
        await swarm.until_level()
    chains = await swarm.chains()
    assert (view.status, again.status) == (JobStatus.DONE, JobStatus.DONE)
    assert_one_history(chains)
    assert_no_slot_was_signed_twice(chains)
    return Cut(returned - began, missed, followed_s)


async def _stop(swarm: ProcessSwarm, victim: int, caches: Path) -> None:
    """Stop a node at a moment at which nobody holds a lock of the caches.

    Nodes of one machine share these and wait for each other there; nodes that a cable parts do not.
    """

    async def stopped_with_nothing_in_hand() -> bool:
        swarm.signal(victim, signal.SIGSTOP)
        if _all_free(caches):
            return True
        swarm.signal(victim, signal.SIGCONT)
        return False

    await swarm.until(stopped_with_nothing_in_hand, FOLLOW_S, "a moment at which no cache is locked")


def _all_free(caches: Path) -> bool:
    places = (caches / name for name in ("crates/work", "bench", "bench/benches"))
    return all(_is_free(lock) for place in places for lock in place.glob("*.lock"))


def _is_free(lock: Path) -> bool:
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


async def _knows(swarm: ProcessSwarm, job, number: int) -> bool:
    return await swarm.job(job, number) is not None
