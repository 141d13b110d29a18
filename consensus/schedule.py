"""From open jobs to the plan of a round: which tasks, who generates, who rates (R5 to R10, R28).

Everything here is a function of the state after a decided round. `plan_round` also returns the jobs with the new
attempts counted, because a plan, once issued, is part of the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from consensus.draw import draw_uniform, draw_weighted
from consensus.params import Preset
from consensus.types import (
    Hash,
    JobProgress,
    JobStatus,
    JobTerms,
    NodeId,
    PendingCandidate,
    RoundPlan,
    Seat,
    Task,
    TaskKind,
    TaskProgress,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What drawing needs to know of a member; computed by `reputation` from its table."""

    node: NodeId
    owner: str
    may_rate: bool
    """In good standing: holds rater seats. Others observe (R10, R37, R39)."""
    mature: bool
    """No newcomer, of whom few sit in a task: enough has been seen of it, or it is a founder (R9)."""
    proven: bool
    """Probes have told what its word is worth, and no doubt has come since (R14)."""
    skill: int
    """Generating skill in basis points, the weight of the draw of generators; 0 for whoever may make nothing (R39)."""


# Jobs


def refuse_terms(terms: JobTerms, preset: Preset) -> str | None:
    """Why a job cannot be admitted under this preset, or None."""
    limits = (
        (bool(terms.crates), "a job names at least one crate"),
        (len(set(terms.crates)) == len(terms.crates), "a job names each crate once"),
        (bool(terms.categories), "a job names at least one category"),
        (len(set(terms.categories)) == len(terms.categories), "a job names each category once"),
        (terms.quota >= 1, "the quota is at least 1"),
        (terms.generators >= 1, "a task needs at least one generator"),
        (terms.candidates >= 1, "a generator fills at least one slot of a task"),
        (
            # Whoever rates has to name each of them in one message; one that cannot be sent would stop its sender.
            terms.generators * terms.candidates <= preset.slots_per_task_max,
            f"generators times candidates are at most {preset.slots_per_task_max} slots a task",
        ),
        (1 <= terms.raters <= preset.raters_max, f"1 to {preset.raters_max} raters"),
        (0 <= terms.review_bp <= terms.accept_bp < 10_000, "0 <= review <= accept < 1 is needed"),
        (terms.budget >= 1, "the budget is at least one slot"),
    )
    return next((reason for holds, reason in limits if not holds), None)


def admit(terms: JobTerms, height: int) -> JobProgress:
    """A job as it stands when a round admits it."""
    tasks = tuple(
        TaskProgress(crate, category, accepted=0, attempts=0, in_flight=0, exhausted=False)
        for crate in range(len(terms.crates))
        for category in range(len(terms.categories))
    )
    return JobProgress(terms, height, JobStatus.OPEN, tasks, issued=0, claims=())


def is_finished(task: TaskProgress, job: JobProgress, preset: Preset) -> bool:
    """Whether nothing more will be generated for a task."""
    return task.exhausted or task.accepted >= job.terms.quota or task.attempts >= preset.attempts_max


def settle(job: JobProgress, pending: Sequence[PendingCandidate], preset: Preset) -> JobProgress:
    """Close a job for which nothing is left to do."""
    if job.status is not JobStatus.OPEN:
        return job
    if any(task.in_flight for task in job.tasks) or any(item.job == job.terms.job for item in pending):
        return job
    if all(is_finished(task, job, preset) for task in job.tasks):
        return replace(job, status=JobStatus.DONE)
    if job.issued + job.terms.candidates > job.terms.budget:
        return replace(job, status=JobStatus.OUT_OF_BUDGET)
    return job


# Drawing


def fresh_raters(candidate: PendingCandidate, standings: Sequence[Standing]) -> tuple[NodeId, ...]:
    """Who could rate a carried candidate: in good standing, neither its generator nor of its owner, not yet a rater."""
    owners = {standing.node: standing.owner for standing in standings}
    own = owners.get(candidate.generator)
    rated = {rating.rater for rating in candidate.ratings}
    return tuple(
        standing.node
        for standing in standings
        if standing.may_rate
        and standing.node != candidate.generator
        and standing.owner != own
        and standing.node not in rated
    )


