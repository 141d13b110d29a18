"""Whole rounds through real drivers, stores and wire, over the network in memory."""

import asyncio
import contextlib
import random
import sqlite3
from dataclasses import replace

import pytest

from consensus.committee import Committee
from consensus.draw import proposer
from consensus.types import CandidateState, Hash, JobStatus, Kind
from node.driver import archive
from node.network.memory import LinkConditions, MemoryHub
from node.store import EnvelopeRow, open_store
from node.store.store import DATABASE_FILE
from node.values.job import JobCancel
from node.wire import decode_message, seal_message
from reputation import standing_of
from tests.support.swarm import CALM, COORDINATOR, PATIENT, STEADY, Swarm, key_of, make_job, member_of


def done(swarm, job, node=0):
    progress = swarm.job(job, node)
    return progress is not None and progress.status is not JobStatus.OPEN


def alive(swarm):
    return [node.number for node in swarm.nodes if node.task is not None]


async def accepted(swarm, job, node=0):
    rows = await swarm.nodes[node].store.decisions.find(job=job, state=CandidateState.ACCEPTED)
    return {row.decision.content for row in rows}


def heads(swarm):
    return {swarm.state(n).previous for n in alive(swarm)}


UNHURRIED = replace(CALM, tasks_per_round=STEADY.tasks_per_round)
"""For whom nobody is ever missing: rounds as small as STEADY's, that no slow machine ends early."""


def test_a_job_goes_all_the_way_and_every_node_decides_alike(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, preset=CALM) as swarm:
            job = await swarm.submit(make_job(CALM))
            await swarm.until(lambda: all(done(swarm, job, n) for n in range(5)))
            assert swarm.job(job).status is JobStatus.DONE
            await swarm.until(lambda: len(heads(swarm)) == 1)
            contents = await accepted(swarm, job)
            assert len(contents) == 8
            assert all(swarm.truth.quality[content] > 5000 for content in contents)

    asyncio.run(scenario())


def test_the_states_of_all_candidates_add_up_to_the_commitments(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, preset=CALM) as swarm:
            job = await swarm.submit(make_job(CALM, categories=3))
            await swarm.until(lambda: all(done(swarm, job, n) for n in range(5)))
            store = swarm.nodes[0].store
            counts = await store.decisions.counts(job)
            committed = 0
            for height in range(1, swarm.state().height + 1):
                record = await swarm.nodes[0].driver.archive.record(height)
                for digest in record.messages:
                    row = await store.envelopes.get(digest)
                    if row.kind is Kind.CANDIDATE_COMMIT:
                        message = swarm.open(row.envelope)
                        committed += sum(item.count for item in message.body.counts)
            assert committed > 0
            assert sum(counts.values()) == committed
            assert counts[CandidateState.IN_REVIEW] == 0

    asyncio.run(scenario())


def test_a_rater_that_inverts_its_scores_loses_its_weight(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, preset=UNHURRIED, styles={2: "inverted"}) as swarm:
            job = await swarm.submit(make_job(UNHURRIED, crates=2, categories=6))
            await swarm.until(lambda: all(done(swarm, job, n) for n in range(5)))
            contents = await accepted(swarm, job)
            good = [content for content in contents if swarm.truth.quality[content] > 5000]
            assert len(contents) >= 40
            assert len(good) == len(contents)
            liar = swarm.nodes[2].key.node
            state = swarm.state()
            assert standing_of(member_of(state, liar).table, UNHURRIED).reputation_bp < 500
            honest = [standing_of(m.table, UNHURRIED).reputation_bp for m in state.members if m.node != liar]
            assert min(honest) > 2000
            assert all(seat.node != liar for seat in state.snapshots[-1].seats)

    asyncio.run(scenario())


def test_a_member_that_is_away_is_not_waited_for_when_it_is_its_turn_to_propose(tmp_path):
    preset = replace(STEADY, times=replace(STEADY.times, absent_ms=1_000, propose_ms=600_000))

    async def scenario():
        async with Swarm(tmp_path, 4, preset=preset) as swarm:
            plan = swarm.state().plans[0]
            turn = proposer(Committee(plan.committee), plan.seed, 0)
            await swarm.stop(next(node for node in swarm.nodes if node.key.node == turn))
            await swarm.submit(make_job(preset), alive(swarm)[0])
            await swarm.until(lambda: all(swarm.state(n).height >= plan.height for n in alive(swarm)))

    asyncio.run(scenario())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_loss_delay_duplication_and_reordering_change_no_result(tmp_path, seed):
    conditions = LinkConditions(loss=0.15, delay_max_s=0.1, duplication=0.2, reordering=0.1, reordering_s=0.3)

    async def scenario():
        hub = MemoryHub(seed=seed, conditions=conditions)
        async with Swarm(tmp_path, 5, hub=hub, preset=PATIENT) as swarm:
            job = await swarm.submit(make_job(PATIENT))
            await swarm.until(lambda: all(done(swarm, job, n) for n in range(5)))
            await swarm.until(lambda: len(heads(swarm)) == 1)
            contents = await accepted(swarm, job)
            assert contents
            assert all(swarm.truth.quality[content] > 5000 for content in contents)

    asyncio.run(scenario())


