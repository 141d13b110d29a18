"""What a round decides: every committed slot ends in one named state, computed from the included messages alone.

`decide_round` is the function that every node must compute alike (R42). It scores through `consensus.aggregation`, and
reports what reputation needs to know; it changes no reputation itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from consensus.aggregation import Aggregation, RatedCandidate, ScoredCandidate, Verdict, aggregate
from consensus.facts import DOUBTED_BP, FalseFact, false_facts, settle
from consensus.job_progress import jobs_after
from consensus.openings import (
    NEVER_OPENED,
    OpenedSlot,
    RaterSheet,
    RoundInputs,
    claim_order,
    committed_per_task,
    faithful_raters,
    open_ratings,
    open_slots,
)
from consensus.params import Preset
from consensus.schedule import Standing, fresh_raters
from consensus.slots_left import slots_left
from consensus.types import (
    ZERO_HASH,
    CandidateState,
    CheckFact,
    Decision,
    GivenRating,
    Hash,
    JobProgress,
    Member,
    NodeId,
    PendingCandidate,
    RoundPlan,
    Task,
)

_CLAIMS = {CandidateState.ACCEPTED, CandidateState.IN_REVIEW}
"""States in which a candidate keeps its claim."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """What the round showed of how members behaved; `reputation` draws the consequences (R33)."""

    seats: tuple[tuple[NodeId, int], ...]
    """Rater and observer seats per member, sorted."""
    committed: frozenset[NodeId]
    revealed: frozenset[NodeId]
    """Opened what they had committed to."""
    false_facts: tuple[FalseFact, ...]
    false_probes: tuple[tuple[NodeId, int], ...]
    """Per generator, slots opened against R14 and probes whose evidence did not hold, sorted."""
    slots_left: tuple[tuple[NodeId, int], ...]
    """Per generator, slots that it left empty and others could have filled, sorted (R35)."""
    equivocators: frozenset[NodeId]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything a round establishes."""

    decisions: tuple[Decision, ...]
    """New slots by (task, generator, slot), then carried candidates by content."""
    pending: tuple[PendingCandidate, ...]
    """All candidates in review after this round, sorted by content."""
    jobs: tuple[JobProgress, ...]
    aggregation: Aggregation
    conduct: Conduct


@dataclass(frozen=True, slots=True)
class _Carried:
    """A candidate on its way through the decision."""

    slot: OpenedSlot | None
    """None for a candidate under review."""
    pending: PendingCandidate
    task: Task
    sheets: tuple[RaterSheet, ...]
    reviewable: bool = False
    """Whether fresh raters could score it."""
    doubted: bool = False
    """Whether they have to, whatever its first score (R17, R18)."""

    @property
    def key(self) -> tuple[int, Hash]:
        return self.task.index, self.pending.content


def decide_round(
    plan: RoundPlan,
    inputs: RoundInputs,
    *,
    members: Sequence[Member],
    standings: Sequence[Standing],
    jobs: Sequence[JobProgress],
    pending: Sequence[PendingCandidate],
    preset: Preset,
) -> Outcome:
    """Decide a round.

    Args:
        plan: As issued.
        inputs: As fixed by the attestations (R19).
        members: Before the round, with their rater tables.
        standings: Of the members, for who could review.
        jobs: Before the round, this plan's tasks counted as in flight.
        pending: Candidates in review before the round.
        preset: The swarm's numbers.
    """
    return _Decider(plan, inputs, members, standings, jobs, pending, preset).decide()


