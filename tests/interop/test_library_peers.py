"""Crates that cargo cannot bring here come from peers, whatever they came from there."""

import asyncio

import pytest

from node.crates.store import NO_CHECKSUM, CrateStore
from node.errors import NodeError
from node.network.memory import MemoryHub
from node.workshop import Library
from tests.support.swarm import key_of

pytestmark = pytest.mark.cargo

MANIFEST = '[package]\nname = "mine"\nversion = "0.1.0"\nedition = "2021"\nlicense = "MIT"\n'
SOURCE = "/// Adds one.\npub fn next(number: u32) -> u32 {\n    number + 1\n}\n"


@pytest.fixture
def crate(tmp_path):
    folder = tmp_path / "mine"
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(MANIFEST)
    (folder / "src/lib.rs").write_text(SOURCE)
    return folder


def opened_by_a_peer(tmp_path, crate, *, spoil=lambda store: None):
    """What a node without cargo gets of a crate that its only peer took from a folder."""

    async def scenario():
        hub = MemoryHub(seed=1)
        holder = CrateStore(tmp_path / "holder")
        pin = (await asyncio.to_thread(holder.acquire, str(crate))).pin
        assert pin.checksum == NO_CHECKSUM
        spoil(holder)
        networks = [hub.network(key_of(number).node) for number in range(2)]
        Library(holder, networks[0], None).attach()
        asker = Library(CrateStore(tmp_path / "asker", cargo="no-such-cargo"), networks[1], None)
        for network in networks:
            await network.start()
        return pin, await asker.open(pin)

    return asyncio.run(scenario())


def test_a_crate_from_a_folder_reaches_a_node_that_has_only_its_pin(tmp_path, crate):
    pin, found = opened_by_a_peer(tmp_path, crate)
    assert found.pin == pin
    assert "next" in [item.name for item in found.view.kb.items]


def test_other_bytes_than_the_pins_are_not_taken(tmp_path, crate):
    def spoil(store):
        (packed,) = (offer.path for offer in store.offers() if offer.kind == "packed")
        data = bytearray(packed.read_bytes())
        data[-20] ^= 1
        packed.write_bytes(data)

    with pytest.raises(NodeError):
        opened_by_a_peer(tmp_path, crate, spoil=spoil)


def test_the_same_folder_is_packed_into_the_same_bytes(tmp_path, crate):
    stores = [CrateStore(tmp_path / name) for name in ("one", "two")]
    for store in stores:
        store.acquire(str(crate))
    packed = [[offer.path.read_bytes() for offer in store.offers() if offer.kind == "packed"] for store in stores]
    assert packed[0] == packed[1]
    assert len(packed[0]) == 1
