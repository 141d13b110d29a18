"""What a decided round does to its jobs: how far each task has come, and which claims are taken (R6, R16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from consensus.types import (
    CandidateState,
    Decision,
    Hash,
    JobProgress,
    NodeId,
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
    filled: Mapping[int, Mapping[NodeId, int]],
    claimed: Iterable[tuple[bytes, Hash]],
    owners: Mapping[NodeId, str],
    short_owners: int,
) -> tuple[JobProgress, ...]:
    """The jobs after a round.

    Args:
        jobs: Before it, the plan's tasks counted as in flight.
        plan: The round's.
        decisions: All of the round.
        filled: Per generating task, how many slots each generator that committed at all committed to.
        claimed: Job and claim of every candidate that was accepted or goes to review.
        owners: Of every member that could generate.
        short_owners: The preset's.
    """
    turns: dict[tuple[bytes, int, int], _Turn] = {}
    for task in plan.tasks:
        if task.kind is TaskKind.GENERATE:
            turns[task.job, task.crate, task.category] = _Turn(task, filled[task.index])
    claims: dict[bytes, set[Hash]] = {}
    for job, claim in claimed:
        claims.setdefault(job, set()).add(claim)
    accepted = Counter(
        (decision.job, decision.crate, decision.category)
        for decision in decisions
        if decision.state is CandidateState.ACCEPTED
    )
    return tuple(
        replace(
            item,
            tasks=tuple(
                _task_after(
                    task,
                    accepted[item.terms.job, task.crate, task.category],
                    turns.get((item.terms.job, task.crate, task.category)),
                    owners,
                    short_owners,
                )
                for task in item.tasks
            ),
            issued=item.issued - sum(turn.empty for turn in turns.values() if turn.task.job == item.terms.job),
            claims=tuple(sorted(claims.get(item.terms.job, set()).union(item.claims))),
        )
        for item in jobs
    )


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one attempt at a task brought: a task is in one round at a time."""

    task: Task
    filled: Mapping[NodeId, int]
    """By generator that committed, to how many slots."""

    @property
    def empty(self) -> int:
        """Slots that nothing was committed to."""
        given = self.task.slots
        return sum(given - min(given, self.filled.get(node, 0)) for node in self.task.generators)

    @property
    def short(self) -> set[NodeId]:
        """Who has committed, and to less than it was given; nobody where somebody filled all."""
        short = {node for node, count in self.filled.items() if count < self.task.slots}
        return short if len(short) == len(self.filled) else set()

    @property
    def had_nothing(self) -> bool:
        """Whether some have committed, and all of them to nothing."""
        return bool(self.filled) and not any(self.filled.values())


def _task_after(
    item: TaskProgress, accepted: int, turn: _Turn | None, owners: Mapping[NodeId, str], short_owners: int
) -> TaskProgress:
    if turn is None:
        return replace(item, accepted=item.accepted + accepted)  # of candidates under review
    # Who was away has said nothing of the task; who filled all of its slots shows that the others were wrong.
    stays = item.short if turn.short or not turn.filled else ()
    short = turn.short.union(stays)
    asked = {owners[node] for node in short if node in owners}
    return replace(
        item,
        accepted=item.accepted + accepted,
        # What was offered to nobody's use is offered again, to others: the numbers of R8 go by attempts.
        attempts=item.attempts - turn.had_nothing,
        in_flight=item.in_flight - 1,
        exhausted=bool(turn.short) and len(asked) >= min(short_owners, len(set(owners.values()))),
        short=tuple(sorted(short)),
    )
