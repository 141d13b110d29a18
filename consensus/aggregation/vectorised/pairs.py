"""The pair memory in columns: whom each rater rated how often, and how much above the targets (R23)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consensus.aggregation.vectorised.columns import NOBODY, Ints, RaterColumns, decays, pairs_fit_table
from consensus.params import AggregationParams
from consensus.rater_tables import ONE

_ORDER_BITS = 24
"""Precedences below 2^24 and excesses below 2^37 make one sort key: so much are two million ratings in one round."""

_LAST = -(1 << 62)
"""Taken from a sort key, or in its place: then it stands behind every pair's, which are within 2^61."""

_PAIRS = -(1 << 61)
"""Below every pair's key."""


@dataclass(frozen=True, slots=True)
class Meetings:
    """The ratings of a round, as the pair memory sees them."""

    row: Ints
    """Position of each rating's rater among those that learn."""
    generator: Ints
    """Number of the candidate's generator."""
    excess: Ints
    """Score over its target, Q16."""


@dataclass(frozen=True, slots=True)
class PairSums:
    """What a round added: one entry per rater and generator that met, sorted by rater."""

    row: Ints
    """Position in the round's raters."""
    generator: Ints
    count: Ints
    excess: Ints


def learn_pairs(
    raters: RaterColumns, rows: Ints, ratings: Ints, met: Sequence[Meetings], params: AggregationParams
) -> None:
    """Fade the pairs of the raters in `rows`, add the round's, and forget the faintest.

    Args:
        raters: Changed in place.
        rows: Row of each rater of the round.
        ratings: [A] From how many each of them learns; who learns from none forgets nothing.
        met: All of these, slice by slice.
        params: The preset's numbers.
    """
    learners = ratings.nonzero()[0]
    if not len(learners):
        return
    one = met[0]
    if len(met) > 1:
        row, generator, excess = (np.concatenate(parts) for parts in zip(*map(_columns, met), strict=True))
        one = Meetings(row, generator, excess)
    if len(learners) < len(rows):
        place = np.cumsum(ratings > 0) - 1
        one = Meetings(place[one.row], one.generator, one.excess)
        rows, ratings = rows[learners], ratings[learners]
    powers = decays(params.forget_pairs, ratings)
    if pairs_fit_table(len(rows), len(raters.nodes), len(one.row)):
        _learn_in_table(raters, rows, powers, one, params)
    else:
        _learn_in_lists(raters, rows, powers, one, params)


def _columns(met: Meetings) -> tuple[Ints, Ints, Ints]:
    return met.row, met.generator, met.excess


def _learn_in_table(raters: RaterColumns, rows: Ints, decay: Ints, met: Meetings, params: AggregationParams) -> None:
    """With a cell for every possible pair: for few nodes, where that is cheaper than looking for those that met."""
    places = raters.pair_generator.shape[1]
    width = max(len(raters.nodes), places) + 1  # column 0 takes what stands in free places, which is nothing
    size = len(rows) * width
    first = np.arange(1, size + 1, width)
    old = raters.pair_generator.take(rows, axis=0) + first[:, None]
    new = met.generator + first[met.row]
    counts, excesses = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    counts[old] = raters.pair_count.take(rows, axis=0) * decay[:, None] >> 16
    excesses[old] = raters.pair_excess.take(rows, axis=0) * decay[:, None] >> 16
    np.add.at(counts, new, ONE)
    np.add.at(excesses, new, met.excess)

    order = np.zeros(width, dtype=np.int64)
    order[1 : len(raters.nodes) + 1] = raters.precedence
    keys = (excesses << _ORDER_BITS).reshape(-1, width) - order
    # The sign of what a count has beyond the least one; a choice would be mispredicted in every third cell.
    faint = counts - params.pair_count_min >> 63
    faint &= -_LAST
    keys -= faint.reshape(-1, width)
    keys.partition(width - places, axis=1)
    largest = np.ascontiguousarray(keys[:, width - places :])
    kept = largest > _PAIRS
    # The key's lower bits tell whose it is.
    generator = raters.precedence.argsort().take(-largest & (1 << _ORDER_BITS) - 1)
    cell = (generator + first[:, None]) * kept
    raters.pair_generator[rows] = np.where(kept, generator, NOBODY)
    raters.pair_count[rows] = counts.take(cell)
    raters.pair_excess[rows] = excesses.take(cell)


