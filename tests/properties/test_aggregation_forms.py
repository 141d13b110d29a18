"""The column form computes what the reference computes: every field, every bit, whatever comes in."""

import dataclasses
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.aggregation import RatedCandidate, Verdict, reference, vectorised
from consensus.aggregation.fixed_point import log2
from consensus.aggregation.learning import Outcome, believed_outcome
from consensus.aggregation.vectorised import learning, pairs, reading, slices
from consensus.params import MAINNET
from consensus.rater_tables import BINS, EMPTY_TABLE, ONE
from consensus.types import DRAWERS, FavourCount, GivenRating, NodeId, RaterTable
from node.values.example import CATEGORIES
from tests.support.ratings import content, node

PARAMS = MAINNET.aggregation

NAMES = [node(name) for name in range(12)]

BITS = st.integers(-(1 << 40), 1 << 40)

EDGES = (0, 1, 499, 500, 501, 999, 1000, 1499, 1500, 5000, 9499, 9500, 9501, 9999, 10_000)
"""Scores at the edges of bins and of the scale are where two forms of one formula part ways."""


class Draw:
    """Arbitrary tables and rounds from one seed: hypothesis chooses the seed, and shows it when something breaks."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def score(self):
        kind = self.rng.random()
        if kind < 0.4:
            return self.rng.choice(EDGES)
        return self.rng.randint(0, 10_000) if kind < 0.95 else self.rng.randint(-(1 << 65), 1 << 65)

    def histogram(self):
        largest = self.rng.choice([0, 1, ONE, 20 * ONE, 400 * ONE])
        return tuple(self.rng.choice([0, self.rng.randint(0, largest)]) for _ in range(BINS))

    def signed(self):
        return self.rng.randint(-1, 1) * self.rng.randint(0, self.rng.choice([ONE, 1 << 26]))

    def table(self):
        if self.rng.random() < 0.2:
            return EMPTY_TABLE
        strangers = [node(f"far-{number}") for number in range(30)]
        met = self.rng.sample(NAMES + strangers, self.rng.randint(0, PARAMS.pairs_max))
        return RaterTable(
            slow_bad=self.histogram(),
            slow_good=self.histogram(),
            fast_bad=self.histogram(),
            fast_good=self.histogram(),
            maturity=self.rng.randint(0, PARAMS.maturity_max),
            squared_error=self.rng.randint(0, 1 << 26),
            error_weight=self.rng.choice([0, 1, self.rng.randint(0, 1 << 26)]),
            excess=self.signed(),
            excess_count=self.rng.choice([0, 1, self.rng.randint(0, 1 << 26)]),
            pairs=tuple(
                FavourCount(generator, self.rng.randint(PARAMS.pair_count_min, 300 * ONE), self.signed())
                for generator in sorted(met)
            ),
            answers=tuple(self.rng.randint(0, 20 * ONE) for _ in range(4)),
            doubts=tuple(self.rng.choice([0, self.rng.randint(0, PARAMS.doubt_mute)]) for _ in range(DRAWERS)),
        )

    def tables(self):
        return {name: self.table() for name in self.rng.sample(NAMES, self.rng.randint(0, len(NAMES)))}

    def rating(self):
        flat = self.score()
        vector = (flat,) * 4 if self.rng.random() < 0.5 else tuple(self.score() for _ in range(4))
        return GivenRating(rater=self.rng.choice(NAMES), scores=vector)

    def round(self):
        return [
            RatedCandidate(
                content=content(number),
                task=self.rng.randint(0, 2),
                category=self.rng.choice(["", *CATEGORIES[:3]]),
                generator=self.rng.choice([*NAMES, node("outsider")]),
                ratings=tuple(self.rating() for _ in range(self.rng.randint(0, 9))),
                raters=self.rng.randint(0, 9),
                accept_bp=self.rng.choice([0, 5000, 7000, 10_000]),
                review_bp=self.rng.choice([0, 5000, 7000]),
                probe=self.rng.choice([None, None, None, True, False]),
                reviewable=self.rng.random() < 0.5,
                observers=frozenset(self.rng.sample(NAMES, self.rng.randint(0, 2))),
            )
            for number in range(self.rng.randint(0, 7))
        ]

    def shuffled(self, round_):
        return [
            dataclasses.replace(rated, ratings=tuple(self.rng.sample(rated.ratings, len(rated.ratings))))
            for rated in self.rng.sample(round_, len(round_))
        ]


seeds = st.integers(0, 1 << 32)


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_both_forms_agree_on_every_bit_whatever_comes_in_whichever_order(seed):
    draw = Draw(seed)
    known, round_ = draw.tables(), draw.round()
    owners = {name: draw.rng.choice(["one", "two"]) for name in draw.rng.sample(NAMES, 4)}
    plain = reference.aggregate(known, round_, PARAMS, owners=owners)
    columns = vectorised.aggregate(known, draw.shuffled(round_), PARAMS, owners=owners)
    assert columns.candidates == plain.candidates
    assert columns.tables == plain.tables


def drawn_round(rng, number, size, nodes):
    """A round of a swarm with honest raters, a clique and a constant rater, from Python's seeded generator."""
    rated = []
    for index in range(size):
        generator, *raters = rng.sample(range(nodes), 6)
        good = rng.random() < 0.7
        given_ = []
        for rater in raters:
            level = 0.8 if good else 0.4
            if rater < nodes // 3:
                level = 0.95 if generator < nodes // 3 else level - 0.4
            given_.append(
                GivenRating(
                    rater=node(rater),
                    scores=tuple(min(10_000, max(0, round(10_000 * rng.gauss(level, 0.15)))) for _ in range(4)),
                )
            )
        rated.append(
            RatedCandidate(
                content=content(f"{number}-{index}"),
                task=index // 4,
                category=CATEGORIES[index // 4 % 3],
                generator=node(generator),
                ratings=tuple(given_),
                raters=5,
                accept_bp=7000,
                review_bp=5000,
                probe=good if rng.random() < 0.1 else None,
                reviewable=rng.random() < 0.7,
            )
        )
    return rated


@pytest.mark.parametrize("sizes", [[1] * 40, [40], [3, 37], [13, 14, 13]], ids=str)
@pytest.mark.parametrize("nodes", [7, 60])
def test_both_forms_stay_together_over_rounds_however_they_are_split(sizes, nodes):
    rng = random.Random(f"{sizes}{nodes}")
    plain = columns = {node(number): EMPTY_TABLE for number in range(nodes)}
    for number, size in enumerate(sizes * 2):
        round_ = drawn_round(rng, number, size, nodes)
        left, right = reference.aggregate(plain, round_, PARAMS), vectorised.aggregate(columns, round_, PARAMS)
        assert left == right
        plain, columns = left.tables, right.tables


@pytest.mark.parametrize("nodes", [12, 60])
def test_the_way_of_large_swarms_gives_the_same_bits(nodes, monkeypatch):
    """Pairs are looked for where a cell for each would be too many: here always."""
    rng = random.Random(nodes)
    plain = columns = {node(number): EMPTY_TABLE for number in range(nodes)}
    for module in (pairs, slices):
        monkeypatch.setattr(module, "pairs_fit_table", lambda *_: False)
    for number in range(14):
        round_ = drawn_round(rng, number, nodes, nodes)
        left, right = reference.aggregate(plain, round_, PARAMS), vectorised.aggregate(columns, round_, PARAMS)
        assert left == right
        plain, columns = left.tables, right.tables
    assert max(len(table.pairs) for table in plain.values()) == min(nodes - 1, PARAMS.pairs_max)


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_the_way_of_large_swarms_agrees_whatever_comes_in(seed):
    draw = Draw(seed)
    known, round_ = draw.tables(), draw.round()
    with pytest.MonkeyPatch.context() as patch:
        for module in (pairs, slices):
            patch.setattr(module, "pairs_fit_table", lambda *_: False)
        columns = vectorised.aggregate(known, round_, PARAMS)
    plain = reference.aggregate(known, round_, PARAMS)
    assert columns.candidates == plain.candidates
    assert columns.tables == plain.tables


def test_slices_of_any_size_give_the_same_bits(monkeypatch):
    rng = random.Random(7)
    known = {node(number): EMPTY_TABLE for number in range(9)}
    round_ = [rated for number in range(3) for rated in drawn_round(rng, number, 20, 9)]
    whole = vectorised.aggregate(known, round_, PARAMS)
    for ratings_at_once in (1, 7, 64):
        monkeypatch.setattr(slices, "SLICE_RATINGS", ratings_at_once)
        assert vectorised.aggregate(known, round_, PARAMS) == whole


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([(1, 0), (7, 0), (64, 3), (1 << 14, 0), (1 << 14, 5)]))
def test_empty_seats_change_nothing(seed, sizes):
    """Candidates with different numbers of ratings stand in one slice or in many."""
    draw = Draw(seed)
    known, round_ = draw.tables(), draw.round()
    plain = reference.aggregate(known, round_, PARAMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "SLICE_RATINGS", sizes[0])
        patch.setattr(slices, "EMPTY_SEATS_MAX", sizes[1])
        columns = vectorised.aggregate(known, round_, PARAMS)
    assert columns.candidates == plain.candidates
    assert columns.tables == plain.tables


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_a_preset_that_forgets_who_has_met_once_does_so_in_both_forms(seed):
    draw = Draw(seed)
    forgetful = dataclasses.replace(PARAMS, pair_count_min=3 * ONE)
    known, round_ = draw.tables(), draw.round()
    plain = reference.aggregate(known, round_, forgetful)
    assert vectorised.aggregate(known, round_, forgetful).tables == plain.tables


