"""Slots that a generator left empty although there was something to fill them with (R35).

Nobody can see why a slot is empty: nothing to offer, a crash, or a generator that takes places from others. What can
be seen is what another owner's generator of the same task brought: had it more good examples than this one has slots
in use, there were that many to be made. One is forgiven, for a list that ends may end between two of them (R8).

A commitment that was never opened, and an example that an earlier round has already, fill a slot with nothing, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from consensus.openings import NEVER_OPENED, OpenedSlot
from consensus.types import CandidateState, Decision, JobId, JobProgress, NodeId, RoundPlan

_GOOD = {CandidateState.ACCEPTED, CandidateState.SURPLUS}


def slots_left(
    plan: RoundPlan,
    slots: Iterable[OpenedSlot],
    decisions: Sequence[Decision],
    *,
    owners: Mapping[NodeId, str],
    jobs: Mapping[JobId, JobProgress],
) -> tuple[tuple[NodeId, int], ...]:
    """Per generator how many slots it left, sorted; those that left none are not named.

    Args:
        plan: The round's.
        slots: All that were committed to.
        decisions: Of the round.
        owners: Of the members.
        jobs: By id, before the round: their claims are of earlier ones (R16).
    """
    claims = {job: frozenset(progress.claims) for job, progress in jobs.items()}
    idle = {
        (slot.generator, slot.task, slot.slot)
        for slot in slots
        if slot.why_void == NEVER_OPENED
        or (slot.opening is not None and slot.opening.claim in claims[plan.tasks[slot.task].job])
    }
    used: Counter[tuple[int, NodeId]] = Counter()
    good: Counter[tuple[int, NodeId]] = Counter()
    for decision in decisions:
        if decision.slot >= 0:
            place = decision.task, decision.generator
            used[place] += (decision.generator, decision.task, decision.slot) not in idle
            good[place] += decision.state in _GOOD
    left: Counter[NodeId] = Counter()
    for task in plan.tasks:
        for node in task.generators:
            others = (other for other in task.generators if owners.get(other) != owners.get(node))
            most = max((good[task.index, other] for other in others), default=0)
            left[node] += max(0, most - 1 - used[task.index, node])
    return tuple(sorted((node, count) for node, count in left.items() if count))
