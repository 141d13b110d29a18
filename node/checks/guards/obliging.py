"""Types of the tests' own that are content with everything: an `eq` of `true`, a report of success always. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tree_sitter import Node

from node.checks.guards.bodies import Assertion
from node.checks.guards.reading import COMMENTS, Declared, text_of, walk

_COMPARES = "eq"
_REPORTS = "report"


def obliging_types(items: Iterable[Declared]) -> frozenset[str]:
    """Types among these whose equality is `true`, or whose report of a test does not look at what it reports."""
    return frozenset(name for item in items if item.is_member and item.body is not None for name in _obliging(item))


def _obliging(item: Declared) -> Iterator[str]:
    above = item.node.parent.parent if item.node.parent is not None else None
    kind = above.child_by_field_name("type") if above is not None and above.type == "impl_item" else None
    if kind is None or item.body is None or item.name not in {_COMPARES, _REPORTS}:
        return
    said = [child for child in item.body.named_children if child.type not in COMMENTS]
    if item.name == _COMPARES and len(said) == 1 and text_of(said[0]).strip("; ") in {"true", "return true"}:
        yield text_of(kind)
    if item.name == _REPORTS and not any(node.type == "self" for node in walk(item.body)):
        yield text_of(kind)


def asks_who_says_yes(assertion: Assertion, types: frozenset[str]) -> bool:
    """Whether an assertion leaves it to a value of such a type, which stands on its left, whether it holds."""
    if assertion.name.removeprefix("debug_") not in {"assert_eq", "assert"} or not assertion.arguments:
        return False
    words = [text_of(leaf) for leaf in assertion.arguments[0]]
    return bool(words) and words[0] in types and (assertion.name.endswith("eq") or "==" in words)


def reports_success(function: Node, types: frozenset[str]) -> bool:
    """Whether a test gives back a value of such a type."""
    result = function.child_by_field_name("return_type")
    return text_of(result) in types
