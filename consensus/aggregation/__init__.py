"""Evidence, not averages: what ratings say of a round's candidates and teach of their raters (R20 to R29)."""

from consensus.aggregation.reference import aggregate
from consensus.aggregation.values import (
    Aggregation,
    Contribution,
    Counted,
    RatedCandidate,
    ScoredCandidate,
    Verdict,
)

__all__ = [
    "Aggregation",
    "Contribution",
    "Counted",
    "RatedCandidate",
    "ScoredCandidate",
    "Verdict",
    "aggregate",
]
