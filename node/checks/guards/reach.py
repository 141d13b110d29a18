"""Assertions that a test may pass by: in a branch, a loop, a closure, behind a return. Pure.

Where all that a row's tests assert stands so, only a run can tell whether any of it was tried: there each of these
assertions says that it was come to (`schemata.ASSERTED_CALL`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tree_sitter import Node

from node.checks.guards.conditions import literally
from node.checks.guards.reading import COMMENTS, attribute_name, leaves, mentions, name_of, text_of, walk
from node.checks.guards.vacuity import Reading

_WATCHED = frozenset({"assert", "assert_eq", "assert_ne", "debug_assert", "debug_assert_eq", "debug_assert_ne"})
_CONSTANT = frozenset({"const_item", "static_item", "const_block"})
_PLAIN = frozenset({"expression_statement", "unsafe_block", "block"})


@dataclass(frozen=True, slots=True)
class Watched:
    """Where an assertion stands, in bytes of its file."""

    start: int
    end: int
    is_statement: bool
    """Another statement can stand before it."""


def doubtful_assertions(reading: Reading) -> tuple[Watched, ...]:
    """All by which a row's tests may say something; none where one is sure to be tried, or cannot be watched."""
    if reading.has_made_tests:
        return ()
    found: dict[int, Watched] = {}
    leaving = _LEAVING + _leaving_macros(reading)
    for test in reading.tests:
        first, names = reading.first_telling.get(test.node.start_byte), set(map(attribute_name, test.attributes))
        if test.body is None or "should_panic" in names:
            return ()  # A panic that is expected is looked for in its own way.
        if first is not None and first.node.parent is not None and _is_sure(first.node.parent, test.body, leaving):
            return ()  # Known without reading on, as of nearly all.
        for assertion in () if "ignore" in names else reading.telling_assertions(test):
            place = assertion.node.parent
            if assertion.name not in _WATCHED or place is None or place.type != "macro_invocation":
                return ()
            if _is_sure(place, test.body, leaving) or not _can_be_watched(assertion.node, place):
                return ()
            found[place.start_byte] = Watched(place.start_byte, place.end_byte, _is_statement(place))
    return tuple(found[start] for start in sorted(found))


_LEAVING = (b"return", b"break")


def _leaving_macros(reading: Reading) -> tuple[bytes, ...]:
    """Calls of the row's own macros that may leave where they stand."""
    roots = (root for root in reading.roots if mentions(root, b"macro_rules"))
    own = [node for root in roots for node in walk(root) if node.type == "macro_definition"]
    own += [item.node for item in (*reading.beside, *reading.code) if item.node.type == "macro_definition"]
    return tuple(f"{name_of(node)}!".encode() for node in own if mentions(node, *_LEAVING))


def _is_sure(place: Node, body: Node, leaving: Sequence[bytes]) -> bool:
    """Whether a test that comes to its end has come by."""
    node: Node | None = place
    while node is not None and node != body:
        above = node.parent
        if above is None or above.type not in _PLAIN or above.child_by_field_name("label") is not None:
            return False
        if above.type == "block" and any(mentions(child, *leaving) for child in _before(node, above)):
            return False
        node = above
    return node is not None


def _before(node: Node, block: Node) -> Sequence[Node]:
    return [child for child in block.children if child.end_byte <= node.start_byte]


def _can_be_watched(tree: Node, place: Node) -> bool:
    first = [text_of(leaf) for leaf in leaves(tree)][1:2]
    if literally(first) is False:
        return False  # It stands where a panic might, and is not come to in any good run.
    node: Node | None = place
    while node is not None:
        if node.type in _CONSTANT or (node.type == "function_item" and mentions(_head(node), b"const")):
            return False
        if node.type in {"macro_invocation", "macro_definition"} and node != place:
            return False
        node = node.parent
    return True


def _head(function: Node) -> Node:
    return next((child for child in function.children if child.type == "function_modifiers"), function.children[0])


def _is_statement(place: Node) -> bool:
    node = place.parent if place.parent is not None and place.parent.type == "expression_statement" else place
    if node is None or node.parent is None or node.parent.type != "block":
        return False
    before = node.prev_sibling
    while before is not None and before.type in COMMENTS:
        before = before.prev_sibling
    return before is None or before.type != "attribute_item"