def _learn_in_lists(raters: RaterColumns, rows: Ints, decay: Ints, met: Meetings, params: AggregationParams) -> None:
    """With the pairs that met and those that are remembered: memory and time do not grow with the nodes' square."""
    sums = _sum_pairs(met, nodes=len(raters.nodes))
    generators = raters.pair_generator[rows]
    counts = raters.pair_count[rows] * decay[:, None] >> 16
    excesses = raters.pair_excess[rows] * decay[:, None] >> 16
    matches = generators[sums.row] == sums.generator.astype(np.int32)[:, None]
    known, place = np.divmod(np.flatnonzero(matches), generators.shape[1])
    counts[sums.row[known], place] += sums.count[known]
    excesses[sums.row[known], place] += sums.excess[known]
    faint = np.nonzero(counts < params.pair_count_min)
    generators[faint] = NOBODY
    counts[faint] = 0
    excesses[faint] = 0
    new = _worth_remembering(generators, excesses, sums, known)
    if len(new.row):
        _remember(generators, counts, excesses, new, raters.precedence)
    raters.pair_generator[rows] = generators
    raters.pair_count[rows] = counts
    raters.pair_excess[rows] = excesses


def _sum_pairs(met: Meetings, *, nodes: int) -> PairSums:
    """Add up single ratings per pair."""
    keys = met.row * nodes + met.generator
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    pairs = ordered[first]
    counts = np.diff(np.r_[first, len(ordered)])
    return PairSums(pairs // nodes, pairs % nodes, counts * ONE, np.add.reduceat(met.excess[order], first))


def _worth_remembering(generators: NDArray[np.int32], excesses: Ints, sums: PairSums, known: Ints) -> PairSums:
    """The pairs that are new, without those that a full memory would forget at once."""
    smallest = np.where(generators == NOBODY, _LAST, excesses).min(axis=1)
    new = sums.excess >= smallest[sums.row]
    new[known] = False
    return PairSums(sums.row[new], sums.generator[new], sums.count[new], sums.excess[new])


def _remember(generators: NDArray[np.int32], counts: Ints, excesses: Ints, new: PairSums, precedence: Ints) -> None:
    """Give every new pair a place; where they are too many, those with the largest excess keep theirs.

    Ties go to the generator that comes first in byte order. The columns are changed in place.
    """
    first = np.flatnonzero(np.diff(new.row, prepend=-1))  # sorted by rater: where each one's begin
    touched, sizes = new.row[first], np.diff(first, append=len(new.row))
    row = np.repeat(np.arange(len(touched)), sizes)
    nth = np.arange(len(row)) - first[row]
    places = generators.shape[1]
    wide = (len(touched), places + int(nth.max()) + 1)
    all_generators = np.full(wide, NOBODY, dtype=np.int32)
    all_counts, all_excesses = np.zeros(wide, dtype=np.int64), np.zeros(wide, dtype=np.int64)
    for column, old, fresh in (
        (all_generators, generators, new.generator),
        (all_counts, counts, new.count),
        (all_excesses, excesses, new.excess),
    ):
        column[:, :places] = old[touched]
        column[row, places + nth] = fresh
    keys = (all_excesses << _ORDER_BITS) - precedence[all_generators]
    keys[all_generators == NOBODY] = _LAST
    kept = np.argpartition(keys, wide[1] - places, axis=1)[:, wide[1] - places :]
    kept += np.arange(0, keys.size, wide[1])[:, None]  # places in the flat columns
    generators[touched] = all_generators.ravel()[kept]
    counts[touched] = all_counts.ravel()[kept]
    excesses[touched] = all_excesses.ravel()[kept]
