"""Rows that try to mean something else beside others than alone: every way known by which builds mask or cross-talk.

They stand in `rows_by_kind`, a text file for each use: `=== kind`, the code, and `--- tests` with the row's tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from node.checks.rows import Example

_FOLDER = Path(__file__).parent / "rows_by_kind"


def _read(name: str) -> Iterator[tuple[str, str, str]]:
    for block in (_FOLDER / name).read_text().split("\n=== ")[1:]:
        kind, _, body = block.partition("\n")
        code, _, tests = body.partition("\n--- tests\n")
        yield kind, code.strip("\n"), tests.strip("\n")


INJECTED = {kind: code for kind, code, _ in _read("injected.txt")}
"""Code that is put beside a row's own, by what is wrong or remarkable about it."""

TESTS = {kind: code for kind, code, _ in _read("tests.txt")}
"""Tests that are put beside a row's own."""


def _by_way(name: str) -> Iterator[tuple[str, str, str, str]]:
    """Kind, `honest` or `weak`, the code, and tests of it."""
    for block in (_FOLDER / name).read_text().split("\n=== ")[1:]:
        kind, _, body = block.partition("\n")
        code, *parts = body.split("\n--- ")
        for way, _, tests in (part.partition("\n") for part in parts):
            yield kind, way, code.strip("\n"), tests.strip("\n")


WITHOUT_BODIES = tuple(_by_way("without_bodies.txt"))
"""Tests that say something, and tests that say little, of code without bodies that could be changed."""

_ONE = "pub fn one() -> u8 {{{}1\n}}"
_ONE_TEST = "assert_eq!(one(), 1);"

_UNPRINTABLE = (
    ("byte order mark", "\ufeff" + _ONE.format("\n    "), _ONE_TEST),
    ("carriage returns", _ONE.format("\r\n    ").replace("1\n", "1\r\n"), _ONE_TEST),
    ("lone carriage return", _ONE.format("\n    // \r not\n    "), _ONE_TEST),
    ("text direction", _ONE.format("\n    // \u202e reversed\n    "), _ONE_TEST),
    ("no break space", _ONE.format("\n\u00a0   "), _ONE_TEST),
    ("confusable names", "pub fn s() -> u8 {\n    1\n}\npub fn \u0455() -> u8 {\n    2\n}", "assert_eq!(s(), 1);"),
    ("deep brackets", _ONE.format("\n" + "(" * 150).replace("1\n", "1" + ")" * 150 + "\n"), _ONE_TEST),
    ("deeper brackets", _ONE.format("\n" + "(" * 260).replace("1\n", "1" + ")" * 260 + "\n"), _ONE_TEST),
)
"""What a text file would not show, or not keep."""


def cross_talk() -> list[tuple[str, Example, str]]:
    """Kind, row and edition of every case; those about editions once for each."""
    crossing, editions = [*_read("crossing.txt"), *_UNPRINTABLE], tuple(_read("editions.txt"))
    cases = [(kind, Example(code, tests=tests), "2021") for kind, code, tests in crossing]
    for edition in ("2018", "2021", "2024"):
        cases += [(kind, Example(code, tests=tests), edition) for kind, code, tests in editions]
    kind, code, tests = editions[-1]
    return [*cases, (kind, Example(code, tests=tests), "2015")]
