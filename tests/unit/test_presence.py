"""Members that are linked with others are not taken for absent, and nobody keeps an absent one alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Self

from consensus.types import Hash, NodeId
from node.driver.presence import TOPIC, Presence
from node.identity import NodeKey
from node.network import virtual_time
from node.network.memory import MemoryHub
from node.wire import Domain

KEYS = {name: NodeKey(bytes([number]) * 32) for number, name in enumerate("ABC", start=1)}
A, B, C = (key.node for key in KEYS.values())
DOMAIN = Domain(Hash(bytes(32)))
ABSENT_S = 60


class Party:
    """Nodes on a hub, of which some are members; `B` hands on to each side what it hears, as gossip does."""

    def __init__(self, hub: MemoryHub, members: tuple[NodeId, ...], *, domains: dict[NodeId, Domain] | None = None):
        self.hub, self.members = hub, members
        self.heard: list[tuple[NodeId, bytes]] = []
        self.networks = {key.node: hub.network(key.node) for key in KEYS.values()}
        self.of = {
            key.node: Presence(
                key=key,
                domain=(domains or {}).get(key.node, DOMAIN),
                network=self.networks[key.node],
                members=lambda: self.members,
                clock=lambda: 1_000_000 + asyncio.get_running_loop().time(),
                absent_ms=ABSENT_S * 1000,
            )
            for key in KEYS.values()
        }

    async def __aenter__(self) -> Self:
        for node, presence in self.of.items():
            presence.attach()
            await self.networks[node].start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for network in self.networks.values():
            await network.stop()

    async def live(self, seconds: int, *, silent: tuple[NodeId, ...] = ()) -> dict[NodeId, frozenset[NodeId]]:
        """Everybody looks once a second; who is silent gives no sign."""
        for _ in range(seconds):
            for node, presence in self.of.items():
                presence.absent()
                if node not in silent:
                    await presence.tell()
            await asyncio.sleep(1)
        return {node: presence.absent() for node, presence in self.of.items()}

    async def live_beside(self, frames: Callable[[int], Iterable[bytes]]) -> frozenset[NodeId]:
        """C is silent while B tells A something else every second; whom A then takes for absent."""
        for second in range(2 * ABSENT_S):
            for frame in frames(second):
                await self.networks[B].publish(TOPIC, frame)
            await self.live(1, silent=(C,))
        return self.of[A].absent()


class Chain(MemoryHub):
    """A is linked with B and B with C: what reaches B by gossip goes on to the third."""

    def __init__(self) -> None:
        super().__init__()
        self.passed: list[bytes] = []

    def spread(self, sender, topic, data):
        self.passed.append(data)
        super().spread(sender, topic, data)
        for other in {A, C} - {sender} if sender != B else ():
            if self.reaches(B, other):
                self._send(B, self._nodes[other], topic, data)

    def begin(self):
        self.cut(A, C)
        return self


def story(tell, *, members=(A, B, C), hub=None, **options):
    async def main():
        async with Party((hub or Chain)().begin(), members, **options) as party:
            return await tell(party)

    return virtual_time.run(main())


def test_a_member_that_is_linked_with_others_only_is_not_absent():
    async def tell(party):
        linked = {peer.node for peer in party.networks[A].peers() if peer.connected}
        return linked, await party.live(5 * ABSENT_S)

    assert story(tell) == ({B}, {A: frozenset(), B: frozenset(), C: frozenset()})


def test_without_signs_it_is_absent_when_the_time_is_up_and_no_sooner():
    async def tell(party):
        early = await party.live(ABSENT_S - 1, silent=(C,))
        late = await party.live(5, silent=(C,))
        return early[A], late[A], late[B]

    assert story(tell) == (frozenset(), {C}, frozenset())


def test_it_is_back_with_its_next_sign():
    async def tell(party):
        away = await party.live(2 * ABSENT_S, silent=(C,))
        back = await party.live(2)
        return away[A], back[A]

    assert story(tell) == ({C}, frozenset())


def test_what_it_said_once_keeps_nobody_alive():
    async def tell(party):
        await party.live(1)
        (old,) = [data for data in party.hub.passed if data.startswith(C)]
        return await party.live_beside(lambda _: [old])

    assert story(tell) == {C}


def test_nobody_gives_signs_for_another():
    async def tell(party):
        await party.live(1, silent=(C,))
        (own,) = [data for data in party.hub.passed if data.startswith(B)]

        def forged(second):
            later = (10**12 + second).to_bytes(8, "big")
            return C + own[32:], C + later + own[40:], C + later + bytes(64), C, b"", own + b"\0"

        return await party.live_beside(forged)

    assert story(tell) == {C}


def test_signs_of_another_swarm_or_of_strangers_say_nothing():
    async def tell(party):
        await party.live(2 * ABSENT_S)
        return party.of[A].absent(), sum(data.startswith(C) for data in party.hub.passed)

    elsewhere = {C: Domain(Hash(bytes([1]) * 32))}
    assert story(tell, domains=elsewhere)[0] == {C}
    assert story(tell, members=(A, B)) == (frozenset(), 0)


def test_a_clock_that_is_set_back_silences_nobody():
    async def tell(party):
        await party.live(1)
        party.of[C]._clock = lambda: 5.0
        return (await party.live(3 * ABSENT_S))[A]

    assert story(tell) == frozenset()
