"""The standard library's own examples as rows, out of the documentation that comes with the toolchain."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from node.bench.checks import sample
from node.bench.doc_rows import as_row
from node.checking.reading import PackageKey, Row
from node.errors import OperatorError
from node.tasks.doctests import body_of_test

ROWS_MAX = 790
"""More say no more about a mean."""
_PAGES = "share/doc/rust/html/std"
_EDITION = "2021"
_MACHINE_PAGES = frozenset({"arch", "simd", "os", "intrinsics"})
"""Of some machines only."""
_EXAMPLE = re.compile(r'<div class="example-wrap([^"]*)">(.*?)</div>', re.DOTALL)
_NOT_RUN = re.compile(r"\b(?:compile_fail|ignore|should_panic|edition2015)\b")
_BUTTON = re.compile(r'<a class="test-arrow"[^>]*\bhref="([^"]*)"')
_MAIN = re.compile(r"fn main\(\) \{\n(.*)\}\s*", re.DOTALL)
_VARIANTS = re.compile(r"\d[\d_xa-fA-F]*|\b[iu](?:8|16|32|64|128|size)\b|\b(?:core|alloc)::")
"""In what examples differ that one macro wrote for all integers."""


def read_std_examples(sysroot: Path, seed: int) -> tuple[Row, ...]:
    """Examples of `std` that assert something and run as they stand, some of them, each a library with one unit test.

    Args:
        sysroot: Of the toolchain.
        seed: Chooses, where there are more than `ROWS_MAX`.

    Raises:
        OperatorError: The toolchain came without documentation.
    """
    folder = sysroot / _PAGES
    pages = [
        page for page in sorted(folder.rglob("*.html")) if _MACHINE_PAGES.isdisjoint(page.relative_to(folder).parts)
    ]
    bodies = distinct(code for page in pages for code in examples_of(page.read_text(errors="replace")))
    if not bodies:
        raise OperatorError(
            f"no examples of the standard library below {folder}",
            hint="`rustup component add rust-docs` brings its documentation.",
        )
    rows = tuple(as_row(f"std-{number}", PackageKey(_EDITION), body) for number, body in enumerate(bodies))
    return tuple(rows[number] for number in sample(rows, ROWS_MAX, seed))


def examples_of(page: str) -> Iterator[str]:
    """The code behind the run buttons of a page: what rustdoc compiles, hidden lines included."""
    for found in _EXAMPLE.finditer(page):
        button = _BUTTON.search(found[2])
        if button is not None and not _NOT_RUN.search(found[1]):
            yield from parse_qs(urlsplit(html.unescape(button[1])).query).get("code", [])


def distinct(codes: Iterable[str]) -> list[str]:
    """Bodies of those that assert something and need no crate root of their own; one for all integers is enough."""
    kept: dict[str, str] = {}
    for code in codes:
        plain = code.replace("#![allow(unused)]\n", "", 1)
        whole = _MAIN.fullmatch(plain)
        body = textwrap.dedent(whole[1]).strip("\n") if whole else plain
        if "assert" in body and "#![" not in body:
            kept.setdefault(_VARIANTS.sub("#", body), body_of_test(body))
    return list(kept.values())
