"""Rows from outside: one JSON object per line, parsed strictly and within bounds. Pure.

A row that cannot be taken is an answer like others: it becomes a verdict `error` that says why, in its place.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from node.checks.rows import Example

EDITIONS = ("2015", "2018", "2021", "2024")
DEFAULT_EDITION = "2021"

LINE_BYTES_MAX = 64 << 20
"""A longer line is read over, not read."""
TEXT_BYTES_MAX = 256 * 1024
"""Of a row's Rust as a whole; the longest files of published crates are shorter, but for generated ones."""
DEPTH_MAX = 500
"""Brackets inside each other. The compiler's parser dies somewhere above a thousand."""
_ID_LENGTH_MAX = 512

_CRATE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_VERSION = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,2}(?:-[0-9A-Za-z.-]{1,64})?(?:\+[0-9A-Za-z.-]{1,64})?")
_FEATURE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")
_FEATURES_MAX = 32
_OPENING = re.compile(r"[(\[{]")


@dataclass(frozen=True, slots=True, order=True)
class PackageKey:
    """What a row's package depends on: rows with equal keys can share builds."""

    edition: str
    crate: str = ""
    """Empty for rows that need the standard library only."""
    version: str = ""
    """As a requirement says it; empty for the newest."""
    features: tuple[str, ...] = ()
    """Of the crate, besides its default ones; sorted."""

    def __str__(self) -> str:
        name = f"{self.crate}@{self.version or 'newest'}" if self.crate else "std"
        name += f" with {', '.join(self.features)}" if self.features else ""
        return f"{name}, edition {self.edition}"


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be tried."""

    id: str | int | None
    package: PackageKey
    example: Example
    category: str


class MalformedRowError(ValueError):
    """A row that cannot be tried.

    Attributes:
        id: Its identifier, as far as one could be read.
    """

    def __init__(self, message: str, identifier: str | int | None = None) -> None:
        super().__init__(message)
        self.id = identifier


def read_row(line: bytes) -> Row:
    """A row out of its line.

    Raises:
        MalformedRowError: No JSON object in UTF-8, no code, a bound exceeded, an edition or crate that cannot be.
    """
    if len(line) > LINE_BYTES_MAX:
        raise MalformedRowError(f"the line is longer than {LINE_BYTES_MAX} bytes")
    value = _parse(line)
    identifier = _identifier(value)
    try:
        return _row(value, identifier)
    except MalformedRowError as error:
        raise MalformedRowError(str(error), identifier) from None


def refusal(line: bytes) -> MalformedRowError:
    """Why a row that is known to be refused is."""
    try:
        read_row(line)
    except MalformedRowError as error:
        return error
    raise AssertionError("what was refused once is refused again")


def _parse(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        # Its identifier may still be readable, and is what its owner will look for.
        identifier = None
        try:
            value = json.loads(line.decode(errors="replace"))
            identifier = _identifier(value) if isinstance(value, dict) else None
        except (ValueError, RecursionError):
            pass
        raise MalformedRowError(f"invalid UTF-8 at byte {error.start}", identifier) from None
    try:
        value = json.loads(text.removeprefix("\ufeff"))  # Before the first line, where an editor put it.
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:120]
        raise MalformedRowError(f"not JSON: {what}") from None
    if not isinstance(value, dict):
        raise MalformedRowError("not a JSON object")
    return value


def _identifier(value: dict[str, Any]) -> str | int | None:
    found = value.get("id")
    if isinstance(found, str):
        return found[:_ID_LENGTH_MAX]
    return found if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 1 << 63 else None


def _row(value: dict[str, Any], identifier: str | int | None) -> Row:
    code, context, tests = _text(value, "code"), _text(value, "context"), _text(value, "tests")
    if not code.strip():
        raise MalformedRowError("no code")
    whole = f"{context}\n{code}\n{tests}"
    try:
        size = len(whole.encode())
    except UnicodeEncodeError:
        raise MalformedRowError("half of a surrogate pair in the code") from None
    if size > TEXT_BYTES_MAX:
        raise MalformedRowError(f"{size} bytes of Rust, at most {TEXT_BYTES_MAX}")
    if "\0" in whole:
        raise MalformedRowError("a NUL byte in the code")
    if _depth(whole) > DEPTH_MAX:
        raise MalformedRowError(f"brackets are nested more than {DEPTH_MAX} deep")
    category = value.get("category")
    return Row(
        identifier, _package(value), Example(code, context, tests), category[:64] if isinstance(category, str) else ""
    )


def _text(value: dict[str, Any], key: str) -> str:
    """A string; a list of strings is a text with blank lines between them, nothing is an empty one."""
    found = value.get(key)
    if found is None:
        return ""
    if isinstance(found, str):
        return found
    if isinstance(found, list) and all(isinstance(part, str) for part in found):
        return "\n\n".join(found)
    raise MalformedRowError(f"`{key}` is not a string")


def _package(value: dict[str, Any]) -> PackageKey:
    edition = value.get("edition")
    edition = DEFAULT_EDITION if edition is None or edition == "" else str(edition)
    if edition not in EDITIONS:
        raise MalformedRowError(f"unknown edition {edition[:20]!r}: one of {', '.join(EDITIONS)}")
    crate = value.get("crate") or ""
    version = value.get("version") or ""
    if not isinstance(crate, str) or not isinstance(version, str):
        raise MalformedRowError("`crate` and `version` are strings")
    if "@" in crate and not version:
        crate, version = crate.split("@", 1)
    if not crate or crate in {"std", "core", "alloc"}:
        return PackageKey(edition)
    if _CRATE.fullmatch(crate) is None:
        raise MalformedRowError(f"{crate[:80]!r} is no name of a published crate")
    if version and _VERSION.fullmatch(version) is None:
        raise MalformedRowError(f"{version[:80]!r} is no version")
    return PackageKey(edition, crate, version, _features(value.get("crate_features")))


def _features(found: object) -> tuple[str, ...]:
    """Under a name of their own: data sets have `features` that say other things."""
    if found is None:
        return ()
    names = found if isinstance(found, list) else [found]
    if len(names) > _FEATURES_MAX or not all(isinstance(name, str) and _FEATURE.fullmatch(name) for name in names):
        raise MalformedRowError("`crate_features` is not a list of features' names")
    return tuple(sorted(set(names)))


def _depth(text: str) -> int:
    """How deep brackets go at most; those in strings are counted too, which no honest row gets far with."""
    if len(_OPENING.findall(text)) <= DEPTH_MAX:
        return 0
    deepest = 0
    depths = {"(": 0, "[": 0, "{": 0}
    closing = {")": "(", "]": "[", "}": "{"}
    for letter in text:
        if letter in depths:
            depths[letter] += 1
            deepest = max(deepest, sum(depths.values()))
        elif letter in closing:
            depths[closing[letter]] = max(0, depths[closing[letter]] - 1)
    return deepest
