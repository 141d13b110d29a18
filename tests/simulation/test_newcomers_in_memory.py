"""Nodes that join a running swarm: examined, admitted, seated, weighed; through real drivers, stores and wire."""

import asyncio
from dataclasses import replace

import pytest

from consensus.encoding import decode
from consensus.params import q16
from consensus.types import (
    ZERO_HASH,
    Application,
    Attestation,
    ChainState,
    JobStatus,
    Kind,
    RatingCommit,
    Vote,
    VotePhase,
)
from node.identity import peer_id
from node.identity.consent import give_consent
from node.replay.stored import replay_store
from node.store import open_store
from node.wire import seal_message
from reputation import LedgerEvent, ReasonKind
from tests.support.swarm import STEADY, Swarm, key_of, make_job, member_of

EASY = replace(STEADY, reputation=replace(STEADY.reputation, examined_answers=q16(4)))
"""Five probes are enough."""

PREVOTE = VotePhase.PREVOTE
HONEST, LIAR, SIBLING = 4, 5, 6


def find(swarm, number, at=0):
    return next((m for m in swarm.state(at).members if m.node == swarm.nodes[number].key.node), None)


def is_examined(swarm, number):
    member = find(swarm, number)
    return member is not None and member.examined_from > 0


async def states_of(swarm):
    rows = await swarm.nodes[0].store.rounds.between(1, swarm.state().height, states=True)
    return [decode(ChainState, row.state) for row in rows]


async def reasons_of(swarm):
    rows = await swarm.nodes[0].store.ledger.read(0)
    events = [decode(LedgerEvent, row.body) for row in rows]
    return {node.number: [r.kind for e in events if e.node == node.key.node for r in e.reasons] for node in swarm.nodes}


async def patiently(swarm, holds):
    """Some twenty rounds of seven nodes: minutes, on a machine that has much else to do."""
    await swarm.until(holds, within_s=600)


async def until_said(swarm, number, kind):
    """Until the ledger says it of a node. Rounds go on meanwhile: where no job is open, another one is submitted."""
    submitted = []
    async with asyncio.timeout(900):
        while kind not in (await reasons_of(swarm))[number]:
            seen = swarm.state()
            known = {job.terms.job for job in seen.jobs}
            if known.issuperset(submitted) and not any(job.status is JobStatus.OPEN for job in seen.jobs):
                more = replace(make_job(EASY, crates=12, categories=15), title=f"more work, part {len(submitted)}")
                submitted.append(await swarm.submit(more))
            await swarm.until(lambda height=seen.height: swarm.state().height > height, within_s=900)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_who_can_rate_gets_in_who_cannot_does_not_and_an_owner_has_one_place(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 7, founders=4, preset=EASY, styles={LIAR: "inverted"}) as swarm:
            await swarm.submit(make_job(EASY, crates=12, categories=15))
            await patiently(swarm, lambda: swarm.state().height > 2)
            newcomer = await swarm.join(HONEST)
            await patiently(swarm, lambda: find(swarm, HONEST) is not None)
            await swarm.join(LIAR)
            await swarm.join(SIBLING, owner=newcomer.key)
            await patiently(swarm, lambda: is_examined(swarm, LIAR))
            await swarm.stop(newcomer)  # a node that dies goes on with its examination
            await swarm.start(newcomer)
            await patiently(swarm, lambda: has_weight(swarm, HONEST))
            await patiently(swarm, lambda: find(swarm, SIBLING) is not None)
            await until_said(swarm, LIAR, ReasonKind.DROPPED)
            check_every_state(swarm, await states_of(swarm))
            reasons = await reasons_of(swarm)
            assert reasons[HONEST].count(ReasonKind.ADMITTED) == 1
            assert ReasonKind.DROPPED not in reasons[HONEST]
            assert ReasonKind.ADMITTED not in reasons[LIAR]
            assert ReasonKind.NOT_ADMITTED in reasons[LIAR]
            assert not await swarm.nodes[0].store.envelopes.at(0, Kind.EVIDENCE)

    asyncio.run(scenario())


def has_weight(swarm, number):
    return any(seat.node == swarm.nodes[number].key.node for seat in swarm.state().snapshots[-1].seats)


