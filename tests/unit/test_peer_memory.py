"""What outlives the network thread: known peers, told addresses, and a cache that may fail."""

import asyncio

from consensus.types import NodeId
from node.errors import OperatorError
from node.network import peer_memory, virtual_time
from node.network.addresses import Address
from node.network.limits import NetworkLimits
from node.network.peer_memory import PeerMemory
from node.values.peer import KnownPeer

ME, A, B = (NodeId(bytes([number]) * 32) for number in range(3))
KNOWN = (KnownPeer(A, ("p2p://10.0.0.1:1", "nonsense"), "bootstrap", 7),)


class Cache:
    """A cache that fails as often as it is told to."""

    def __init__(self, failures=0):
        self.failures = failures
        self.saved = []

    def load(self):
        self._fail()
        return KNOWN

    def save(self, peers):
        self._fail()
        self.saved.append(tuple(peers))

    def _fail(self):
        if self.failures:
            self.failures -= 1
            raise OperatorError("the disk is full", hint="make room")


def test_a_new_life_knows_what_the_cache_and_the_operator_know():
    async def story():
        memory = PeerMemory(Cache())
        await memory.load()
        memory.tell(B, Address("p2p", "10.0.0.2", 2), source="bootstrap")
        memory.tell(None, Address("p2p", "10.0.0.3", 3), source="bootstrap")
        return memory.book(ME, NetworkLimits()).targets(0.0, lambda _targets: None)

    assert [(target.node, target.address.port) for target in asyncio.run(story())] == [(A, 1), (B, 2), (None, 3)]


def test_a_cache_that_cannot_be_read_keeps_nobody_from_starting(caplog):
    async def story():
        memory = PeerMemory(Cache(failures=1))
        await memory.load()
        return memory.book(ME, NetworkLimits()).infos()

    assert asyncio.run(story()) == ()
    assert "the disk is full" in caplog.text


def test_what_changed_is_saved_soon_and_a_failed_write_is_made_up_for():
    cache = Cache()

    async def story():
        memory = PeerMemory(cache)
        await memory.load()
        saving = asyncio.create_task(memory.save_now_and_then())
        cache.failures = 1
        memory.learn_known(())
        await asyncio.sleep(peer_memory.SAVE_SOON_S + 1)
        failed = list(cache.saved)
        memory.learn_known(())
        await asyncio.sleep(peer_memory.SAVE_S + 1)
        saving.cancel()
        return failed

    assert virtual_time.run(story()) == []
    assert cache.saved == [()]


def test_what_did_not_change_is_not_written():
    cache = Cache()

    async def story():
        memory = PeerMemory(cache)
        await memory.load()
        memory.learn_known(KNOWN)
        await memory.save()

    asyncio.run(story())
    assert cache.saved == []


def test_told_addresses_are_bounded_and_hearsay_pushes_out_no_bootstrap_address():
    memory = PeerMemory(None)
    memory.tell(None, Address("p2p", "seed", 1), source="bootstrap")
    for number in range(peer_memory.TOLD_MAX + 10):
        memory.tell(A, Address("p2p", f"host{number}", 1), source="exchange")
    assert len(memory.told) == peer_memory.TOLD_MAX
    assert memory.told[0] == (None, Address("p2p", "seed", 1), "bootstrap")
