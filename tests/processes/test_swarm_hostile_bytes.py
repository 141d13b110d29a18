"""Ten thousand random and mutated frames at the ports of a working node: it lives, keeps its size, goes on working."""

import asyncio

import pytest

from consensus.types import JobStatus
from tests.support.bombardment import bombard, words_of
from tests.support.chance import draw_seed
from tests.support.frame_fuzz import Mutator
from tests.support.process_swarm import ProcessSwarm, assert_one_history, lay_swarm, order

pytestmark = [pytest.mark.processes, pytest.mark.cargo, pytest.mark.slow]

FRAMES_MIN = 10_000
GROWTH_MB_MAX = 120
"""Of the attacked process. What strangers can make a node hold at once: 24 links with a window of 256 KiB on each of a
few streams, 64 connections not yet admitted, 32 requests of at most 1 MiB, 2048 events between the loops; in all some
tens of megabytes, and as much again for what Python's allocator does not give back at once. A leak has no bound."""


def test_hostile_bytes_on_every_port_of_a_node_stop_nothing(tmp_path, built, start):
    seed = draw_seed(3)
    print(f"seed of the fuzz: {seed}")
    asyncio.run(scenario(lay_swarm(tmp_path / "swarm", shared=built, start=start), tmp_path, seed))


async def scenario(layout, folder, seed):
    async with ProcessSwarm(layout) as swarm:
        await swarm.until_ended(await swarm.submit(swarm.sign(order(("code_search", "docstring_generation")))))
        mutator = Mutator(seed, words_of(swarm, await recorded(swarm)))
        pids, before_mb = [swarm.process(n).pid for n in swarm.running()], swarm.rss_mb(1)
        await bombard(swarm, 1, mutator, folder)
        grown_mb = swarm.rss_mb(1) - before_mb
        print(f"{mutator.sent} frames, {before_mb:.0f} MB before, {grown_mb:+.0f} MB")
        assert mutator.sent >= FRAMES_MIN
        assert grown_mb < GROWTH_MB_MAX
        await still_works(swarm)
        assert [swarm.process(n).pid for n in swarm.running()] == pids
    assert_one_history(await swarm.chains())


async def still_works(swarm):
    """The attacked node answers, its network never had to be restarted, and a job handed to it is done."""
    counters = {counter.name: counter.value for counter in (await swarm.answer(swarm.clients[1].status)).counters}
    assert counters["network_restarts"] == 0
    assert any(counters[name] for name in counters if name.startswith("refused:")), (
        "no frame came as far as the courier"
    )
    view = await swarm.until_ended(await swarm.submit(swarm.sign(order(("code_explanation",))), 1))
    assert view.status is JobStatus.DONE
    await swarm.until_level()


async def recorded(swarm):
    """Messages as they really went over gossip in the first job."""
    envelopes = (await swarm.chains())[0].envelopes
    assert len(envelopes) > 20
    return tuple(b"\0" + envelope for envelope in envelopes)