def check_every_state(swarm, states):
    """In no round was anybody seated, weighed or examined who must not be."""
    newcomer, liar = (swarm.nodes[number].key.node for number in (HONEST, LIAR))
    for state in states:
        examined = [member for member in state.members if member.examined_from]
        assert len({member.owner for member in examined}) == len(examined)
        for member in examined:
            assert all(member.node != seat.node for snapshot in state.snapshots for seat in snapshot.seats)
        for task in (task for plan in state.plans for task in plan.tasks):
            assert liar not in (*task.raters, *task.generators)
    tasks = [task for state in states for plan in state.plans for task in plan.tasks]
    assert any(newcomer in task.observers for task in tasks)
    assert any(newcomer in task.raters for task in tasks)
    assert any(newcomer in task.generators for task in tasks)
    assert {member_of(states[-1], node.key.node).owner for node in (swarm.nodes[HONEST], swarm.nodes[SIBLING])} == {
        peer_id(newcomer)
    }


def test_an_idle_swarm_works_one_round_for_who_asks_and_a_flood_is_forgotten_unstored(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, founders=4, preset=EASY) as swarm:
            newcomer = await swarm.join(4)
            await swarm.until(lambda: is_examined(swarm, 4))
            await swarm.until(lambda: all(swarm.state(number).height for number in range(4)))
            assert {swarm.state(number).height for number in range(4)} == {1}
            courier = swarm.nodes[1].driver.courier
            again = (await newcomer.store.envelopes.at(EASY.epoch_rounds, Kind.APPLICATION))[0].envelope
            assert await courier.take(again) is None  # known
            for number in range(100, 140):
                for until in (EASY.epoch_rounds * 5, EASY.epoch_rounds * 9):  # epochs that nobody plans
                    assert await courier.take(asks(swarm, number, until)) is None
            kept = [row for n in range(10) for row in await swarm.nodes[1].store.envelopes.at(n * EASY.epoch_rounds)]
            assert [row.sender for row in kept if row.kind is Kind.APPLICATION] == [newcomer.key.node]
            await takes_nothing_else_of_strangers(swarm, courier)

    asyncio.run(scenario())


async def takes_nothing_else_of_strangers(swarm, courier):
    stranger, pipeline = key_of(200), swarm.nodes[1].driver.member.pipeline
    for height in (2, 3):
        for body in (RatingCommit(height, ZERO_HASH), Attestation(height, (), ()), Vote(height, 0, PREVOTE, None)):
            assert await courier.take(seal_message(swarm.domain, body, stranger)) is None
        assert stranger.node not in {row.sender for row in await swarm.nodes[1].store.envelopes.at(height)}
        assert not pipeline.messages(height)
    assert swarm.state(1).height == 1


def asks(swarm, number, until):
    key = key_of(number)
    consent = give_consent(key, key.node, swarm.genesis.network)
    return seal_message(swarm.domain, Application(until, key.node, consent.signature), key)


def test_what_waits_outlives_a_restart_and_a_round_with_an_application_is_replayed_from_the_store(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 6, founders=4, preset=EASY) as swarm:
            first = await swarm.join(4)
            await swarm.until(lambda: is_examined(swarm, 4))
            await swarm.join(5, owner=first.key)  # waits for the place of its owner
            await swarm.until(lambda: len(waiting(swarm, 0)) == 1)
            waited = waiting(swarm, 0)
            await swarm.stop(swarm.nodes[0])
            await swarm.start(swarm.nodes[0])
            await swarm.until(lambda: waiting(swarm, 0) == waited)
            assert swarm.state().height == 1  # and no rounds are worked in vain
            async with await open_store(swarm.nodes[0].folder, read_only=True) as store:
                replayed = await replay_store(store, swarm.genesis, EASY)
            assert (replayed.last, replayed.difference) == (1, None)

    asyncio.run(scenario())


def waiting(swarm, number):
    return swarm.nodes[number].driver.member.pipeline.news()


def test_a_swarm_that_lists_owners_examines_their_nodes_and_nobody_elses(tmp_path):
    async def scenario():
        listed = key_of(500)
        async with Swarm(tmp_path, 6, founders=4, preset=EASY, owners=(listed.node,)) as swarm:
            stranger = await swarm.join(5)
            await swarm.until(lambda: stranger.driver.sync.follows)
            await swarm.join(4, owner=listed)
            await swarm.until(lambda: is_examined(swarm, 4))
            await swarm.until(lambda: swarm.state(5).height == swarm.state().height)
            assert find(swarm, 4).owner == peer_id(listed.node)
            assert find(swarm, 5) is None
            said = await swarm.nodes[0].store.envelopes.at(EASY.epoch_rounds, Kind.APPLICATION)
            assert [row.sender for row in said] == [swarm.nodes[4].key.node]

    asyncio.run(scenario())
