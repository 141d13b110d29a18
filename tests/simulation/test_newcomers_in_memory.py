"""Nodes that join a running swarm: examined, admitted, seated, weighed; through real drivers, stores and wire."""

import asyncio
from dataclasses import replace

from consensus.params import q16
from node.identity import peer_id
from tests.support.swarm import STEADY, Swarm, make_job

EASY = replace(STEADY, reputation=replace(STEADY.reputation, examined_answers=q16(4)))
"""Four probes or five are enough."""


def find(swarm, number, at=0):
    return next((m for m in swarm.state(at).members if m.node == swarm.nodes[number].key.node), None)


def is_member(swarm, number, at=0):
    member = find(swarm, number, at)
    return member is not None and not member.examined_from


async def work(swarm, crates=4, categories=15):
    return await swarm.submit(make_job(swarm.preset, crates=crates, categories=categories))


def test_a_newcomer_is_examined_admitted_seated_and_given_a_weight(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, founders=4, preset=EASY) as swarm:
            await work(swarm)
            await swarm.until(lambda: swarm.state().height > 2)
            newcomer = await swarm.join(4)
            await swarm.until(lambda: find(swarm, 4) is not None)
            assert find(swarm, 4).owner == peer_id(newcomer.key.node)
            await swarm.until(lambda: is_member(swarm, 4), within_s=100)
            plans = [plan for n in range(5) for plan in swarm.state(n).plans]
            await swarm.until(
                lambda: any(seat.node == newcomer.key.node for seat in swarm.state().snapshots[-1].seats), within_s=100
            )
            print(swarm.state().height, len(plans))

    asyncio.run(scenario())
