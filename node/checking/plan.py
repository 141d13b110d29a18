"""One pass over a file of rows: where each line is, and which rows share a package.

What is kept is a few numbers per row, so that a million rows in any order need some tens of megabytes; their text is
read again when it is needed.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from node.checking.reading import LINE_BYTES_MAX, MalformedRowError, PackageKey, read_row
from node.errors import OperatorError

DIGEST_BYTES = 16
_STEP = 2_000
"""Rows between two looks at how far a plan is: a fraction of a second."""


@dataclass(slots=True)
class Plan:
    """The rows of a file."""

    path: Path
    offsets: array[int] = field(default_factory=lambda: array("Q"))
    """Where each row's line begins."""
    digests: bytearray = field(default_factory=bytearray)
    """`DIGEST_BYTES` per row, of its line."""
    groups: dict[PackageKey, array[int]] = field(default_factory=dict)
    """Rows by package, in the order in which packages first appear."""
    refused: array[int] = field(default_factory=lambda: array("Q"))
    """Rows that cannot be tried."""

    def __len__(self) -> int:
        return len(self.offsets)

    def digest(self, row: int) -> bytes:
        """Of a row's line."""
        return bytes(self.digests[row * DIGEST_BYTES : (row + 1) * DIGEST_BYTES])

    def lines(self, rows: Iterable[int]) -> list[bytes]:
        """The lines of some rows, in the order given.

        Raises:
            OperatorError: A line is no longer what it was when the plan was made.
        """
        return list(self.each(rows))

    def each(self, rows: Iterable[int]) -> Iterator[bytes]:
        """The same, one after the other."""
        with self.path.open("rb") as file:
            for row in rows:
                file.seek(self.offsets[row])
                line = _line(file)
                if _digest(line) != self.digest(row):
                    raise OperatorError(
                        f"row {row + 1} of {self.path} was changed while rows were being read",
                        hint="Run the same command again once nothing writes that file: settled rows are kept.",
                    )
                yield line

    def batches(self, size: int, done: Iterator[bool], *, cores: int = 1) -> Iterator[tuple[PackageKey, list[int]]]:
        """Rows that are not done, at most `size` of one package at a time, in parts of one size.

        The larger a batch, the less each of its rows costs, and the longer it keeps one core: so what would not make a
        batch for every core is cut for more of them, into no less than a quarter of `size`.
        """
        finished = bytearray(done)
        for key, members in self.groups.items():
            left = array("Q", (row for row in members if not finished[row]))
            parts = max(-(-len(left) // size), min(cores, -(-2 * len(left) // size)), 1)
            each = max(1, -(-len(left) // parts))
            yield from ((key, list(left[start : start + each])) for start in range(0, len(left), each))


def make_plan(path: Path) -> Plan:
    """Read a file of rows once; empty lines are no rows."""
    *_, plan = planned(path)
    return plan


def planned(path: Path) -> Iterator[Plan]:
    """The same in steps, so that a reader of many rows can say how far it is: one plan, as it grows."""
    plan = Plan(path)
    with path.open("rb") as file:
        offset = 0
        while line := _line(file):
            if line.strip():
                row = len(plan)
                plan.offsets.append(offset)
                plan.digests += _digest(line)
                try:
                    plan.groups.setdefault(read_row(line).package, array("Q")).append(row)
                except MalformedRowError:
                    plan.refused.append(row)
                if len(plan) % _STEP == 0:
                    yield plan
            offset = file.tell()
    yield plan


def _digest(line: bytes) -> bytes:
    return hashlib.sha256(line).digest()[:DIGEST_BYTES]


def _line(file: BinaryIO) -> bytes:
    """The next line without its end; of a line beyond every bound only so much that it is seen to be one."""
    line = file.readline(LINE_BYTES_MAX + 1)
    if len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
        while (rest := file.readline(1 << 20)) and not rest.endswith(b"\n"):
            pass
        return line
    return line
