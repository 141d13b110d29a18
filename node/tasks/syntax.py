"""Rust text as trees and token streams, through tree-sitter, on bytes.

The only file of this room that touches tree-sitter's parser. A tree here is advisory: tree-sitter recovers from
errors and knows no types, so whatever is derived from a tree is compiled before anybody believes it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Concatenate, ParamSpec, TypeVar, cast

import tree_sitter_rust
from tree_sitter import Language, Node, Parser

from node.tasks.lexicon import KEYWORDS

COMMENTS = frozenset({"line_comment", "block_comment"})

ATOMS = frozenset({"string_literal", "raw_string_literal", "char_literal", "lifetime", "line_comment", "block_comment"})
"""Nodes with children that are one token to a reader (and to the compiler)."""

TEXTS_KEPT = 4096
"""Short texts of which is remembered what they are read as: proving a batch asks for some thousand, each often."""
SHORT_CHARS_MAX = 1024
"""Of most items and all statements. Others' texts may be longer, and what is read of them a hundred times as large."""
LONG_KEPT = 64
NAMES_KEPT = 256
"""Texts whose names are remembered."""

FUNCTIONS = frozenset({"function_item", "function_signature_item"})

P = ParamSpec("P")
T = TypeVar("T")


def remembering(read: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """`read`, which must depend on its arguments alone, with a memory of what it gave for the last texts."""
    short, long = functools.lru_cache(TEXTS_KEPT)(read), functools.lru_cache(LONG_KEPT)(read)

    @functools.wraps(read)
    def remembered(code: str, /, *rest: P.args, **named: P.kwargs) -> T:
        kept = short if len(code) <= SHORT_CHARS_MAX else long
        return cast("Callable[..., T]", kept)(code, *rest, **named)

    return remembered


@functools.cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_rust.language()))


def parse(code: bytes) -> Node:
    """Return the root of the syntax tree of `code`; never fails, see `Node.has_error`."""
    return _parser().parse(code).root_node


def text_of(node: Node) -> str:
    """The source text of a node of a tree that `parse` made."""
    data = node.text
    assert data is not None, "a parsed node keeps its text"
    return data.decode(errors="replace")


def descend(node: Node) -> Iterator[Node]:
    """`node` and everything below it, in source order, parents first."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(current.children))


def ancestors(node: Node) -> Iterator[Node]:
    """The parents of `node`, nearest first."""
    current = node.parent
    while current is not None:
        yield current
        current = current.parent


def leaves(node: Node) -> Iterator[Node]:
    """The tokens below `node` in source order, comments included, literals whole."""
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type in ATOMS or not current.children:
            if current.end_byte > current.start_byte:
                yield current
        else:
            stack.extend(reversed(current.children))


@remembering
def tokens(code: str) -> tuple[str, ...]:
    """The token stream of `code` without comments: equal streams are the same program."""
    # Interned: a few words make up most of all texts, and what is remembered stays small.
    return tuple(sys.intern(text_of(leaf)) for leaf in leaves(parse(code.encode())) if leaf.type not in COMMENTS)


def comments(code: str) -> tuple[str, ...]:
    """The comments of `code`, in order."""
    return tuple(text_of(leaf).rstrip("\n") for leaf in leaves(parse(code.encode())) if leaf.type in COMMENTS)


@functools.lru_cache(NAMES_KEPT)
def identifiers(code: str) -> frozenset[str]:
    """Every word of `code` outside comments and literals that is a name."""
    return frozenset(text_of(leaf) for leaf in leaves(parse(code.encode())) if is_name_node(leaf))


@functools.lru_cache(NAMES_KEPT)
def free_identifiers(code: str) -> frozenset[str]:
    """The identifiers of `code` that something outside may define: names after a dot are left out."""
    found = (leaf for leaf in leaves(parse(code.encode())) if is_name_node(leaf))
    return frozenset(text_of(leaf) for leaf in found if leaf.prev_sibling is None or text_of(leaf.prev_sibling) != ".")


def is_name_node(node: Node) -> bool:
    """Whether a leaf is an identifier of any kind."""
    return node.type.endswith("identifier")


@remembering
def parses(code: str) -> bool:
    """Whether `code` is Rust as far as tree-sitter can tell: items or statements without an error."""
    root = parse(code.encode())
    return not root.has_error or not parse(f"fn w() {{\n{code}\n}}".encode()).has_error


def is_identifier(name: str) -> bool:
    """Whether `name` can name something in Rust (plain ASCII, no keyword)."""
    plain = name.isascii() and name.replace("_", "a").isalnum() and not name[:1].isdigit()
    return plain and bool(name.strip("_")) and name not in KEYWORDS


def is_snake_case(name: str) -> bool:
    """Whether `name` follows Rust's case for functions and variables (RFC 430)."""
    return is_identifier(name) and name == name.lower() and "__" not in name.strip("_")


def functions(root: Node) -> Iterator[Node]:
    """The functions with a body below `root`, nested ones included."""
    return (node for node in descend(root) if node.type == "function_item" and node.child_by_field_name("body"))


def name_of(node: Node) -> str:
    """The name of an item node, empty when it has none."""
    name = node.child_by_field_name("name")
    return text_of(name) if name else ""


def body_of(node: Node) -> Node:
    """The block of a function node that `functions` gave."""
    body = node.child_by_field_name("body")
    assert body is not None, "functions() gives functions with a body"
    return body


def node_at(root: Node, start: int, end: int, kinds: frozenset[str]) -> Node | None:
    """The outermost node of one of `kinds` that lies within bytes [start, end)."""
    node: Node | None = root.named_descendant_for_byte_range(start, max(start, end - 1))
    while node is not None and node.parent is not None and _within(node.parent, start, end):
        node = node.parent
    if node is None:
        return None
    inside = (found for found in descend(node) if found.type in kinds and _within(found, start, end))
    return next(inside, None)


def _within(node: Node, start: int, end: int) -> bool:
    return start <= node.start_byte and node.end_byte <= end
