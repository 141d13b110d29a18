"""Verdicts as they come, and the output in the order of the rows.

Every verdict goes to the journal first. Rows are settled package by package, so verdicts come in any order; what is
complete from the beginning on is copied to the output as soon as it is. A run that was stopped finds its journal again
and settles only what is missing, or what was changed since.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from node.checking.plan import Plan

_MISSING = (1 << 64) - 1


class Journal:
    """The verdicts of one run, on disk.

    Args:
        path: The journal's file; continued if it is there and was made under the same conditions.
        plan: The rows.
        conditions: What must be equal for a verdict to hold again: toolchain, sandbox, options.
        out: Where the output goes, in order.
    """

    def __init__(self, path: Path, plan: Plan, conditions: dict[str, object], out: BinaryIO) -> None:
        self._path = path
        self._plan = plan
        self._out = out
        self._places = array("Q", [_MISSING]) * len(plan)
        self._next = 0
        self.is_other = False
        """A journal was there that was made under other conditions; it is begun anew."""
        head = json.dumps(conditions, sort_keys=True).encode()
        self.found = self._recover(head)
        """How many rows an earlier run settled."""
        self._file = path.open("r+b" if path.exists() else "w+b")
        if self.found == 0:
            self._file.truncate(0)
            self._file.write(head + b"\n")
        self._file.seek(0, 2)

    def __enter__(self) -> Self:
        self._advance()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def done(self) -> Iterator[bool]:
        """For each row, whether it is settled."""
        return (place != _MISSING for place in self._places)

    def add(self, row: int, line: bytes) -> None:
        """Keep a row's verdict, a line without its end."""
        self._places[row] = self._file.tell()
        self._file.write(b"%d %s %s\n" % (row, self._plan.digest(row).hex().encode(), line))

    def flush(self) -> None:
        """Make what was added survive a kill, and write what is complete."""
        self._file.flush()
        self._advance()

    def finish(self) -> None:
        """Remove the journal, once the output holds everything."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _recover(self, head: bytes) -> int:
        found = 0
        if not self._path.exists():
            return 0
        with self._path.open("r+b") as file:
            found_head = file.readline().rstrip(b"\n")
            if found_head != head:
                self.is_other = bool(found_head)
                return 0
            while True:
                place = file.tell()
                line = file.readline()
                if not line.endswith(b"\n"):
                    file.truncate(place)  # killed in the middle of it
                    return found
                row, digest = _read(line)
                if row < len(self._plan) and self._plan.digest(row).hex() == digest:
                    found += self._places[row] == _MISSING
                    self._places[row] = place

    def _advance(self) -> None:
        if self._next == len(self._plan) or self._places[self._next] == _MISSING:
            return
        with self._path.open("rb") as file:
            while self._next < len(self._plan) and self._places[self._next] != _MISSING:
                file.seek(self._places[self._next])
                self._out.write(file.readline().split(b" ", 2)[2])
                self._next += 1
        self._out.flush()


def _read(line: bytes) -> tuple[int, str]:
    """Row and digest of a journal's line; a row that is none for anything else."""
    try:
        row, digest, _ = line.split(b" ", 2)
        return int(row), digest.decode()
    except (ValueError, UnicodeDecodeError):
        return _MISSING, ""
