"""Tables and ratings as columns of 64-bit integers, and the way there and back.

Nodes are numbered: row i of every column belongs to `nodes[i]`. Numbers are a matter of this process; what two nodes
compare are the tables that come back out, in which node ids stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from consensus.aggregation.fixed_point import decay_table
from consensus.aggregation.values import Counted, RatedCandidate
from consensus.params import AggregationParams
from consensus.rater_tables import BINS, drawer_of
from consensus.types import DRAWERS, FavourCount, GivenRating, NodeId, RaterTable

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NOBODY = -1
"""In a pair column: the place is free."""

HISTOGRAMS = ("slow_bad", "slow_good", "fast_bad", "fast_good")
SUMS = ("squared_error", "error_weight", "excess", "excess_count")

COUNTED_CODES = tuple(Counted)
"""A rating's code is the position in this tuple."""

_COUNTED, _OWN, _OBSERVER = map(COUNTED_CODES.index, (Counted.COUNTED, Counted.OWN, Counted.OBSERVER))


@dataclass(slots=True)
class RaterColumns:
    """The tables of all nodes. Memory is fixed per node: 40 counts, 9 numbers, 32 doubts and `pairs_max` pairs."""

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
    """[4, N] As in `RaterTable`; likewise"""
    doubts: Ints
    """[DRAWERS, N]"""
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
        order: list[int] = sorted(range(size), key=nodes.__getitem__)
        by_name = _ints(order)
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
            doubts=np.zeros((DRAWERS, size), dtype=np.int64),
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
        known = list(tables.values())
        rows = _ints([number[node] for node in tables])
        for histogram, name in zip(columns.histograms, HISTOGRAMS, strict=True):
            histogram[:, rows] = _ints([getattr(table, name) for table in known]).reshape(-1, BINS).T
        for sums, name in zip(columns.sums, SUMS, strict=True):
            sums[rows] = [getattr(table, name) for table in known]
        columns.maturity[rows] = [table.maturity for table in known]
        columns.answers[:, rows] = _ints([table.answers for table in known]).reshape(-1, 4).T
        columns.doubts[:, rows] = _ints([table.doubts for table in known]).reshape(-1, DRAWERS).T
        pairs = [
            (row, place, number[pair.generator], pair.count, pair.excess)
            for row, table in zip(rows.tolist(), known, strict=True)
            for place, pair in enumerate(table.pairs[: params.pairs_max])
        ]
        at_row, at, generator, count, excess = _ints(pairs).reshape(-1, 5).T
        columns.pair_generator[at_row, at] = generator
        columns.pair_count[at_row, at] = count
        columns.pair_excess[at_row, at] = excess
        return columns

    def numbers(self) -> dict[NodeId, int]:
        """The row of every node."""
        return {node: row for row, node in enumerate(self.nodes)}

    def table(self, row: int) -> RaterTable:
        """One row as the table that two nodes compare."""
        return self.tables(np.array([row]))[0]

    def tables(self, rows: Ints) -> list[RaterTable]:
        """Some rows as such tables."""
        columns = (
            self.histograms[:, :, rows].transpose(2, 0, 1),
            self.maturity[rows],
            self.sums[:, rows].T,
            self.answers[:, rows].T,
            self.doubts[:, rows].T,
        )
        made = zip(*(column.tolist() for column in columns), self._pairs(rows), strict=True)
        return [_table(*parts) for parts in made]

    def _pairs(self, rows: Ints) -> Iterator[tuple[FavourCount, ...]]:
        """What these rows remember of generators, by generator."""
        generator = self.pair_generator[rows]
        free = generator == NOBODY
        order = np.where(free, len(self.nodes), self.precedence[generator]).argsort(axis=1)
        columns = (
            np.take_along_axis(column, order, axis=1).tolist()
            for column in (generator, self.pair_count[rows], self.pair_excess[rows])
        )
        for used, numbers, counts, excesses in zip((~free).sum(axis=1).tolist(), *columns, strict=True):
            yield tuple(map(FavourCount, [self.nodes[number] for number in numbers[:used]], counts, excesses))

    def forget(self, rows: Ints) -> None:
        """Nothing is known any more of the nodes in `rows`, and nobody remembers having rated them."""
        self.histograms[:, :, rows] = 0
        self.maturity[rows] = 0
        self.sums[:, rows] = 0
        self.answers[:, rows] = 0
        self.doubts[:, rows] = 0
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
    drawer: Ints
    """[C] Of the candidate's category."""
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
    sheets: Sequence[Sequence[GivenRating]],
    number: Mapping[NodeId, int],
    members: AbstractSet[NodeId],
    owners: Mapping[NodeId, str],
) -> RatingColumns:
    """Lay out candidates in the order given.

    Args:
        candidates: Without regard to their `ratings`.
        sheets: These, at most one by the same rater, on the scale; those by non-members are left out.
        number: Rows of all raters and generators.
        members: Who has a table.
        owners: Whose each node is; a node not named is its own.
    """
    sheets = [[rating for rating in sheet if rating.rater in members] for sheet in sheets]
    ratings = [rating for sheet in sheets for rating in sheet]
    probes = {None: -1, False: 0, True: 1}
    sizes = _ints([len(sheet) for sheet in sheets])
    generator = _ints([number[candidate.generator] for candidate in candidates])
    rater = _ints([number[rating.rater] for rating in ratings])
    owner = _owner_numbers(number, owners)
    counted = np.where(owner[rater] == owner[generator].repeat(sizes), _OWN, _COUNTED)
    if any(candidate.observers for candidate in candidates):
        pairs = zip(candidates, sheets, strict=True)
        observes = [rating.rater in candidate.observers for candidate, sheet in pairs for rating in sheet]
        counted[np.array(observes, dtype=np.bool_) & (counted == _COUNTED)] = _OBSERVER
    return RatingColumns(
        starts=np.concatenate([_ints([0]), sizes.cumsum()]),
        generator=generator,
        raters=_ints([candidate.raters for candidate in candidates]),
        accept_bp=_ints([candidate.accept_bp for candidate in candidates]),
        review_bp=_ints([candidate.review_bp for candidate in candidates]),
        probe=_ints([probes[candidate.probe] for candidate in candidates]),
        reviewable=np.array([candidate.reviewable for candidate in candidates], dtype=np.bool_),
        drawer=_ints([drawer_of(candidate.category) for candidate in candidates]),
        rater=rater,
        scores=_ints([rating.scores for rating in ratings]).reshape(-1, 4),
        counted=counted,
    )


def _owner_numbers(number: Mapping[NodeId, int], owners: Mapping[NodeId, str]) -> Ints:
    """[N] Alike for nodes of one owner: the row of one of them."""
    rows = {owners[node]: row for node, row in number.items() if node in owners}
    return _ints([rows[owners[node]] if node in owners else row for node, row in number.items()])


def _ints(values: Sequence[object]) -> Ints:
    return np.array(values, dtype=np.int64)


def _table(
    histograms: list[list[int]],
    maturity: int,
    sums: list[int],
    answers: list[int],
    doubts: list[int],
    pairs: tuple[FavourCount, ...],
) -> RaterTable:
    slow_bad, slow_good, fast_bad, fast_good = map(tuple, histograms)
    squared_error, error_weight, excess, excess_count = sums
    return RaterTable(
        slow_bad=slow_bad,
        slow_good=slow_good,
        fast_bad=fast_bad,
        fast_good=fast_good,
        maturity=maturity,
        squared_error=squared_error,
        error_weight=error_weight,
        excess=excess,
        excess_count=excess_count,
        pairs=pairs,
        answers=tuple(answers),
        doubts=tuple(doubts),
    )


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
