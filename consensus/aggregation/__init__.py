"""Evidence, not averages: what ratings say of a round's candidates and teach of their raters (R20 to R29).

`reference` is the specification in plain integers; read it first. `aggregate` computes the same bits in columns.
"""

from consensus.aggregation.values import (
    Aggregation,
    Contribution,
    Counted,
    RatedCandidate,
    ScoredCandidate,
    Verdict,
)
from consensus.aggregation.vectorised import aggregate

__all__ = [
    "Aggregation",
    "Contribution",
    "Counted",
    "RatedCandidate",
    "ScoredCandidate",
    "Verdict",
    "aggregate",
]
