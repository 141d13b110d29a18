"""Seats of simulated ratings are those that shipped plans draw: by skill and standing, few newcomers, nobody's own."""

import numpy as np
import pytest
from click.testing import CliRunner

from consensus.aggregation import Counted, RatedCandidate, Verdict, reference
from consensus.aggregation.vectorised import COUNTED_CODES, VERDICT_CODES, aggregate_columns
from consensus.rater_tables import drawer_of
from consensus.types import GivenRating
from node.cli.simulate import simulate
from node.simulate import ratings
from node.simulate.ratings import RatingRun
from node.simulate.worlds import NOBODY, World
from node.values.example import CATEGORIES
from reputation import is_blind, is_proven, standing_of
from tests.support.ratings import content

OBSERVER, OWN = (COUNTED_CODES.index(counted) for counted in (Counted.OBSERVER, Counted.OWN))


class Watched(RatingRun):
    """A run that keeps each round's seats, every node's standing when they were drawn, and who was proven."""

    def __init__(self, world, seed):
        super().__init__(world, seed)
        self.drawn = []
        self.known = []
        self.proven = []

    def _play(self, drawn):
        if drawn is not None:
            self.drawn.append(drawn)
        super()._play(drawn)
        preset = self._preset
        tables = [self.raters.table(row) for row in range(self._world.nodes)]
        self.proven.append([is_proven(table, preset) for table in tables])
        self.known.append([(standing_of(table, preset), is_blind(table, preset)) for table in tables])


@pytest.fixture(scope="module")
def watched():
    run = Watched(World("clique", 0.3, rounds=24, seats="standing"), 5)
    run.run()
    return run


def test_who_has_no_standing_observes_and_everybody_else_may_rate(watched):
    for drawn in watched.drawn[2:]:
        fallen = fallen_of(watched, drawn.number - 3)  # the plan of a round follows from the state two rounds earlier
        observers = set(drawn.committee[drawn.observing].tolist())
        raters = set(drawn.committee[~drawn.observing & (drawn.committee != NOBODY)].tolist())
        assert observers <= fallen
        assert not raters & fallen
    assert observers, "a clique of six has lost its standing by now"


def fallen_of(run, place):
    """Rows of the nodes that had no standing after a round, by its place in the run."""
    params = run._preset.reputation
    return {
        row
        for row, (standing, blind) in enumerate(run.known[place])
        if standing.maturity >= params.suspend_maturity_min
        and standing.reputation_bp < params.suspend_below_bp
        and blind
    }


def test_nobody_is_seated_where_it_generates_and_nobody_twice(watched):
    for drawn in watched.drawn:
        for makers, seats in zip(drawn.makers, drawn.committee, strict=True):
            seated = seats[seats != NOBODY].tolist()
            assert len(seated) == len(set(seated))
            assert not set(seated) & set(makers.tolist())


def test_an_adversary_that_makes_junk_is_asked_for_less_of_it(watched):
    share = np.mean([watched.bad[drawn.makers].mean() for drawn in watched.drawn[6:]])
    assert share < 0.28  # they are 0.3 of the nodes, and four in ten of what they make is good


def test_few_probes_are_more_as_long_as_most_raters_are_not_proven():
    run = Watched(World("clique", 0.3, rounds=20, seats="standing", probes=0.02), 5)
    run.run()
    early, late = [], []
    for drawn in run.drawn:
        before = drawn.number - 3  # the plan of a round follows from the state two rounds earlier
        raters = set(range(20)) - fallen_of(run, before) if before >= 0 else ()
        proven = sum(run.proven[before][row] for row in raters)
        (late if 3 * proven > 2 * len(raters) else early).append(int(drawn.probes.sum()))
    assert len(early) >= 8  # a probe task a round is one answer a node, and eight are asked for
    assert early == [1] * len(early)
    assert sum(late) < len(late) / 2