@pytest.mark.parametrize("seed", range(4))
def test_a_node_killed_at_any_moment_rejoins_and_never_signs_twice(tmp_path, seed):
    chance = random.Random(seed)

    async def scenario():
        async with Swarm(tmp_path, 5, preset=PATIENT) as swarm:
            job = await swarm.submit(make_job(PATIENT, categories=3))
            victim = swarm.nodes[chance.randrange(1, 5)]
            for _ in range(3):
                await asyncio.sleep(chance.uniform(0.05, 1.5))
                await swarm.stop(victim)
                await asyncio.sleep(chance.uniform(0.0, 1.0))
                await swarm.start(victim)
            await swarm.until(lambda: all(done(swarm, job, n) for n in range(5)))
            await swarm.until(lambda: len(heads(swarm)) == 1)
            for node in swarm.nodes:
                assert not await node.store.envelopes.at(0, Kind.EVIDENCE)
            assert all(member.offences == 0 for member in swarm.state().members)

    asyncio.run(scenario())


def test_a_node_stops_even_in_the_moment_in_which_it_hears_that_something_is_missing(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 4) as swarm:
            await asyncio.sleep(0.05)  # its exchange with others is at rest now, waiting to be woken
            node = swarm.nodes[1]
            node.driver.sync.want_messages((Hash(bytes(32)),))
            node.task.cancel()
            ended, _ = await asyncio.wait({node.task}, timeout=120)
            assert ended

    asyncio.run(scenario())


def test_a_job_ends_without_a_node_that_stays_dead(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, preset=PATIENT) as swarm:
            job = await swarm.submit(make_job(PATIENT))
            await asyncio.sleep(0.3)
            await swarm.stop(swarm.nodes[4])
            await swarm.until(lambda: all(done(swarm, job, n) for n in range(4)))
            await swarm.until(lambda: len(heads(swarm)) == 1)
            assert await accepted(swarm, job)

    asyncio.run(scenario())


def test_a_node_that_was_away_follows_the_decided_rounds_by_their_certificates(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, preset=PATIENT) as swarm:
            await swarm.stop(swarm.nodes[3])
            job = await swarm.submit(make_job(PATIENT))
            await swarm.until(lambda: done(swarm, job))
            await swarm.start(swarm.nodes[3])
            await swarm.until(lambda: swarm.state(3) == swarm.state(0))
            assert await accepted(swarm, job, 3) == await accepted(swarm, job, 0)

    asyncio.run(scenario())


async def round_without_the_last(swarm):
    """Decide a job while the last node is away; what certified the first round, as a message."""
    away = swarm.nodes[-1]
    await swarm.stop(away)
    job = await swarm.submit(make_job(PATIENT))
    await swarm.until(lambda: done(swarm, job))
    return (await swarm.nodes[0].driver.archive.record(1)).certificate


async def keep(store, domain, envelope, *, own=False):
    message = decode_message(domain, envelope)
    row = EnvelopeRow(message.digest, message.kind, message.body.header.height, message.sender, own, envelope)
    assert await store.envelopes.put(row)


def test_a_node_killed_before_it_acted_on_a_certificate_that_it_had_stored_goes_on(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, preset=PATIENT) as swarm:
            certificate = await round_without_the_last(swarm)
            async with await open_store(swarm.nodes[4].folder) as store:
                await keep(store, swarm.domain, certificate)
            await swarm.start(swarm.nodes[4])
            await swarm.until(lambda: swarm.state(4) == swarm.state(0))

    asyncio.run(scenario())


def test_certificates_that_certify_nothing_keep_nobody_from_following(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, preset=PATIENT) as swarm:
            certificate = await round_without_the_last(swarm)
            genuine = decode_message(swarm.domain, certificate)
            forged = [junk(swarm, genuine.body, number) for number in range(12)]
            assert min(decode_message(swarm.domain, each).digest for each in forged) < genuine.digest
            for node in swarm.nodes[:4]:
                for each in forged:
                    await keep(node.store, swarm.domain, each)
            async with await open_store(swarm.nodes[4].folder) as store:
                await keep(store, swarm.domain, forged[0])
            await swarm.start(swarm.nodes[4])
            await swarm.until(lambda: swarm.state(4) == swarm.state(0))

    asyncio.run(scenario())