def test_kept_columns_equal_columns_made_anew_from_tables():
    rng = random.Random(3)
    nodes = [node(number) for number in range(40)]
    raters = vectorised.RaterColumns.empty(nodes, PARAMS)
    known = dict.fromkeys(nodes, EMPTY_TABLE)
    number = raters.numbers()
    for height in range(12):
        round_ = sorted(drawn_round(rng, height, 30, 40), key=lambda rated: (rated.task, rated.content))
        sheets = [rated.ratings for rated in round_]
        ratings = vectorised.rating_columns(round_, sheets, number, known.keys(), {})
        vectorised.aggregate_columns(raters, ratings, PARAMS)
        known = dict(vectorised.aggregate(known, round_, PARAMS).tables)
    assert {name: raters.table(number[name]) for name in nodes} == known


def test_memory_does_not_grow_with_rounds():
    rng = random.Random(5)
    known = {node(number): EMPTY_TABLE for number in range(80)}
    for height in range(15):
        known = dict(vectorised.aggregate(known, drawn_round(rng, height, 60, 80), PARAMS).tables)
    assert max(len(table.pairs) for table in known.values()) == PARAMS.pairs_max


@settings(deadline=None)
@given(st.lists(st.integers(1, 1 << 52), min_size=1, max_size=50))
def test_logarithms_in_columns_are_those_of_the_reference(values):
    assert reading.log2(np.array(values, dtype=np.int64)).tolist() == [log2(value) for value in values]


