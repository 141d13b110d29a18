"""What a row repeats: its crate's source, an earlier row, or rows that are held out. Named, not judged.

An extraction is meant to be found in its crate and a generated answer is not, so what a high share means is for whoever
reads the verdicts to say.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from node.checking.plan import Plan, make_plan
from node.checking.reading import MalformedRowError, Row, read_row, refusal
from node.checks.guards.copied import FULL, Grams
from node.checks.guards.likeness import NearDuplicates
from node.errors import OperatorError
from node.values.crate import PreparedCrate

_CRATES_KEPT = 8
"""Whose runs of tokens are kept: batches of one crate follow each other."""
_AT_ONCE = 256
"""Rows looked at before a caller may be interrupted: about a second."""


@dataclass(frozen=True, slots=True)
class Named:
    """What is said of one row. Shares are of its code's runs of tokens, 0 to 1."""

    copied: float | None = None
    """Share that stands in its crate's source; None without a crate."""
    like: str | None = None
    """Identifier of a row before it that is the same, or nearly, or the same but for names."""
    held_out: float | None = None
    """Share that stands in rows that are held out; None where none were given."""


class EarlierRows:
    """Which row before it each row repeats.

    Rows are settled in any order, and by several runs when one was stopped; they are looked at here in the order of
    the file, so that what is said of a row depends on the rows before it alone.

    Args:
        plan: The rows.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._seen = NearDuplicates(self._code)
        self._likes = array("Q")
        """For each row looked at, one more than the number of the row that it repeats; 0 for none."""

    @property
    def unknown(self) -> int:
        """Rows beyond the bound of what is remembered: of these only exact copies are found."""
        return self._seen.unknown

    def look(self, row: int) -> bool:
        """Look at some more of the rows up to this one; False while there are more. Blocks for about a second."""
        start = len(self._likes)
        numbers = range(start, min(row + 1, start + _AT_ONCE))
        for number, line in zip(numbers, self._plan.lines(numbers), strict=True):
            found = _row(line)
            alike = None if found is None else self._seen.first_like(number, found.example.code)
            self._likes.append(0 if alike is None else alike.earlier + 1)
        return len(self._likes) > row

    def like(self, row: int) -> str | None:
        """Identifier of the first row like this one, which was looked at."""
        earlier = self._likes[row] - 1
        if earlier < 0:
            return None
        found = _row(self._plan.lines([earlier])[0])
        return f"row {earlier + 1}" if found is None or found.id is None else str(found.id)

    def _code(self, row: int) -> str:
        found = _row(self._plan.lines([row])[0])
        return "" if found is None else found.example.code


class Namer:
    """Compares rows with their crates, with each other, and with rows that are held out.

    Args:
        plan: The rows.
        held_out: A file of rows, as `check` takes them, that no row should repeat.

    Raises:
        OperatorError: A held-out row cannot be read.
    """

    def __init__(self, plan: Plan, held_out: Path | None = None) -> None:
        self.earlier = EarlierRows(plan)
        self._held_out = None if held_out is None else Grams(_codes(held_out))
        self._crates: OrderedDict[str, Grams] = OrderedDict()

    def name(self, package: PreparedCrate, rows: Iterable[tuple[int, Row]]) -> list[Named]:
        """What is to be said of some rows of one package, which were looked at. Blocks."""
        found = []
        for number, row in rows:
            code = row.example.code
            sources = self._crate(package, row.package.crate) if row.package.crate else None
            found.append(
                Named(
                    copied=None if sources is None else sources.containment(code) / FULL,
                    like=self.earlier.like(number),
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


def _sources(vendor: Path, name: str) -> Iterable[str]:
    for folder in sorted(vendor.iterdir()):
        stem, _, version = folder.name.rpartition("-")
        if folder.name == name or (stem == name and version[:1].isdigit()):
            for path in sorted(folder.rglob("*.rs")):
                if path.is_file() and not path.is_symlink():
                    yield path.read_text(errors="replace")


def _codes(path: Path) -> Iterator[str]:
    """Code of all rows of a file; what is left out of a guard in silence would pass for what it found nothing like."""
    plan = make_plan(path)
    if plan.refused or not plan.groups:
        said = next((f"row {row + 1}: {refusal(*plan.lines([row]))}" for row in plan.refused), "no rows")
        raise OperatorError(
            f"{path}: {len(plan.refused)} of {len(plan)} rows cannot be held against others; {said}",
            hint='Held-out rows are like those that are checked: {"id":.., "code":..} on a line each.',
        )
    for members in plan.groups.values():
        yield from (read_row(line).example.code for line in plan.each(members))


def _row(line: bytes) -> Row | None:
    try:
        return read_row(line)
    except MalformedRowError:
        return None