def draw_generators(
    seed: Hash, purpose: str, standings: Sequence[Standing], count: int, *, passed_over: Sequence[NodeId] = ()
) -> tuple[NodeId, ...]:
    """The generators of a task, weighted by generating skill (R8).

    Nodes of an owner of those `passed_over` have had their turn (R6) and are drawn for places that others leave, so
    that there are always as many: the numbers of R8 go by how many they are.
    """
    # A swarm of two still has to leave somebody to rate.
    count = min(count, max(1, len(standings) - 1))
    had = {standing.owner for standing in standings if standing.node in passed_over}
    fresh = [0 if standing.owner in had else standing.skill for standing in standings]
    drawn = draw_weighted(seed, purpose, fresh, count)
    if had:
        again = [standing.skill if standing.owner in had else 0 for standing in standings]
        drawn += draw_weighted(seed, purpose + "/again", again, count - len(drawn))
    return tuple(standings[index].node for index in drawn)


def draw_raters(
    seed: Hash, purpose: str, standings: Sequence[Standing], generators: Sequence[NodeId], count: int, immature_max: int
) -> tuple[NodeId, ...]:
    """The raters of a task (R9): mature ones first, then at most `immature_max` others while enough are mature."""
    makers = frozenset(generators)
    owners = {standing.owner for standing in standings if standing.node in makers}
    able = [item for item in standings if item.may_rate and item.owner not in owners]
    mature = [item.node for item in able if item.mature]
    immature = [item.node for item in able if not item.mature]
    newcomers = min(len(immature), max(immature_max, count - len(mature)), count)
    chosen = _pick(seed, purpose + "/immature", immature, newcomers)
    return tuple(sorted((*chosen, *_pick(seed, purpose, mature, count - len(chosen)))))


def _pick(seed: Hash, purpose: str, nodes: Sequence[NodeId], count: int) -> tuple[NodeId, ...]:
    return tuple(nodes[index] for index in draw_uniform(seed, purpose, len(nodes), count))


# The plan


@dataclass(frozen=True, slots=True)
class _Draft:
    """What one plan is drawn from."""

    height: int
    seed: Hash
    standings: tuple[Standing, ...]
    preset: Preset

    def purpose(self, role: str, index: int) -> str:
        return f"{role}/{self.height}/{index}"

    def observers(self, generators: Sequence[NodeId]) -> tuple[NodeId, ...]:
        return tuple(item.node for item in self.standings if not item.may_rate and item.node not in generators)


def plan_round(
    height: int,
    seed: Hash,
    jobs: Sequence[JobProgress],
    pending: Sequence[PendingCandidate],
    standings: Sequence[Standing],
    committee: tuple[Seat, ...],
    preset: Preset,
) -> tuple[RoundPlan, tuple[JobProgress, ...]]:
    """Plan round `height` from the state `lookback` rounds before it.

    Args:
        height: Of the round planned.
        seed: After the round just decided.
        jobs: In order of admission.
        pending: All candidates in review; those carried over by the round just decided get their review here.
        standings: Every member that holds no ban, sorted by node.
        committee: The seats of the planned round's epoch.
        preset: The swarm's numbers.

    Returns:
        The plan, and the jobs with its tasks counted as attempted and in flight.
    """
    draft = _Draft(height, seed, tuple(standings), preset)
    carried_now = [item for item in pending if item.since == height - preset.lookback]
    tasks = _review_tasks(draft, jobs, carried_now)
    progress = list(jobs)
    room = preset.tasks_per_round
    for place in _in_turn(progress, height):
        taken, progress[place] = _generate_tasks(draft, progress[place], pending, len(tasks), room)
        tasks += taken
        room -= len(taken)
    one_in = probe_one_in(standings, preset)
    return RoundPlan(height, preset.epoch_of(height), seed, tuple(tasks), committee, one_in), tuple(progress)


