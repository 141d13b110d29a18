"""Whole rounds through real drivers over the network in memory."""

import asyncio

from consensus.types import CandidateState, JobStatus
from tests.support.swarm import Swarm, make_job


def done(swarm, job, node=0):
    progress = swarm.job(job, node)
    return progress is not None and progress.status is not JobStatus.OPEN


async def accepted(swarm, job, node=0):
    rows = await swarm.nodes[node].store.decisions.find(job=job, state=CandidateState.ACCEPTED)
    return {row.decision.content for row in rows}


def test_a_job_goes_all_the_way_and_every_node_decides_alike(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5) as swarm:
            job = await swarm.submit(make_job())
            await swarm.until(lambda: all(done(swarm, job, n) for n in range(5)))
            assert swarm.job(job).status is JobStatus.DONE
            assert len({swarm.state(n).previous for n in range(5)}) == 1
            contents = await accepted(swarm, job)
            assert len(contents) == 8
            assert all(swarm.truth.quality[content] > 5000 for content in contents)

    asyncio.run(scenario())