def junk(swarm, certificate, number):
    """The certificate for another header, from a stranger."""
    header = replace(certificate.header, previous=Hash(bytes([number]) * 32))
    return seal_message(swarm.domain, replace(certificate, header=header), key_of(900 + number))


def test_a_node_killed_before_it_told_what_it_decided_tells_it_after_its_start(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, preset=PATIENT) as swarm:
            await round_without_the_last(swarm)
            node, height = swarm.nodes[0], swarm.state().height
            await swarm.stop(node)
            remove_own(node.folder, height)
            await swarm.start(node)
            async with asyncio.timeout(120):
                while await node.driver.archive.record(height) is None:  # noqa: ASYNC110 -- a store tells nobody
                    await asyncio.sleep(0.02)

    asyncio.run(scenario())


def remove_own(folder, height):
    with contextlib.closing(sqlite3.connect(folder / DATABASE_FILE)) as database, database:
        where = "height = ? and kind = ? and own"
        assert database.execute(f"delete from envelopes where {where}", (height, int(Kind.CERTIFICATE))).rowcount == 1


def test_a_split_swarm_waits_and_goes_on_when_it_heals(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, preset=PATIENT) as swarm:
            nodes = [node.key.node for node in swarm.nodes]
            swarm.hub.partition(nodes[:3], nodes[3:])
            job = await swarm.submit(make_job(PATIENT))
            await asyncio.sleep(3)
            assert all(swarm.state(n).height == 0 for n in range(5)), "neither side has more than two thirds"
            swarm.hub.heal()
            await swarm.until(lambda: all(done(swarm, job, n) for n in range(5)))
            await swarm.until(lambda: len(heads(swarm)) == 1)

    asyncio.run(scenario())


def test_a_cancelled_job_stops_and_only_its_coordinator_can_cancel_it(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, preset=STEADY) as swarm:
            job = await swarm.submit(make_job(STEADY, crates=3, categories=15))
            await swarm.until(lambda: swarm.job(job) is not None)
            driver = swarm.nodes[1].driver
            await driver.publish(seal_message(swarm.domain, JobCancel(job), swarm.nodes[1].key))
            await asyncio.sleep(1)
            assert swarm.job(job).status is JobStatus.OPEN
            await driver.publish(seal_message(swarm.domain, JobCancel(job), COORDINATOR))
            await swarm.until(lambda: swarm.job(job).status is JobStatus.CANCELLED)

    asyncio.run(scenario())


def test_a_job_past_its_deadline_expires_by_the_clocks_of_more_than_a_third(tmp_path):
    async def scenario():
        async with Swarm(tmp_path, 5, preset=STEADY) as swarm:
            job = await swarm.submit(make_job(STEADY, crates=3, categories=15, deadline=1_000_003))
            await swarm.until(lambda: swarm.job(job) is not None)
            swarm.now_s += 10
            await swarm.until(lambda: swarm.job(job).status is JobStatus.EXPIRED)

    asyncio.run(scenario())


def test_two_runs_of_one_job_over_the_same_nodes_accept_the_same_examples(tmp_path):
    async def one_run(folder):
        async with Swarm(folder, 5, preset=CALM) as swarm:
            job = await swarm.submit(make_job(CALM, categories=4))
            await swarm.until(lambda: all(done(swarm, job, n) for n in range(5)))
            return await accepted(swarm, job)

    assert asyncio.run(one_run(tmp_path / "one")) == asyncio.run(one_run(tmp_path / "two"))


def test_old_states_and_refused_contents_make_room_and_what_is_certified_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "ROUNDS_AT_HAND", 1)

    async def scenario():
        async with Swarm(tmp_path, 5, preset=STEADY) as swarm:
            job = await swarm.submit(make_job(STEADY, crates=2, categories=10))
            await swarm.until(lambda: done(swarm, job))
            store = swarm.nodes[0].store
            last_epoch = swarm.state().height // STEADY.epoch_rounds * STEADY.epoch_rounds
            assert last_epoch >= 2 * STEADY.epoch_rounds
            rounds = await store.rounds.between(1, last_epoch - 2)
            assert [row.state is not None for row in rounds] == [STEADY.ends_epoch(row.height) for row in rounds]
            for row in await store.decisions.find(job=job):
                if row.height >= last_epoch - 1 or row.decision.generator != swarm.nodes[0].key.node:
                    continue  # what the other generator of a task made is not at hand here
                kept = await store.blobs.get(row.decision.content) is not None
                assert kept == (row.decision.state is CandidateState.ACCEPTED)

    asyncio.run(scenario())
