"""One swarm for all tests of the desks: five nodes, a liar among them, and one job worked to its end."""

import asyncio
from dataclasses import dataclass

import pytest

from consensus.types import JobId, JobStatus
from node.config import NodeConfig
from node.desks import open_desks
from node.desks.engine import EngineRoom
from node.desks.publisher import ShardPublisher
from node.home import NodeHome
from node.rpc.desks import Desks
from tests.support.rows import RowWorkshop
from tests.support.rpc_desks import FixedExchange
from tests.support.swarm import STEADY, Swarm, make_job

LIAR = 2
JOB = make_job(STEADY, crates=3, categories=5)


@dataclass
class Front:
    """A swarm, the desks of its first node, and the loop they live on."""

    swarm: Swarm
    runner: asyncio.Runner
    desks: Desks
    publisher: ShardPublisher
    job: JobId
    stopped: list

    def __call__(self, coroutine):
        return self.runner.run(coroutine)

    @property
    def home(self) -> NodeHome:
        return NodeHome(self.swarm.nodes[0].folder)

    def reopened(self):
        """Desks as a restarted node would have them: nothing kept in memory."""
        return open_front(self.swarm, [])


def open_front(swarm, stopped):
    node = swarm.nodes[0]
    return open_desks(
        driver=node.driver,
        home=NodeHome(node.folder),
        config=NodeConfig(),
        checks=None,
        why_no_checks="a test executes nothing",
        stop=lambda: stopped.append(True),
        exchange=FixedExchange(),
        engine=EngineRoom(),
        clock=lambda: swarm.now_s,
    )


@pytest.fixture(scope="session")
def front(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swarm")
    stopped = []
    with asyncio.Runner() as runner:
        swarm = Swarm(folder, 5, preset=STEADY, styles={LIAR: "inverted"}, workshop=RowWorkshop)

        async def begin():
            await swarm.__aenter__()
            desks, publisher = open_front(swarm, stopped)
            job = await swarm.submit(JOB)
            await swarm.until(lambda: swarm.job(job) and swarm.job(job).status is not JobStatus.OPEN)
            await publisher.publish_due()
            return desks, publisher, job

        desks, publisher, job = runner.run(begin())
        yield Front(swarm, runner, desks, publisher, job, stopped)
        runner.run(swarm.__aexit__())
