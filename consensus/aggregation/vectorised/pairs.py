"""The pair memory in columns: whom each rater rated how often, and how much above the targets (R23)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from consensus.aggregation.vectorised.columns import NOBODY, Ints, RaterColumns
from consensus.params import AggregationParams
from consensus.rater_tables import ONE

_ORDER_BITS = 24
"""Node numbers below 2^24 and counts below 2^38 make one sort key."""


@dataclass(frozen=True, slots=True)
class PairSums:
    """What a round added: one entry per rater and generator that met, sorted by rater."""

    row: Ints
    """Position in the round's raters."""
    generator: Ints
    count: Ints
    excess: Ints


def sum_pairs(row: Ints, generator: Ints, excess: Ints, *, raters: int, nodes: int) -> PairSums:
    """Add up single ratings per pair.

    Args:
        row: Position of each rating's rater among the round's.
        generator: Number of the candidate's generator.
        excess: Score over its target, Q16.
        raters: How many raters the round has.
        nodes: How many numbers there are.
    """
    keys = row * nodes + generator
    if raters * nodes <= 16 * len(keys) + 4096:  # few nodes: a cell per possible pair is cheaper than sorting
        counts = np.bincount(keys, minlength=raters * nodes)
        met = np.flatnonzero(counts)
        sums = np.zeros(raters * nodes, dtype=np.int64)
        np.add.at(sums, keys, excess)
        return PairSums(met // nodes, met % nodes, counts[met] * ONE, sums[met])
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    met = ordered[first]
    counts = np.diff(np.r_[first, len(ordered)])
    return PairSums(met // nodes, met % nodes, counts * ONE, np.add.reduceat(excess[order], first))


def learn_pairs(raters: RaterColumns, rows: Ints, decay: Ints, sums: PairSums, params: AggregationParams) -> None:
    """Fade the pairs of the raters in `rows`, add the round's, and forget the faintest.

    Args:
        raters: Changed in place.
        rows: Row of each of the round's raters.
        decay: [A] Factor on what each of them remembers, Q16.
        sums: What the round added.
        params: The preset's numbers.
    """
    generators = raters.pair_generator[rows]
    counts = raters.pair_count[rows] * decay[:, None] >> 16
    excesses = raters.pair_excess[rows] * decay[:, None] >> 16
    matches = generators[sums.row] == sums.generator[:, None]
    old = matches.any(axis=1)
    place = matches[old].argmax(axis=1)
    counts[sums.row[old], place] += sums.count[old]
    excesses[sums.row[old], place] += sums.excess[old]
    faint = counts < params.pair_count_min
    generators[faint] = NOBODY
    counts[faint] = 0
    excesses[faint] = 0
    if not old.all():
        new = ~old
        _remember(
            generators,
            counts,
            excesses,
            PairSums(sums.row[new], sums.generator[new], sums.count[new], sums.excess[new]),
            raters.precedence,
        )
    raters.pair_generator[rows] = generators
    raters.pair_count[rows] = counts
    raters.pair_excess[rows] = excesses


def _remember(generators: Ints, counts: Ints, excesses: Ints, new: PairSums, precedence: Ints) -> None:
    """Give every new pair a place; where they are too many, those rated most often keep theirs.

    Ties go to the generator that comes first in byte order. The columns are changed in place.
    """
    touched, row = np.unique(new.row, return_inverse=True)
    nth = np.arange(len(row)) - np.searchsorted(row, row)  # sorted by rater: how many of its own came before
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
    keys = (all_counts << _ORDER_BITS) - precedence[all_generators]  # NOBODY: count 0 comes after every pair
    kept = np.argpartition(keys, wide[1] - places, axis=1)[:, wide[1] - places :]
    generators[touched] = np.take_along_axis(all_generators, kept, axis=1)
    counts[touched] = np.take_along_axis(all_counts, kept, axis=1)
    excesses[touched] = np.take_along_axis(all_excesses, kept, axis=1)
