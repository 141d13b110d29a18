"""The same function as `reference.aggregate`, computed in columns: for callers that hold tables, not columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from consensus.aggregation.reading import BIN_BP
from consensus.aggregation.scoring import composite_bp
from consensus.aggregation.values import (
    Aggregation,
    Contribution,
    Counted,
    RatedCandidate,
    ScoredCandidate,
    one_per_rater,
)
from consensus.aggregation.vectorised.columns import COUNTED_CODES, RaterColumns, rating_columns
from consensus.aggregation.vectorised.rounds import ScoreColumns, aggregate_columns
from consensus.aggregation.vectorised.scoring import VERDICT_CODES
from consensus.params import AggregationParams
from consensus.rater_tables import BINS
from consensus.types import GivenRating, NodeId, RaterTable


def aggregate(
    tables: Mapping[NodeId, RaterTable],
    candidates: Iterable[RatedCandidate],
    params: AggregationParams,
    *,
    owners: Mapping[NodeId, str] | None = None,
) -> Aggregation:
    """`reference.aggregate`."""
    ordered = sorted(candidates, key=lambda candidate: (candidate.task, candidate.content))
    sheets = [one_per_rater(candidate.ratings) for candidate in ordered]
    raters = RaterColumns.of(tables, (candidate.generator for candidate in ordered), params)
    number = raters.numbers()
    ratings = rating_columns(ordered, sheets, number, tables.keys(), owners or {})
    scores = aggregate_columns(raters, ratings, params)
    rows = np.array([number[node] for node in tables], dtype=np.int64)
    known = _contributions(scores, (rating.rater for sheet in sheets for rating in sheet if rating.rater in tables))
    explained = [
        tuple(next(known) if rating.rater in tables else _unknown(rating, params) for rating in sheet)
        for sheet in sheets
    ]
    return Aggregation(
        candidates=tuple(map(ScoredCandidate, *_scored(ordered, scores), explained)),
        tables=dict(zip(tables, raters.tables(rows), strict=True)),
    )


def _contributions(scores: ScoreColumns, raters: Iterable[NodeId]) -> Iterator[Contribution]:
    """What the ratings of members did, one after the other."""
    given = scores.explained()
    slow = scores.drafted[:2]
    cell = given.bin, given.rater
    in_bin, totals = slow[:, *cell], slow.sum(axis=1)[:, given.rater]
    columns = (
        given.composite_bp,
        given.bin,
        given.bits,
        given.voice,
        given.contributed,
        given.heard,
        in_bin[0],
        totals[0],
        in_bin[1],
        totals[1],
    )
    counted = [COUNTED_CODES[code] for code in given.counted.tolist()]
    return map(Contribution, raters, counted, *(column.tolist() for column in columns))


def _unknown(rating: GivenRating, params: AggregationParams) -> Contribution:
    """A rating by somebody who is no member is shown, and does nothing."""
    composite = composite_bp(rating.scores, params)
    position = min(BINS - 1, composite // BIN_BP)
    return Contribution(rating.rater, Counted.UNKNOWN, composite, position, 0, 0, 0, 0, 0, 0, 0, 0)


def _scored(candidates: Sequence[RatedCandidate], scores: ScoreColumns) -> tuple[Iterable[Any], ...]:
    """The fields of `ScoredCandidate` up to `counted`, candidate after candidate."""
    return (
        [candidate.content for candidate in candidates],
        [candidate.task for candidate in candidates],
        [candidate.generator for candidate in candidates],
        [VERDICT_CODES[code] for code in scores.verdict.tolist()],
        scores.evidence_bits.tolist(),
        scores.cut_bits.tolist(),
        scores.quality_bp.tolist(),
        scores.score_bp.tolist(),
        map(tuple, scores.criteria_bp.T.tolist()),
        scores.spread_bp.tolist(),
        scores.counted.tolist(),
    )