@settings(deadline=None)
@given(st.lists(st.tuples(BITS, BITS), min_size=1, max_size=50))
def test_what_beliefs_teach_in_columns_is_what_they_teach_in_the_reference(pieces):
    heads, voices = np.array(pieces, dtype=np.int64).T
    good, weight = learning.believed(heads, PARAMS)
    columns = (good, weight - good, learning.targets(voices, PARAMS))
    rows = zip(*(column.tolist() for column in columns), strict=True)
    assert [Outcome(*row) for row in rows] == [believed_outcome(*piece, PARAMS) for piece in pieces]


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_no_input_leaves_the_scale(seed):
    draw = Draw(seed)
    known, round_ = draw.tables(), draw.round()
    result = vectorised.aggregate(known, round_, PARAMS)
    ordered = sorted(round_, key=lambda rated: (rated.task, rated.content))
    for rated, scored in zip(ordered, result.candidates, strict=True):
        assert 0 <= scored.score_bp <= 10_000
        assert all(0 <= score <= 10_000 for score in scored.criteria_bp)
        assert scored.counted <= len(rated.ratings)
        assert (scored.verdict is Verdict.PROBE) == (rated.probe is not None)
        assert all(0 <= entry.voice <= ONE for entry in scored.contributions)
    for table in result.tables.values():
        assert min(table.slow_bad + table.slow_good + table.fast_bad + table.fast_good) >= 0
        assert 0 <= table.maturity <= PARAMS.maturity_max
        assert all(0 <= doubt <= PARAMS.doubt_mute for doubt in table.doubts)


def test_node_ids_decide_nothing_but_ties():
    """Renaming all nodes, in another byte order, renames the result."""
    rng = random.Random(11)
    names = [node(number) for number in range(9)]
    renamed = dict(zip(names, (NodeId(bytes(31) + bytes([200 - number])) for number in range(9)), strict=True))
    known = dict.fromkeys(names, EMPTY_TABLE)
    other = {renamed[name]: table for name, table in known.items()}
    for height in range(6):
        round_ = drawn_round(rng, height, 25, 9)
        twin = [
            dataclasses.replace(
                rated,
                generator=renamed[rated.generator],
                ratings=tuple(dataclasses.replace(rating, rater=renamed[rating.rater]) for rating in rated.ratings),
            )
            for rated in round_
        ]
        left, right = vectorised.aggregate(known, round_, PARAMS), vectorised.aggregate(other, twin, PARAMS)
        assert [scored.score_bp for scored in left.candidates] == [scored.score_bp for scored in right.candidates]
        known, other = dict(left.tables), dict(right.tables)
