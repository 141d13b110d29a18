"""A swarm whose nodes are killed with kill -9 at random moments while a job runs; what has to hold afterwards."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from consensus.types import JobStatus
from tests.support.process_swarm import (
    Layout,
    ProcessSwarm,
    assert_no_slot_was_signed_twice,
    assert_one_history,
    identities,
    order,
)

ORPHANS_S = 30.0
"""For compilers and tests to notice that their node is gone."""


@dataclass(frozen=True, slots=True)
class Killings:
    """How a run of it went."""

    while_open: int
    """Kills before the job's end."""
    heights: tuple[int, ...]
    """The victim's certified rounds at each kill."""
    rows: int


async def kill_at_random(
    layout: Layout,
    categories: Sequence[str],
    *,
    seed: int,
    kills: int,
    spared_s: float = 5.0,
    away_s: float = 4.0,
    limit_s: float = 400.0,
    quota: int = 2,
) -> Killings:
    """Run a job, kill and restart nodes during it, and check that nothing was lost, changed or signed twice.

    Any node may be hit, also the one that the job was handed to, also while it still starts after the kill before.

    Args:
        layout: The swarm.
        categories: Of the job.
        seed: Of the moments and victims; what the processes do meanwhile is their own.
        kills: How many.
        spared_s: At most so long between a restart and the next kill.
        away_s: At most so long between a kill and the restart.
        limit_s: For the job's end after the last restart.
        quota: Of the job.
    """
    chance = random.Random(seed)
    while_open, heights, earlier = 0, [], []
    async with ProcessSwarm(layout) as swarm:
        job = await swarm.submit(swarm.sign(order(categories, quota=quota)))
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.0, spared_s))
            victim = chance.randrange(len(swarm.processes))
            others = [number for number in swarm.running() if number != victim]
            swarm.kill(victim)
            while_open += not any([await swarm.has_ended(job, number) for number in others])
            earlier.append(await swarm.chains())
            heights.append(max(earlier[-1][victim].rounds, default=0))
            await asyncio.sleep(chance.uniform(0.0, away_s))
            swarm.start(victim)
        view = await swarm.until_ended(job, within_s=limit_s)
        await swarm.until_level()
        await swarm.until(swarm.no_orphans, ORPHANS_S, "the end of what killed nodes had started")
        assert [member.node for member in await swarm.statuses()] == identities(layout.ground)
    chains = await swarm.chains()
    assert view.status is JobStatus.DONE
    assert_one_history(chains)
    for then in earlier:
        assert all(now.holds(before) for now, before in zip(chains, then, strict=True))
    assert_no_slot_was_signed_twice(chains)
    assert len(chains[0].rows) == view.rows
    return Killings(while_open, tuple(heights), view.rows)