class _Decider:
    """The steps of one decision, in order; holds nothing after `decide`."""

    def __init__(
        self,
        plan: RoundPlan,
        inputs: RoundInputs,
        members: Sequence[Member],
        standings: Sequence[Standing],
        jobs: Sequence[JobProgress],
        pending: Sequence[PendingCandidate],
        preset: Preset,
    ) -> None:
        self._plan = plan
        self._inputs = inputs
        self._members = members
        self._standings = standings
        self._jobs = {job.terms.job: job for job in jobs}
        self._pending = {item.content: item for item in pending}
        self._preset = preset
        self._owners = {member.node: member.owner for member in members}
        self._sheets = open_ratings(plan, inputs)
        self._false_facts: list[FalseFact] = []
        self._false_probes: dict[NodeId, int] = {}

    def decide(self) -> Outcome:
        slots = open_slots(self._plan, self._inputs)
        carried = self._under_review()
        alive: list[_Carried] = []
        states: dict[tuple[NodeId, int, int], CandidateState] = {}
        duplicates = self._duplicates(slots)
        for slot in slots:
            state, candidate = self._examine(slot, duplicates)
            states[slot.generator, slot.task, slot.slot] = state
            if candidate is not None:
                alive.append(candidate)
        aggregation = self._aggregate([*alive, *carried])
        scored = {(item.task, item.content): item for item in aggregation.candidates}
        final = self._final_states([*alive, *carried], scored)
        decisions = [self._slot_decision(slot, states, final, scored) for slot in slots]
        decisions += [self._carried_decision(item, final, scored) for item in carried]
        still = self._still_pending([*alive, *carried], final)
        return Outcome(
            decisions=tuple(decisions),
            pending=still,
            jobs=jobs_after(
                self._jobs.values(),
                self._plan,
                decisions,
                filled=committed_per_task(self._plan, self._inputs),
                claimed=[(item.task.job, item.pending.claim) for item in alive if final[item.key] in _CLAIMS],
                owners={standing.node: standing.owner for standing in self._standings if standing.skill},
                short_owners=self._preset.short_owners,
            ),
            aggregation=aggregation,
            conduct=self._conduct(slots, decisions),
        )

    # Before scoring

    def _under_review(self) -> list[_Carried]:
        found = []
        for task in self._plan.tasks:
            for content in task.carried:
                pending = self._pending[content]
                # Who could not fetch it has no opinion of it; an empty vote would be one, and the worst.
                held = [sheet for sheet in self._sheets[task.index] if _holds(sheet, task.index, content)]
                found.append(_Carried(None, pending, task, tuple(held)))
        return sorted(found, key=lambda item: item.pending.content)

    def _duplicates(self, slots: Sequence[OpenedSlot]) -> set[tuple[NodeId, int, int]]:
        """Slots whose claim an earlier round, or a generator that comes first, owns (R16)."""
        owned: dict[bytes, set[Hash]] = {job: set(progress.claims) for job, progress in self._jobs.items()}

        def order(slot: OpenedSlot) -> tuple[bytes, int, int]:
            return claim_order(self._plan.seed, slot.generator), slot.task, slot.slot

        found = set()
        contents: set[Hash] = set()
        for slot in sorted(slots, key=order):
            if slot.opening is None:
                continue
            claims = owned[self._plan.tasks[slot.task].job]
            # A probe owns no claim, or a generator could take its rivals' examples out by planting them as probes.
            claimed = slot.opening.probe is None and slot.opening.claim in claims
            if claimed or slot.opening.content in contents:
                found.add((slot.generator, slot.task, slot.slot))
            if slot.opening.probe is None:
                claims.add(slot.opening.claim)
            contents.add(slot.opening.content)
        return found

    def _examine(
        self, slot: OpenedSlot, duplicates: set[tuple[NodeId, int, int]]
    ) -> tuple[CandidateState, _Carried | None]:
        """The state of a slot as far as facts decide it, and the candidate if it goes on to be scored."""
        task = self._plan.tasks[slot.task]
        opening = slot.opening
        if opening is None:
            if slot.why_void != NEVER_OPENED:
                self._false_probes[slot.generator] = self._false_probes.get(slot.generator, 0) + 1
            return CandidateState.VOID, None
        if (slot.generator, slot.task, slot.slot) in duplicates:
            return CandidateState.DUPLICATE, None
        if opening.probe is not None and not self._inputs.probes.get(opening.content, False):
            if opening.content in self._inputs.probes:
                self._false_probes[slot.generator] = self._false_probes.get(slot.generator, 0) + 1
            return CandidateState.VOID, None
        pending = PendingCandidate(
            job=task.job,
            crate=task.crate,
            category=task.category,
            content=opening.content,
            claim=opening.claim,
            generator=slot.generator,
            ratings=(),
            since=self._plan.height,
        )
        sheets = self._sheets[slot.task]
        held = tuple(sheet for sheet in sheets if _holds(sheet, slot.task, opening.content))
        item = _Carried(slot, pending, task, held)
        is_probe = opening.probe is not None
        askable = not is_probe and bool(fresh_raters(self._with_ratings(item), self._standings))
        found = {sheet.rater: sheet.ratings[item.key].fact for sheet in held if not sheet.observer}
        revealed = sum(not sheet.observer for sheet in sheets)
        settled = settle(found, revealed=revealed, seated=len(task.raters), askable=askable)
        if settled.state is not CandidateState.LATE:
            self._false_facts += false_facts(found)
        if settled.state is not None:
            return (CandidateState.PROBE if is_probe else settled.state), None
        state = CandidateState.PROBE if is_probe else CandidateState.IN_REVIEW
        return state, replace(item, reviewable=askable, doubted=settled.doubted)

    # Scoring

    def _aggregate(self, candidates: Sequence[_Carried]) -> Aggregation:
        rated = [self._rated(item) for item in candidates]
        return aggregate(
            {member.node: member.table for member in self._members},
            rated,
            self._preset.aggregation,
            owners=self._owners,
        )

    def _rated(self, item: _Carried) -> RatedCandidate:
        terms = self._jobs[item.task.job].terms
        probe = item.slot.opening.probe if item.slot and item.slot.opening else None
        rated = self._with_ratings(item)
        accept_bp, review_bp = DOUBTED_BP if item.doubted else (terms.accept_bp, terms.review_bp)
        return RatedCandidate(
            content=item.pending.content,
            task=item.task.index,
            category=terms.categories[item.task.category],
            generator=item.pending.generator,
            ratings=rated.ratings,
            raters=terms.raters,
            probe=probe.good if probe else None,
            reviewable=item.reviewable,
            observers=frozenset(rated.observers),
            accept_bp=accept_bp,
            review_bp=review_bp,
        )

    def _with_ratings(self, item: _Carried) -> PendingCandidate:
        """The candidate with this round's ratings beside those it came with."""
        fresh = tuple(
            GivenRating(sheet.rater, sheet.ratings[item.key].scores)
            for sheet in item.sheets
            if item.key in sheet.ratings
        )
        ratings = tuple(sorted((*item.pending.ratings, *fresh), key=lambda rating: rating.rater))
        observers = {*item.pending.observers, *(sheet.rater for sheet in item.sheets if sheet.observer)}
        return replace(item.pending, ratings=ratings, observers=tuple(sorted(observers)))

    def _final_states(
        self, candidates: Sequence[_Carried], scored: Mapping[tuple[int, Hash], ScoredCandidate]
    ) -> dict[tuple[int, Hash], CandidateState]:
        """States by score, availability and quota (R18, R28, R29)."""
        final: dict[tuple[int, Hash], CandidateState] = {}
        above: dict[tuple[bytes, int, int], list[ScoredCandidate]] = {}
        quotas: dict[tuple[bytes, int, int], int] = {}
        for item in candidates:
            result = scored[item.key]
            if result.verdict is Verdict.PROBE:
                final[item.key] = CandidateState.PROBE
            elif result.verdict is Verdict.REVIEW:
                final[item.key] = CandidateState.IN_REVIEW
            elif result.verdict is Verdict.REJECT:
                final[item.key] = CandidateState.REJECTED_SCORE
            elif 2 * self._holders(item) < len(item.task.raters):
                final[item.key] = CandidateState.UNAVAILABLE
            else:
                key = item.task.job, item.task.crate, item.task.category
                above.setdefault(key, []).append(result)
                quotas[key] = max(quotas.get(key, 0), item.task.quota)
        for place, rivals in above.items():
            for rank, result in enumerate(best_first(rivals)):
                taken = rank < quotas[place]
                final[result.task, result.content] = CandidateState.ACCEPTED if taken else CandidateState.SURPLUS
        return final

    def _holders(self, item: _Carried) -> int:
        """Raters that held it, those of its first round among them."""
        rated = self._with_ratings(item)
        return len({rating.rater for rating in rated.ratings}.difference(rated.observers))

    # After scoring

    def _slot_decision(
        self,
        slot: OpenedSlot,
        states: Mapping[tuple[NodeId, int, int], CandidateState],
        final: Mapping[tuple[int, Hash], CandidateState],
        scored: Mapping[tuple[int, Hash], ScoredCandidate],
    ) -> Decision:
        task = self._plan.tasks[slot.task]
        state = states[slot.generator, slot.task, slot.slot]
        content = slot.opening.content if slot.opening else ZERO_HASH
        result = scored.get((slot.task, content)) if state in {CandidateState.IN_REVIEW, CandidateState.PROBE} else None
        if state is CandidateState.IN_REVIEW:
            state = final[slot.task, content]
        return _decision(task, slot.generator, slot.slot, content, state, result)

    def _carried_decision(
        self,
        item: _Carried,
        final: Mapping[tuple[int, Hash], CandidateState],
        scored: Mapping[tuple[int, Hash], ScoredCandidate],
    ) -> Decision:
        return _decision(item.task, item.pending.generator, -1, item.pending.content, final[item.key], scored[item.key])

    def _still_pending(
        self, candidates: Sequence[_Carried], final: Mapping[tuple[int, Hash], CandidateState]
    ) -> tuple[PendingCandidate, ...]:
        reviewed = {content for task in self._plan.tasks for content in task.carried}
        waiting = [item for content, item in self._pending.items() if content not in reviewed]
        waiting += [self._with_ratings(item) for item in candidates if final[item.key] is CandidateState.IN_REVIEW]
        return tuple(sorted(waiting, key=lambda item: item.content))

    def _conduct(self, slots: Sequence[OpenedSlot], decisions: Sequence[Decision]) -> Conduct:
        seats: dict[NodeId, int] = {}
        for task in self._plan.tasks:
            for node in (*task.raters, *task.observers):
                seats[node] = seats.get(node, 0) + 1
        return Conduct(
            seats=tuple(sorted(seats.items())),
            committed=frozenset(self._inputs.rating_commits),
            revealed=faithful_raters(self._plan, self._inputs),
            false_facts=tuple(self._false_facts),
            false_probes=tuple(sorted(self._false_probes.items())),
            slots_left=slots_left(self._plan, slots, decisions, owners=self._owners, jobs=self._jobs),
            equivocators=self._inputs.equivocators,
        )


def best_first(rivals: Iterable[ScoredCandidate]) -> list[ScoredCandidate]:
    """A task's candidates as they are accepted: by score, equal ones by content hash and by nothing else (R29)."""
    return sorted(rivals, key=lambda scored: (-scored.score_bp, scored.content))


def _holds(sheet: RaterSheet, task: int, content: Hash) -> bool:
    rating = sheet.ratings.get((task, content))
    return rating is not None and rating.fact is not CheckFact.UNAVAILABLE


def _decision(
    task: Task,
    generator: NodeId,
    slot: int,
    content: Hash,
    state: CandidateState,
    result: ScoredCandidate | None,
) -> Decision:
    return Decision(
        job=task.job,
        crate=task.crate,
        category=task.category,
        generator=generator,
        task=task.index,
        slot=slot,
        content=content,
        state=state,
        score_bp=result.score_bp if result else 0,
        criteria_bp=result.criteria_bp if result else (0, 0, 0, 0),
        spread_bp=result.spread_bp if result else 0,
        raters=result.counted if result else 0,
        evidence_bits=result.evidence_bits if result else 0,
        cut_bits=result.cut_bits if result else 0,
    )
