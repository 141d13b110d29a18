"""Rows of code, each verified as a package of its own, many at a time.

Start reading in `batch.py`; `example.py` says what a row is, `verdict.py` what is found out about it.
"""

from node.checks.rows.batch import RowBatch, RowOptions
from node.checks.rows.example import Example, SourceText, assemble
from node.checks.rows.exporting import export_row
from node.checks.rows.verdict import Mutants, RowState, RowVerdict

__all__ = [
    "Example",
    "Mutants",
    "RowBatch",
    "RowOptions",
    "RowState",
    "RowVerdict",
    "SourceText",
    "assemble",
    "export_row",
]
