"""A round's ratings, cut into rectangles that fit a processor's cache.

A slice holds candidates with about as many ratings each, one after the other along a row; its rows are their seats. So
a sum over a candidate's ratings is a sum of rows, and what is known of a candidate meets all of its ratings unrepeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from consensus.aggregation.reading import BIN_BP
from consensus.aggregation.values import Counted
from consensus.aggregation.vectorised.columns import (
    COUNTED_CODES,
    Bools,
    Ints,
    RatingColumns,
    Roster,
    clamp,
    pairs_fit_table,
)
from consensus.aggregation.vectorised.reading import Characters
from consensus.params import AggregationParams
from consensus.rater_tables import BINS

SLICE_RATINGS = 1 << 14
"""Some twenty columns of as many ratings stay in a processor's second cache."""

EMPTY_SEATS_MAX = 1 << 11
"""In one slice. As much arithmetic costs as much as the calls for one slice more."""

COUNTED = COUNTED_CODES.index(Counted.COUNTED)
OWN = COUNTED_CODES.index(Counted.OWN)
FAVOURED = COUNTED_CODES.index(Counted.FAVOURED)


@dataclass(frozen=True, slots=True)
class Slice:
    """Candidates c and their ratings [k, c], as both passes read them.

    Raters are positions among the round's A raters. A itself is nobody: sums have a last column for it, never read.
    """

    candidates: Ints
    """[c] Where they stand in the round."""
    ratings: Ints
    """[k, c] Where these do; beyond the last for an empty seat."""
    generator: Ints
    """[c] Row of the generator."""
    probes: Ints
    """Candidates that are probes, and"""
    good: Bools
    """which of these are good ones."""
    scores_bp: Ints
    """[4, k, c] Per criterion."""
    composite_bp: Ints
    """[k, c], like all that follow."""
    composite: Ints
    """Q16."""
    bin: Ints
    low: Ints
    """The bin whose middle is the last at or below the score, as an index into `Worths.evidence`,"""
    above_bp: Ints
    """and how far above it the score is."""
    nobody: int
    """A"""
    rater: Ints
    learner: Ints
    """The rater if its rating teaches, else nobody."""
    counted: Ints
    """Position in `COUNTED_CODES`;"""
    drawer: Ints
    """[c] Of the candidate's category,"""
    heard: Ints
    """and what doubts leave there of the rater's voice."""
    votes: Ints
    """1 if that is COUNTED, else 0."""


def cut_slices(
    ratings: RatingColumns, roster: Roster, characters: Characters, nodes: int, params: AggregationParams
) -> Iterator[Slice]:
    """Cut a round. Candidates without ratings are in no slice."""
    sizes = ratings.starts[1:] - ratings.starts[:-1]
    order = sizes.argsort(kind="stable")
    sizes = sizes.take(order)
    first = int(sizes.searchsorted(1))
    while first < len(order):
        last = first + _fitting(sizes[first : first + SLICE_RATINGS])
        yield _cut(ratings, order[first:last], sizes[first:last], roster, characters, nodes, params)
        first = last


def _fitting(sizes: Ints) -> int:
    """How many of the next candidates make one slice; at least one."""
    if sizes[0] == sizes[-1] and len(sizes) * sizes[0] <= SLICE_RATINGS:
        return len(sizes)
    seats = sizes * np.arange(1, len(sizes) + 1)
    empty = seats - sizes.cumsum()
    fitting = min(seats.searchsorted(SLICE_RATINGS, "right"), empty.searchsorted(EMPTY_SEATS_MAX, "right"))
    return max(1, int(fitting))


def _cut(
    ratings: RatingColumns,
    candidates: Ints,
    sizes: Ints,
    roster: Roster,
    characters: Characters,
    nodes: int,
    params: AggregationParams,
) -> Slice:
    at, counted = _seats(ratings, candidates, sizes)
    rater = roster.positions(ratings.rater, nodes).take(at, mode="clip")
    generator = ratings.generator.take(candidates)
    counted = _counted(counted, rater, generator, characters, nodes)
    probe = ratings.probe.take(candidates)
    drawer = ratings.drawer.take(candidates)
    probes = (probe >= 0).nonzero()[0]
    scores_bp = ratings.scores.take(at, axis=0, mode="clip")
    composite_bp = np.vecdot(scores_bp, np.array(params.criterion_weights_bp))
    composite_bp //= 10_000
    place = composite_bp - BIN_BP // 2
    low = clamp(place // BIN_BP, 0, BINS - 2)
    above_bp = clamp(place - low * BIN_BP, 0, BIN_BP)
    return Slice(
        candidates=candidates,
        ratings=at,
        generator=generator,
        probes=probes,
        good=probe.take(probes) == 1,
        scores_bp=np.ascontiguousarray(scores_bp.transpose(2, 0, 1)),
        composite_bp=composite_bp,
        composite=(composite_bp << 16) // 10_000,
        bin=low + (above_bp >= BIN_BP // 2),
        low=low * len(roster) + rater,
        above_bp=above_bp,
        nobody=len(roster),
        rater=rater,
        learner=np.where(counted == OWN, len(roster), rater),
        counted=counted,
        drawer=drawer,
        heard=characters.heard.take(drawer * len(roster) + rater),
        votes=(counted == COUNTED).astype(np.int64),
    )


def _seats(ratings: RatingColumns, candidates: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """[k, c] Where the candidates' ratings stand, and what was said of them before the round.

    An empty seat is as good as a rating of one's own candidate: it does not count, and teaches nothing.
    """
    seat = np.arange(sizes[-1])[:, None]
    at = ratings.starts.take(candidates) + seat
    counted = ratings.counted.take(at, mode="clip")
    if sizes[0] < sizes[-1]:
        empty = seat >= sizes
        at[empty] = len(ratings.rater)
        counted[empty] = OWN
    return at, counted


def _counted(counted: Ints, rater: Ints, generator: Ints, characters: Characters, nodes: int) -> Ints:
    """What was said of each rating before the round, and FAVOURED where its pair does not count."""
    favoured = characters.favoured
    if not len(favoured):
        return counted
    keys = rater * nodes
    keys += generator
    if pairs_fit_table(len(characters.fairness), nodes, keys.size):
        barred = np.zeros(len(characters.fairness) * nodes, dtype=np.bool_)
        barred[favoured] = True
        known = barred.take(keys)
    else:
        favoured = np.sort(favoured)
        at = np.minimum(np.searchsorted(favoured, keys), len(favoured) - 1)
        known = favoured.take(at) == keys
    known &= counted == COUNTED
    counted[known] = FAVOURED
    return counted
