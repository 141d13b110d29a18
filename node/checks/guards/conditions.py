"""Conditions whose outcome stands in the text: a `cfg` in an ordinary test build on Linux, or one of literals. Pure."""

from __future__ import annotations

import operator
import re
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
    return condition is not None and _literally(_words(condition)) is False


def holds_always(condition: Node) -> bool:
    """Whether an expression is true whatever its parts are: `x || true`, `x == y || x != y`, `matches!(x, _)`."""
    condition = _bare(condition)
    words = _words(condition)
    if _literally(words) or _matches_all(words):
        return True
    if condition.type != "binary_expression":
        return False
    left, right = condition.child_by_field_name("left"), condition.child_by_field_name("right")
    if left is None or right is None:
        return False
    sign = text_of(condition.child_by_field_name("operator"))
    if sign in {"||", "|"}:
        # Not recursive: a chain of a thousand is read from its end, and a last part is where such a trick stands.
        return any(_literally(_words(_bare(side))) for side in (left, right)) or _are_opposite(
            _bare(left), _bare(right)
        )
    bounds = {">=": (right, "MIN"), "<=": (right, "MAX")}
    side, name = bounds.get(sign, (None, ""))
    return side is not None and _words(side)[-2:] == ["::", name]


def _bare(node: Node) -> Node:
    while node.type == "parenthesized_expression" and node.named_children:
        node = node.named_children[0]
    return node


def _words(node: Node) -> list[str]:
    return [text_of(leaf) for leaf in leaves(node)]


def _literally(words: list[str]) -> bool | None:
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


def _matches_all(words: list[str]) -> bool:
    """`matches!` with a pattern that takes everything."""
    if words[:3] != ["matches", "!", "("] or "," not in words:
        return False
    pattern = words[len(words) - 1 - words[::-1].index(",") + 1 : -1]
    if len(pattern) == 1:
        return pattern[0].isidentifier() and not pattern[0][0].isupper()
    return _WHOLE.fullmatch("".join(pattern)) is not None


_WHOLE = re.compile(r"Some\(_\)\|None|None\|Some\(_\)|Ok\(_\)\|Err\(_\)|Err\(_\)\|Ok\(_\)|(\w+)::MIN\.\.=\1::MAX")
"""Patterns that leave nothing out, as one would write them."""


def _are_opposite(one: Node, other: Node) -> bool:
    """Whether one of two holds in any case: `x == y` or `x != y`, `x.is_ok()` or `x.is_err()`, `x` or `!x`."""
    first, second = _words(one), _words(other)
    if ["!", *first] == second or ["!", *second] == first:
        return True
    if len(first) != len(second):
        return False
    differing = [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]]
    return len(differing) == 1 and frozenset(differing[0]) in _OPPOSITES


_OPPOSITES = frozenset(
    map(frozenset, (("==", "!="), ("<", ">="), (">", "<="), ("is_ok", "is_err"), ("is_some", "is_none")))
)


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
