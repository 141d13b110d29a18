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

from consensus.aggregation import Counted, Verdict
from consensus.aggregation.vectorised import (
    COUNTED_CODES,
    VERDICT_CODES,
    RaterColumns,
    RatingColumns,
    ScoreColumns,
    aggregate_columns,
)
from consensus.aggregation.vectorised.columns import NOBODY
from consensus.encoding import hash_bytes
from consensus.params import MAINNET, Preset
from consensus.types import NodeId
from node.simulate.attacks import IDENTITY_ROUNDS, SLEEPER_WAKES, Bools, Floats
from node.simulate.figures import Figures, Tally
from node.simulate.worlds import DrawnRound, Ints, World, bad_nodes, draw_rounds, first_judged
from reputation import standing_of
from reputation.conduct import fading

STANDINGS_MAX = 40_000
"""Standings computed in a run to see who has lost theirs: a thousand of them take as long as ten rounds."""

_ACCEPT, _REVIEW = VERDICT_CODES.index(Verdict.ACCEPT), VERDICT_CODES.index(Verdict.REVIEW)
_COUNTED, _OWN = COUNTED_CODES.index(Counted.COUNTED), COUNTED_CODES.index(Counted.OWN)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ballot:
    """Candidates of one round with everybody's scores; C candidates, K ratings each."""

    task: Ints
    """[C] Likewise `slot`: where in their round they stand."""
    slot: Ints
    rater: Ints
    """[C, K]"""
    scores: Ints
    """[C, K, 4] Basis points."""

    def only(self, which: Bools) -> Ballot:
        """Some of them."""
        return Ballot(self.task[which], self.slot[which], self.rater[which], self.scores[which])


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
        self.bad = bad_nodes(world, seed)
        nodes = [NodeId(hash_bytes("replay-node", f"node-{number}".encode())) for number in range(world.nodes)]
        self.raters = RaterColumns.empty(nodes, preset.aggregation)
        self.ratings = 0
        """Aggregated so far."""
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
        for drawn in draw_rounds(self._world, self._seed):
            self._progress(drawn.number)
            self._renew(drawn.number)
            self._play(drawn)
            if drawn.number in looks:
                self._look(drawn.number)
        if self._carried is not None and len(self._carried.task):
            self._play(None)
        self._close()
        return self._figures()

    def reputations(self) -> Floats:
        """[N] Basis points, as `reputation` publishes them."""
        standings = (standing_of(self.raters.table(row), self._preset) for row in range(self._world.nodes))
        return np.array([standing.reputation_bp for standing in standings], dtype=np.float64)

    # One round

    def _play(self, drawn: DrawnRound | None) -> None:
        """Decide a round and what was carried into it; None for the round that only decides the latter."""
        new = _ballot(drawn, 0) if drawn is not None else None
        ballots = [ballot for ballot in (self._carried, new) if ballot is not None]
        rounds = [item for item in (self._open.drawn if self._open else None, drawn) if item is not None]
        scores = self._aggregate(ballots, rounds[-len(ballots) :])
        if self._preset.ends_epoch(drawn.number if drawn is not None else self._world.rounds + 1):
            self.raters.maturity *= fading(self._preset)
            self.raters.maturity >>= 16
        until = 0
        if self._carried is not None and self._open is not None:
            until = len(self._carried.task)
            _note(self._open, self._carried, scores, slice(0, until))
        self._close()
        self._carried = None
        if drawn is None or new is None:
            return
        shape = drawn.present.shape
        self._open = _Open(drawn, np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_))
        _note(self._open, new, scores, slice(until, None))
        review = scores.verdict[until:] == _REVIEW
        self._carried = _with_second(drawn, new.only(review))
        self._tell_round(drawn, new, scores, until)

    def _aggregate(self, ballots: Sequence[Ballot], rounds: Sequence[DrawnRound]) -> ScoreColumns:
        sizes = np.concatenate([np.full(len(b.task), b.rater.shape[1]) for b in ballots])
        rater = np.concatenate([ballot.rater.ravel() for ballot in ballots])
        pairs = list(zip(ballots, rounds, strict=True))
        generator = np.concatenate([drawn.makers[b.task, b.slot] for b, drawn in pairs])
        probes = np.concatenate([_probe_codes(drawn)[b.task, b.slot] for b, drawn in pairs])
        may = [b is not self._carried and rounds[-1].fresh.shape[1] > 0 for b in ballots]
        reviewable = np.concatenate([np.full(len(b.task), it) for b, it in zip(ballots, may, strict=True)])
        columns = RatingColumns(
            starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            generator=generator.astype(np.int64),
            raters=np.full(len(sizes), self._world.committee, dtype=np.int64),
            accept_bp=np.full(len(sizes), 7000, dtype=np.int64),
            review_bp=np.full(len(sizes), 5000, dtype=np.int64),
            probe=probes,
            reviewable=reviewable & (probes < 0),
            rater=rater.astype(np.int64),
            scores=np.concatenate([ballot.scores.reshape(-1, 4) for ballot in ballots]),
            counted=np.where(rater == np.repeat(generator, sizes), _OWN, _COUNTED).astype(np.int64),
        )
        self.ratings += len(columns.rater)
        return aggregate_columns(self.raters, columns, self._preset.aggregation)

    def _close(self) -> None:
        """Judge the round before, now that its reviews are over."""
        done, self._open = self._open, None
        if done is None or done.drawn.number < first_judged(self._world):
            return
        present = done.drawn.present & ~done.drawn.probes[:, None]
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
        blank = RaterColumns.empty([self.raters.nodes[row] for row in rows], self._preset.aggregation)
        self.raters.histograms[:, :, rows] = 0
        for name in ("maturity", "squared_error", "error_weight", "excess", "excess_count"):
            getattr(self.raters, name)[rows] = 0
        for name in ("pair_generator", "pair_count", "pair_excess"):
            getattr(self.raters, name)[rows] = getattr(blank, name)
        forgotten = np.isin(self.raters.pair_generator, rows)
        self.raters.pair_generator[forgotten] = NOBODY
        self.raters.pair_count[forgotten] = 0
        self.raters.pair_excess[forgotten] = 0
        self._born[rows] = number

    # What is told of it

    def _look(self, number: int) -> None:
        """See who has no standing (R37)."""
        params = self._preset.reputation
        for row in range(self._world.nodes):
            standing = standing_of(self.raters.table(row), self._preset)
            known = standing.maturity >= params.suspend_maturity_min
            fallen = known and standing.reputation_bp < params.suspend_below_bp
            if not self.bad[row]:
                self._looked += 1
                self._unfairly += fallen
            if fallen and not self._fallen[row]:
                self._fallen[row] = number
                kind = "an adversary" if self.bad[row] else "HONEST"
                self._say(f"round {number}: node-{row}, {kind}, has no standing: {_shown(standing.reputation_bp)}")

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

    def _tell_round(self, drawn: DrawnRound, ballot: Ballot, scores: ScoreColumns, first: int) -> None:
        if self._tell is None:
            return
        verdict, bits = scores.verdict[first:], scores.evidence_bits[first:] / (1 << 16)
        good = drawn.good[ballot.task, ballot.slot]
        failed = int((drawn.present & (drawn.checks == "fail")).sum())
        counts = ", ".join(
            f"{int((verdict == code).sum())} {name}"
            for code, name in ((_ACCEPT, "accepted"), (_REVIEW, "in review"), (_PROBE, "probes"))
        )
        self._say(f"round {drawn.number}: {len(verdict)} rated, {failed} failed their check; {counts}")
        for row in np.flatnonzero((verdict == _ACCEPT) & ~good | (verdict == _REJECT) & good):
            word = "accepted, and bad" if verdict[row] == _ACCEPT else "rejected, and good"
            said = self._votes(ballot, scores, int(row), int(scores.rating_counted.size - ballot.rater.size))
            name = f"t{ballot.task[row]}-c{ballot.slot[row]}"
            maker = _node_name(drawn.makers[ballot.task[row], ballot.slot[row]], self.bad)
            score = _shown(int(scores.score_bp[first + row]))
            self._say(f"    {name} by {maker}: {word}, score {score}, evidence {bits[row]:+.2f} bits: {said}")

    def _votes(self, ballot: Ballot, scores: ScoreColumns, row: int, offset: int) -> str:
        """Who said what of a candidate, and what it was worth."""
        raters = ballot.rater[row]
        at = offset + row * len(raters)
        return ", ".join(
            f"{_node_name(rater, self.bad)} {_shown(int(ballot.scores[row, place].mean()))} "
            f"({scores.rating_contributed[at + place] / (1 << 16):+.2f})"
            for place, rater in enumerate(raters)
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


_PROBE, _REJECT = VERDICT_CODES.index(Verdict.PROBE), VERDICT_CODES.index(Verdict.REJECT)


def _ballot(drawn: DrawnRound, stage: int) -> Ballot:
    """The candidates that go on to be rated: those that no public check fails."""
    task, slot = np.nonzero(drawn.present & (drawn.checks != "fail"))
    seats = (drawn.committee, drawn.fresh)[stage]
    return Ballot(task, slot, seats[task], _basis_points(drawn.stages[stage][task, slot]))


def _with_second(drawn: DrawnRound, ballot: Ballot) -> Ballot:
    """What goes to review: the ratings it has, and those of fresh raters."""
    second = _basis_points(drawn.stages[1][ballot.task, ballot.slot])
    return Ballot(
        ballot.task,
        ballot.slot,
        np.concatenate([ballot.rater, drawn.fresh[ballot.task]], axis=1),
        np.concatenate([ballot.scores, second], axis=1),
    )


def _basis_points(scores: Floats) -> Ints:
    return np.rint(scores * 10_000).astype(np.int64)


def _probe_codes(drawn: DrawnRound) -> Ints:
    """[task, slot] 1 for a good probe, 0 for a bad one, -1 for a candidate."""
    codes: Ints = np.where(drawn.probes[:, None], drawn.good.astype(np.int64), -1)
    return codes


def _note(into: _Open, ballot: Ballot, scores: ScoreColumns, rows: slice) -> None:
    into.score_bp[ballot.task, ballot.slot] = scores.score_bp[rows]
    into.accepted[ballot.task, ballot.slot] = scores.verdict[rows] == _ACCEPT


def _node_name(node: int, bad: Bools) -> str:
    return f"node-{node}{'*' if bad[node] else ''}"


def _shown(basis_points: int) -> str:
    return f"{basis_points / 10_000:.3f}"