@pytest.mark.parametrize(("share", "each"), [(0.2, 2), (0.0, 0)])
def test_worlds_with_more_probes_and_with_none_have_as_many_at_the_start(share, each):
    run = Watched(World("clique", 0.3, rounds=6, seats="standing", probes=share), 5)
    run.run()
    assert [int(drawn.probes.sum()) for drawn in run.drawn] == [each] * 6


def test_strangers_observe_until_they_have_proven_themselves_and_then_take_one_seat_of_a_task():
    run = Watched(World("whitewash", 0.3, rounds=34, seats="standing"), 2)  # round 26 begins six new identities
    run.run()
    seated = {}
    for drawn in run.drawn[25:]:
        strangers = run.bad[drawn.committee] & (drawn.committee != NOBODY)
        seated[drawn.number] = (strangers & ~drawn.observing).sum(axis=1).max()
        if not seated[drawn.number]:
            assert (strangers & drawn.observing).sum() == 6 * len(strangers)
            assert not run.bad[drawn.makers].any()
    first = min(number for number, most in seated.items() if most)
    assert first - 26 >= 5  # 24 probes are those of six rounds, and a plan is two rounds old
    assert seated[first] == 1


def test_a_newcomer_under_examination_has_no_reputation_yet():
    run = Watched(World("sybil", 0.3, rounds=12, seats="standing"), 2)  # round 9 begins six new identities
    run.run()
    assert not run.reputations()[run.bad].any()


def test_rounds_with_empty_seats_and_observers_are_those_of_the_reference(monkeypatch):
    """What plans leave ragged goes into the same columns: the plain form computes the same scores and tables."""
    compared = []

    def both(raters, columns, params):
        candidates = [as_candidate(raters, columns, row) for row in range(len(columns.generator))]
        tables = {name: raters.table(row) for row, name in enumerate(raters.nodes)}
        plain = reference.aggregate(tables, candidates, params)
        scores = aggregate_columns(raters, columns, params)
        expected = {scored.content: scored for scored in plain.candidates}
        for row in range(len(candidates)):
            assert expected[content(row)].score_bp == scores.score_bp[row]
            assert expected[content(row)].verdict is VERDICT_CODES[scores.verdict[row]]
        assert {name: raters.table(row) for row, name in enumerate(raters.nodes)} == plain.tables
        compared.append(Verdict.REVIEW in {scored.verdict for scored in plain.candidates})
        return scores

    monkeypatch.setattr(ratings, "aggregate_columns", both)
    RatingRun(World("clique", 0.4, nodes=9, tasks=4, rounds=16, committee=4, seats="standing"), 3).run()
    assert any(compared)


def as_candidate(raters, columns, row):
    """One row of the columns as the plain form takes it."""
    mine = range(columns.starts[row], columns.starts[row + 1])
    observers = [raters.nodes[columns.rater[at]] for at in mine if columns.counted[at] == OBSERVER]
    return RatedCandidate(
        content=content(row),
        task=0,
        category=next(name for name in CATEGORIES if drawer_of(name) == columns.drawer[row]),
        generator=raters.nodes[columns.generator[row]],
        ratings=tuple(GivenRating(raters.nodes[columns.rater[at]], tuple(columns.scores[at].tolist())) for at in mine),
        raters=int(columns.raters[row]),
        accept_bp=int(columns.accept_bp[row]),
        review_bp=int(columns.review_bp[row]),
        probe={-1: None, 0: False, 1: True}[int(columns.probe[row])],
        reviewable=bool(columns.reviewable[row]),
        observers=frozenset(observers),
    )


def test_the_same_seed_seats_the_same_nodes():
    world = World("stealth", 0.45, rounds=10, seats="standing")
    assert repr(RatingRun(world, 4).run()) == repr(RatingRun(world, 4).run())


def test_self_rating_is_refused_where_plans_draw_the_seats():
    result = CliRunner().invoke(simulate, ["--seats", "standing", "--self-rating", "--attack", "none"])
    assert result.exit_code != 0
    assert "own committee" in str(result.exception)
