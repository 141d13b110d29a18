"""What a rater's table says of the rater: maturity, bias, favour, how well it tells good from bad.

Aggregation weighs ratings by it, reputation publishes it; it is computed in this one place. All numbers are Q16.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

from consensus.encoding import hash_bytes
from consensus.params import AggregationParams
from consensus.types import DRAWERS, FavourCount, NodeId, RaterTable

BINS = 10
"""Histogram bins per class: composite scores in steps of 0.1."""

ONE = 1 << 16

EMPTY_TABLE = RaterTable(
    slow_bad=(0,) * BINS,
    slow_good=(0,) * BINS,
    fast_bad=(0,) * BINS,
    fast_good=(0,) * BINS,
    maturity=0,
    squared_error=0,
    error_weight=0,
    excess=0,
    excess_count=0,
    pairs=(),
)
"""A member that has not rated yet."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One memory, slow or fast: counts with their prior."""

    bad: tuple[int, ...]
    good: tuple[int, ...]
    bad_total: int
    good_total: int

    def shares(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """P(bin | bad) and P(bin | good), each rounded down.

        Multiplied by the reciprocal of the total, as the columns do, where dividing every bin would cost the most.
        """
        per_bad, per_good = (1 << 62) // self.bad_total, (1 << 62) // self.good_total
        return (
            tuple(count * per_bad >> 46 for count in self.bad),
            tuple(count * per_good >> 46 for count in self.good),
        )

    def double_area(self) -> int:
        """Twice the AUC, 0..2: the chance that a random good item was scored above a random bad one, ties half."""
        below = area = 0
        for bad, good in zip(*self.shares(), strict=True):
            area += good * (2 * below + bad)
            below += bad
        return area >> 16


@cache
def prior_counts(per_myriad: tuple[int, ...], total: int) -> tuple[int, ...]:
    """Pseudo-counts that stand in for history, per bin."""
    return tuple(total * share // 10_000 for share in per_myriad)


def memories(table: RaterTable, params: AggregationParams) -> tuple[Memory, Memory]:
    """The slow and the fast memory."""
    return (
        _memory(table.slow_bad, table.slow_good, params),
        _memory(table.fast_bad, table.fast_good, params),
    )


def _memory(bad_counts: tuple[int, ...], good_counts: tuple[int, ...], params: AggregationParams) -> Memory:
    prior_bad = prior_counts(params.prior_bad_per_myriad, params.prior_count)
    prior_good = prior_counts(params.prior_good_per_myriad, params.prior_count)
    bad = tuple(count + prior for count, prior in zip(bad_counts, prior_bad, strict=True))
    good = tuple(count + prior for count, prior in zip(good_counts, prior_good, strict=True))
    return Memory(bad=bad, good=good, bad_total=sum(bad), good_total=sum(good))


def maturity(table: RaterTable, params: AggregationParams) -> int:
    """How much has been seen of the rater, 0..1 (R22)."""
    return min(ONE, (table.maturity << 16) // params.maturity_full)


def bias(table: RaterTable) -> int:
    """Mean of the rater's scores over their targets, -1..1; 0 for a newcomer."""
    return max(-ONE, min(ONE, (table.excess << 16) // table.excess_count)) if table.excess_count else 0


def mean_squared_error(table: RaterTable) -> int | None:
    """Of the rater's scores against their targets; None for a newcomer."""
    return (table.squared_error << 16) // table.error_weight if table.error_weight else None


def unexplained_error(table: RaterTable) -> int | None:
    """The part of the mean squared error that the rater's bias does not explain; None for a newcomer."""
    error, mean = mean_squared_error(table), bias(table)
    return None if error is None else max(0, error - (mean * mean >> 16))


@lru_cache(1024)
def drawer_of(category: str) -> int:
    """Which drawer of doubts a category's are in, 0 to `DRAWERS` - 1. The product's fifteen have one each."""
    return hash_bytes("doubt", category.encode())[0] % DRAWERS


def heard(table: RaterTable, drawer: int, params: AggregationParams) -> int:
    """What the doubts about a rater leave of its voice in the categories of a drawer, 0..1 (R22)."""
    return max(0, ((params.doubt_mute - table.doubts[drawer]) << 16) // params.doubt_mute)


def favour(pair: FavourCount, own_bias: int, prior: int) -> int:
    """How much higher than everybody else the rater scores this generator, drawn to zero by `prior` ratings."""
    excess = pair.excess - (own_bias * pair.count >> 16)
    return (excess << 16) // (pair.count + prior)


def fairness(table: RaterTable, params: AggregationParams) -> int:
    """1 for a rater that favours nobody, falling to 0 with the largest favour it shows to any generator (R32)."""
    own_bias = bias(table)
    largest = max((favour(pair, own_bias, params.favour_prior) for pair in table.pairs), default=0)
    return max(0, min(ONE, ((params.favour_worst - largest) << 16) // params.favour_span))


def favoured(table: RaterTable, params: AggregationParams) -> frozenset[NodeId]:
    """The generators whose candidates this rater's ratings do not count for (R23)."""
    own_bias = bias(table)
    return frozenset(
        pair.generator for pair in table.pairs if favour(pair, own_bias, params.favour_doubt) > params.favour_excess_max
    )
