"""Hostile bytes at both ports of a whole node: frames for every layer of its gossip, and anything at all for gRPC."""

from __future__ import annotations

import asyncio
import time

import trio

from consensus.params import LOCAL
from node.config import load_config
from node.driver.contents import CONTENT, STEM, notice_topic
from node.driver.courier import FETCH, TOPICS
from node.driver.sync import ROUND, SYNC
from node.identity import NodeKey
from node.rpc.binding import make_leaf
from node.workshop.library import CRATE
from tests.support.frame_fuzz import (
    Mutator,
    Words,
    fuzz_gossip,
    fuzz_links,
    fuzz_noise,
    fuzz_requests,
    fuzz_tcp,
    fuzz_yamux,
    repeatedly,
)
from tests.support.process_swarm import ProcessSwarm
from tests.support.rpc_garbage import garbled_request, http2_frames, opening, raw_channel, throw, tls_of

GOSSIP_S, RPC_S = 600, 600
"""Limits of the two parts."""

GOSSIP_FRAMES_MIN = 6_500
"""gRPC gets some 3,600 more."""

AT_ONCE = 8


def words_of(swarm: ProcessSwarm, recorded: tuple[bytes, ...]) -> Words:
    """What this swarm's nodes understand: their network, topics and protocols, and contents of real gossip."""
    return Words(
        network_id=swarm.genesis.network.hex(),
        preset_hash=LOCAL.hash(),
        topics=(*sorted(set(TOPICS.values())), notice_topic(0), notice_topic(1)),
        protocols=(FETCH, SYNC, ROUND, STEM, CONTENT, CRATE, "nothing/1"),
        recorded=recorded,
    )


async def bombard(swarm: ProcessSwarm, number: int, mutator: Mutator, folder) -> None:
    """Throw some ten thousand frames at one node's two ports; `mutator.sent` counts them."""
    config = load_config(swarm.ground.homes[number].config)
    await asyncio.to_thread(trio.run, _bombard_gossip, config.network.port, mutator)
    async with asyncio.timeout(RPC_S):
        await _bombard_rpc(config.rpc.port, mutator, folder)


async def _bombard_gossip(port: int, mutator: Mutator) -> None:
    with trio.fail_after(GOSSIP_S):
        # How many frames get through before a link is ended is chance, and fewer do while the machine is busy.
        while mutator.sent < GOSSIP_FRAMES_MIN:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fuzz_tcp, port, mutator, 160)
                nursery.start_soon(fuzz_noise, port, mutator, 20)
                for talk, rounds in ((fuzz_yamux, 10), (fuzz_gossip, 16), (fuzz_requests, 12), (fuzz_links, 30)):
                    nursery.start_soon(repeatedly, port, mutator, talk, rounds)


async def _bombard_rpc(port: int, mutator: Mutator, folder) -> None:
    chance = mutator.random
    leaf = make_leaf(NodeKey(chance.randbytes(32)), expires_unix_s=int(time.time()) + 1000)
    tls = tls_of(leaf, folder)
    for _ in range(20):
        await asyncio.gather(*(throw(port, opening(chance)) for _ in range(AT_ONCE)))
        await asyncio.gather(*(throw(port, http2_frames(chance, 12), tls=tls) for _ in range(AT_ONCE)))
        mutator.sent += AT_ONCE + 12 * AT_ONCE
    async with raw_channel(port, leaf) as channel:
        for case in range(1500):
            await garbled_request(channel, chance, case)
        mutator.sent += 1500
