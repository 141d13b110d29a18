"""A relay that keeps what it was handed, or announces it and gives it to nobody, loses nobody's candidate."""

import asyncio
from types import SimpleNamespace

import pytest

from consensus.tickets import Booth
from consensus.types import CandidateNotice, Hash
from node.driver import contents as contents_module
from node.driver.contents import STEM, Contents, notice_topic
from node.driver.frames import pack_batch, parse_batch
from node.network.interface import REQUEST_BYTES_MAX
from node.network.memory import MemoryHub
from node.store import open_store
from node.values.example import content_hash
from node.wire import Domain
from tests.support.swarm import key_of

AUTHOR, PSEUDONYM = key_of(0), key_of(1)
RELAY, RATER = sorted((key_of(2), key_of(3)), key=lambda key: key.node)
"""By chance, which is taken out here, an author asks the first of its peers first."""
BOOTH = Booth(Hash(bytes(32)), 7, 0, (AUTHOR.node, key_of(9).node), places=2)
CONTENT = b"an example"
NOTICE = CandidateNotice(7, 0, content_hash(CONTENT), len(CONTENT), 0, b"")


class WithholdingRelay:
    """Takes what it is handed. `announces`: says that it has it, too; it answers no question for it."""

    def __init__(self, hub, *, announces):
        self.network, self.handed, self._announces = hub.network(RELAY.node), 0, announces
        self.network.serve(STEM, self._on_stem)
        self.network.subscribe(notice_topic(0), lambda _forwarder, _data: None)

    async def _on_stem(self, _peer, data):
        self.handed += 1
        if self._announces:
            notice = pack_batch(parse_batch(data)[:1], bytes_max=REQUEST_BYTES_MAX)
            await self.network.publish(notice_topic(0), RELAY.node + notice)
        return b""


async def party(hub, key, store, held, *, rates):
    network = hub.network(key.node)
    contents = Contents(
        key=key,
        domain=Domain(Hash(bytes(32))),
        store=store,
        network=network,
        held=lambda *told: held.put_nowait(told[2]),
        booth=lambda height, task: BOOTH if (height, task) == (7, 0) else None,
        is_wanted=lambda _height, _task: rates,
        example_bytes_max=1000,
    )
    contents.attach()
    contents.network = network
    await network.start()
    return contents


@pytest.mark.parametrize("announces", [False, True], ids=["keeps it", "announces it and gives it to nobody"])
def test_what_a_relay_withholds_is_rated_all_the_same(tmp_path, monkeypatch, announces):
    monkeypatch.setattr(contents_module, "EMBARGO_S", 0.05)
    monkeypatch.setattr(contents_module, "FETCH_TIMEOUT_S", 0.2)
    monkeypatch.setattr(contents_module, "secrets", SimpleNamespace(randbelow=lambda _count: 0))

    async def scenario():
        hub, held = MemoryHub(seed=1), asyncio.Queue()
        relay = WithholdingRelay(hub, announces=announces)
        await relay.network.start()
        async with await open_store(tmp_path / "a") as one, await open_store(tmp_path / "r") as other:
            author = await party(hub, AUTHOR, one, asyncio.Queue(), rates=False)
            rater = await party(hub, RATER, other, held, rates=True)
            await author.publish([(PSEUDONYM, NOTICE, CONTENT)])
            async with asyncio.timeout(120):
                first = await held.get()
            for network in (relay.network, author.network, rater.network):
                await network.stop()
            await author.close()
            await rater.close()
        assert relay.handed
        return first

    assert asyncio.run(scenario()) == content_hash(CONTENT)
