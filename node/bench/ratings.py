"""The ratings that every method is given: a round of the simulator's world, in the forms that the methods take.

A hundred honest nodes, tasks of four candidates with five raters each, one task in ten a probe. Nobody lies: that is
what the others do best with, and no slower for us.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from consensus.aggregation import RatedCandidate
from consensus.aggregation.values import Counted
from consensus.aggregation.vectorised import COUNTED_CODES, RatingColumns
from consensus.encoding import hash_bytes
from consensus.rater_tables import drawer_of
from consensus.types import GivenRating, Hash, NodeId
from node.simulate.worlds import Ints, World, draw_rounds
from node.values.example import CATEGORIES

NODES = 100
RATERS = 5
PER_TASK = 4

_DRAWERS = np.array([drawer_of(category) for category in CATEGORIES])
"""Tasks take turns among the categories."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings of C candidates by K raters each, in arrays; the candidates of a task stand together."""

    rater: Ints
    """[C, K]"""
    generator: Ints
    """[C]"""
    probe: Ints
    """[C] 1 for a good probe, 0 for a bad one, -1 for none."""
    scores: Ints
    """[C, K, 4] Basis points."""


def make_ratings(count: int, seed: int) -> Ratings:
    """Draw `count` ratings, rounded down to whole tasks."""
    tasks = max(1, count // (RATERS * PER_TASK))
    world = World(nodes=NODES, rounds=1, tasks=tasks, candidates=(PER_TASK, PER_TASK), committee=RATERS)
    drawn = next(draw_rounds(world, seed))
    return Ratings(
        rater=np.repeat(drawn.committee, PER_TASK, axis=0),
        generator=drawn.makers.ravel(),
        probe=np.where(drawn.probes[:, None], drawn.good.astype(np.int64), -1).ravel(),
        scores=np.rint(drawn.stages[0] * 10_000).astype(np.int64).reshape(-1, RATERS, 4),
    )


def in_columns(ratings: Ratings) -> RatingColumns:
    """As the aggregation takes them."""
    count = len(ratings.generator)

    def same(value: int) -> Ints:
        return np.full(count, value, dtype=np.int64)

    return RatingColumns(
        starts=np.arange(count + 1, dtype=np.int64) * RATERS,
        generator=ratings.generator,
        raters=same(RATERS),
        accept_bp=same(7000),
        review_bp=same(5000),
        probe=ratings.probe,
        reviewable=ratings.probe < 0,
        drawer=_DRAWERS[np.arange(count) // PER_TASK % len(_DRAWERS)],
        rater=ratings.rater.ravel(),
        scores=ratings.scores.reshape(-1, 4),
        counted=np.full(count * RATERS, COUNTED_CODES.index(Counted.COUNTED), dtype=np.int64),
    )


def node_ids() -> list[NodeId]:
    """Who the numbers stand for."""
    return [NodeId(hash_bytes("bench-node", str(number).encode())) for number in range(NODES)]


def as_candidates(ratings: Ratings, nodes: list[NodeId]) -> list[RatedCandidate]:
    """As the plain form takes them."""
    probes = {-1: None, 0: False, 1: True}
    return [
        RatedCandidate(
            content=Hash(hash_bytes("bench-content", str(row).encode())),
            task=row // PER_TASK,
            category=CATEGORIES[row // PER_TASK % len(CATEGORIES)],
            generator=nodes[ratings.generator[row]],
            ratings=tuple(
                GivenRating(nodes[rater], (scores[0], scores[1], scores[2], scores[3]))
                for rater, scores in zip(ratings.rater[row], ratings.scores[row].tolist(), strict=True)
            ),
            raters=RATERS,
            probe=probes[int(ratings.probe[row])],
            accept_bp=7000,
            review_bp=5000,
        )
        for row in range(len(ratings.generator))
    ]
