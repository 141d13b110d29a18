"""One node's workshop: fills slots, rates candidates, executes probes' evidence.

What is filled and rated is kept before it is told, so that a node killed in between goes on with the same bytes. All
candidates of one crate are checked in one call: they share builds.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from consensus.draw import SlotContent
from consensus.encoding import decode, encode
from consensus.types import (
    CheckFact,
    Hash,
    JobId,
    NodeId,
    ProbeFinding,
    ProbeOpening,
    Rating,
    RoundPlan,
    Shortfall,
    SlotOpening,
    Task,
)
from node.driver.member import FilledSlot
from node.errors import NodeError
from node.identity import NodeKey
from node.pipeline.effects import FillSlots
from node.rating.interface import Evidence, Scorer
from node.store import EXAMPLE, Store
from node.tasks.inspection import inspect
from node.tasks.interface import Checker, Request
from node.tasks.measures import scrutiny_measures
from node.tasks.plans import plan_for, scrutiny_for
from node.tasks.probes import probe_plan
from node.values.crate import CratePin
from node.values.example import Example, MalformedExampleError, body_hash, parse_example
from node.values.job import JobSpec
from node.values.verdict import CheckPlan, PlanResult
from node.workshop.authors import Authors
from node.workshop.judging import OpinionRoom, rate_all
from node.workshop.library import Library, OpenCrate

log = logging.getLogger(__name__)

REASON_BYTES_MAX = 200
NO_SCORES = (0, 0, 0, 0)
NOTHING_CHECKED = PlanResult(steps=(), holds=True, checked=True, rustc="", sandbox="")

JobSpecs = Callable[[JobId], Awaitable[JobSpec | None]]
Obtain = Callable[[Hash], Awaitable[bytes | None]]
"""A content by hash, from this machine or a peer; None where nobody has it."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is stored of a round's slots."""

    openings: tuple[SlotOpening, ...]
    shortfalls: tuple[Shortfall, ...]


