"""What the engine needs to know of Rust text before a compiler sees it: where functions are, and what edits change.

Only tree-sitter looks here, so nothing found is a verdict. Whatever it does not understand is compiled on its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import tree_sitter_rust
from tree_sitter import Language, Node, Parser

from node.values.verdict import Edit

_LANGUAGE = Language(tree_sitter_rust.language())

_CONTAINERS = frozenset({"source_file", "mod_item", "impl_item", "trait_item", "declaration_list"})
_COMMENTS = frozenset({"line_comment", "block_comment"})
_ATOMS = frozenset({"string_literal", "raw_string_literal", "char_literal"})
"""Compared as a whole: their inner white space is content."""

_BUILT_IN_ATTRIBUTES = frozenset(
    {
        *("allow", "warn", "deny", "forbid", "expect", "cfg", "cfg_attr", "cold", "deprecated", "derive", "doc"),
        *(
            "ignore",
            "inline",
            "must_use",
            "no_mangle",
            "non_exhaustive",
            "path",
            "repr",
            "should_panic",
            "target_feature",
        ),
        *("test", "rustfmt::skip", "automatically_derived", "macro_use", "export_name", "link_section"),
    }
)
"""Attributes that leave a function's body as it stands. `track_caller` observes positions; unknown ones are macros."""

_CONDITIONS = frozenset({"cfg", "test"})
"""Attributes by which a function is not in every build of its crate."""

_GLOBAL_ITEMS = frozenset(
    {
        *("impl_item", "inner_attribute_item", "macro_definition", "extern_crate_declaration", "foreign_mod_item"),
        *("mod_item", "ERROR"),
    }
)
"""In a body, these reach beyond it or cannot stand in a match arm."""

_POSITION_OBSERVERS = re.compile(
    rb"\b(?:line|column|file|include|include_str|include_bytes)\s*!|\b(?:Location|Backtrace)\b"
)

_DEPTH_MAX = 200
_BODY_BYTES_MAX = 64 * 1024
"""Beyond either, a body could exhaust the compiler, and takes nobody with it when compiled on its own."""


@dataclass(frozen=True, slots=True)
class FunctionSite:
    """An outermost function with a body in one file. All positions are byte offsets."""

    start: int
    """Of its first attribute."""
    body: int
    """Of the opening brace."""
    end: int
    """After the closing brace; also where the item ends."""
    head: tuple[bytes, ...]
    """Tokens from `start` to the body, comments left out."""
    lone_reason: str
    """Why variants of its body must be compiled on their own; empty when they may share a build."""


def parse_rust(source: bytes) -> Node:
    """The syntax tree of a file; what tree-sitter does not understand stands in it as errors."""
    return Parser(_LANGUAGE).parse(source).root_node


def find_functions(source: bytes) -> tuple[FunctionSite, ...]:
    """The outermost functions of a file, in order. Functions that macros make are not seen."""
    return tuple(_functions(parse_rust(source), ()))


def _functions(container: Node, outer: tuple[str, ...]) -> Iterator[FunctionSite]:
    attributes: list[Node] = []
    for child in container.children:
        if child.type == "attribute_item":
            attributes.append(child)
            continue
        if child.type in _COMMENTS:
            continue
        if child.type == "function_item":
            site = _site(child, attributes, outer)
            if site is not None:
                yield site
        elif child.type in _CONTAINERS:
            inner = child.child_by_field_name("body") if child.type != "declaration_list" else child
            if inner is not None:
                yield from _functions(inner, (*outer, *map(_attribute_name, attributes)))
        attributes = []


def _site(item: Node, attributes: Sequence[Node], outer: tuple[str, ...]) -> FunctionSite | None:
    body = item.child_by_field_name("body")
    if body is None:
        return None
    head = [token for node in attributes for token in _tokens(node)]
    head += [token for node in item.children if node.start_byte < body.start_byte for token in _tokens(node)]
    names = [*outer, *map(_attribute_name, attributes)]
    return FunctionSite(
        start=attributes[0].start_byte if attributes else item.start_byte,
        body=body.start_byte,
        end=item.end_byte,
        head=tuple(head),
        lone_reason=_lone_head(item, names) or _lone_body(body),
    )


def _lone_head(item: Node, attributes: Sequence[str]) -> str:
    strange = [name for name in attributes if name not in _BUILT_IN_ATTRIBUTES and not name.startswith("clippy::")]
    if strange:
        return f"attribute {strange[0]}"
    if not _CONDITIONS.isdisjoint(attributes):
        # Where the condition does not hold, an arm in a file of its own is never read, and plain code is: a missing
        # semicolon there is an error of the whole crate.
        return "stands under a condition"
    modifiers = {token for node in item.children if node.type == "function_modifiers" for token in _tokens(node)}
    for word in (b"const", b"async"):
        if word in modifiers:
            return f"{word.decode()} fn"
    result = item.child_by_field_name("return_type")
    if result is not None and any(node.type == "abstract_type" for node in _walk(result)):
        return "impl Trait in the return type"
    parameters = item.child_by_field_name("parameters")
    if parameters is not None and any(node.type == "variadic_parameter" for node in parameters.children):
        return "variadic"
    return ""


