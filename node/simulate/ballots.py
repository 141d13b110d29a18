"""Candidates of a simulated round with everybody's scores, and the columns that the aggregation takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consensus.aggregation import Counted, Verdict
from consensus.aggregation.vectorised import COUNTED_CODES, VERDICT_CODES, RatingColumns
from consensus.rater_tables import drawer_of
from node.simulate.attacks import Bools, Floats
from node.simulate.seating import Waiting
from node.simulate.worlds import NOBODY, DrawnRound, Ints, World, category_of
from reputation import Generated

_COUNTED, _OWN, _OBSERVER = (
    COUNTED_CODES.index(counted) for counted in (Counted.COUNTED, Counted.OWN, Counted.OBSERVER)
)

ACCEPT, REVIEW, REJECT, PROBE = (
    VERDICT_CODES.index(verdict) for verdict in (Verdict.ACCEPT, Verdict.REVIEW, Verdict.REJECT, Verdict.PROBE)
)

ACCEPT_BP, REVIEW_BP = 7000, 5000


@dataclass(frozen=True, slots=True)
class Ballot:
    """Some candidates of one round; C candidates, S seats each."""

    drawn: DrawnRound
    task: Ints
    """[C] Likewise `slot`: where in their round they stand."""
    slot: Ints
    rater: Ints
    """[C, S] `NOBODY` where a seat is empty."""
    observing: Bools
    """[C, S]"""
    scores: Ints
    """[C, S, 4] Basis points."""

    def __len__(self) -> int:
        return len(self.task)

    def only(self, which: Bools) -> Ballot:
        """Some of them."""
        return Ballot(
            self.drawn,
            self.task[which],
            self.slot[which],
            self.rater[which],
            self.observing[which],
            self.scores[which],
        )

    def reviewed(self, raters: Ints, scores: Floats) -> Ballot:
        """The same candidates with what fresh raters [C, K] say of them: [C, K, 4], 0..1."""
        return Ballot(
            self.drawn,
            self.task,
            self.slot,
            np.concatenate([self.rater, raters], axis=1),
            np.concatenate([self.observing, np.zeros(raters.shape, dtype=np.bool_)], axis=1),
            np.concatenate([self.scores, _basis_points(scores)], axis=1),
        )

    @property
    def makers(self) -> Ints:
        """[C] Who made each."""
        return self.drawn.makers[self.task, self.slot]

    @property
    def probes(self) -> Ints:
        """[C] 1 for a good probe, 0 for a bad one, -1 for a candidate."""
        good = self.drawn.good[self.task, self.slot].astype(np.int64)
        return np.where(self.drawn.probes[self.task], good, -1)

    @property
    def seated(self) -> Bools:
        """[C, S] Seats that are taken: in their order stand the ratings of the columns."""
        taken: Bools = self.rater != NOBODY
        return taken


def first_ballot(drawn: DrawnRound) -> Ballot:
    """The candidates that go on to be rated: those that no public check fails."""
    task, slot = np.nonzero(drawn.present & (drawn.checks != "fail"))
    scores = _basis_points(drawn.stages[0][task, slot])
    return Ballot(drawn, task, slot, drawn.committee[task], drawn.observing[task], scores)


def in_columns(ballots: Sequence[Ballot], reviewable: Bools, world: World) -> RatingColumns:
    """All ratings of these ballots.

    Args:
        ballots: One after the other.
        reviewable: Of each candidate, whether fresh raters could score it.
        world: Whose rounds they are of.
    """
    drawers = np.array([drawer_of(category_of(task, world)) for task in range(world.tasks)], dtype=np.int64)
    seated = [ballot.seated for ballot in ballots]
    sizes = np.concatenate([taken.sum(axis=1) for taken in seated])
    pairs = list(zip(ballots, seated, strict=True))
    rater = np.concatenate([ballot.rater[taken] for ballot, taken in pairs])
    observing = np.concatenate([ballot.observing[taken] for ballot, taken in pairs])
    generator = np.concatenate([ballot.makers for ballot in ballots])
    probes = np.concatenate([ballot.probes for ballot in ballots])
    own = rater == np.repeat(generator, sizes)
    return RatingColumns(
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        generator=generator.astype(np.int64),
        raters=np.full(len(sizes), world.committee, dtype=np.int64),
        accept_bp=np.full(len(sizes), ACCEPT_BP, dtype=np.int64),
        review_bp=np.full(len(sizes), REVIEW_BP, dtype=np.int64),
        probe=probes,
        reviewable=reviewable & (probes < 0),
        drawer=drawers[np.concatenate([ballot.task for ballot in ballots])],
        rater=rater.astype(np.int64),
        scores=np.concatenate([ballot.scores[taken] for ballot, taken in pairs]),
        counted=np.where(own, _OWN, np.where(observing, _OBSERVER, _COUNTED)).astype(np.int64),
    )


def waiting(ballot: Ballot) -> list[Waiting]:
    """The candidates as seats for a review are drawn for them."""
    rows = zip(
        ballot.task.tolist(), ballot.slot.tolist(), ballot.makers.tolist(), ballot.rater, ballot.seated, strict=True
    )
    return [Waiting(task, slot, maker, tuple(rater[taken].tolist())) for task, slot, maker, rater, taken in rows]


def made_by(ballots: Sequence[Ballot], verdict: Ints) -> dict[int, Generated]:
    """What became of each node's candidates in a round: those of `ballots` that are final, and what failed a check."""
    makers = np.concatenate([ballot.makers for ballot in ballots])
    drawn = ballots[-1].drawn
    failed = drawn.makers[drawn.present & (drawn.checks == "fail")]
    final = (verdict == ACCEPT) | (verdict == REJECT)
    decided = np.bincount(np.concatenate([makers[final], failed]))
    accepted = np.bincount(makers[verdict == ACCEPT], minlength=len(decided))
    return {int(node): Generated(int(accepted[node]), int(decided[node])) for node in np.flatnonzero(decided)}


def _basis_points(scores: Floats) -> Ints:
    return np.rint(scores * 10_000).astype(np.int64)
