"""What each item calls and which idioms it shows: one walk over a file, every sighting to its innermost item."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tree_sitter import Node

from node.crates import idioms
from node.crates.attributes import content
from node.crates.drafts import Bytes, Draft
from node.crates.parsing import Parsed, nodes
from node.crates.uses import path_parts

CALLS_MAX = 1000
"""Different names of one item."""

_CALL, _MACRO, _TOKENS, _TYPE = "call_expression", "macro_invocation", "token_tree", "type_identifier"
_COMMENTS = {"line_comment", "block_comment"}
_QUALIFIER = re.compile(rb"([A-Za-z_][A-Za-z0-9_]*)\s*::\s*$")
_NOT_CALLED = re.compile(rb"(?:\bfn|'|\$)\s*$")
_LOOK_BACK = 80


@dataclass(frozen=True, slots=True)
class Sighting:
    """A name that is called, or an idiom that is shown, at one position."""

    position: int
    is_call: bool
    name: str


@dataclass(slots=True)
class Survey:
    """What one walk over a tree finds."""

    comments: list[Bytes] = field(default_factory=list)
    """In order of position."""
    sightings: list[Sighting] = field(default_factory=list)


def survey(part: Parsed) -> Survey:
    """Walk over a tree once."""
    found = Survey()
    shows_idiom = idioms.node_kinds()
    for node in nodes(part.root):
        kind = node.type
        if kind in _COMMENTS:
            found.comments.append((node.start_byte, node.end_byte))
        elif kind == _TYPE:
            found.sightings.extend(
                Sighting(node.start_byte, False, one) for one in idioms.shown_by_type(part.text(node))
            )
        elif kind in {_CALL, _MACRO, _TOKENS}:
            found.sightings.extend(Sighting(at, True, name) for at, name in _called(part, node, kind))
        elif kind in shows_idiom:
            children = (child.type for child in node.children)
            shown = idioms.shown_by_node(kind, children)
            found.sightings.extend(Sighting(node.start_byte, False, idiom) for idiom in shown)
    return found


def note_bodies(parts: Sequence[Parsed], surveys: Sequence[Survey], drafts: Sequence[Draft]) -> None:
    """Fill `calls` and `idioms` of the drafts of one file.

    Args:
        parts: The file's tree first, then the trees of macro arguments that were read as items.
        surveys: Of each part.
        drafts: All items of the file.
    """
    # The whole file's tree sees the arguments of pass-through macros as tokens only: their own trees know better.
    hidden = sorted((part.root.start_byte, part.root.end_byte) for part in parts[1:])
    sightings = [*_outside(surveys[0].sightings, hidden), *(one for inner in surveys[1:] for one in inner.sightings)]
    _assign(
        sorted(drafts, key=lambda draft: (draft.span[0], -draft.span[1])),
        sorted(sightings, key=lambda sighting: sighting.position),
    )
    for draft in drafts:
        _note_header(draft)
        draft.calls = set(sorted(draft.calls)[:CALLS_MAX])


def _outside(sightings: Iterable[Sighting], hidden: Sequence[Bytes]) -> Iterator[Sighting]:
    """Those that stand in none of the pieces, which are sorted and at most nested."""
    following = end = 0
    for sighting in sorted(sightings, key=lambda sighting: sighting.position):
        while following < len(hidden) and hidden[following][0] <= sighting.position:
            end = max(end, hidden[following][1])
            following += 1
        if sighting.position >= end:
            yield sighting


def _called(part: Parsed, node: Node, kind: str) -> Iterator[tuple[int, str]]:
    """Names called by this node, with their qualifiers where they are written: `parse`, `Url::parse`, `vec!`."""
    if kind == _TOKENS:
        yield from _called_in_tokens(part, node)
        return
    called = node.child_by_field_name("function" if kind == _CALL else "macro")
    if called is not None and kind == _MACRO:
        path = path_parts(part, called)
        if path:
            yield node.start_byte, f"{path[-1]}!"
    elif called is not None:
        for name in _called_function(part, called):
            yield node.start_byte, name


def _called_function(part: Parsed, node: Node) -> tuple[str, ...]:
    if node.type == "generic_function":
        inner = node.child_by_field_name("function")
        node = inner if inner is not None else node
    if node.type == "field_expression":
        field_name = node.child_by_field_name("field")
        is_method = field_name is not None and field_name.type == "field_identifier"
        return (part.text(field_name),) if field_name is not None and is_method else ()
    if node.type == "scoped_identifier":
        name = node.child_by_field_name("name")
        before = path_parts(part, node.child_by_field_name("path"))
        return _named(part.text(name) if name is not None else "", before[-1] if before else "")
    return _named(part.text(node), "") if node.type == "identifier" else ()


def _called_in_tokens(part: Parsed, tree: Node) -> Iterator[tuple[int, str]]:
    """Calls inside a macro's arguments, where only tokens are known: a name, perhaps `!`, then brackets."""
    before: Node | None = None
    bang = False
    for node in tree.children:
        if node.type == _TOKENS and before is not None:
            name = part.text(before)
            if bang:
                yield before.start_byte, f"{name}!"
            elif part.source[node.start_byte] == ord("("):
                yield from ((before.start_byte, told) for told in _called_token(part, before, name))
        bang = node.type == "!" and before is not None and not bang
        before = node if node.type == "identifier" else before if bang else None


def _called_token(part: Parsed, node: Node, name: str) -> tuple[str, ...]:
    before = part.source[max(0, node.start_byte - _LOOK_BACK) : node.start_byte]
    if _NOT_CALLED.search(before):
        return ()
    qualifier = _QUALIFIER.search(before)
    return _named(name, qualifier[1].decode() if qualifier is not None else "")


def _named(name: str, qualifier: str) -> tuple[str, ...]:
    """Names beginning with a capital build values (`Some(..)`): no calls."""
    if not name or "A" <= name[0] <= "Z":
        return ()
    if qualifier in {"", "self", "super", "crate"}:
        return (name,)
    return name, f"{qualifier}::{name}"


def _assign(spans: Sequence[Draft], sightings: Iterable[Sighting]) -> None:
    """Give each sighting to the innermost item around it: one sweep, both sides in order of position."""
    open_items: list[Draft] = []
    following = 0
    for sighting in sightings:
        while following < len(spans) and spans[following].span[0] <= sighting.position:
            while open_items and open_items[-1].span[1] <= spans[following].span[0]:
                open_items.pop()
            open_items.append(spans[following])
            following += 1
        while open_items and open_items[-1].span[1] <= sighting.position:
            open_items.pop()
        if not open_items:
            continue
        if sighting.is_call:
            _note_call(open_items[-1], sighting.name)
        else:
            open_items[-1].idioms.add(sighting.name)


def _note_call(draft: Draft, name: str) -> None:
    draft.idioms.update(idioms.shown_by_call(name))
    if name.startswith("Self::"):
        owner = draft.container
        if owner is None or owner.type_path is None:
            return
        name = f"{owner.type_path[-1]}::{name.removeprefix('Self::')}"
    draft.calls.add(name)


def _note_header(draft: Draft) -> None:
    """Idioms that the item's attributes and its trait show."""
    for attribute in draft.attributes:
        draft.idioms.update(idioms.shown_by_attribute(content(attribute)))
    if draft.trait_path is not None:
        draft.idioms.update(idioms.shown_by_trait(draft.trait_path[-1]))
