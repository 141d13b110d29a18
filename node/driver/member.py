"""Runs the pipeline: facts in, one at a time; effects out, carried out in order, each before the next fact.

The one place where the pure machine meets the world. It knows no message formats (`courier.py`), moves no contents
(`contents.py`) and does none of the long work (`workshop.py`): it starts those and hands their results back in.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from consensus import agreement as ag
from consensus import round as rd
from consensus.errors import RefusedError
from consensus.types import (
    CandidateNotice,
    Certificate,
    Hash,
    JobId,
    JobStatus,
    JobTerms,
    Kind,
    NodeId,
    ProbeFinding,
    Rating,
    RoundPlan,
    Shortfall,
    Signed,
    SlotOpening,
)
from node.driver.background import Background
from node.driver.courier import Courier
from node.identity import NodeKey
from node.pipeline import Pipeline
from node.pipeline.effects import (
    Decided,
    Effect,
    FetchMessages,
    FetchRound,
    FillSlots,
    Halt,
    Report,
    SetAgreementTimer,
)
from node.values.job import JobSpec

log = logging.getLogger(__name__)

T = TypeVar("T")

INBOX_MAX = 2_000
"""Facts waiting: beyond it, whoever brings messages waits too."""


@dataclass(frozen=True, slots=True)
class FilledSlot:
    """One slot as the workshop filled it: what will be opened, and the pseudonym that announces it."""

    opening: SlotOpening
    pseudonym: NodeKey
    content: bytes


class Workshop(Protocol):
    """The work that takes long. Results are kept by it, so that asking again after a crash gives the same bytes."""

    async def fill(self, order: FillSlots) -> tuple[tuple[FilledSlot, ...], tuple[Shortfall, ...]]:
        """Generate for the slots ordered."""
        ...

    async def rate(self, plan: RoundPlan, candidates: tuple[tuple[int, Hash], ...]) -> tuple[Rating, ...]:
        """Check and rate candidates given as (task, content)."""
        ...

    async def execute_probes(
        self, plan: RoundPlan, openings: tuple[tuple[NodeId, SlotOpening], ...]
    ) -> tuple[ProbeFinding, ...]:
        """Execute the evidence of revealed probes, as far as this node can."""
        ...


class Publisher(Protocol):
    """What sends contents (`contents.Contents`)."""

    async def publish(self, items: Sequence[tuple[NodeKey, CandidateNotice, bytes]]) -> None:
        """Publish contents under their pseudonyms. The notices get their tickets here."""
        ...


class Archivist(Protocol):
    """What keeps decided rounds."""

    async def keep(self, decided: Decided) -> None:
        """Store a decided round with everything that follows from it, in one go."""
        ...


class Finder(Protocol):
    """What asks others for what is missing (`sync.Sync`)."""

    def want_messages(self, digests: tuple[Hash, ...]) -> None:
        """These messages are missing."""
        ...

    def want_round(self, certificate: Certificate) -> None:
        """The attestations of this certified round are missing."""
        ...


class Member:
    """One node's part in the swarm.

    Args:
        pipeline: The machine.
        courier: Sends and stores signed messages.
        workshop: Does the long work.
        publisher: Publishes contents.
        archivist: Keeps decided rounds.
        finder: Asks for what is missing.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        courier: Courier,
        workshop: Workshop,
        publisher: Publisher,
        archivist: Archivist,
        finder: Finder,
    ) -> None:
        self.pipeline = pipeline
        self.state = pipeline.state
        """After the last round that is on disk: what callers are told. The pipeline may be a round ahead of it."""
        self._courier, self._workshop = courier, workshop
        self._publisher, self._archivist, self._finder = publisher, archivist, finder
        self._inbox: asyncio.Queue[Callable[[], list[Effect]]] = asyncio.Queue()
        self._background = Background(self._guarded)
        self._timers: set[asyncio.TimerHandle] = set()
        self._filled: dict[int, tuple[FilledSlot, ...]] = {}
        self._handed: set[Hash] = set()
        self._has_room = asyncio.Event()
        self._deeds = self._all_deeds()
        self.decided = asyncio.Event()
        """Set and replaced at every decision; wait for it to see the next one."""
        self.failure: str | None = None
        self.view_began: float | None = None
        """When this member entered the view that it is in, or was in last, by the machine's monotonic clock."""

    # Facts

    async def receive(self, message: Signed[object]) -> None:
        """Take a verified message from the courier; waits while too many are queued."""
        self.submit(message)
        if self._inbox.qsize() > INBOX_MAX:
            self._has_room.clear()
            await self._has_room.wait()

    def submit(self, message: Signed[object]) -> None:
        """Queue a verified message."""
        if isinstance(message.body, JobSpec):
            message = _as_terms(message)
        self._put(lambda: self._take(message))

    def held(self, height: int, task: int, content: Hash, tag: Hash) -> None:
        """A candidate's content is here (`contents.Held`)."""
        self._put(lambda: self.pipeline.on_candidate_held(height, task, content, tag))

    def absent(self, nodes: frozenset[NodeId]) -> None:
        """These members have been unreachable for too long."""
        self._put(lambda: self.pipeline.on_absent(nodes))

    def deadline_passed(self, job: JobId) -> None:
        """A job's deadline has passed."""
        self._put(lambda: self.pipeline.on_deadline(job))

    def attestations_known(self, height: int, digests: tuple[Hash, ...]) -> None:
        """A peer has listed the attestations of a certified round."""
        self._put(lambda: self.pipeline.on_attestations_known(height, digests))

    def hold(self, height: int) -> None:
        """Begin no work for rounds up to this height."""
        self._put(lambda: self.pipeline.on_hold(height))

    def _take(self, message: Signed[object]) -> list[Effect]:
        try:
            return self.pipeline.on_message(message)
        except RefusedError as refusal:
            log.debug("%s of %s: %s", message.kind.name, message.sender.hex()[:8], refusal)
            if refusal.fault:
                self._courier.faults[refusal.rule] = self._courier.faults.get(refusal.rule, 0) + 1
            return []

    def _put(self, fact: Callable[[], list[Effect]]) -> None:
        self._inbox.put_nowait(fact)

    # The loop

    async def run(self) -> None:
        """Take facts until cancelled. What was stored of the rounds in work is to be handed in before or while."""
        self._put(self.pipeline.start)
        try:
            while True:
                fact = await self._inbox.get()
                for effect in fact():
                    await self._carry_out(effect)
                if self._inbox.qsize() <= INBOX_MAX // 2:
                    self._has_room.set()
        finally:
            await self._close()

    async def _close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        await self._background.close()

    async def idle(self) -> bool:
        """Whether nothing is queued or under way right now."""
        return self._inbox.empty() and self._background.is_idle

    # Effects

    async def _carry_out(self, effect: Effect) -> None:
        await self._deeds[type(effect)](effect)

    def _all_deeds(self) -> dict[type, Callable[[Any], Awaitable[None]]]:
        """What is done about each kind of effect."""
        return {
            rd.Send: self._send,
            ag.SignProposal: lambda effect: self._courier.send(effect.proposal),
            ag.SignVote: lambda effect: self._courier.send(effect.vote),
            ag.SendAgain: lambda effect: self._courier.tell_again(effect.message.digest),
            Report: lambda effect: self._courier.send_evidence(effect.first, effect.second),
            rd.SetPhaseTimer: self._set_phase_timer,
            SetAgreementTimer: self._set_agreement_timer,
            FillSlots: self._start(self._fill),
            rd.PublishCandidates: self._start(self._publish),
            rd.RateCandidates: self._start(self._rate),
            rd.ExecuteProbes: self._start(self._execute_probes),
            FetchMessages: self._fetch_messages,
            FetchRound: self._fetch_round,
            Decided: self._decide,
            Halt: self._halt,
        }

    async def _send(self, order: rd.Send) -> None:
        try:
            await self._courier.send(order.body)
        except ValueError as error:
            # Longer than anybody takes in. Without it this member's part is void; without the member, everything is.
            log.exception("a message of this node cannot be sent")
            self.failure = f"{order.kind.name}: {error}"

    async def _set_phase_timer(self, order: rd.SetPhaseTimer) -> None:
        self._after(order.delay_ms, lambda: self.pipeline.on_phase_timer(order.height, order.phase))

    async def _set_agreement_timer(self, order: SetAgreementTimer) -> None:
        if order.timer.step is ag.Step.PROPOSE:
            self._note_view(order.height, order.timer.view)
        self._after(order.delay_ms, lambda: self.pipeline.on_agreement_timer(order.height, order.timer))

    def _note_view(self, height: int, view: int) -> None:
        self.view_began = time.monotonic()
        if view:
            came = self.pipeline.outcome_of(height, view - 1)
            log.info("round %d: view %d begins; of the one before came: %s", height, view, came)

    async def _fetch_messages(self, order: FetchMessages) -> None:
        # What was stored and not kept in its slot, because others were there first, is not fetched: it is here. Each is
        # handed in once a round, for the pipeline repeats its order as long as anything is missing.
        fresh = [digest for digest in order.digests if digest not in self._handed]
        self._handed.update(fresh)
        await self._courier.hand_stored(fresh)
        self._finder.want_messages(order.digests)

    async def _fetch_round(self, order: FetchRound) -> None:
        self._finder.want_round(order.certificate)

    async def _halt(self, order: Halt) -> None:
        self.failure = order.reason
        log.critical("this node stops taking part: %s", order.reason)

    def _after(self, delay_ms: int, fact: Callable[[], list[Effect]]) -> None:
        loop = asyncio.get_running_loop()

        def fire() -> None:
            self._timers.discard(handle)
            self._put(fact)

        handle = loop.call_later(delay_ms / 1000, fire)
        self._timers.add(handle)

    async def _decide(self, decided: Decided) -> None:
        height = decided.transition.header.height
        await self._archivist.keep(decided)
        self.state = decided.transition.state
        self._filled.pop(height, None)
        self._handed.clear()
        await self._courier.send(decided.certificate)
        log.info("round %d decided: %s", height, _summary(decided))
        event, self.decided = self.decided, asyncio.Event()
        event.set()
        await self._catch_up()

    async def _catch_up(self) -> None:
        """What came too early was stored and ignored, and is never taken from the network a second time."""
        await self._courier.hand_again(self.state.height + 1, Kind.CERTIFICATE)
        await self._courier.hand_again(0, Kind.EVIDENCE)
        await self._courier.hand_again(self.state.plans[-1].height)

    # Long work

    def _start(self, work: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        """A deed that takes long: begun here, its result comes back as a fact."""

        async def begin(order: Any) -> None:
            self._background.begin(work(order))

        return begin

    async def _guarded(self, work: Awaitable[None]) -> None:
        await self._or_nothing(work, None)

    async def _or_nothing(self, work: Awaitable[T], nothing: T) -> T:
        """The round goes on without this member's part: nobody is kept waiting for what will not come."""
        try:
            return await work
        except Exception as error:
            log.exception("work failed")
            self.failure = f"{type(error).__name__}: {error}"
            return nothing

    async def _fill(self, order: FillSlots) -> None:
        height = order.plan.height
        started = time.monotonic()
        failed = tuple(Shortfall(task.index, "the generator failed") for task in order.tasks)
        filled, shortfalls = await self._or_nothing(self._workshop.fill(order), ((), failed))
        log.info("round %d: %d slots filled in %.1f s", height, len(filled), time.monotonic() - started)
        self._filled[height] = filled
        openings = tuple(slot.opening for slot in filled)
        self._put(lambda: self.pipeline.on_candidates_ready(height, openings, shortfalls))

    async def _publish(self, order: rd.PublishCandidates) -> None:
        height = order.height
        filled = self._filled.get(height, ())
        places: Counter[int] = Counter()
        items = []
        for slot in sorted(filled, key=lambda slot: slot.pseudonym.node):  # so that places tell nothing of slots
            task, content = slot.opening.task, slot.content
            notice = CandidateNotice(height, task, slot.opening.content, len(content), places[task], ticket=b"")
            places[task] += 1
            items.append((slot.pseudonym, notice, content))
        await self._publisher.publish(items)

    async def _rate(self, order: rd.RateCandidates) -> None:
        height = order.height
        plan = self.pipeline.plan(height)
        if plan is None:
            return  # Decided meanwhile by the others.
        started = time.monotonic()
        ratings = await self._or_nothing(self._workshop.rate(plan, order.candidates), ())
        log.info("round %d: %d candidates rated in %.1f s", height, len(ratings), time.monotonic() - started)
        self._put(lambda: self.pipeline.on_ratings_ready(height, ratings))

    async def _execute_probes(self, order: rd.ExecuteProbes) -> None:
        height = order.height
        plan = self.pipeline.plan(height)
        if plan is None:
            return
        findings = await self._or_nothing(self._workshop.execute_probes(plan, order.openings), ())
        self._put(lambda: self.pipeline.on_probes_executed(height, findings))


def _as_terms(message: Signed[object]) -> Signed[JobTerms]:
    spec = message.body
    assert isinstance(spec, JobSpec), "only jobs become terms"
    return Signed(message.sender, message.kind, message.digest, spec.terms(JobId(message.digest), message.sender))


def _summary(decided: Decided) -> str:
    counts: dict[str, int] = {}
    for decision in decided.transition.outcome.decisions:
        counts[decision.state.value] = counts.get(decision.state.value, 0) + 1
    closed = [job for job in decided.transition.state.jobs if job.status is not JobStatus.OPEN]
    listed = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no candidates"
    return f"{listed}; {len(closed)} jobs closed"
