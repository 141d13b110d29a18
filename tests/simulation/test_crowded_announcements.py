"""Pseudonyms are free: whoever announces most and first takes nobody's place, and fills nobody's disk (R13)."""

import asyncio
import contextlib
from dataclasses import replace

from consensus.tickets import Booth, booth_of
from consensus.types import CandidateNotice, CandidateState, Hash, JobId, JobStatus
from node.driver.contents import STEM, Contents
from node.driver.frames import pack_batch
from node.errors import NodeError
from node.identity import NodeKey
from node.network.interface import REQUEST_BYTES_MAX
from node.network.memory import MemoryHub
from node.store import open_store
from node.values.example import content_hash
from node.wire import Domain, seal_message
from tests.support.swarm import CALM, Swarm, key_of, make_job


class Crowder:
    """A stranger that hands every node junk for every planned task, under a new pseudonym each time."""

    def __init__(self, swarm: Swarm) -> None:
        self._swarm = swarm
        self._key = key_of(77)
        self._network = swarm.hub.network(self._key.node)
        self.contents: list[bytes] = []

    async def run(self) -> None:
        await self._network.start()
        crowded = 0
        while True:
            for plan in self._swarm.state().plans:
                for task in plan.tasks if plan.height > crowded else ():
                    for place in range(task.slots):
                        await self._hand_out(booth_of(plan, task.index), place)
            crowded = self._swarm.state().plans[-1].height
            await asyncio.sleep(0.01)

    async def _hand_out(self, booth: Booth, place: int) -> None:
        number = len(self.contents)
        self.contents.append(b"junk %d" % number)
        mine = replace(booth, generators=(self._key.node, *booth.generators[1:]))
        frame = publication(self._swarm.domain, mine, self._key, place, number, self.contents[-1])
        for node in self._swarm.nodes:
            with contextlib.suppress(NodeError):
                await self._network.request(node.key.node, STEM, frame, timeout_s=1)


def publication(domain: Domain, booth: Booth, author: NodeKey, place: int, number: int, content: bytes) -> bytes:
    pseudonym = key_of(10_000 + number)
    notice = CandidateNotice(booth.height, booth.task, content_hash(content), len(content), place, b"")
    envelope = seal_message(domain, booth.give(author.seed, notice, pseudonym.node), pseudonym)
    return pack_batch((envelope, content), bytes_max=REQUEST_BYTES_MAX)


def is_over(swarm: Swarm, job: JobId) -> bool:
    return swarm.job(job) is not None and swarm.job(job).status is not JobStatus.OPEN


def test_a_stranger_with_a_thousand_pseudonyms_gets_nothing_rated_and_nothing_kept(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, preset=CALM) as swarm:
            crowder = Crowder(swarm)
            crowding = asyncio.create_task(crowder.run())
            job = await swarm.submit(make_job(CALM))
            await swarm.until(lambda: is_over(swarm, job))
            crowding.cancel()
            store = swarm.nodes[0].store
            counts = await store.decisions.counts(job)
            assert counts[CandidateState.ACCEPTED] == 8
            assert not counts.get(CandidateState.LATE)
            assert len(crowder.contents) >= 8
            for content in crowder.contents:
                assert await store.blobs.find(content_hash(content)) is None

    asyncio.run(scenario())


def test_of_two_notices_for_one_place_of_a_generator_the_first_is_kept(tmp_path):
    author, relay, stranger = (key_of(number) for number in range(3))
    booth = Booth(Hash(bytes(32)), 7, 0, (author.node, key_of(3).node), places=2)
    domain = Domain(Hash(bytes(32)))

    async def scenario():
        hub, held = MemoryHub(seed=1), []
        network, asker = hub.network(relay.node), hub.network(stranger.node)
        store = await open_store(tmp_path)
        contents = Contents(
            key=relay,
            domain=domain,
            store=store,
            network=network,
            held=lambda *told: held.append(told),
            booth=lambda height, task: booth if (height, task) == (7, 0) else None,
            is_wanted=lambda _height, _task: True,
            example_bytes_max=1000,
        )
        contents.attach()
        await network.start()
        await asker.start()
        for number, (place, content) in enumerate([(0, b"first"), (0, b"second"), (1, b"third"), (0, b"first")]):
            frame = publication(domain, booth, author, place, number, content)
            with contextlib.suppress(NodeError):
                await asker.request(relay.node, STEM, frame, timeout_s=5)
        await contents.close()
        await store.close()
        return [content for _, _, content, _ in held]

    assert asyncio.run(scenario()) == [content_hash(item) for item in (b"first", b"third")]
