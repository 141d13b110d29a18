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
from tree_sitter import Language, Node, Parser, Query, QueryCursor, Range

FILE_BYTES_MAX = 4 << 20
"""Of a file that is parsed. Larger ones are tables."""
BROKEN_ERRORS = 100
"""A file with this many syntax errors is counted as broken. Real files have none to a handful."""
BROKEN_BYTES_MAX = 1 << 20
_PATTERN_STATES_MAX = 1 << 16
"""Unfinished matches that a query may hold; deterministic, and far above what real files need."""


@functools.cache
def rust() -> Language:
    """The grammar."""
    return Language(tree_sitter_rust.language())


@functools.cache
def rust_query(text: str) -> Query:
    """A compiled query, kept: compiling takes milliseconds."""
    return Query(rust(), text)


def captures(query: Query, root: Node) -> dict[str, list[Node]]:
    """All captures below `root`, by name."""
    return QueryCursor(query, match_limit=_PATTERN_STATES_MAX).captures(root)


@dataclass(frozen=True, slots=True)
class Parsed:
    """One parsed file, or part of one; positions are bytes of the whole file either way."""

    source: bytes
    root: Node
    errors: int

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
    return Parsed(source, root, _count_errors(root))


def parse_inside(parsed: Parsed, tree: Node) -> Parsed | None:
    """Parse what stands between the braces of a macro's token tree as items; None when that is no Rust."""
    first, last = tree.children[0], tree.children[-1]
    inside = Range(first.end_point, last.start_point, first.end_byte, last.start_byte)
    root = Parser(rust(), included_ranges=[inside]).parse(parsed.source).root_node
    return None if root.has_error else Parsed(parsed.source, root, 0)


def _count_errors(root: Node) -> int:
    if not root.has_error:
        return 0
    return sum(map(len, captures(rust_query("(ERROR) @e (MISSING) @e"), root).values())) or 1


def children_of_type(node: Node, kinds: Iterable[str]) -> Iterator[Node]:
    """Direct children of some kinds, in order."""
    wanted = set(kinds)
    return (child for child in node.children if child.type in wanted)
