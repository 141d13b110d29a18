"""What a decided round does to its jobs: how far each task has come, and which claims are taken (R6, R16)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from consensus.types import (
    CandidateState,
    Decision,
    Hash,
    JobProgress,
    RoundPlan,
    Task,
    TaskKind,
    TaskProgress,
)


def jobs_after(
    jobs: Iterable[JobProgress],
    plan: RoundPlan,
    decisions: Iterable[Decision],
    *,
    filled: Mapping[int, list[int]],
    claimed: Iterable[tuple[bytes, Hash]],
) -> tuple[JobProgress, ...]:
    """The jobs after a round.

    Args:
        jobs: Before it, the plan's tasks counted as in flight.
        plan: The round's.
        decisions: All of the round.
        filled: Per task, how many slots each of its generators committed to.
        claimed: Job and claim of every candidate that was accepted or goes to review.
    """
    claims: dict[bytes, set[Hash]] = {}
    for job, claim in claimed:
        claims.setdefault(job, set()).add(claim)
    accepted: dict[tuple[bytes, int, int], int] = {}
    for decision in decisions:
        if decision.state is CandidateState.ACCEPTED:
            key = (decision.job, decision.crate, decision.category)
            accepted[key] = accepted.get(key, 0) + 1
    return tuple(
        replace(
            item,
            tasks=tuple(_task_after(item, task, plan, accepted, filled) for task in item.tasks),
            claims=tuple(sorted(claims.get(item.terms.job, set()).union(item.claims))),
        )
        for item in jobs
    )


def _task_after(
    job: JobProgress,
    item: TaskProgress,
    plan: RoundPlan,
    accepted: Mapping[tuple[bytes, int, int], int],
    filled: Mapping[int, list[int]],
) -> TaskProgress:
    key = (job.terms.job, item.crate, item.category)
    planned = [task for task in plan.tasks if task.kind is TaskKind.GENERATE and _key(task) == key]
    empty = any(filled[task.index] and max(filled[task.index]) < task.slots for task in planned)
    return replace(
        item,
        accepted=item.accepted + accepted.get(key, 0),
        in_flight=item.in_flight - len(planned),
        exhausted=item.exhausted or empty,
    )


def _key(task: Task) -> tuple[bytes, int, int]:
    return task.job, task.crate, task.category