@dataclass(frozen=True, slots=True)
class _KeptRatings:
    ratings: tuple[Rating, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A candidate that could be read, with what is to be executed for it."""

    task: Task
    content: Hash
    example: Example
    crate: OpenCrate
    spec: JobSpec


class Shop:
    """Generates and rates for one node.

    Args:
        key: Salts and pseudonyms are derived from it, so that they need not be stored.
        store: Keeps contents and finished work.
        library: Brings crates.
        checker: Executes plans; None on a node without a toolchain.
        scorer: From what was found to scores.
        authors: Who makes candidates.
        opinions: A language model's part in ratings; None where it has none.
        specs: Signed jobs by id.
        obtain: Contents by hash.
        example_bytes_max: The preset's bound.
    """

    def __init__(
        self,
        *,
        key: NodeKey,
        store: Store,
        library: Library,
        checker: Checker | None,
        scorer: Scorer,
        authors: Authors,
        opinions: OpinionRoom | None,
        specs: JobSpecs,
        obtain: Obtain,
        example_bytes_max: int,
    ) -> None:
        self._key, self._store, self._library, self._checker = key, store, library, checker
        self._authors, self._opinions = authors, opinions
        self._scorer, self._specs, self._obtain, self._bytes_max = scorer, specs, obtain, example_bytes_max

    # Generating

    async def fill(self, order: FillSlots) -> tuple[tuple[FilledSlot, ...], tuple[Shortfall, ...]]:
        """Generate for the slots ordered; the same slots again after a crash."""
        height = order.plan.height
        stored = await self._store.work.get(height, "slots")
        if stored is None:
            made = await self._fill(order)
            kept = _Kept(tuple(opening for opening, _ in made[0]), made[1])
            for opening, content in made[0]:
                await self._store.blobs.put(content, tag=EXAMPLE, expires=height)
                log.debug("slot %d/%d holds %s", opening.task, opening.slot, opening.content.hex()[:12])
            stored = await self._store.work.keep(height, "slots", encode(kept))
        work = decode(_Kept, stored)
        filled = []
        for opening in work.openings:
            data = await self._store.blobs.get(opening.content)
            if data is not None:
                filled.append(FilledSlot(opening, self._pseudonym(height, opening.task, opening.slot), data))
        return tuple(filled), work.shortfalls

    async def _fill(self, order: FillSlots) -> tuple[list[tuple[SlotOpening, bytes]], tuple[Shortfall, ...]]:
        filled: list[tuple[SlotOpening, bytes]] = []
        short: dict[int, str] = {}
        for (job, crate), tasks in _by_crate(order.tasks).items():
            try:
                spec, opened = await self._open(job, crate)
                filled += await self._fill_crate(order, tasks, spec, opened, short)
            except NodeError as error:
                log.warning("cannot generate for %s: %s", tasks[0].crate, error)
                short.update({task.index: str(error) for task in tasks})
        shortfalls = tuple(Shortfall(task, _bounded(short[task])) for task in sorted(short))
        return sorted(filled, key=lambda item: (item[0].task, item[0].slot)), shortfalls

    async def _fill_crate(
        self,
        order: FillSlots,
        tasks: Sequence[Task],
        spec: JobSpec,
        crate: OpenCrate,
        short: dict[int, str],
    ) -> list[tuple[SlotOpening, bytes]]:
        """All candidates and probes of a crate in one call."""
        rules = {(task, slot): rule for task, slot, rule in order.rules}
        slots = [
            (task, slot, number, rules[task.index, slot])
            for task in tasks
            for slot, number in enumerate(_numbers(task, self._key.node))
        ]
        plain = [entry for entry in slots if entry[3] is SlotContent.CANDIDATE]
        probed = [entry for entry in slots if entry[3] is not SlotContent.CANDIDATE]
        requests = [
            Request(spec.categories[task.category], tuple(number for owner, _, number, _ in plain if owner is task))
            for task in tasks
        ]
        wanted = [
            (spec.categories[task.category], number, rule is SlotContent.GOOD_PROBE) for task, _, number, rule in probed
        ]
        proposals, probes = await self._authors.of(spec, crate).fill(requests, wanted)
        made: dict[tuple[int, int], Example] = {}
        for task, proposal in zip(tasks, proposals, strict=True):
            made |= {(task.index, number): example for number, example in proposal.examples}
            if proposal.shortfall:
                short[task.index] = proposal.shortfall
        height = order.plan.height
        filled = [
            self._opened(height, task.index, slot, made[task.index, number], None)
            for task, slot, number, _ in plain
            if (task.index, number) in made
        ]
        return filled + [
            self._opened(
                height, task.index, slot, probe[0], ProbeOpening(rule is SlotContent.GOOD_PROBE, evidence=probe[1])
            )
            for (task, slot, _, rule), probe in zip(probed, probes, strict=True)
            if probe is not None
        ]

    def _opened(
        self, height: int, task: int, slot: int, example: Example, probe: ProbeOpening | None
    ) -> tuple[SlotOpening, bytes]:
        content = example.content()
        opening = SlotOpening(
            task=task,
            slot=slot,
            pseudonym=self._pseudonym(height, task, slot).node,
            content=example.example_id,
            body=body_hash(content),
            claim=example.claim,
            salt=self._key.derive_secret("slot-salt", _place(height, task, slot)),
            probe=probe,
        )
        return opening, content

    def _pseudonym(self, height: int, task: int, slot: int) -> NodeKey:
        return self._key.derive_key("pseudonym", _place(height, task, slot))

    # Rating

    async def rate(self, plan: RoundPlan, candidates: tuple[tuple[int, Hash], ...]) -> tuple[Rating, ...]:
        """Check and rate candidates given as (task, content); the same ratings again after a crash."""
        stored = await self._store.work.get(plan.height, "ratings")
        if stored is None:
            ratings = await self._rate(plan, candidates)
            stored = await self._store.work.keep(plan.height, "ratings", encode(_KeptRatings(ratings)))
        return decode(_KeptRatings, stored).ratings

    async def _rate(self, plan: RoundPlan, candidates: tuple[tuple[int, Hash], ...]) -> tuple[Rating, ...]:
        ratings: list[Rating] = []
        readable: dict[tuple[CratePin, JobId], list[_Candidate]] = {}
        for index, content in candidates:
            found = await self._read(plan.tasks[index], content)
            if isinstance(found, CheckFact):
                ratings.append(Rating(index, content, found, NO_SCORES))
            else:
                readable.setdefault((found.crate.pin, found.task.job), []).append(found)
        for together in readable.values():
            ratings += await self._judge(together)
        return tuple(sorted(ratings, key=lambda rating: (rating.task, rating.content)))

    async def _read(self, task: Task, content: Hash) -> _Candidate | CheckFact:
        """A candidate with its crate, or the fact that ends it unread."""
        data = await self._obtain(content)
        if data is None:
            return CheckFact.UNAVAILABLE
        try:
            example = parse_example(data, bytes_max=self._bytes_max)
        except MalformedExampleError as error:
            log.info("candidate %s: %s", content.hex()[:12], error)
            return CheckFact.MALFORMED
        try:
            spec, opened = await self._open(task.job, task.crate)
        except NodeError as error:
            log.warning("cannot check %s: %s", content.hex()[:12], error)
            return CheckFact.UNAVAILABLE
        told = (example.crate_name, example.crate_version, example.task_category)
        if told != (opened.pin.name, opened.pin.version, spec.categories[task.category]):
            return CheckFact.MALFORMED
        return _Candidate(task, content, example, opened, spec)

    async def _judge(self, candidates: Sequence[_Candidate]) -> list[Rating]:
        """Inspect, execute in one call, score."""
        inspections = [inspect(item.example, item.crate.view) for item in candidates]
        plans: list[CheckPlan] = []
        for item, inspection in zip(candidates, inspections, strict=True):
            sound = not inspection.problems
            plans.append(plan_for(item.example, item.crate.view) if sound else CheckPlan(()))
            plans.append(scrutiny_for(item.example, item.crate.view) if sound else CheckPlan(()))
        results = await self._run(candidates[0].crate, plans)
        evidences = [
            Evidence(
                example=item.example,
                inspection=inspections[place],
                result=results[2 * place] if plans[2 * place].steps else None,
                beyond=scrutiny_measures(plans[2 * place + 1], results[2 * place + 1]),
            )
            for place, item in enumerate(candidates)
        ]
        tasks = [item.task.index for item in candidates]
        found = await rate_all(candidates[0].spec, tasks, evidences, self._scorer, self._opinions)
        return [
            Rating(item.task.index, item.content, fact, scores)
            for item, (fact, scores) in zip(candidates, found, strict=True)
        ]

    async def _run(self, crate: OpenCrate, plans: Sequence[CheckPlan]) -> Sequence[PlanResult]:
        if self._checker is None or crate.prepared is None:
            unchecked = PlanResult(steps=(), holds=False, checked=False, rustc="", sandbox="")
            return [unchecked if plan.steps else NOTHING_CHECKED for plan in plans]
        return await self._checker.run(crate.prepared, plans)

    # Probes

    async def execute_probes(
        self, plan: RoundPlan, openings: tuple[tuple[NodeId, SlotOpening], ...]
    ) -> tuple[ProbeFinding, ...]:
        """Execute the evidence of revealed probes. Of what cannot be executed here nothing is said."""
        findings: dict[Hash, ProbeFinding] = {}
        together: dict[CratePin, list[tuple[OpenCrate, Hash, tuple[CheckPlan, ...]]]] = {}
        for _, opening in openings:
            found = await self._planned_probe(plan, opening)
            if isinstance(found, ProbeFinding):
                findings[found.content] = found
            elif found is not None:
                together.setdefault(found[0].pin, []).append((found[0], opening.content, found[1]))
        for probes in together.values():
            findings |= await self._settle_probes(probes)
        return tuple(findings[content] for content in sorted(findings))

    async def _planned_probe(
        self, plan: RoundPlan, opening: SlotOpening
    ) -> ProbeFinding | tuple[OpenCrate, tuple[CheckPlan, ...]] | None:
        """What there is to execute; a finding where none of that is needed, None where nothing can be said."""
        if opening.probe is None or opening.task >= len(plan.tasks):
            return None
        read = await self._read(plan.tasks[opening.task], opening.content)
        if isinstance(read, CheckFact):
            return None if read is CheckFact.UNAVAILABLE else ProbeFinding(opening.content, holds=False)
        if _says_good(opening.probe.evidence) != opening.probe.good:
            return ProbeFinding(opening.content, holds=False)
        check = probe_plan(opening.probe.evidence, read.example, read.crate.view)
        return (read.crate, check.plans) if check.static.holds else ProbeFinding(opening.content, holds=False)

    async def _settle_probes(
        self, probes: Sequence[tuple[OpenCrate, Hash, tuple[CheckPlan, ...]]]
    ) -> dict[Hash, ProbeFinding]:
        """All of one crate in one call."""
        results = iter(await self._run(probes[0][0], [plan for _, _, plans in probes for plan in plans]))
        findings = {}
        for _, content, plans in probes:
            own = [next(results) for _ in plans]
            if all(result.checked for result in own):
                findings[content] = ProbeFinding(content, holds=all(result.holds for result in own))
        return findings

    # Crates

    async def _open(self, job: JobId, crate: int) -> tuple[JobSpec, OpenCrate]:
        spec = await self._specs(job)
        if spec is None or crate >= len(spec.crates):
            raise NodeError(f"job {job.hex()[:12]} is not known here")
        return spec, await self._library.open(spec.crates[crate])


def _by_crate(tasks: Sequence[Task]) -> dict[tuple[JobId, int], list[Task]]:
    groups: dict[tuple[JobId, int], list[Task]] = {}
    for task in tasks:
        groups.setdefault((task.job, task.crate), []).append(task)
    return groups


def _numbers(task: Task, me: NodeId) -> tuple[int, ...]:
    """The numbers of the crate's list that this generator's slots stand for (R8)."""
    count, place = len(task.generators), task.generators.index(me)
    first = task.attempt * task.slots * count
    return tuple(first + slot * count + place for slot in range(task.slots))


def _place(height: int, task: int, slot: int) -> bytes:
    return height.to_bytes(8, "big") + task.to_bytes(4, "big") + slot.to_bytes(4, "big")


def _says_good(evidence: bytes) -> bool:
    """Whether evidence is that of a good probe; `probe_plan` checks the rest of its form."""
    try:
        value = json.loads(evidence)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("kind") == "good"


def _bounded(reason: str) -> str:
    return reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
