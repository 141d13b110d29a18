"""Rust text as guards need it: items, tests with their attributes, and leaves of the syntax tree. Pure.

Walks are loops, never recursion: the text is other people's, and may be nested a hundred thousand deep.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tree_sitter import Node, TreeCursor

from node.checks.syntax import parse_rust

COMMENTS = frozenset({"line_comment", "block_comment"})
LITERALS = frozenset(
    {"string_literal", "raw_string_literal", "char_literal", "integer_literal", "float_literal", "boolean_literal"}
)
IDENTIFIERS = frozenset({"identifier", "type_identifier", "field_identifier", "shorthand_field_identifier"})
_NAMED_ITEMS = frozenset(
    {
        *("function_item", "function_signature_item", "struct_item", "enum_item", "union_item", "trait_item"),
        *("type_item", "const_item", "static_item", "macro_definition", "mod_item"),
    }
)
_TEST_ATTRIBUTES = frozenset(
    {
        *("test", "rstest", "test_case", "test_matrix", "parameterized", "quickcheck", "proptest", "property_test"),
        "gtest",
    }
)


def parse(source: str) -> Node:
    """The syntax tree of a text; what is no Rust stands in it as errors."""
    return parse_rust(source.encode(errors="replace"))


def text_of(node: Node | None) -> str:
    """A node's text; empty for none."""
    return (node.text or b"").decode(errors="replace") if node is not None else ""


def name_of(node: Node) -> str:
    """The name that an item or a binding introduces; empty when it has none."""
    return text_of(node.child_by_field_name("name"))


def walk(node: Node, *, without: frozenset[str] = frozenset()) -> Iterator[Node]:
    """The node and everything below it in source order, not going into children of the kinds `without`."""
    cursor = node.walk()  # Three times as fast as lists of children.
    yield node
    goes_on = cursor.goto_first_child()
    while goes_on and (top := cursor.node) is not None:
        if top.type in without:
            goes_on = _step_over(cursor)
        else:
            yield top
            goes_on = cursor.goto_first_child() or _step_over(cursor)


def _step_over(cursor: TreeCursor) -> bool:
    """Go to what follows in source order, not into what is below; False at the end."""
    while not cursor.goto_next_sibling():
        if not cursor.goto_parent():
            return False
    return True


def mentions(node: Node, *words: bytes) -> bool:
    """Whether one of these stands in a node's text, as a word or in one: known without walking through it."""
    text = node.text or b""
    return any(word in text for word in words)


def leaves(node: Node) -> Iterator[Node]:
    """Tokens below a node in order: comments left out, each literal one token."""
    cursor = node.walk()
    goes_on = True
    while goes_on and (top := cursor.node) is not None:
        kind = top.type
        if kind in COMMENTS:
            goes_on = _step_over(cursor)
        elif kind in LITERALS or not cursor.goto_first_child():
            yield top
            goes_on = _step_over(cursor)


def tokens(source: str) -> tuple[str, ...]:
    """The tokens of a text without comments."""
    return tuple(text_of(leaf) for leaf in leaves(parse(source)))


def identifiers(node: Node) -> frozenset[str]:
    """Names that occur below a node, in macros' arguments as well; strings and comments are left out."""
    return frozenset(each_identifier(node))


def each_identifier(node: Node) -> Iterator[str]:
    """The same in order and as often as they occur, for who may stop at the first."""
    return (text_of(leaf) for leaf in leaves(node) if leaf.type in IDENTIFIERS)


@dataclass(frozen=True, slots=True)
class Declared:
    """An item with the attributes before it."""

    node: Node
    name: str
    attributes: tuple[Node, ...]
    path: tuple[str, ...]
    """Names of the modules around it."""
    in_tests: bool
    """It, or something around it, is there for tests only."""
    is_member: bool
    """It stands in an `impl` or a trait."""

    @property
    def body(self) -> Node | None:
        """Of functions, modules, impls and traits."""
        return self.node.child_by_field_name("body")

    @property
    def is_test(self) -> bool:
        """A function with a test attribute."""
        return self.node.type == "function_item" and any(
            attribute_name(item).rsplit("::", 1)[-1] in _TEST_ATTRIBUTES for item in self.attributes
        )


