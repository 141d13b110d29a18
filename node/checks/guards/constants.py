"""Mistakes in what has no body: constants, statics, discriminants, what is handed to macros that make items. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tree_sitter import Node

from node.checks.guards.arms import makes_tests
from node.checks.guards.further import turned
from node.checks.guards.mistakes import NOT_CODE, mistakes_at
from node.checks.guards.reading import COMMENTS, Declared, declared, identifiers, mentions, parse, text_of, walk
from node.checks.guards.rewriting import Rewrite, all_other, by_turns, each_other, in_place, literals_in
from node.checks.guards.values import Known, likely_values, values_of_own_types


def changes_of_constants(code: str, names: frozenset[str]) -> list[Rewrite]:
    """Those of what tests come to, the surest to be noticed first: all values at once, then one thing after the other.

    Args:
        code: The row's.
        names: That the tests use, and what these use (`tested`).
    """
    root = parse(code)
    items = declared(root.children)
    known = values_of_own_types(items)
    reached = [item for item in items if _is_reached(item, names)]
    values = [value for item in reached if (value := item.node.child_by_field_name("value")) is not None]
    values += [tree for tree in _made_of(root, items) if not names.isdisjoint(identifiers(tree))]
    each = [literals_in(value) for value in values]
    singles = [[*_of_value(value, known), *each_other(found)] for value, found in zip(values, each, strict=True)]
    return [
        *all_other([literal for found in each for literal in found]),
        *by_turns([_of_type(item, known) for item in reached]),
        *by_turns([list(all_other(found)) for found in each]),
        *by_turns(singles),
    ]


def _is_reached(item: Declared, names: frozenset[str]) -> bool:
    is_held = item.node.type in {"const_item", "static_item"} and not mentions(item.node, b"unsafe")
    return is_held and not item.in_tests and item.name in names


def _made_of(root: Node, items: Sequence[Declared]) -> Iterator[Node]:
    """What is handed to macros where items stand, unless it is for tests or makes some."""
    of_tests = [(item.node.start_byte, item.node.end_byte) for item in items if item.in_tests]
    making = {item.name for item in items if item.node.type == "macro_definition" and makes_tests(item.node)}
    for node in walk(root, without=frozenset({"block", "macro_definition"})):
        tree = next((child for child in node.children if child.type == "token_tree"), None)
        if node.type != "macro_invocation" or tree is None or text_of(node.child_by_field_name("macro")) in making:
            continue
        if not makes_tests(tree) and not any(start <= node.start_byte < end for start, end in of_tests):
            yield tree


def _of_type(item: Declared, known: Known) -> list[Rewrite]:
    value, kind = (
        item.node.child_by_field_name("value"),
        text_of(item.node.child_by_field_name("type")).replace(" ", ""),
    )
    if value is None:
        return []
    return [in_place(value, text, "value") for text in likely_values(kind, known) if text != text_of(value)]


def _of_value(value: Node, known: Known) -> Iterator[Rewrite]:
    """Another operator, method or variant; neighbours in each other's place."""
    for node in walk(value, without=NOT_CODE - {"static_item"}):
        if node.type not in {"integer_literal", "boolean_literal"}:
            yield from (in_place(place, text, kind) for place, text, kind in mistakes_at(node))
        yield from (Rewrite(((change.start, change.end, change.text),), change.kind) for change in turned(node))
        yield from _taken_for_another(node)
        if node.type == "scoped_identifier":
            others = known.get(text_of(node).rpartition("::")[0], ())
            yield from (in_place(node, other, "variant") for other in others if other != text_of(node))


def _taken_for_another(node: Node) -> Iterator[Rewrite]:
    """An element that is what its neighbour is."""
    is_list = node.type in {"array_expression", "tuple_expression"} and node.child_by_field_name("length") is None
    for one, other in pairwise(
        [child for child in node.named_children if child.type not in COMMENTS] if is_list else []
    ):
        if one.text != other.text:
            yield in_place(one, text_of(other), "order")
            yield in_place(other, text_of(one), "order")


def changes_of_discriminants(code: str, tests: str) -> list[Rewrite]:
    """Of enums of which the tests ask for a number (`E::A as u8`): other numbers."""
    enums = [item for item in declared(parse(code).children) if item.node.type == "enum_item" and not item.in_tests]
    asked = [item for item in enums if re.search(rf"\b{re.escape(item.name)}\s*::\s*\w+\s+as\b", tests) is not None]
    return by_turns([_other_discriminants(item.node) for item in asked])


def _other_discriminants(enum: Node) -> list[Rewrite]:
    variants = [node for node in walk(enum) if node.type == "enum_variant"]
    values = [value for variant in variants if (value := variant.child_by_field_name("value")) is not None]
    plain = [node for node in variants if node.child_count == 1]
    given = [_numbered(plain, first) for first in _FIRST] if plain else []
    return [*all_other([value for value in values if value.type == "integer_literal"]), *given, *each_other(values)]


_FIRST = (101, 102, 103)


def _numbered(variants: Sequence[Node], first: int) -> Rewrite:
    """Variants with numbers of which no two are the same."""
    ends = [node.end_byte for node in variants]
    return Rewrite(tuple((end, end, f" = {first + 7 * place}") for place, end in enumerate(ends)), "number")
