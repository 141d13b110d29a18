"""One pass over a file of rows: where each line is, and which rows share a package.

What is kept is a few numbers per row, so that a million rows in any order need some tens of megabytes; their text is
read again when it is needed.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from node.checking.reading import LINE_BYTES_MAX, MalformedRowError, PackageKey, read_row

DIGEST_BYTES = 16


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

    def lines(self, rows: Sequence[int]) -> list[bytes]:
        """The lines of some rows, in the order given."""
        with self.path.open("rb") as file:
            found = []
            for row in rows:
                file.seek(self.offsets[row])
                found.append(_line(file))
        return found

    def batches(self, size: int, done: Iterator[bool]) -> Iterator[tuple[PackageKey, list[int]]]:
        """Rows that are not done, at most `size` of one package at a time."""
        finished = bytearray(done)
        for key, members in self.groups.items():
            left = [row for row in members if not finished[row]]
            for start in range(0, len(left), size):
                yield key, left[start : start + size]


def make_plan(path: Path) -> Plan:
    """Read a file of rows once; empty lines are no rows."""
    plan = Plan(path)
    with path.open("rb") as file:
        while True:
            offset = file.tell()
            line = _line(file)
            if not line:
                return plan
            if not line.strip():
                continue
            row = len(plan.offsets)
            plan.offsets.append(offset)
            plan.digests += hashlib.sha256(line).digest()[:DIGEST_BYTES]
            try:
                plan.groups.setdefault(read_row(line).package, array("Q")).append(row)
            except MalformedRowError:
                plan.refused.append(row)


def _line(file: BinaryIO) -> bytes:
    """The next line without its end; of a line beyond every bound only so much that it is seen to be one."""
    line = file.readline(LINE_BYTES_MAX + 1)
    if len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
        while (rest := file.readline(1 << 20)) and not rest.endswith(b"\n"):
            pass
        return line
    return line
