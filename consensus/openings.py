"""What a round's commitments turned out to hold: openings checked against commitments, ratings against theirs.

Everything that a generator or rater could open wrongly is decided here, before any score is computed (R13 to R17).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consensus import vrf
from consensus.commitments import content_name, ratings_digest, slots_root
from consensus.draw import SlotContent, slot_content
from consensus.encoding import hash_value
from consensus.errors import RefusedError
from consensus.types import (
    CandidateCommit,
    GeneratorReveal,
    Hash,
    NodeId,
    Rating,
    RatingCommit,
    RatingReveal,
    RoundPlan,
    Signed,
    SlotOpening,
    TaskKind,
)

NEVER_OPENED = "never opened"
"""Why a slot is void whose generator revealed nothing."""


@dataclass(frozen=True, slots=True)
class RoundInputs:
    """The included messages of a round, one per slot, as rule R19 fixed them."""

    commits: Mapping[NodeId, Signed[CandidateCommit]]
    rating_commits: Mapping[NodeId, Signed[RatingCommit]]
    reveals: Mapping[NodeId, Signed[RatingReveal]]
    openings: Mapping[NodeId, Signed[GeneratorReveal]]
    probes: Mapping[Hash, bool]
    """Per content of a revealed probe, whether its evidence is attested to hold."""
    equivocators: frozenset[NodeId]
    """Members against whom evidence is included: all they said in this round is void."""


@dataclass(frozen=True, slots=True)
class OpenedSlot:
    """One committed slot as far as it could be opened."""

    generator: NodeId
    task: int
    slot: int
    opening: SlotOpening | None
    """None: never opened, or opened against a rule; the slot is void."""
    why_void: str


def probe_alpha(seed: Hash, height: int) -> bytes:
    """What a generator's VRF is evaluated on (R14)."""
    return hash_value("probe-alpha", (seed, height))


def slot_rule(output: bytes, task: int, slot: int, plan: RoundPlan) -> SlotContent:
    """What a generator with this VRF output has to put into a slot of a task (R14)."""
    return slot_content(hash_value("probe-slot", (output, task, slot))[:8], plan.probe_one_in)


def open_slots(plan: RoundPlan, inputs: RoundInputs) -> list[OpenedSlot]:
    """Every committed slot of the round, sorted by (task, generator's place in its task, slot)."""
    slots: list[OpenedSlot] = []
    for generator in sorted(inputs.commits):
        commit = inputs.commits[generator].body
        if generator in inputs.equivocators:
            slots += _void(plan, generator, commit, "equivocated")
            continue
        reveal = inputs.openings.get(generator)
        fault = fault_of(plan, generator, commit, reveal)
        if fault or reveal is None:
            slots += _void(plan, generator, commit, fault or NEVER_OPENED)
            continue
        slots += _open_each(plan, generator, reveal.body)
    return sorted(
        slots, key=lambda slot: (slot.task, plan.tasks[slot.task].generators.index(slot.generator), slot.slot)
    )


def claim_order(seed: Hash, generator: NodeId) -> Hash:
    """Whose of two equal examples, or probes, of one round counts: the generator's with the lower one (R16)."""
    return hash_value("claim-order", (seed, generator))


def fault_of(
    plan: RoundPlan, generator: NodeId, commit: CandidateCommit, reveal: Signed[GeneratorReveal] | None
) -> str | None:
    """What is wrong with a generator's commitment or its opening as a whole; None where nothing is."""
    assigned = {task.index: task.slots for task in plan.tasks if generator in task.generators}
    if any(item.count > assigned.get(item.task, 0) for item in commit.counts):
        return "committed to more slots than it was given"
    if reveal is None:
        return NEVER_OPENED
    opened = reveal.body.slots
    counts: dict[int, int] = {}
    for opening in opened:
        counts[opening.task] = counts.get(opening.task, 0) + 1
    if counts != {item.task: item.count for item in commit.counts}:
        return "opened other counts than committed"
    if slots_root(generator, plan.height, opened) != commit.slots_root:
        return "the opened slots do not have the committed root"
    if any(not 0 <= opening.slot < assigned[opening.task] for opening in opened):
        return "opened a slot it was not given"
    if len({(opening.task, opening.slot) for opening in opened}) < len(opened):
        return "opened a slot twice"  # one that may hold a candidate, in the stead of one that must hold a probe
    if any(opening.content != content_name(opening.body, opening.claim) for opening in opened):
        return "opened a content under a claim that is not its own"
    return None


