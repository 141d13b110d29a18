"""Conditions whose outcome stands in the text: a `cfg` in an ordinary test build on Linux, or one of literals. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable

from tree_sitter import Node

from node.checks.guards.reading import leaves, text_of

_TRUE = frozenset({"test", "unix", "debug_assertions", "true"})
_FALSE = frozenset({"windows", "docsrs", "doc", "doctest", "miri", "false"})
_DEPTH_MAX = 16
_DIGITS_MAX = 39
"""Of the longest integer; longer ones are for the compiler to refuse."""


def condition_holds(attribute: Node) -> bool | None:
    """Whether a `#[cfg(..)]` lets its item into the build; None when that depends on what is not known here."""
    words = [text_of(leaf) for leaf in leaves(attribute)]
    try:
        start = words.index("cfg")
        return _holds(words[start + 2 : -2], 0)
    except (IndexError, ValueError):
        return None


def is_never(condition: Node | None) -> bool:
    """Whether the condition of an `if` or `while` is false whatever happens: `false`, `1 == 2`, `cfg!(windows)`."""
    return condition is not None and literally(_words(condition)) is False


def _words(node: Node) -> list[str]:
    return [text_of(leaf) for leaf in leaves(node)]


def literally(words: list[str]) -> bool | None:
    """The value of a condition that is made of literals, or a `cfg!`; None for every other."""
    while words[:1] == ["("] and words[-1:] == [")"]:
        words = words[1:-1]
    if words[:3] == ["cfg", "!", "("]:
        return _holds(words[3:-1], 0)
    if len(words) == 3 and words[1] in _ORDER and _are_numbers(words[0], words[2]):
        return _ORDER[words[1]](int(words[0]), int(words[2]))
    if words in (["true"], ["!", "false"]):
        return True
    return False if words in (["false"], ["!", "true"]) else None


def is_empty_range(values: Node | None) -> bool:
    """Whether a loop over these values is never entered: `0..0`."""
    words = [text_of(leaf) for leaf in leaves(values)] if values is not None else []
    if len(words) != 3 or words[1] not in {"..", "..="} or not _are_numbers(words[0], words[2]):
        return False
    return int(words[0]) >= int(words[2]) + (words[1] == "..=")


def _are_numbers(*words: str) -> bool:
    return all(word.isdecimal() and len(word) <= _DIGITS_MAX for word in words)


_ORDER: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _holds(words: list[str], depth: int) -> bool | None:
    if not words or depth > _DEPTH_MAX:
        return None
    name = words[0]
    if len(words) == 1:
        return True if name in _TRUE else False if name in _FALSE else None
    if words[1] == "=":
        # No example is built with features of its own.
        return False if name == "feature" else words[2:] == ['"linux"'] if name == "target_os" else None
    parts = [_holds(part, depth + 1) for part in _split(words[2:-1])]
    if name == "not" and len(parts) == 1:
        return None if parts[0] is None else not parts[0]
    if name == "all":
        return False if False in parts else None if None in parts else True
    if name == "any":
        return True if True in parts else None if None in parts else False
    return None


def _split(words: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if word == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(word)
    return [part for part in parts if part]
