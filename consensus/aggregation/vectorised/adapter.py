"""The same function as `reference.aggregate`, computed in columns: for callers that hold tables, not columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

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
from consensus.aggregation.vectorised.columns import (
    COUNTED_CODES,
    RaterColumns,
    rating_columns,
)
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
    raters = RaterColumns.of(tables, (candidate.generator for candidate in ordered), params)
    number = raters.numbers()
    ratings = rating_columns(ordered, number, tables.keys(), owners or {})
    scores = aggregate_columns(raters, ratings, params)
    explain = _Explainer(scores, number, tables.keys(), params)
    return Aggregation(
        candidates=tuple(_scored(scores, row, candidate, explain) for row, candidate in enumerate(ordered)),
        tables={node: raters.table(number[node]) for node in tables},
    )


class _Explainer:
    """Turns rating columns back into contributions, one after the other."""

    def __init__(
        self,
        scores: ScoreColumns,
        number: Mapping[NodeId, int],
        members: AbstractSet[NodeId],
        params: AggregationParams,
    ) -> None:
        self._number = number
        self._members = members
        self._params = params
        self._place = {row: place for place, row in enumerate(scores.rows.tolist())}
        self._slow = scores.drafted[:2].transpose(2, 0, 1).tolist()
        ratings = scores.explained()
        self._columns = zip(
            ratings.counted.tolist(),
            ratings.bits.tolist(),
            ratings.voice.tolist(),
            ratings.contributed.tolist(),
            strict=True,
        )

    def next(self, rating: GivenRating) -> Contribution:
        """The contribution of the next rating; those of non-members have no row."""
        composite = composite_bp(rating.scores, self._params)
        position = min(BINS - 1, composite // BIN_BP)
        if rating.rater not in self._members:
            return Contribution(rating.rater, Counted.UNKNOWN, composite, position, 0, 0, 0, 0, 0, 0, 0)
        code, evidence, voice, contributed = next(self._columns)
        bad, good = self._slow[self._place[self._number[rating.rater]]]
        return Contribution(
            rater=rating.rater,
            counted=COUNTED_CODES[code],
            composite_bp=composite,
            bin=position,
            evidence_bits=evidence,
            voice=voice,
            contributed_bits=contributed,
            bad_in_bin=bad[position],
            bad_total=sum(bad),
            good_in_bin=good[position],
            good_total=sum(good),
        )


def _scored(scores: ScoreColumns, row: int, candidate: RatedCandidate, explain: _Explainer) -> ScoredCandidate:
    first, second, third, fourth = scores.criteria_bp[:, row].tolist()
    return ScoredCandidate(
        content=candidate.content,
        task=candidate.task,
        generator=candidate.generator,
        verdict=VERDICT_CODES[scores.verdict[row]],
        evidence_bits=int(scores.evidence_bits[row]),
        cut_bits=int(scores.cut_bits[row]),
        quality_bp=int(scores.quality_bp[row]),
        score_bp=int(scores.score_bp[row]),
        criteria_bp=(first, second, third, fourth),
        spread_bp=int(scores.spread_bp[row]),
        counted=int(scores.counted[row]),
        contributions=tuple(explain.next(rating) for rating in one_per_rater(candidate.ratings)),
    )