def _void(plan: RoundPlan, generator: NodeId, commit: CandidateCommit, why: str) -> list[OpenedSlot]:
    """One void slot per slot committed to in tasks that were the generator's; the numbers of others mean nothing."""
    assigned = {task.index: task.slots for task in plan.tasks if generator in task.generators}
    return [
        OpenedSlot(generator, item.task, slot, None, why)
        for item in commit.counts
        for slot in range(min(item.count, assigned.get(item.task, 0)))
    ]


_SAID = {None: SlotContent.CANDIDATE, True: SlotContent.GOOD_PROBE, False: SlotContent.BAD_PROBE}


def _open_each(plan: RoundPlan, generator: NodeId, reveal: GeneratorReveal) -> list[OpenedSlot]:
    try:
        output = vrf.verify(generator, probe_alpha(plan.seed, plan.height), reveal.vrf_proof)
    except RefusedError:
        return [OpenedSlot(generator, item.task, item.slot, None, "wrong VRF proof") for item in reveal.slots]
    slots = []
    for opening in reveal.slots:
        said = _SAID[None if opening.probe is None else opening.probe.good]
        follows = said is slot_rule(output, opening.task, opening.slot, plan)
        why = "" if follows else "its VRF asks for another kind of slot"
        slots.append(OpenedSlot(generator, opening.task, opening.slot, opening if follows else None, why))
    return slots


@dataclass(frozen=True, slots=True)
class RaterSheet:
    """A rater's revealed ratings, by (task, content)."""

    rater: NodeId
    observer: bool
    ratings: Mapping[tuple[int, Hash], Rating]


def faithful_raters(plan: RoundPlan, inputs: RoundInputs) -> frozenset[NodeId]:
    """Raters whose reveal is what they had committed to."""
    found = set()
    for rater, reveal in inputs.reveals.items():
        commit = inputs.rating_commits.get(rater)
        if commit is None or rater in inputs.equivocators:
            continue
        if commit.body.digest == ratings_digest(rater, plan.height, reveal.body.salt, reveal.body.ratings):
            found.add(rater)
    return frozenset(found)


def open_ratings(plan: RoundPlan, inputs: RoundInputs) -> dict[int, list[RaterSheet]]:
    """Per task the sheets of its raters and observers whose reveal matches their commitment, sorted by rater."""
    sheets: dict[int, list[RaterSheet]] = {task.index: [] for task in plan.tasks}
    for rater in sorted(faithful_raters(plan, inputs)):
        ratings = {(rating.task, rating.content): rating for rating in inputs.reveals[rater].body.ratings}
        for task in plan.tasks:
            if rater in task.raters or rater in task.observers:
                sheets[task.index].append(RaterSheet(rater, rater in task.observers, ratings))
    return sheets


def committed_per_task(plan: RoundPlan, inputs: RoundInputs) -> dict[int, dict[NodeId, int]]:
    """Per generating task, how many slots each generator that committed at all says it has filled."""
    filled: dict[int, dict[NodeId, int]] = {task.index: {} for task in plan.tasks if task.kind is TaskKind.GENERATE}
    for generator, commit in inputs.commits.items():
        counts = {item.task: item.count for item in commit.body.counts}
        for task in plan.tasks:
            if generator in task.generators and task.index in filled:
                filled[task.index][generator] = counts.get(task.index, 0)
    return filled
