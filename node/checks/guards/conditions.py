"""Whether a `cfg` holds in an ordinary test build on Linux: yes, no, or not known here. Pure."""

from __future__ import annotations

from tree_sitter import Node

from node.checks.guards.reading import leaves, text_of

_TRUE = frozenset({"test", "unix", "debug_assertions", "true"})
_FALSE = frozenset({"windows", "docsrs", "doc", "doctest", "miri", "false"})
_DEPTH_MAX = 16


def condition_holds(attribute: Node) -> bool | None:
    """Whether a `#[cfg(..)]` lets its item into the build; None when that depends on what is not known here."""
    words = [text_of(leaf) for leaf in leaves(attribute)]
    try:
        start = words.index("cfg")
        return _holds(words[start + 2 : -2], 0)
    except (IndexError, ValueError):
        return None


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