def probe_one_in(standings: Sequence[Standing], preset: Preset) -> int:
    """Of how many slots one must hold a probe: of fewer, unless more than two thirds of the raters are proven (R14).

    Who agrees most is believed first, and a clique agrees better than honest raters do. Where no probe has told yet
    what anybody's word is worth, agreement is all there is to learn from, and whoever leads then may lead for good.
    """
    raters = [item for item in standings if item.may_rate]
    if 3 * sum(item.proven for item in raters) > 2 * len(raters):
        return preset.probe_one_in
    return min(preset.probe_one_in, preset.probe_one_in_unproven)


def _in_turn(jobs: Sequence[JobProgress], height: int) -> list[int]:
    """Open jobs' places, a different one first each round, so that a long job does not starve a short one."""
    places = [place for place, job in enumerate(jobs) if job.status is JobStatus.OPEN]
    start = height % len(places) if places else 0
    return places[start:] + places[:start]


def _review_tasks(draft: _Draft, jobs: Sequence[JobProgress], pending: Sequence[PendingCandidate]) -> list[Task]:
    by_job = {job.terms.job: job for job in jobs}
    groups: dict[tuple[bytes, int, int, NodeId], list[PendingCandidate]] = {}
    for item in pending:
        groups.setdefault((item.job, item.crate, item.category, item.generator), []).append(item)
    tasks: list[Task] = []
    for key in sorted(groups):
        members = groups[key]
        job = by_job[members[0].job]
        fresh = set(fresh_raters(members[0], draft.standings))
        for other in members[1:]:
            fresh &= set(fresh_raters(other, draft.standings))
        raters = _pick(draft.seed, draft.purpose("review", len(tasks)), sorted(fresh), job.terms.raters)
        progress = _find(job, members[0].crate, members[0].category)
        tasks.append(
            Task(
                index=len(tasks),
                job=job.terms.job,
                crate=members[0].crate,
                category=members[0].category,
                kind=TaskKind.REVIEW,
                generators=(),
                raters=tuple(sorted(raters)),
                observers=(),
                slots=0,
                quota=max(0, job.terms.quota - progress.accepted),
                attempt=progress.attempts,
                carried=tuple(sorted(item.content for item in members)),
            )
        )
    return tasks


def _find(job: JobProgress, crate: int, category: int) -> TaskProgress:
    return job.tasks[crate * len(job.terms.categories) + category]


def _generate_tasks(
    draft: _Draft, job: JobProgress, pending: Sequence[PendingCandidate], first: int, room: int
) -> tuple[list[Task], JobProgress]:
    carried = {(item.crate, item.category) for item in pending if item.job == job.terms.job}
    tasks: list[Task] = []
    progress = list(job.tasks)
    issued = job.issued
    for place, item in enumerate(job.tasks):
        if len(tasks) == room:
            break
        busy = item.in_flight or (item.crate, item.category) in carried
        if busy or is_finished(item, job, draft.preset):
            continue
        task = _generate_task(draft, job, item, first + len(tasks))
        slots = task.slots * len(task.generators)
        if not task.generators or not task.raters or issued + slots > job.terms.budget:
            continue
        issued += slots
        tasks.append(task)
        progress[place] = replace(item, attempts=item.attempts + 1, in_flight=item.in_flight + 1)
    return tasks, replace(job, tasks=tuple(progress), issued=issued)


def _generate_task(draft: _Draft, job: JobProgress, item: TaskProgress, index: int) -> Task:
    terms = job.terms
    generators = draw_generators(
        draft.seed, draft.purpose("generators", index), draft.standings, terms.generators, passed_over=item.short
    )
    raters = draw_raters(
        draft.seed,
        draft.purpose("raters", index),
        draft.standings,
        generators,
        terms.raters,
        draft.preset.immature_raters_max,
    )
    return Task(
        index=index,
        job=terms.job,
        crate=item.crate,
        category=item.category,
        kind=TaskKind.GENERATE,
        generators=generators,
        raters=raters,
        observers=draft.observers(generators),
        slots=terms.candidates,
        quota=terms.quota - item.accepted,
        attempt=item.attempts,
        carried=(),
    )
