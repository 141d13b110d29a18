"""A member that lies on the wire while a job runs: nobody falls, and everything certified verifies from the genesis."""

import asyncio
import random

import pytest

from consensus.types import JobStatus
from node.cli.peer_source import PeerSource, pull_to_the_end
from node.cli.trust import load_trust_root
from tests.support.chance import draw_seed
from tests.support.hostile_member import Siege
from tests.support.process_swarm import CHEAP, FOLLOW_S, ProcessSwarm, assert_one_history, identities, lay_swarm, order

pytestmark = [pytest.mark.processes, pytest.mark.cargo, pytest.mark.slow]

SORTS = {"duplicate", "reordered", "forged", "malformed", "late", "usurped", "oversized", "two-faced"}


def test_a_hostile_member_brings_nobody_down_and_no_wrong_row_in(tmp_path, start):
    seed = draw_seed(2)
    print(f"seed of the hostile member: {seed}")
    asyncio.run(scenario(lay_swarm(tmp_path / "swarm", 5, start=start), tmp_path, random.Random(seed)))


async def scenario(layout, folder, chance):
    liar = identities(layout.ground)[4]
    async with ProcessSwarm(layout, absent={4}) as swarm:
        async with Siege(swarm, 4, chance) as siege:
            job = await swarm.submit(swarm.sign(order(CHEAP)))
            view = await swarm.until_ended(job)

            async def all_was_said():
                return siege.sent.keys() == SORTS

            await swarm.until(all_was_said, FOLLOW_S, "every sort of lie")
        await swarm.until_level()
        print(view.rows, dict(siege.sent), [dict(await refusals(swarm, number)) for number in swarm.running()])
        assert view.status is JobStatus.DONE
        await pulled_rows_verify(swarm, job, view.rows, folder / "out")
    chains = await swarm.chains()
    assert len(chains) == 4
    assert_one_history(chains)
    assert all(chain.offences.keys() <= {liar} for chain in chains), "an honest node was convicted"


async def refusals(swarm, number):
    counters = (await swarm.answer(swarm.clients[number].status)).counters
    return [(item.name, item.value) for item in counters if item.name.startswith(("refused:", "dropped:"))]


async def pulled_rows_verify(swarm, job, rows, out):
    """Every row of the job, pulled from another node and verified by somebody who knows the genesis only."""
    client = swarm.clients[2]

    async def published():
        return sum(shard.rows for shard in await swarm.answer(lambda: client.list_shards(job))) >= rows

    await swarm.until(published, FOLLOW_S, "published shards")
    trust = load_trust_root(swarm.ground.homes[0].genesis, swarm.ground.homes[0])
    report = await pull_to_the_end(PeerSource(client), trust, out, job)
    assert report.refused == ()
