"""The driver's parts, connected: one node's share in its swarm over any network, store and workshop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from consensus.genesis import Genesis, first_state
from consensus.joining import last_of_epoch
from consensus.params import Preset
from consensus.tickets import Booth, booth_of
from consensus.types import ChainState, Hash, JobId, JobStatus, Kind, Signed
from consensus.vrf import prove
from node.driver.archive import Archive
from node.driver.contents import Contents
from node.driver.courier import Courier
from node.driver.joining import Joining
from node.driver.member import Member, Workshop
from node.driver.presence import Presence
from node.driver.sync import Sync
from node.errors import NodeError
from node.identity import NodeKey
from node.identity.consent import Consent
from node.network.interface import Network
from node.pipeline import Pipeline, Secrets
from node.store import Store
from node.values.job import JobSpec
from node.wire import Domain, decode_message

log = logging.getLogger(__name__)

WATCH_EVERY_S = 1.0
"""Between two looks at who is reachable and which deadlines have passed."""

WallClock = Callable[[], float]
"""Unix seconds."""


class Driver:
    """One node's share in its swarm. Made by `open_driver`."""

    def __init__(
        self,
        *,
        key: NodeKey,
        genesis: Genesis,
        preset: Preset,
        store: Store,
        network: Network,
        workshop: Workshop,
        pipeline: Pipeline,
        clock: WallClock,
        consent: Consent | None = None,
    ) -> None:
        self.genesis, self.preset, self.store, self.network = genesis, preset, store, network
        self.key = key
        self.domain = Domain(genesis.network)
        self.archive = Archive(store, preset.epoch_rounds, clock)
        self._clock = clock
        self.courier = self._new_courier()
        self.contents = self._new_contents()
        self.sync = self._new_sync()
        self.member = Member(
            pipeline=pipeline,
            courier=self.courier,
            workshop=workshop,
            publisher=self.contents,
            archivist=self.archive,
            finder=self.sync,
        )
        self._presence = self._new_presence()
        self.consent = consent
        """Of this node's owner; None for a node that does not ask to become a member."""
        self._joining = None if consent is None else Joining(consent, self.courier, preset)
        self.courier.attach()
        self.contents.attach()
        self.sync.attach()
        self._presence.attach()

    async def run(self) -> None:
        """Take part until cancelled. The network is started and stopped by whoever made it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.member.run(), name="member")
                tasks.create_task(self.sync.run(), name="sync")
                tasks.create_task(self._watch(), name="watch")
                await self._resume()
        finally:
            await self.courier.close()
            await self.contents.close()

    async def publish(self, envelope: bytes) -> Signed[object]:
        """Take a message signed elsewhere, a job or a cancellation, and tell everybody.

        Raises:
            PeerFaultError: It is not a valid message.
            TransientError: There is no room for it now.
        """
        return await self.courier.introduce(envelope)

    # The parts, each of which knows the others through what follows, because none of them can be made first.

    def _new_courier(self) -> Courier:
        return Courier(
            key=self.key,
            domain=self.domain,
            store=self.store,
            network=self.network,
            receive=self._receive,
            receive_own=self._receive_own,
            is_wanted=self._is_of_use,
            is_needed=self._is_needed,
        )

    def _new_contents(self) -> Contents:
        return Contents(
            key=self.key,
            domain=self.domain,
            store=self.store,
            network=self.network,
            held=self._held,
            booth=self._booth,
            is_wanted=self._is_wanted,
            example_bytes_max=self.preset.example_bytes_max,
        )

    def _new_sync(self) -> Sync:
        return Sync(
            courier=self.courier,
            network=self.network,
            store=self.store,
            records=self.archive,
            pipeline=lambda: self.member.pipeline,
            on_attestations=self._attestations_known,
            hold=self._hold,
        )

    def _new_presence(self) -> Presence:
        return Presence(
            key=self.key,
            domain=self.domain,
            network=self.network,
            members=lambda: frozenset(member.node for member in self.member.pipeline.state.members),
            clock=self._clock,
            absent_ms=self.preset.times.absent_ms,
        )

    def _receive_own(self, message: Signed[object]) -> None:
        self.member.submit(message)

    def _is_of_use(self, message: Signed[object]) -> bool:
        return self.member.pipeline.wants(message)

    def _is_needed(self, message: Signed[object]) -> bool:
        return self.member.pipeline.needs(message)

    def _held(self, height: int, task: int, content: Hash, tag: Hash) -> None:
        self.member.held(height, task, content, tag)

    def _attestations_known(self, height: int, digests: tuple[Hash, ...]) -> None:
        self.member.attestations_known(height, digests)

    def _hold(self, height: int) -> None:
        self.member.hold(height)

    async def _receive(self, message: Signed[object]) -> None:
        await self.member.receive(message)  # first: who attests a round meanwhile should have heard of the job
        if isinstance(message.body, JobSpec):
            row = await self.store.envelopes.get(message.digest)
            if row is not None:
                await self._note_job(message, row.envelope)

    async def _note_job(self, message: Signed[object], envelope: bytes) -> None:
        await self.store.jobs.put(JobId(message.digest), envelope, first_seen_ms=int(self._clock() * 1000))

    async def _resume(self) -> None:
        """Hand in what was stored before this start: what no round has taken up, contents of rounds in work."""
        for row in await self.store.jobs.list():
            if row.status is None:
                self.member.submit(decode_message(self.domain, row.envelope))
        await self._tell_last_decision()
        await self.courier.hand_again(0, Kind.EVIDENCE)
        plans = self.member.pipeline.state.plans
        for until in sorted({last_of_epoch(plan.height, self.preset) for plan in plans}):
            await self.courier.hand_again(until, Kind.APPLICATION)
        for plan in plans:
            await self.contents.resume(plan.height)

    async def _tell_last_decision(self) -> None:
        """What certified the last round goes out now if this node ended between storing the round and telling it."""
        height = self.member.state.height
        certificate = await self.archive.certificate(height)
        if certificate is not None and await self.archive.record(height) is None:
            await self.courier.send(certificate)

    def _booth(self, height: int, task: int) -> Booth | None:
        plan = self.member.pipeline.plan(height)
        return None if plan is None or task >= len(plan.tasks) else booth_of(plan, task)

    def _is_wanted(self, height: int, task: int) -> bool:
        plan = self.member.pipeline.plan(height)
        if plan is None or task >= len(plan.tasks):
            return False
        spec = plan.tasks[task]
        return self.key.node in spec.raters or self.key.node in spec.observers

    async def _watch(self) -> None:
        """Tell the member who has been away for too long, and whose deadline has passed; ask to become one."""
        while True:
            try:
                await self._presence.tell()
                self.member.absent(self._presence.absent())
                await self._watch_deadlines()
                if self._joining is not None:
                    await self._joining.look(self.member.pipeline, follows=self.sync.follows)
            except NodeError:
                log.exception("watch")
            await asyncio.sleep(WATCH_EVERY_S)

    async def _watch_deadlines(self) -> None:
        now = self._clock()
        for job in self.member.pipeline.state.jobs:
            if job.status is not JobStatus.OPEN:
                continue
            row = await self.store.jobs.get(job.terms.job)
            if row is None:
                continue
            spec = decode_message(self.domain, row.envelope).body
            if isinstance(spec, JobSpec) and spec.deadline_unix_s < now:
                self.member.deadline_passed(job.terms.job)


async def open_driver(
    *,
    key: NodeKey,
    genesis: Genesis,
    preset: Preset,
    store: Store,
    network: Network,
    workshop: Workshop,
    clock: WallClock = time.time,
    consent: Consent | None = None,
) -> Driver:
    """Build a node's driver from where its store left off.

    With an owner's consent it asks to become a member as long as it is none; without, it follows.
    """
    state = await Archive(store, preset.epoch_rounds).tip() or first_state(genesis, preset)
    domain = Domain(genesis.network)
    pipeline = Pipeline(
        genesis=genesis,
        preset=preset,
        state=state,
        me=key.node,
        secrets=Secrets(
            prove=lambda alpha: prove(key.seed, alpha),
            round_salt=lambda height: key.derive_secret("rating-salt", height.to_bytes(8, "big")),
        ),
        stored=await _stored(store, domain, state),
    )
    return Driver(
        key=key,
        genesis=genesis,
        preset=preset,
        store=store,
        network=network,
        workshop=workshop,
        pipeline=pipeline,
        clock=clock,
        consent=consent,
    )


async def _stored(store: Store, domain: Domain, state: ChainState) -> list[Signed[Any]]:
    """Messages of rounds that are not decided: all of this node's own, and what members sent."""
    members = {member.node for member in state.members}
    return [
        decode_message(domain, row.envelope)
        for plan in state.plans
        async for row in store.envelopes.each_at(plan.height)
        if row.own or row.sender in members
    ]
