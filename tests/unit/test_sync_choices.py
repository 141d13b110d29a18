"""Who is asked for what is missing: nobody keeps a node from its peers by promising more than it has."""

import asyncio
from types import SimpleNamespace

import pytest

from node.driver import sync as sync_module
from node.driver.frames import RoundRecord, SyncAnswer, SyncRequest
from node.driver.sync import ROUND, SYNC, Sync
from node.errors import TransientError
from tests.support.ratings import node

MEMBERS = tuple(node(f"member-{number}") for number in range(4))
LIARS = tuple(node(f"liar-{number}") for number in range(8))


class Peers:
    """A node's links: members, and liars that say that they have more and give nothing."""

    def __init__(self):
        self.height = 0
        self.asked, self.rounds, self.serves = [], [], {}
        self.silent = set()

    def serve(self, protocol, handler):
        self.serves[protocol] = handler

    def peers(self):
        return [SimpleNamespace(node=name, connected=True) for name in (*MEMBERS, *LIARS)]

    async def request(self, peer, protocol, _data, *, timeout_s):
        del timeout_s
        if protocol == SYNC:
            self.asked.append(peer)
            if peer in self.silent:
                await asyncio.Event().wait()
            return SyncAnswer(1 << 40 if peer in LIARS else self.height, ()).pack(bytes_max=1000)
        assert protocol == ROUND
        await asyncio.sleep(0.02 if peer in LIARS else 0)
        self.rounds.append(peer)
        if peer in LIARS:
            raise TransientError("no answer", waits_for="an answer")
        return RoundRecord(b"certificate", (), ()).pack()


@pytest.fixture
def scene(monkeypatch):
    monkeypatch.setattr(sync_module, "PAUSE_S", 0.001)
    monkeypatch.setattr(sync_module, "BUSY_EVERY_S", 0.001)
    peers, followed = Peers(), []
    state = SimpleNamespace(height=0, plans=(), members=[SimpleNamespace(node=name) for name in MEMBERS])
    pipeline = SimpleNamespace(state=state, progress=SimpleNamespace(rounds=()), news=lambda: ())

    async def nothing(*_args, **_more):
        return ()

    sync = Sync(
        courier=SimpleNamespace(fetch=nothing, take=nothing, take_all=nothing),
        network=peers,
        store=SimpleNamespace(envelopes=SimpleNamespace(missing=nothing)),
        records=None,
        pipeline=lambda: pipeline,
        on_attestations=lambda height, _digests: followed.append(height),
        hold=lambda _height: None,
    )
    sync.attach()
    return SimpleNamespace(sync=sync, peers=peers, followed=followed)


async def play(scene, until):
    """Run it while all liars go on saying that they have more."""

    async def promise():
        while True:
            for liar in LIARS:
                await scene.peers.serves[SYNC](liar, SyncRequest(1 << 40, frozenset()).pack())
            await asyncio.sleep(0)

    tasks = [asyncio.ensure_future(work) for work in (scene.sync.run(), promise())]
    try:
        async with asyncio.timeout(60):
            while not until():  # noqa: ASYNC110 -- what is asked is told to a list
                await asyncio.sleep(0.001)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_half_of_those_asked_are_members_whoever_promises_more(scene):
    asyncio.run(play(scene, lambda: len(scene.peers.asked) >= 40))
    members = sum(name in MEMBERS for name in scene.peers.asked)
    assert 2 * members >= len(scene.peers.asked) - sync_module.ASKED_WHEN_MISSING


def test_who_promises_rounds_and_gives_none_keeps_nobody_from_following_others(scene):
    scene.peers.height = 1
    asyncio.run(play(scene, lambda: scene.followed))
    assert set(scene.followed) == {1}
    assert set(scene.peers.rounds) & set(MEMBERS)


def test_a_peer_that_does_not_answer_keeps_nobody_from_being_asked(scene):
    scene.peers.silent = {*MEMBERS[:3], *LIARS}
    asyncio.run(play(scene, lambda: scene.peers.asked.count(MEMBERS[3]) >= 20))
    assert all(scene.peers.asked.count(name) <= 1 for name in scene.peers.silent)
