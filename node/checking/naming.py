"""What a row repeats: its crate's source, an earlier row, or rows that are held out. Named, not judged.

An extraction is meant to be found in its crate and a generated answer is not, so what a high share means is for whoever
reads the verdicts to say.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from node.checking.plan import Plan, make_plan
from node.checking.reading import MalformedRowError, Row, read_row
from node.checks.guards.copied import FULL, Grams
from node.checks.guards.likeness import NearDuplicates
from node.values.crate import PreparedCrate

_CRATES_KEPT = 8
"""Whose runs of tokens are kept: batches of one crate follow each other."""


@dataclass(frozen=True, slots=True)
class Named:
    """What is said of one row. Shares are of its code's runs of tokens, 0 to 1."""

    copied: float | None = None
    """Share that stands in its crate's source; None without a crate."""
    like: str | None = None
    """Identifier of a row before it that is the same, or nearly, or the same but for names."""
    held_out: float | None = None
    """Share that stands in rows that are held out; None where none were given."""


class Namer:
    """Compares rows as they come.

    Args:
        held_out: A file of rows, as `check` takes them, that no row should repeat.
    """

    def __init__(self, held_out: Path | None = None) -> None:
        self._seen = NearDuplicates()
        self._held_out = None if held_out is None else Grams(row.example.code for row in _rows(held_out))
        self._crates: OrderedDict[str, Grams] = OrderedDict()

    def remember(self, plan: Plan, numbers: Iterable[int]) -> None:
        """Rows that an earlier run settled: later ones may repeat them. Blocks."""
        for number in numbers:
            row = _row(plan.lines([number])[0])
            if row is not None:
                self._seen.first_like(_name(row, number), row.example.code)

    def name(self, package: PreparedCrate, rows: Iterable[tuple[int, Row]]) -> list[Named]:
        """What is to be said of some rows of one package, in their order. Blocks."""
        found = []
        for number, row in rows:
            code = row.example.code
            alike = self._seen.first_like(_name(row, number), code)
            sources = self._crate(package, row.package.crate) if row.package.crate else None
            found.append(
                Named(
                    copied=None if sources is None else sources.containment(code) / FULL,
                    like=None if alike is None else alike.earlier,
                    held_out=None if self._held_out is None else self._held_out.containment(code) / FULL,
                )
            )
        return found

    def _crate(self, package: PreparedCrate, name: str) -> Grams | None:
        if package.vendor is None:
            return None
        key = str(package.vendor)
        if key not in self._crates:
            self._crates[key] = Grams(_sources(package.vendor, name))
            while len(self._crates) > _CRATES_KEPT:
                self._crates.popitem(last=False)
        return self._crates[key]


def _name(row: Row, number: int) -> str:
    return str(row.id) if row.id is not None else f"line {number + 1}"


def _sources(vendor: Path, name: str) -> Iterable[str]:
    for folder in sorted(vendor.iterdir()):
        stem, _, version = folder.name.rpartition("-")
        if folder.name == name or (stem == name and version[:1].isdigit()):
            for path in sorted(folder.rglob("*.rs")):
                if path.is_file() and not path.is_symlink():
                    yield path.read_text(errors="replace")


def _rows(path: Path) -> Iterable[Row]:
    plan = make_plan(path)
    for number in range(len(plan)):
        row = _row(plan.lines([number])[0])
        if row is not None:
            yield row


def _row(line: bytes) -> Row | None:
    try:
        return read_row(line)
    except MalformedRowError:
        return None
