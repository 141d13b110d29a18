"""Checking files of rows: where crates and checks meet for `swarm-node check`.

`reading.py` says what a row may look like, `packages.py` makes the package it is compiled in, `plan.py` finds the rows
that share one, `naming.py` says what rows repeat, `journal.py` keeps what is settled, `run.py` drives it all, and
`exporting.py` writes rows as projects.
"""

from node.checking.reading import MalformedRowError, Row, read_row
from node.checking.run import CheckRun, Settings, Tally, refuse_all

__all__ = ["CheckRun", "MalformedRowError", "Row", "Settings", "Tally", "read_row", "refuse_all"]
