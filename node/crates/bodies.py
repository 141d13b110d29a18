"""What the body of each item calls and which idioms it shows: one query over a file, captures to innermost items."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from tree_sitter import Node

from node.crates import idioms
from node.crates.attributes import content
from node.crates.drafts import Draft
from node.crates.parsing import Parsed, captures, rust_query
from node.crates.uses import path_parts

CALLS_MAX = 1000
"""Different names of one item."""

_CALLS = """
(call_expression function: (_) @-call)
(macro_invocation macro: (_) @-macro)
(token_tree (identifier) @-token . (token_tree))
"""
_QUALIFIER = re.compile(rb"([A-Za-z_][A-Za-z0-9_]*)\s*::\s*$")
_NOT_CALLED = re.compile(rb"(?:\bfn|!|'|\$)\s*$")
_LOOK_BACK = 80


def note_bodies(parts: Sequence[Parsed], drafts: Sequence[Draft]) -> None:
    """Fill `calls` and `idioms` of the drafts of one file.

    Args:
        parts: The file's tree first, then the trees of macro arguments that were read as items.
        drafts: All items of the file.
    """
    spans = sorted(drafts, key=lambda draft: (draft.span[0], -draft.span[1]))
    seen = [(part.root.start_byte, part.root.end_byte) for part in parts[1:]]
    for index, part in enumerate(parts):
        # The whole file's tree sees the arguments of pass-through macros as tokens only: their own trees know better.
        hidden = seen if index == 0 else []
        _assign(spans, sorted(_sightings(part, hidden), key=lambda sighting: sighting[0]))
    for draft in drafts:
        _note_header(draft)
        draft.calls = set(sorted(draft.calls)[:CALLS_MAX])


def _sightings(part: Parsed, hidden: Iterable[tuple[int, int]]) -> Iterator[tuple[int, str, str]]:
    """Position, kind (`call` or `idiom`) and name of everything seen."""
    for capture, nodes in captures(rust_query(idioms.query_text() + _CALLS), part.root).items():
        for node in nodes:
            position = node.start_byte
            if any(start <= position < end for start, end in hidden):
                continue
            if not capture.startswith("-"):
                yield position, "idiom", capture
                continue
            for name in _called(part, node, capture):
                yield position, "call", name


def _called(part: Parsed, node: Node, capture: str) -> tuple[str, ...]:
    """The name called, and with its qualifier where one is written: `parse`, `Url::parse`; macros as `vec!`."""
    if capture == "-token":
        return _called_in_tokens(part, node)
    if capture == "-macro":
        path = path_parts(part, node)
        return (f"{path[-1]}!",) if path else ()
    if node.type == "generic_function":
        inner = node.child_by_field_name("function")
        node = inner if inner is not None else node
    if node.type == "field_expression":
        field = node.child_by_field_name("field")
        return (part.text(field),) if field is not None and field.type == "field_identifier" else ()
    if node.type == "scoped_identifier":
        name = node.child_by_field_name("name")
        before = path_parts(part, node.child_by_field_name("path"))
        return _named(part.text(name) if name is not None else "", before[-1] if before else "")
    return _named(part.text(node), "") if node.type == "identifier" else ()


def _called_in_tokens(part: Parsed, node: Node) -> tuple[str, ...]:
    """A call inside a macro's arguments, where only tokens are known: a name, then parentheses."""
    source = part.source
    tree = node.next_named_sibling
    if tree is None or source[tree.start_byte : tree.start_byte + 1] not in {b"(", b"[", b"{"}:
        return ()
    name = part.text(node)
    between = source[node.end_byte : tree.start_byte].strip()
    if between == b"!":
        return (f"{name}!",)
    before = source[max(0, node.start_byte - _LOOK_BACK) : node.start_byte]
    if between or source[tree.start_byte : tree.start_byte + 1] != b"(" or _NOT_CALLED.search(before):
        return ()
    qualifier = _QUALIFIER.search(before)
    return _named(name, qualifier[1].decode() if qualifier is not None else "")


def _named(name: str, qualifier: str) -> tuple[str, ...]:
    """Names beginning with a capital build values (`Some(..)`): no calls."""
    if not name or name[0].isupper():
        return ()
    if qualifier in {"", "self", "super", "crate"}:
        return (name,)
    return name, f"{qualifier}::{name}"


def _assign(spans: Sequence[Draft], sightings: Iterable[tuple[int, str, str]]) -> None:
    """Give each sighting to the innermost item around it: one sweep, both sides in order of position."""
    open_items: list[Draft] = []
    following = 0
    for position, kind, name in sightings:
        while following < len(spans) and spans[following].span[0] <= position:
            while open_items and open_items[-1].span[1] <= spans[following].span[0]:
                open_items.pop()
            open_items.append(spans[following])
            following += 1
        while open_items and open_items[-1].span[1] <= position:
            open_items.pop()
        if not open_items:
            continue
        if kind == "idiom":
            open_items[-1].idioms.add(name)
        else:
            _note_call(open_items[-1], name)


def _note_call(draft: Draft, name: str) -> None:
    draft.idioms.update(idioms.shown_by_call(name))
    if name.startswith("Self::"):
        owner = draft.container
        if owner is None or owner.type_path is None:
            return
        name = f"{owner.type_path[-1]}::{name.removeprefix('Self::')}"
    draft.calls.add(name)


def _note_header(draft: Draft) -> None:
    """Idioms that the item's attributes, its trait or its place show."""
    for attribute in draft.attributes:
        draft.idioms.update(idioms.shown_by_attribute(content(attribute)))
    if draft.trait_path is not None:
        draft.idioms.update(idioms.shown_by_trait(draft.trait_path[-1]))