def declared(nodes: Sequence[Node]) -> tuple[Declared, ...]:
    """All items outside function bodies, in source order, those of modules, impls and traits included.

    Args:
        nodes: What stands at the top, in order: attributes belong to the item behind them.
    """
    found: list[Declared] = []
    stack: list[tuple[Sequence[Node], tuple[str, ...], bool, bool]] = [(nodes, (), False, False)]
    while stack:
        children, path, in_tests, is_member = stack.pop()
        attributes: list[Node] = []
        for child in children:
            if child.type == "attribute_item":
                attributes.append(child)
            elif child.type not in COMMENTS:
                own = in_tests or any(_is_for_tests(item) for item in attributes)
                item = Declared(child, name_of(child), tuple(attributes), path, own, is_member)
                attributes = []
                if child.type in _NAMED_ITEMS or child.type == "impl_item":
                    found.append(item if not item.is_test else _as_test(item))
                if child.type in {"mod_item", "impl_item", "trait_item"} and item.body is not None:
                    inner = (*path, item.name) if child.type == "mod_item" else path
                    stack.append((item.body.children, inner, own, child.type != "mod_item"))
    return tuple(sorted(found, key=lambda item: item.node.start_byte))


def _as_test(item: Declared) -> Declared:
    return Declared(item.node, item.name, item.attributes, item.path, in_tests=True, is_member=item.is_member)


def _is_for_tests(attribute: Node) -> bool:
    names = identifiers(attribute)
    return attribute_name(attribute) == "cfg" and "test" in names and "not" not in names


def outermost(items: Sequence[Declared]) -> Iterator[Node]:
    """Of items in source order those that stand in no other: what is in them would be read twice."""
    end = 0
    for item in items:
        if item.node.start_byte >= end:
            end = item.node.end_byte
            yield item.node


def attribute_name(attribute: Node) -> str:
    """Path of an attribute, e.g. `cfg` or `tokio::test`."""
    inner = next((child for child in attribute.children if child.type == "attribute"), None)
    return text_of(inner.children[0]).replace(" ", "") if inner is not None and inner.children else ""


def introduced(item: Declared) -> tuple[str, ...]:
    """Names that code elsewhere can use because of an item: its own, and the variants of an enum."""
    names = [item.name] if item.name else []
    if item.node.type == "enum_item":
        names += [name_of(node) for node in walk(item.node) if node.type == "enum_variant"]
    return tuple(names)


def made_by_macros(root: Node) -> frozenset[str]:
    """Names that macros may make of an item: words of calls where items stand, and what a macro's text would define."""
    found: set[str] = set()
    for node in walk(root, without=frozenset({"block"})) if mentions(root, b"!") else ():
        if node.type == "macro_invocation":
            found |= identifiers(node)
        elif node.type == "macro_definition":
            words = map(text_of, leaves(node))
            found.update(name for word, name in itertools.pairwise(words) if word in _MAKING and name.isidentifier())
    return frozenset(found)


_MAKING = frozenset({"fn", "struct", "enum", "union", "trait", "const", "static", "type", "mod"})


STRINGS = frozenset({"string_literal", "raw_string_literal"})
_IN_FORMAT = re.compile(r"\{([A-Za-z_]\w*)")


def names_in_format(literal: str) -> list[str]:
    """Variables that a text names if it is a format: `"{sum:?}"`."""
    return _IN_FORMAT.findall(literal)


def split_arguments(tree: Node) -> tuple[tuple[Node, ...], ...]:
    """The leaves of each argument of a macro call, split at the commas of its outermost level."""
    parts: list[list[Node]] = [[]]
    for child in itertools.islice(tree.children, 1, max(1, tree.child_count - 1)):
        if child.type == ",":
            parts.append([])
        elif child.type not in COMMENTS:
            parts[-1].extend(leaves(child))
    return tuple(tuple(part) for part in parts if part)
