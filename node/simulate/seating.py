"""Seats as the swarm draws them: the plan that ships, over the standings that the run has led to (R5, R8 to R10, R37).

A round's generators and raters follow from the state `lookback` rounds before it. Who is suspended observes. What goes
to review is seated by the state after the round that sent it there, as it is on the network, but in the round right
after it: candidates are not to wait for the end of a short run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from consensus.aggregation.vectorised import RaterColumns
from consensus.encoding import hash_bytes
from consensus.params import Preset
from consensus.rater_tables import EMPTY_TABLE
from consensus.schedule import Standing, admit, fresh_raters, plan_round
from consensus.types import (
    ZERO_HASH,
    GivenRating,
    Hash,
    JobId,
    JobStatus,
    JobTerms,
    Member,
    NodeId,
    PendingCandidate,
    Task,
)
from node.pipeline.transition import standings
from node.simulate.attacks import Bools
from node.simulate.worlds import NOBODY, Ints, Seats, World, makers_of_task
from reputation import DecidedRound, Generated, members_after, new_member
from reputation.capability import after_examination


@dataclass(frozen=True)
class Waiting:
    """A candidate that its first score sends to review."""

    task: int
    slot: int
    maker: int
    raters: tuple[int, ...]
    """Who has rated it, observers included."""


class PlannedSeats:
    """The members of a run as plans see them, and the plans.

    Args:
        world: Its shape.
        seed: Of the draws.
        nodes: Node ids by number.
        preset: The swarm's numbers.
    """

    def __init__(self, world: World, seed: int, nodes: Sequence[NodeId], preset: Preset) -> None:
        self._world, self._seed, self._nodes = world, seed, nodes
        one_in = round(1 / world.probes) if world.probes else preset.probe_one_in
        self._preset = replace(preset, tasks_per_round=world.tasks, probe_one_in=one_in)
        self._number = {node: number for number, node in enumerate(nodes)}
        self._members = [new_member(node, node.hex(), 0) for node in nodes]
        self._order = sorted(range(len(nodes)), key=nodes.__getitem__)
        self._standing = [self._stand(member, 1) for member in self._members]
        now = self._all()
        self._known: deque[tuple[Standing, ...]] = deque([now] * preset.lookback, maxlen=preset.lookback)
        """Standings after each of the latest rounds, oldest first."""
        terms = JobTerms(
            job=JobId(bytes(32)),
            coordinator=nodes[0],
            crates=("simulated",),
            categories=tuple(f"task-{number}" for number in range(world.tasks)),
            quota=1,
            generators=makers_of_task(world),
            candidates=1,
            raters=world.committee,
            accept_bp=7000,
            review_bp=5000,
            budget=1 << 40,
        )
        self._job = admit(terms, 0)

    # What a round leaves

    def renew(self, rows: Sequence[int], number: int) -> None:
        """These nodes are strangers from the round `number` on, and examined from then on (R39)."""
        for row in rows:
            stranger = new_member(self._nodes[row], self._nodes[row].hex(), number)
            self._members[row] = replace(stranger, examined_from=number)
            self._standing[row] = self._stand(self._members[row], number + self._preset.lookback)
        known = {self._nodes[row]: self._standing[row] for row in rows}
        for place, standing in enumerate(self._known):
            renewed = (known.get(item.node, item) for item in standing)
            self._known[place] = tuple(item for item in renewed if item is not None)

    @property
    def examined(self) -> Bools:
        """[N] Who has yet to prove that it can rate."""
        return np.array([member.examined_from > 0 for member in self._members], dtype=np.bool_)

    def learn(self, number: int, raters: RaterColumns, rows: Ints, made: Mapping[int, Generated]) -> list[int]:
        """Take over what the round `number` taught.

        Args:
            number: The round.
            raters: The tables after it.
            rows: Of those that have changed.
            made: What became of each generator's candidates.

        Returns:
            Those whose examination is over: what it taught is to be forgotten.
        """
        generated = {self._nodes[row]: some for row, some in made.items()}
        decided = DecidedRound(height=1, outcome_root=ZERO_HASH, generated=generated)  # skill alone: no epoch ends here
        examined = []
        changed = sorted({*rows.tolist(), *made})
        for row, table in zip(changed, raters.tables(np.array(changed, dtype=np.int64)), strict=True):
            known = self._members[row]
            (member,) = members_after([replace(known, examined_from=0, admitted_from=0)], decided, self._preset)
            member = replace(
                member,
                table=table,
                examined_from=known.examined_from,
                admitted_from=known.admitted_from,
            )
            if member.examined_from:
                member = after_examination(member, number, self._preset)
                if member.table == EMPTY_TABLE:
                    examined.append(row)
            self._members[row] = member
            self._standing[row] = self._stand(member, number + self._preset.lookback)
        self._known.append(self._all())
        return examined

    def _stand(self, member: Member, height: int) -> Standing | None:
        """None for who may take part in nothing."""
        return next(iter(standings((member,), height, self._preset)), None)

    def _all(self) -> tuple[Standing, ...]:
        ordered = (self._standing[row] for row in self._order)
        return tuple(standing for standing in ordered if standing is not None)

    # Plans

    def draw(self, number: int) -> Seats:
        """Seats of the round `number`."""
        plan, _ = plan_round(number, self._chain_seed(number), [self._job], (), self._known[0], (), self._preset)
        tasks = {task.category: task for task in plan.tasks}
        width = max((len(task.raters) + len(task.observers) for task in plan.tasks), default=0)
        shape = (self._world.tasks, width)
        committee, observing = np.full(shape, NOBODY, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
        makers = np.full((self._world.tasks, self._world.candidates[1]), NOBODY, dtype=np.int64)
        for place, task in tasks.items():
            chosen = self._rows(task.generators)
            makers[place] = [chosen[slot % len(chosen)] for slot in range(makers.shape[1])]
            seated = self._rows((*task.raters, *task.observers))
            committee[place, : len(seated)] = seated
            observing[place, len(task.raters) : len(seated)] = True
        return Seats(makers, committee, observing, self.examined, self._probes(plan.probe_one_in))

    def _probes(self, one_in: int) -> float:
        """The share of probes that a plan asks for; the world's own, to the last bit, where that is the usual one."""
        usual = one_in == self._preset.probe_one_in or not self._world.probes
        return self._world.probes if usual else 1 / one_in

    def review(self, number: int, waiting: Sequence[Waiting]) -> Ints:
        """[n, K] Fresh raters of the candidates that the round before `number` sent to review."""
        pending = [self._pending(item, number) for item in waiting]
        closed = replace(self._job, status=JobStatus.DONE)
        plan, _ = plan_round(number, self._chain_seed(number), [closed], pending, self._known[-1], (), self._preset)
        tasks: dict[Hash, Task] = {content: task for task in plan.tasks for content in task.carried}
        raters = np.full((len(waiting), self._world.committee), NOBODY, dtype=np.int64)
        for place, item in enumerate(pending):
            fresh = self._rows(tasks[item.content].raters)
            raters[place, : len(fresh)] = fresh
        return raters

    def may_review(self, number: int, rated: Sequence[Waiting]) -> list[bool]:
        """Whether anybody could rate these candidates of the round `number` afresh (R28)."""
        able = sum(standing.may_rate for standing in self._known[-1])
        # All who have rated and the generator together are too few: nobody has to be named.
        return [
            able > len(item.raters) + 1 or bool(fresh_raters(self._pending(item, number), self._known[-1]))
            for item in rated
        ]

    def _pending(self, item: Waiting, number: int) -> PendingCandidate:
        content = Hash(hash_bytes("simulated-candidate", f"{number}/{item.task}/{item.slot}".encode()))
        return PendingCandidate(
            job=self._job.terms.job,
            crate=0,
            category=item.task,
            content=content,
            claim=content,
            generator=self._nodes[item.maker],
            ratings=tuple(GivenRating(self._nodes[rater], (0, 0, 0, 0)) for rater in item.raters),
            since=number - self._preset.lookback,
        )

    def _rows(self, nodes: Sequence[NodeId]) -> list[int]:
        return [self._number[node] for node in nodes]

    def _chain_seed(self, number: int) -> Hash:
        return Hash(hash_bytes("simulated-chain", f"{self._seed}/{number}".encode()))
