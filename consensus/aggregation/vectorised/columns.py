"""Tables and ratings as columns of 64-bit integers, and the way there and back.

Nodes are numbered: row i of every column belongs to `nodes[i]`. Numbers are a matter of this process; what two nodes
compare are the tables that come back out, in which node ids stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from consensus.aggregation.fixed_point import decay_table
from consensus.aggregation.values import Counted, RatedCandidate, eligibility, one_per_rater
from consensus.params import AggregationParams
from consensus.rater_tables import BINS
from consensus.types import FavourCount, GivenRating, NodeId, RaterTable

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NOBODY = -1
"""In a pair column: the place is free."""

HISTOGRAMS = ("slow_bad", "slow_good", "fast_bad", "fast_good")
SUMS = ("squared_error", "error_weight", "excess", "excess_count")

COUNTED_CODES = tuple(Counted)
"""A rating's code is the position in this tuple."""


@dataclass(slots=True)
class RaterColumns:
    """The tables of all nodes. Memory is fixed per node: 40 counts, 9 numbers and `pairs_max` pairs."""

    nodes: tuple[NodeId, ...]
    by_name: Ints
    """[N] Rows in byte order of their nodes,"""
    precedence: Ints
    """[N] and the place of each row in this order: ties in the pair memory go to the lower."""
    histograms: Ints
    """[4, BINS, N] In the order of `HISTOGRAMS`, Q16. Raters last: sums over bins then run along whole columns."""
    maturity: Ints
    """[N] Q16."""
    sums: Ints
    """[4, N] In the order of `SUMS`, Q16."""
    answers: Ints
    """[4, N] As in `RaterTable`."""
    pair_generator: Ints
    """[N, pairs_max] Number of the generator, or `NOBODY`; in no particular order within a row."""
    pair_count: Ints
    """[N, pairs_max] Q16, 0 in free places."""
    pair_excess: Ints

    @classmethod
    def empty(cls, nodes: Iterable[NodeId], params: AggregationParams) -> RaterColumns:
        """Columns for nodes of whom nothing is known."""
        nodes = tuple(nodes)
        size = len(nodes)
        by_name = _ints(sorted(range(size), key=nodes.__getitem__))
        precedence = np.empty(size, dtype=np.int64)
        precedence[by_name] = np.arange(size)
        pairs = (size, params.pairs_max)
        return cls(
            nodes=nodes,
            by_name=by_name,
            precedence=precedence,
            histograms=np.zeros((len(HISTOGRAMS), BINS, size), dtype=np.int64),
            maturity=np.zeros(size, dtype=np.int64),
            sums=np.zeros((len(SUMS), size), dtype=np.int64),
            answers=np.zeros((4, size), dtype=np.int64),
            pair_generator=np.full(pairs, NOBODY, dtype=np.int64),
            pair_count=np.zeros(pairs, dtype=np.int64),
            pair_excess=np.zeros(pairs, dtype=np.int64),
        )

    @classmethod
    def of(
        cls, tables: Mapping[NodeId, RaterTable], strangers: Iterable[NodeId], params: AggregationParams
    ) -> RaterColumns:
        """Columns with these tables; `strangers` are generators without a table, who still need a number."""
        generators = {pair.generator for table in tables.values() for pair in table.pairs}
        columns = cls.empty(sorted(tables.keys() | generators | set(strangers)), params)
        number = columns.numbers()
        for node, table in tables.items():
            row = number[node]
            columns.histograms[:, :, row] = [getattr(table, name) for name in HISTOGRAMS]
            columns.maturity[row] = table.maturity
            columns.sums[:, row] = [getattr(table, name) for name in SUMS]
            columns.answers[:, row] = table.answers
            for place, pair in enumerate(table.pairs[: params.pairs_max]):
                columns.pair_generator[row, place] = number[pair.generator]
                columns.pair_count[row, place] = pair.count
                columns.pair_excess[row, place] = pair.excess
        return columns

    def numbers(self) -> dict[NodeId, int]:
        """The row of every node."""
        return {node: row for row, node in enumerate(self.nodes)}

    def table(self, row: int) -> RaterTable:
        """One row as the table that two nodes compare."""
        slow_bad, slow_good, fast_bad, fast_good = (tuple(counts) for counts in self.histograms[:, :, row].tolist())
        squared_error, error_weight, excess, excess_count = self.sums[:, row].tolist()
        columns = (self.pair_generator[row], self.pair_count[row], self.pair_excess[row])
        pairs = [
            FavourCount(generator=self.nodes[generator], count=count, excess=more)
            for generator, count, more in zip(*(column.tolist() for column in columns), strict=True)
            if generator != NOBODY
        ]
        return RaterTable(
            slow_bad=slow_bad,
            slow_good=slow_good,
            fast_bad=fast_bad,
            fast_good=fast_good,
            maturity=int(self.maturity[row]),
            squared_error=squared_error,
            error_weight=error_weight,
            excess=excess,
            excess_count=excess_count,
            pairs=tuple(sorted(pairs, key=lambda pair: pair.generator)),
            answers=tuple(self.answers[:, row].tolist()),
        )

    def forget(self, rows: Ints) -> None:
        """Nothing is known any more of the nodes in `rows`, and nobody remembers having rated them."""
        self.histograms[:, :, rows] = 0
        self.maturity[rows] = 0
        self.sums[:, rows] = 0
        self.answers[:, rows] = 0
        gone = np.isin(self.pair_generator, rows)
        gone[rows] = True
        self.pair_generator[gone] = NOBODY
        self.pair_count[gone] = 0
        self.pair_excess[gone] = 0


