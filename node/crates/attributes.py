"""What attributes say about the items they stand on. Conditions are read, not decided: no platform is assumed."""

from __future__ import annotations

import re
from collections.abc import Iterable

TEST_ATTRIBUTES = {"test", "rstest", "test_case", "quickcheck", "proptest", "wasm_bindgen_test"}
"""Last names of attributes that make a function a test: the compiler's, and the common harnesses'."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*|[(),=]')
_PATH_VALUE = re.compile(r'\bpath\s*=\s*"([^"\\]*)"')
_TOKENS_MAX = 2000
_DEPTH_MAX = 50


def is_test(attributes: Iterable[str]) -> bool:
    """Whether one of these attributes (as `#[..]` texts) makes a test."""
    return any(
        re.split(r"[(=]", content(text))[0].strip().rpartition("::")[2] in TEST_ATTRIBUTES for text in attributes
    )


def content(text: str) -> str:
    """What stands between the brackets of `#[..]` or `#![..]`."""
    return text.strip().removeprefix("#").lstrip("! ").removeprefix("[").removesuffix("]").strip()


def is_hidden(attributes: Iterable[str]) -> bool:
    """`#[doc(hidden)]`, alone or among others."""
    return any(re.match(r"doc\s*\(.*\bhidden\b", content(text)) for text in attributes)


def is_for_tests(attributes: Iterable[str]) -> bool:
    """Whether a `#[cfg(..)]` among these holds only in test builds: `test`, or `all(..)` with it."""
    return any(
        inner.startswith("cfg") and not inner.startswith("cfg_attr") and _implies_test(inner.removeprefix("cfg"))
        for inner in map(content, attributes)
    )


def module_paths(attributes: Iterable[str]) -> tuple[tuple[str, ...], bool]:
    """Files that `#[path = ".."]` names, and whether one of them holds under every condition."""
    paths: list[str] = []
    unconditional = False
    for inner in map(content, attributes):
        found = _PATH_VALUE.search(inner)
        if found is not None and inner.startswith(("path", "cfg_attr")):
            paths.append(found[1])
            unconditional = unconditional or inner.startswith("path")
    return tuple(paths), unconditional


def _implies_test(predicate: str) -> bool:
    tokens = _TOKEN.findall(predicate)[:_TOKENS_MAX]
    holds, _ = _predicate(tokens, 0, 0)
    return holds


def _predicate(tokens: list[str], position: int, depth: int) -> tuple[bool, int]:
    """Whether the predicate at `position` implies `test`, and where it ends. `cfg(..)` itself reads as `all(..)`."""
    word = tokens[position] if position < len(tokens) else ""
    if word != "(":
        position += 1
    if position >= len(tokens) or tokens[position] != "(" or depth > _DEPTH_MAX:
        while position < len(tokens) and tokens[position] not in {",", ")"}:  # `feature = "x"`
            position += 1
        return word == "test", position
    position += 1
    parts: list[bool] = []
    while position < len(tokens) and tokens[position] != ")":
        holds, position = _predicate(tokens, position, depth + 1)
        parts.append(holds)
        while position < len(tokens) and tokens[position] == ",":
            position += 1
    if word == "any":
        return bool(parts) and all(parts), position + 1
    return word in {"(", "all"} and any(parts), position + 1
