"""A swarm whose nodes are killed with kill -9 at random moments while a job runs; what has to hold afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from consensus.types import JobId, JobStatus
from node.cli.ordering import Order
from node.errors import TransientError
from tests.support.process_swarm import (
    Layout,
    ProcessSwarm,
    assert_no_slot_was_signed_twice,
    assert_one_history,
    identities,
    order,
)

SUBMIT_S = 300.0
ORPHANS_S = 120.0
"""For compilers and tests to notice that their node is gone."""


@dataclass(frozen=True, slots=True)
class Killings:
    """How a run of it went."""

    while_open: int
    """Kills while a job was in work."""
    heights: tuple[int, ...]
    """The victim's certified rounds at each kill."""
    jobs: int
    rows: int


async def kill_at_random(
    layout: Layout,
    categories: Sequence[str],
    *,
    seed: int,
    kills: int,
    spared_s: float = 5.0,
    away_s: float = 4.0,
    limit_s: float = 900.0,
    quota: int = 2,
) -> Killings:
    """Run jobs, kill and restart nodes during them, and check that nothing was lost, changed or signed twice.

    Any node may be hit, also one that a job was handed to, also while it still starts after the kill before. When a job
    is over and kills are left, another is handed in.

    Args:
        layout: The swarm.
        categories: Of the jobs.
        seed: Of the moments and victims; what the processes do meanwhile is their own.
        kills: How many.
        spared_s: At most so long between a restart and the next kill.
        away_s: At most so long between a kill and the restart.
        limit_s: For the jobs' end after the last restart.
        quota: Of the jobs.
    """
    chance = random.Random(seed)
    while_open, heights, earlier, jobs = 0, [], [], []
    async with ProcessSwarm(layout) as swarm:
        for _ in range(kills):
            if not jobs or await _is_over(swarm, jobs[-1]):
                jobs.append(await _submit(swarm, order(categories, quota=quota)))
            await asyncio.sleep(chance.uniform(0.0, spared_s))
            victim = chance.randrange(len(swarm.processes))
            while_open += not await _is_over(swarm, jobs[-1])
            swarm.kill(victim)
            earlier.append(await swarm.chains())
            heights.append(max(earlier[-1][victim].rounds, default=0))
            await asyncio.sleep(chance.uniform(0.0, away_s))
            swarm.start(victim)
        views = [await swarm.until_ended(job, within_s=limit_s) for job in jobs]
        await swarm.until_level()
        await swarm.until(swarm.no_orphans, ORPHANS_S, "the end of what killed nodes had started")
        assert [member.node for member in await swarm.statuses()] == identities(layout.ground)
    chains = await swarm.chains()
    assert {view.status for view in views} == {JobStatus.DONE}
    assert_one_history(chains)
    for then in earlier:
        assert all(now.holds(before) for now, before in zip(chains, then, strict=True))
    assert_no_slot_was_signed_twice(chains)
    assert len(chains[0].rows) == sum(view.rows for view in views)
    return Killings(while_open, tuple(heights), len(jobs), len(chains[0].rows))


async def _is_over(swarm: ProcessSwarm, job: JobId) -> bool:
    return any([await swarm.has_ended(job, number) for number in swarm.running()])


async def _submit(swarm: ProcessSwarm, wanted: Order) -> JobId:
    """Hand a job to the first node that takes it: the others may still be starting."""
    envelope = swarm.sign(wanted)
    taken: list[JobId] = []

    async def take() -> bool:
        for number in swarm.running():
            with contextlib.suppress(TransientError):
                taken.append((await swarm.clients[number].submit_job(envelope)).job)
                return True
        return False

    await swarm.until(take, SUBMIT_S, "a node that takes the job")
    return taken[0]