@dataclass(frozen=True, slots=True)
class RatingColumns:
    """A round's ratings of C candidates, M in all, those of one candidate next to each other.

    Every rater is a row of the rater columns and rates a candidate at most once.
    """

    starts: Ints
    """[C + 1] Ratings `starts[c]` to `starts[c + 1]` are those of candidate c."""
    generator: Ints
    """[C] Row of the generator."""
    raters: Ints
    """[C] K of the candidate's job."""
    accept_bp: Ints
    review_bp: Ints
    probe: Ints
    """[C] 1 for a good probe, 0 for a bad one, -1 for a candidate."""
    reviewable: Bools
    rater: Ints
    """[M] Row of the rater."""
    scores: Ints
    """[M, 4] Basis points, 0..10000."""
    counted: Ints
    """[M] Code of COUNTED, OWN or OBSERVER; favour is found out by the aggregation."""


@dataclass(frozen=True, slots=True)
class Roster:
    """The A raters of a round. In small swarms everybody rates: then nothing is gathered, and nothing scattered."""

    rows: Ints
    """[A] Their rows, ascending."""
    everybody: bool

    @classmethod
    def of(cls, ratings: RatingColumns, nodes: int) -> Roster:
        """Whoever rates."""
        rows = np.bincount(ratings.rater, minlength=nodes).nonzero()[0]
        return cls(rows, everybody=len(rows) == nodes)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, column: Ints, axis: int = -1) -> Ints:
        """Their part of a column, along its axis of nodes; not to be changed, it may be the column itself."""
        return column if self.everybody else column.take(self.rows, axis=axis)

    @property
    def index(self) -> Ints | slice:
        """Where to write their part of a column."""
        return slice(None) if self.everybody else self.rows

    def only(self, which: Bools) -> Roster:
        """Some of them."""
        return Roster(self.rows[which], everybody=False)

    def positions(self, raters: Ints, nodes: int) -> Ints:
        """The places of rows among these."""
        if self.everybody:
            return raters
        position = np.zeros(nodes, dtype=np.int64)
        position[self.rows] = np.arange(len(self.rows))
        return position.take(raters)


def rating_columns(
    candidates: Sequence[RatedCandidate],
    number: Mapping[NodeId, int],
    members: AbstractSet[NodeId],
    owners: Mapping[NodeId, str],
) -> RatingColumns:
    """Lay out candidates in the order given; ratings by non-members are left out."""
    ratings: list[tuple[GivenRating, Counted]] = []
    starts = [0]
    for candidate in candidates:
        ratings += [
            (rating, eligibility(rating.rater, candidate, owners))
            for rating in one_per_rater(candidate.ratings)
            if rating.rater in members
        ]
        starts.append(len(ratings))
    probes = {None: -1, False: 0, True: 1}
    scores = _ints([rating.scores for rating, _ in ratings]).reshape(len(ratings), 4)
    return RatingColumns(
        starts=_ints(starts),
        generator=_ints([number[candidate.generator] for candidate in candidates]),
        raters=_ints([candidate.raters for candidate in candidates]),
        accept_bp=_ints([candidate.accept_bp for candidate in candidates]),
        review_bp=_ints([candidate.review_bp for candidate in candidates]),
        probe=_ints([probes[candidate.probe] for candidate in candidates]),
        reviewable=np.array([candidate.reviewable for candidate in candidates], dtype=np.bool_),
        rater=_ints([number[rating.rater] for rating, _ in ratings]),
        scores=scores,
        counted=_ints([COUNTED_CODES.index(counted) for _, counted in ratings]),
    )


def _ints(values: Sequence[object]) -> Ints:
    return np.array(values, dtype=np.int64)


def clamp(values: Ints, low: int | Ints, high: int | Ints) -> Ints:
    """Values drawn into a range. `np.clip` does the same, in five times the time for a round's short columns."""
    clamped: Ints = np.minimum(np.maximum(values, low), high)
    return clamped


def pairs_fit_table(raters: int, nodes: int, ratings: int) -> bool:
    """Whether a cell for every possible pair costs less than looking for the pairs that met: so in small swarms."""
    return raters * nodes <= 16 * ratings + 4096


def decays(factor: int, counts: Ints) -> Ints:
    """`fixed_point.decay` of one factor for many counts."""
    return _powers(factor).take(counts, mode="clip")


@cache
def _powers(factor: int) -> Ints:
    return np.array(decay_table(factor), dtype=np.int64)
