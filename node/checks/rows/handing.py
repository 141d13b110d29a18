"""Tests handed to the harness in one table a module, instead of by a descriptor each. Pure.

For each `#[test]` the compiler makes a constant with a dozen fields, a closure and what calls it: a tenth of a test
build of short rows. The witness takes a function and its name as well. Only what cannot mean anything else is handed
over so: a function without parameters and result whose only attribute is a plain `#[test]`. All else keeps its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tree_sitter import Node

SECTION = "swarm_tests"
"""Where the witness (`witness.rs`) finds the tables."""
_OTHER_TEST = re.compile(rb"\buse\b[^;]*\btest\b|\bunsafe_code\b|\bmacro_rules\s*!\s*test\b")
"""An attribute of that name that may not be the language's; a lint that forbids to choose a section."""
_GLOB = re.compile(rb"\buse\s+(?:::)?\s*(\w+)[^;]*\*")
_KNOWN = re.compile(rb"super|self|crate|std|core|alloc|[A-Z]\w*")
"""Where a glob begins that cannot bring an attribute: the others may be crates."""
_COMMENTS = frozenset({"line_comment", "block_comment"})


@dataclass(frozen=True, slots=True)
class TestTable:
    """Tests of one module."""

    __test__ = False

    attributes: tuple[tuple[int, int], ...]
    """Where their `#[test]` stand, in order."""
    names: tuple[str, ...]
    """Of the functions."""
    path: str
    """Of the module below the file's, with `::` behind each word."""


def find_tables(text: bytes, root: Node) -> tuple[TestTable, ...]:
    """The tests of a file that can be handed over, by module."""
    if b"#[test]" not in text or _OTHER_TEST.search(text) is not None:
        return ()
    if not all(_KNOWN.fullmatch(found[1]) for found in _GLOB.finditer(text)):
        return ()
    return tuple(_tables(root.children, ""))


def hand_over(tables: Sequence[TestTable], module: str) -> list[tuple[int, str]]:
    """Insertions, by place, that make one table of each module's tests. Lines stay.

    Args:
        tables: Of a row.
        module: The row's, in the crate; not to be guessed, so nothing else is called as the tables are.
    """
    changes = []
    for table in tables:
        listed = ", ".join(f'("{module}::{table.path}{name}", {name})' for name in table.names)
        static = f"static {module.upper()}: [(&str, fn()); {len(table.names)}] = [{listed}];"
        changes.append((table.attributes[0][0], f'#[used] #[unsafe(link_section = "{SECTION}")] {static} /*'))
        changes += [(start, "/*") for start, _ in table.attributes[1:]]
        changes += [(end, "*/") for _, end in table.attributes]
    return changes


def _tables(items: Sequence[Node], path: str) -> Iterator[TestTable]:
    attributes: list[Node] = []
    found: list[tuple[Node, str]] = []
    for item in items:
        if item.type == "attribute_item":
            attributes.append(item)
            continue
        if item.type in _COMMENTS:
            continue
        if len(attributes) == 1 and attributes[0].text == b"#[test]" and _is_plain(item):
            found.append((attributes[0], _name(item)))
        elif item.type == "mod_item":
            body = item.child_by_field_name("body")
            yield from _tables(body.children if body is not None else (), f"{path}{_name(item)}::")
        attributes = []
    if found and "#" not in path:
        places = tuple((attribute.start_byte, attribute.end_byte) for attribute, _ in found)
        yield TestTable(places, tuple(name for _, name in found), path)


def _is_plain(item: Node) -> bool:
    """`fn name() { ... }`, and nothing more."""
    if item.type != "function_item" or "#" in _name(item):
        return False
    kinds = [child.type for child in item.children if child.type not in {"visibility_modifier", *_COMMENTS}]
    parameters = item.child_by_field_name("parameters")
    return kinds == ["fn", "identifier", "parameters", "block"] and parameters is not None and parameters.text == b"()"


def _name(item: Node) -> str:
    name = item.child_by_field_name("name")
    return (name.text or b"").decode() if name is not None else ""
