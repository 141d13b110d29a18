"""A world's rounds through the shipped aggregation and reputation, in columns from end to end.

`node.replay` says what is done here, record by record; a test holds the two equal, score by score and reputation by
reputation. What is left out beside it is the way through objects, which is nine tenths of its time: so a thousand
nodes and ten thousand rounds take minutes, and memory is that of the nodes alone.

One thing differs. Where an adversary throws its identity away, its row starts anew, and what others remember of the old
identity goes with it; on the network, where it is remembered until it fades, that costs them a place in their tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from consensus.aggregation.vectorised import RaterColumns, ScoreColumns, aggregate_columns
from consensus.encoding import hash_bytes
from consensus.params import MAINNET, Preset
from consensus.types import NodeId, RaterTable
from node.simulate.attacks import IDENTITY_ROUNDS, SLEEPER_WAKES, Bools, Floats
from node.simulate.ballots import ACCEPT, REVIEW, Ballot, first_ballot, in_columns, made_by, waiting
from node.simulate.figures import Figures, Tally
from node.simulate.seating import PlannedSeats
from node.simulate.telling import Tell, shown, tell_reviews, tell_round
from node.simulate.worlds import DrawnRound, Ints, Seats, World, WorldMaker, first_judged, judged_tasks
from reputation import is_blind, standing_of
from reputation.conduct import fading

STANDINGS_MAX = 40_000
"""Standings computed in a run to see who has lost theirs: a thousand of them take as long as ten rounds."""


@dataclass(slots=True)
class _Open:
    """A round whose last candidates are not decided yet."""

    drawn: DrawnRound
    score_bp: Ints
    """[task, slot]"""
    accepted: Bools


class RatingRun:
    """One world from its first round to its last.

    Args:
        world: Its shape.
        seed: Everything else about it.
        preset: The swarm's numbers.
        tell: Given a line for a person now and then: what each round decided, where it was wrong, who lost standing.
        progress: Called with the number of each round before it is played.
    """

    def __init__(
        self,
        world: World,
        seed: int,
        *,
        preset: Preset = MAINNET,
        tell: Tell | None = None,
        progress: Callable[[int], None] = lambda _round: None,
    ) -> None:
        self._world, self._seed, self._preset, self._tell, self._progress = world, seed, preset, tell, progress
        self._maker = WorldMaker(world, seed)
        self.bad = self._maker.bad
        nodes = [NodeId(hash_bytes("replay-node", f"node-{number}".encode())) for number in range(world.nodes)]
        self.raters = RaterColumns.empty(nodes, preset.aggregation)
        self.ratings = 0
        """Aggregated so far."""
        self._planned = PlannedSeats(world, seed, nodes, preset) if world.seats == "standing" else None
        self._tally = Tally()
        self._carried: Ballot | None = None
        self._open: _Open | None = None
        self._fallen = np.zeros(world.nodes, dtype=np.int64)
        """First round in which a node was seen without standing; 0 for never."""
        self._born = np.ones(world.nodes, dtype=np.int64)
        self._looked = self._unfairly = 0

    def run(self) -> Figures:
        """Play all rounds."""
        looks = look_rounds(self._world)
        for drawn in self._maker.rounds(None if self._planned is None else self._seat):
            self._progress(drawn.number)
            if self._planned is None:
                self._renew(drawn.number)
            self._play(drawn)
            if drawn.number in looks:
                self._look(drawn.number)
        if self._carried is not None and len(self._carried):
            self._play(None)
        self._close()
        return self._figures()

    def reputations(self) -> Floats:
        """[N] Basis points, as `reputation` publishes them; a newcomer that is still examined has none."""
        standings = (standing_of(table, self._preset) for table in self._tables())
        points = np.array([standing.reputation_bp for standing in standings], dtype=np.float64)
        return points if self._planned is None else np.where(self._planned.examined, 0.0, points)

    def _tables(self) -> list[RaterTable]:
        """Of all nodes, in their order."""
        return self.raters.tables(np.arange(self._world.nodes))

    # One round

    def _seat(self, number: int) -> Seats:
        """Seats by standing, strangers first."""
        assert self._planned is not None, "asked only where plans draw the seats"
        self._renew(number)
        return self._planned.draw(number)

    def _play(self, drawn: DrawnRound | None) -> None:
        """Decide a round and what was carried into it; None for the round that only decides the latter."""
        number = drawn.number if drawn is not None else self._world.rounds + 1
        carried, new = self._carried, first_ballot(drawn) if drawn is not None else None
        ballots = [ballot for ballot in (carried, new) if ballot is not None]
        final = np.zeros(len(carried) if carried is not None else 0, dtype=np.bool_)
        reviewable = np.concatenate([final, self._reviewable(new)]) if new is not None else final
        columns = in_columns(ballots, reviewable, self._world)
        self.ratings += len(columns.rater)
        scores = aggregate_columns(self.raters, columns, self._preset.aggregation)
        if self._preset.ends_epoch(number):
            self.raters.maturity *= fading(self._preset)
            self.raters.maturity >>= 16
        if carried is not None and self._open is not None:
            _note(self._open, carried, scores, slice(0, len(final)))
            if self._tell is not None:
                tell_reviews(self._tell, carried, scores, columns.starts, self.bad)
        self._close()
        self._carried = None
        if drawn is None or new is None:
            return
        self._learn_seats(number, ballots, scores)
        shape = drawn.present.shape
        self._open = _Open(drawn, np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_))
        _note(self._open, new, scores, slice(len(final), None))
        self._carried = self._with_second(new.only(scores.verdict[len(final) :] == REVIEW))
        if self._tell is not None:
            tell_round(self._tell, new, scores, columns.starts, self.bad)

    def _reviewable(self, ballot: Ballot) -> Bools:
        """Which candidates fresh raters could score (R28)."""
        if self._planned is None:
            return np.full(len(ballot), ballot.drawn.fresh.shape[1] > 0)
        return np.array(self._planned.may_review(ballot.drawn.number, waiting(ballot)), dtype=np.bool_)

    def _with_second(self, ballot: Ballot) -> Ballot:
        """What goes to review: the ratings it has, and those of fresh raters."""
        drawn, task, slot = ballot.drawn, ballot.task, ballot.slot
        if self._planned is None:
            return ballot.reviewed(drawn.fresh[task], drawn.stages[1][task, slot])
        raters = self._planned.review(drawn.number + 1, waiting(ballot))
        return ballot.reviewed(raters, self._maker.second(drawn, task, slot, raters))

    def _learn_seats(self, number: int, ballots: Sequence[Ballot], scores: ScoreColumns) -> None:
        """Tell the plans what the round taught, and everybody's fading at an epoch's end."""
        if self._planned is not None:
            rows = np.arange(self._world.nodes) if self._preset.ends_epoch(number) else scores.rows
            examined = self._planned.learn(number, self.raters, rows, made_by(ballots, scores.verdict))
            self.raters.forget(np.array(examined, dtype=np.int64))

    def _close(self) -> None:
        """Judge the round before, now that its reviews are over."""
        done, self._open = self._open, None
        if done is None or done.drawn.number < first_judged(self._world):
            return
        judged = judged_tasks(self._world) & ~done.drawn.probes
        present = done.drawn.present & judged[:, None]
        drawn = done.drawn
        self._tally.add(
            present=present, good=drawn.good, accepted=done.accepted, score_bp=done.score_bp, quality=drawn.quality
        )

    def _renew(self, number: int) -> None:
        """Adversaries that throw their identities away begin as strangers."""
        lifetime = IDENTITY_ROUNDS.get(self._world.attack, 0)
        if not lifetime or number == 1 or (number - 1) % lifetime:
            return
        rows = np.flatnonzero(self.bad)
        self.raters.forget(rows)
        self._born[rows] = number
        if self._planned is not None:
            self._planned.renew(rows.tolist(), number)

    # What is told of it

    def _look(self, number: int) -> None:
        """See who has no standing (R37)."""
        params = self._preset.reputation
        for row, table in enumerate(self._tables()):
            standing = standing_of(table, self._preset)
            known = standing.maturity >= params.suspend_maturity_min
            fallen = known and standing.reputation_bp < params.suspend_below_bp and is_blind(table, self._preset)
            if not self.bad[row]:
                self._looked += 1
                self._unfairly += fallen
            if fallen and not self._fallen[row]:
                self._fallen[row] = number
                kind = "an adversary" if self.bad[row] else "HONEST"
                self._say(f"round {number}: node-{row}, {kind}, has no standing: {shown(standing.reputation_bp)}")

    def _figures(self) -> Figures:
        found = self._tally.figures(self.reputations(), ~self.bad)
        since = np.maximum(self._born, SLEEPER_WAKES + 1 if self._world.attack == "sleeper" else 1)
        caught = self.bad & (self._fallen > 0)
        took = np.maximum(1, self._fallen - since + 1)[caught]
        return replace(
            found,
            detected=float(caught.sum() / self.bad.sum()) if self.bad.any() else float("nan"),
            detect_rounds=float(np.median(took)) if len(took) else float("nan"),
            unfairly=self._unfairly / max(1, self._looked),
        )

    def _say(self, line: str) -> None:
        if self._tell is not None:
            self._tell(line)


def look_rounds(world: World) -> frozenset[int]:
    """Rounds after which all standings are looked at: every one if that is cheap, else the rarer the later."""
    looks = max(2, STANDINGS_MAX // world.nodes)
    if looks >= world.rounds:
        return frozenset(range(1, world.rounds + 1))
    return frozenset(np.unique(np.geomspace(1, world.rounds, looks).round().astype(int)).tolist())


def _note(into: _Open, ballot: Ballot, scores: ScoreColumns, rows: slice) -> None:
    into.score_bp[ballot.task, ballot.slot] = scores.score_bp[rows]
    into.accepted[ballot.task, ballot.slot] = scores.verdict[rows] == ACCEPT
