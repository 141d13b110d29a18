"""Rust text to syntax trees, within bounds that are the same on every node.

Tree-sitter never fails and keeps going after errors. Ordinary code costs a tenth of a microsecond per byte, hostile
text up to 25 (a row of quotes); there is no clock here, since every node must stop at the same place. So files are
bounded, and once `BROKEN_BYTES_MAX` of a crate turned out to be no Rust, the rest of it is not parsed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import tree_sitter_rust
from tree_sitter import Language, Node, Parser, Range

FILE_BYTES_MAX = 4 << 20
"""Of a file that is parsed. Larger ones are tables."""
BROKEN_ONE_IN = 5
"""A file is broken when more than this share of its bytes stands in syntax errors. Of 6,000 real files that the
grammar does not follow everywhere, the worst had 2 %."""
BROKEN_BYTES_MAX = 1 << 20


@functools.cache
def rust() -> Language:
    """The grammar."""
    return Language(tree_sitter_rust.language())


def nodes(root: Node) -> Iterator[Node]:
    """Every node below and including `root`, parents first.

    A cursor's walk is linear whatever the tree looks like. Queries are not: among many siblings, and at great depth,
    each match looks at the ones around it again, and 100,000 open parentheses took minutes.
    """
    cursor = root.walk()
    while True:
        node = cursor.node
        assert node is not None  # a cursor always stands somewhere
        yield node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


@dataclass(frozen=True, slots=True)
class Parsed:
    """One parsed file, or part of one; positions are bytes of the whole file either way."""

    source: bytes
    root: Node
    errors: int
    """Places that are no Rust, or where something is missing."""
    broken: bool

    def text(self, node: Node) -> str:
        """What stands there."""
        return decode(self.source[node.start_byte : node.end_byte])

    def folded(self, node: Node) -> str:
        """What stands there, every run of white space one blank."""
        return " ".join(self.text(node).split())


def decode(data: bytes) -> str:
    """Bytes of a file that is UTF-8 as a whole; a position inside a character can only come from an error node."""
    return data.decode(errors="replace")


def parse(source: bytes) -> Parsed:
    """Parse a whole file."""
    root = Parser(rust()).parse(source).root_node
    if not root.has_error:
        return Parsed(source, root, 0, broken=False)
    wrong = [node for node in nodes(root) if node.is_error or node.is_missing]
    wrong_bytes = sum(node.end_byte - node.start_byte for node in wrong)
    return Parsed(source, root, len(wrong) or 1, broken=wrong_bytes * BROKEN_ONE_IN > len(source))


def parse_inside(parsed: Parsed, tree: Node) -> Parsed | None:
    """Parse what stands between the braces of a macro's token tree as items; None when that is no Rust."""
    first, last = tree.children[0], tree.children[-1]
    inside = Range(first.end_point, last.start_point, first.end_byte, last.start_byte)
    root = Parser(rust(), included_ranges=[inside]).parse(parsed.source).root_node
    return None if root.has_error else Parsed(parsed.source, root, 0, broken=False)


def children_of_type(node: Node, kinds: Iterable[str]) -> Iterator[Node]:
    """Direct children of some kinds, in order."""
    wanted = set(kinds)
    return (child for child in node.children if child.type in wanted)
