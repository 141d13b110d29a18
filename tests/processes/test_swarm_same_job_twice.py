"""The same signed job over the same nodes gives the same rows, in separate processes with real gossip, twice."""

import asyncio

import pytest

from consensus.types import JobStatus
from tests.support.process_swarm import CHEAP, ProcessSwarm, assert_one_history, lay_swarm, order

pytestmark = [pytest.mark.processes, pytest.mark.cargo, pytest.mark.slow]


async def accepted(layout, envelope):
    """The example ids that one run accepts, after checking that its nodes agree."""
    async with ProcessSwarm(layout) as swarm:
        view = await swarm.until_ended(await swarm.submit(envelope))
        assert view.status is JobStatus.DONE
        await swarm.until_level()
    chains = await swarm.chains()
    assert_one_history(chains)
    assert len(chains[0].rows) == view.rows
    return chains[0].rows


def test_two_runs_of_one_signed_job_over_the_same_nodes_accept_the_same_examples(tmp_path, built, start):
    first = lay_swarm(tmp_path / "first", shared=built, start=start)
    second = first.copy(tmp_path / "second")
    envelope = ProcessSwarm(first).sign(order((*CHEAP, "bug_detection")))
    one, other = asyncio.run(accepted(first, envelope)), asyncio.run(accepted(second, envelope))
    assert len(one) >= 6
    assert set(one) == set(other)
