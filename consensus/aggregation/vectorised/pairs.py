"""The pair memory in columns: whom each rater rated how often, and how much above the targets (R23)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consensus.aggregation.vectorised.columns import NOBODY, Ints, RaterColumns, Roster, decays, pairs_fit_table
from consensus.params import AggregationParams
from consensus.rater_tables import ONE

_ORDER_BITS = 24
"""Precedences below 2^24 and excesses below 2^37 make one sort key: so much are two million ratings in one round."""

_ABSENT = -(1 << 38)
"""In the place of an excess: makes a key that stands behind every pair's, which are within 2^61."""

_LAST = _ABSENT << _ORDER_BITS

_PAIRS = -(1 << 61)
"""Below every pair's key."""


@dataclass(frozen=True, slots=True)
class Meetings:
    """The ratings [k, c] of a slice, as the pair memory sees them."""

    learner: Ints
    """[k, c] Position of each rating's rater among those that rate, or one beyond the last: it teaches nothing."""
    generator: Ints
    """[c] Number of the candidate's generator."""
    excess: Ints
    """[k, c] Score over its target, Q16."""


@dataclass(frozen=True, slots=True)
class PairSums:
    """What a round added: one entry per rater and generator that met, sorted by rater."""

    row: Ints
    """Position in the round's raters."""
    generator: Ints
    count: Ints
    excess: Ints


def learn_pairs(
    raters: RaterColumns, roster: Roster, ratings: Ints, met: Sequence[Meetings], params: AggregationParams
) -> None:
    """Fade the pairs of a round's raters, add the round's, and forget the faintest.

    Args:
        raters: Changed in place.
        roster: The raters.
        ratings: [A] From how many each of them learns; who learns from none forgets nothing.
        met: All ratings, slice by slice.
        params: The preset's numbers.
    """
    if not ratings.all():
        learns = ratings > 0
        place = np.where(learns, learns.cumsum() - 1, np.count_nonzero(learns))
        place = np.append(place, np.count_nonzero(learns))  # nobody stays nobody
        met = [Meetings(place.take(one.learner), one.generator, one.excess) for one in met]
        roster, ratings = roster.only(learns), ratings[learns]
    if not len(roster):
        return
    kept = decays(params.forget_pairs, ratings)[:, None]
    if pairs_fit_table(len(roster), len(raters.nodes), sum(one.learner.size for one in met)):
        _learn_in_table(raters, roster, kept, met, params)
    else:
        _learn_in_lists(raters, roster, kept, met, params)


def _learn_in_table(
    raters: RaterColumns, roster: Roster, kept: Ints, met: Sequence[Meetings], params: AggregationParams
) -> None:
    """With a cell for every possible pair: for few nodes, where that is cheaper than looking for those that met."""
    nodes, places = len(raters.nodes), raters.pair_generator.shape[1]
    width = max(nodes, places) + 1  # column 0 takes what stands in free places, which is nothing
    first = np.arange(1, (len(roster) + 1) * width, width)  # the last row is nobody's
    old = roster.take(raters.pair_generator, axis=0) + first[:-1, None]
    new = [(first.take(one.learner) + one.generator).ravel() for one in met]
    counts = np.zeros(len(first) * width, dtype=np.int64)
    excesses = np.full(len(first) * width, _ABSENT)
    for cells in new:
        excesses[cells] = 0
    counts[old] = roster.take(raters.pair_count, axis=0) * kept >> 16
    excesses[old] = roster.take(raters.pair_excess, axis=0) * kept >> 16
    for cells, one in zip(new, met, strict=True):
        np.add.at(counts, cells, ONE)
        np.add.at(excesses, cells, one.excess.ravel())
    # Who has just met counts one; so what is faint is old, unless a preset forgets even those.
    for cells in (old,) if params.pair_count_min <= ONE else (old, *new):
        excesses[cells[counts.take(cells) < params.pair_count_min]] = _ABSENT

    order = np.zeros(width, dtype=np.int64)
    order[1 : nodes + 1] = raters.precedence
    keys = excesses.reshape(-1, width)[:-1] << _ORDER_BITS
    keys -= order
    keys.partition(width - places, axis=1)
    largest = -keys[:, width - places :]
    pairs = largest < -_PAIRS
    generator = raters.by_name.take(largest & (1 << _ORDER_BITS) - 1)  # the key's lower bits tell whose it is
    cell = (generator + first[:-1, None]) * pairs
    excesses[0] = 0  # for free places, like the count there
    raters.pair_generator[roster.index] = np.where(pairs, generator, NOBODY)
    raters.pair_count[roster.index] = counts.take(cell)
    raters.pair_excess[roster.index] = excesses.take(cell)


def _learn_in_lists(
    raters: RaterColumns, roster: Roster, kept: Ints, met: Sequence[Meetings], params: AggregationParams
) -> None:
    """With the pairs that met and those that are remembered: memory and time do not grow with the nodes' square."""
    sums = _sum_pairs(met, raters=len(roster), nodes=len(raters.nodes))
    generators = roster.take(raters.pair_generator, axis=0).copy()
    counts = roster.take(raters.pair_count, axis=0) * kept >> 16
    excesses = roster.take(raters.pair_excess, axis=0) * kept >> 16
    matches = generators[sums.row] == sums.generator[:, None]
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
    raters.pair_generator[roster.index] = generators
    raters.pair_count[roster.index] = counts
    raters.pair_excess[roster.index] = excesses


def _sum_pairs(met: Sequence[Meetings], *, raters: int, nodes: int) -> PairSums:
    """Add up single ratings per pair."""
    keys = np.concatenate([(one.learner * nodes + one.generator).ravel() for one in met])
    order = keys.argsort(kind="stable")
    ordered = keys[order]
    ordered = ordered[: np.searchsorted(ordered, raters * nodes)]  # behind them stands what teaches nobody
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    pairs = ordered[first]
    counts = np.diff(np.r_[first, len(ordered)])
    excess = np.concatenate([one.excess.ravel() for one in met])[order[: len(ordered)]]
    return PairSums(pairs // nodes, pairs % nodes, counts * ONE, np.add.reduceat(excess, first))


def _worth_remembering(generators: Ints, excesses: Ints, sums: PairSums, known: Ints) -> PairSums:
    """The pairs that are new, without those that a full memory would forget at once."""
    smallest = np.where(generators == NOBODY, _LAST, excesses).min(axis=1)
    new = sums.excess >= smallest[sums.row]
    new[known] = False
    return PairSums(sums.row[new], sums.generator[new], sums.count[new], sums.excess[new])


def _remember(generators: Ints, counts: Ints, excesses: Ints, new: PairSums, precedence: Ints) -> None:
    """Give every new pair a place; where they are too many, those with the largest excess keep theirs.

    Ties go to the generator that comes first in byte order. The columns are changed in place.
    """
    first = np.flatnonzero(np.diff(new.row, prepend=-1))  # sorted by rater: where each one's begin
    touched, sizes = new.row[first], np.diff(first, append=len(new.row))
    row = np.repeat(np.arange(len(touched)), sizes)
    nth = np.arange(len(row)) - first[row]
    places = generators.shape[1]
    wide = (len(touched), places + int(nth.max()) + 1)
    all_generators = np.full(wide, NOBODY, dtype=np.int64)
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
