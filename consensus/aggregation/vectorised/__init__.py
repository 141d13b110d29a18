"""The aggregation in columns of 64-bit integers, for many ratings at once; `reference` says what it computes.

A caller that keeps `RaterColumns` from round to round pays for arithmetic only. `aggregate` converts on the way in and
out, and takes and gives what `reference.aggregate` does.
"""

from consensus.aggregation.vectorised.adapter import aggregate
from consensus.aggregation.vectorised.columns import COUNTED_CODES, RaterColumns, RatingColumns, rating_columns
from consensus.aggregation.vectorised.rounds import ScoreColumns, aggregate_columns
from consensus.aggregation.vectorised.scoring import VERDICT_CODES

__all__ = [
    "COUNTED_CODES",
    "VERDICT_CODES",
    "RaterColumns",
    "RatingColumns",
    "ScoreColumns",
    "aggregate",
    "aggregate_columns",
    "rating_columns",
]