def _lone_body(body: Node) -> str:
    text = body.text or b""
    if len(text) > _BODY_BYTES_MAX:
        return "long body"
    if observes_position(text):
        return "observes its position"
    for node, depth in _walk_depth(body):
        if node.type in _GLOBAL_ITEMS or node.is_missing:
            return f"{node.type} in the body"
        if depth > _DEPTH_MAX:
            return "deep nesting"
    return ""


@dataclass(frozen=True, slots=True)
class BodyChange:
    """New text for the body of one function."""

    site: FunctionSite
    text: str
    """The block, braces included."""
    lone_reason: str
    """Why it must be compiled on its own; empty when it may share a build."""


def body_changes(source: bytes, sites: Sequence[FunctionSite], edits: Sequence[Edit]) -> tuple[BodyChange, ...] | None:
    """What edits of one file change, when they change nothing but function bodies (and comments before them).

    Args:
        source: The published file.
        sites: Its functions, from `find_functions`.
        edits: Valid, sorted edits of this file.

    Returns:
        One change per function whose body differs, in order; None when the edits reach anything else.
    """
    by_site: dict[FunctionSite, list[Edit]] = {}
    for edit in edits:
        site = next((site for site in sites if site.start <= edit.span.start and edit.span.end <= site.end), None)
        if site is None or (edit.span.start == edit.span.end and edit.span.start in {site.start, site.end}):
            return None
        by_site.setdefault(site, []).append(edit)
    changes = []
    for site, own in sorted(by_site.items(), key=lambda item: item[0].start):
        change = _body_change(source, site, own)
        if change is None:
            return None
        if change.text.encode() != source[site.body : site.end]:
            changes.append(change)
    return tuple(changes)


def _body_change(source: bytes, site: FunctionSite, edits: Sequence[Edit]) -> BodyChange | None:
    text = bytearray()
    position = site.start
    for edit in edits:
        text += source[position : edit.span.start] + edit.text.encode()
        position = edit.span.end
    text += source[position : site.end]
    new = bytes(text)
    root = parse_rust(new)
    if any(node.type not in {"function_item", "attribute_item", *_COMMENTS} for node in root.children):
        return None
    found = list(_functions(root, ()))
    comments_kept = _doc_comments(root) == _doc_comments(parse_rust(source[site.start : site.end]))
    if len(found) != 1 or found[0].head != site.head or not comments_kept:
        return None
    try:
        block = new[found[0].body : found[0].end].decode()
    except UnicodeDecodeError:
        return None
    return BodyChange(site, block, site.lone_reason or found[0].lone_reason)


def _doc_comments(root: Node) -> list[bytes]:
    """Doc comments outside bodies: they are attributes, and may change what a lint says."""
    return [child.text or b"" for child in root.children if child.type in _COMMENTS and child.named_child_count > 0]


def observes_position(text: bytes) -> bool:
    """Whether code may tell on which line it stands, or beside which file."""
    return _POSITION_OBSERVERS.search(text) is not None


def only_comments_differ(before: bytes, after: bytes) -> bool:
    """Whether two files are the same tokens once comments and doc comments are left out, and both parse."""
    trees = [parse_rust(text) for text in (before, after)]
    if trees[1].has_error and not trees[0].has_error:
        return False
    return list(_tokens(trees[0])) == list(_tokens(trees[1]))


def end_of_inner_attributes(source: bytes) -> int:
    """Where the first item of a file may stand: behind `#![..]`, `//!` and a first line `#!..`."""
    position = 0
    for child in parse_rust(source).children:
        if child.type == "shebang" or says_of_its_surroundings(child):
            position = child.end_byte
        elif child.type not in _COMMENTS:
            break
    return position


def says_of_its_surroundings(node: Node) -> bool:
    """Whether it is `#![..]`, `//!` or `/*! */`."""
    inner_doc = node.type in _COMMENTS and node.child_by_field_name("inner") is not None
    return inner_doc or node.type == "inner_attribute_item"


def body_start(body: Node) -> int:
    """Where the first statement of a block may stand: behind what it says of the function around it."""
    position = body.start_byte + 1
    for child in body.children[1:]:
        if says_of_its_surroundings(child):
            position = child.end_byte
        elif child.type not in _COMMENTS:
            break
    return position


def _attribute_name(item: Node) -> str:
    inner = next((child for child in item.children if child.type == "attribute"), None)
    if inner is None or not inner.children:
        return "?"
    return (inner.children[0].text or b"?").decode(errors="replace").replace(" ", "")


def _tokens(node: Node) -> Iterator[bytes]:
    """Tokens without comments; but docs inside a macro's arguments are tokens that the macro sees."""
    stack = [node]
    while stack:
        top = stack.pop()
        if top.type in _COMMENTS and not (top.named_child_count and top.parent and top.parent.type == "token_tree"):
            continue
        if top.child_count == 0 or top.type in _ATOMS:
            yield top.text or b""
        else:
            stack.extend(reversed(top.children))


def _walk(node: Node) -> Iterator[Node]:
    for found, _ in _walk_depth(node):
        yield found


def _walk_depth(node: Node) -> Iterator[tuple[Node, int]]:
    stack = [(node, 0)]
    while stack:
        top, depth = stack.pop()
        yield top, depth
        stack.extend((child, depth + 1) for child in reversed(top.children))
