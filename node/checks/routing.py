"""Which projects may share a build without that changing what any of them shows. Pure.

The rules come from measurements (facts on Rust verification, section 4): whatever a module or a match arm cannot
express faithfully is compiled on its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from node.checks.crate_wide import crate_attribute, lone_word
from node.checks.project import edits_by_file, integration_stem
from node.checks.syntax import (
    BodyChange,
    FunctionSite,
    body_changes,
    find_functions,
    observes_position,
    only_comments_differ,
    parse_rust,
)
from node.values.verdict import AddedFile, Project

_ESCALATION = re.compile(rb"#!?\[\s*(?:deny|forbid)\s*\(([^)]*)\)", re.DOTALL)
_LOCAL_LINTS = re.compile(
    r"unsafe_code|unsafe_op_in_unsafe_fn|missing_\w+|clippy::\w+|rustdoc::\w+|bare_trait_objects|elided_lifetimes_in_paths"
)
"""Lints whose findings in one function do not depend on the bodies of others."""


@dataclass(frozen=True, slots=True)
class Route:
    """How a project can be observed."""

    alone: str
    """Why it needs builds of its own; empty when it may share."""
    changes: tuple[tuple[str, BodyChange], ...] = ()
    """Bodies that differ: file and change. Empty with `alone` empty: the library is the published one."""
    comments_only: bool = False
    """Its edits change comments and docs only: the same program, if it compiles."""


class Router:
    """Routes the projects of one crate; reads each published file once."""

    def __init__(self, read: Callable[[str], bytes], sources: frozenset[str]) -> None:
        self._read = read
        self._sources = sources
        self._files: dict[str, tuple[bytes, tuple[FunctionSite, ...]]] = {}

    def route(self, project: Project) -> Route:
        """Decide for one project whose edits are valid."""
        for added in project.files:
            reason = lone_file_reason(added)
            if reason:
                return Route(alone=f"{added.path}: {reason}")
        changes: list[tuple[str, BodyChange]] = []
        comments_only = False
        for path, edits in edits_by_file(project).items():
            if path not in self._sources:
                return Route(alone=f"{path} is not part of the library")
            source, sites = self._file(path)
            found = body_changes(source, sites, edits)
            if found is None:
                after = _applied(source, [(edit.span.start, edit.span.end, edit.text) for edit in edits])
                if not only_comments_differ(source, after):
                    return Route(alone=f"{path} is changed outside function bodies")
                if observes_position(source):
                    return Route(alone=f"{path} observes its positions")
                comments_only = comments_only or after != source
            else:
                changes += [(path, change) for change in found]
        lone = next((change.lone_reason for _, change in changes if change.lone_reason), "")
        if lone:
            return Route(alone=lone)
        if comments_only and changes:
            return Route(alone="comments and bodies are changed")
        return Route(alone="", changes=tuple(changes), comments_only=comments_only)

    def source(self, path: str) -> bytes:
        """A published file."""
        return self._file(path)[0]

    def _file(self, path: str) -> tuple[bytes, tuple[FunctionSite, ...]]:
        if path not in self._files:
            source = self._read(path)
            self._files[path] = (source, find_functions(source))
        return self._files[path]

    def regions(self, project: Project) -> tuple[tuple[str, int, int], ...]:
        """Places a lint run must not share: the functions that hold its edits, else the edits themselves."""
        places = []
        for edit in project.edits:
            _, sites = self._files.get(edit.span.path, (b"", ()))
            site = next((site for site in sites if site.start <= edit.span.start and edit.span.end <= site.end), None)
            start, end = (site.start, site.end) if site is not None else (edit.span.start, edit.span.end)
            places.append((edit.span.path, start, end))
        return tuple(places)


def _applied(source: bytes, edits: Sequence[tuple[int, int, str]]) -> bytes:
    for start, end, text in sorted(edits, reverse=True):
        source = source[:start] + text.encode() + source[end:]
    return source


def escalates_lints(sources: Mapping[str, bytes], manifest: bytes) -> bool:
    """Whether the crate turns warnings into errors that depend on more than one function.

    Then a variant that leaves a helper unused fails alone but not beside the original, and each must be confirmed.
    """
    if b"[lints" in manifest and re.search(rb'"(?:deny|forbid)"', manifest) is not None:
        return True
    for text in sources.values():
        for match in _ESCALATION.finditer(text):
            names = [name.strip() for name in match[1].decode(errors="replace").split(",")]
            if any(name and _LOCAL_LINTS.fullmatch(name) is None for name in names):
                return True
    return False


_FILE_BYTES_MAX = 64 * 1024


def lone_file_reason(added: AddedFile) -> str:
    """Why an added integration test cannot stand as a module beside others; empty when it can."""
    if not integration_stem(added.path):
        return "is no integration test"
    source = added.text.encode(errors="surrogateescape")
    if len(source) > _FILE_BYTES_MAX:
        return "is long"
    if word := lone_word(source):
        return f"uses {word}"
    root = parse_rust(source)
    if root.has_error:
        return "does not parse"
    return _lone_top_level(root) or _lone_inside(root)


def _lone_top_level(root: Node) -> str:
    for item in root.children:
        if reason := crate_attribute(item):
            return reason
        if item.type == "function_item" and (name := item.child_by_field_name("name")) and name.text == b"main":
            return "has a main function"
        if item.type == "extern_crate_declaration" and item.child_by_field_name("alias") is not None:
            return "renames a crate"
    return ""


DEFINITIONS = frozenset({"struct_item", "enum_item", "union_item", "trait_item"})
"""Items that can make an `impl` a local one."""
_IN_MACRO = re.compile(rb"\b(?:crate|super|impl|extern)\b")
_DEPTH_MAX = 200


def _lone_inside(root: Node) -> str:
    defined: set[bytes] = set()
    impls: list[Node] = []
    stack: list[tuple[Node, int]] = [(root, 0)]
    while stack:
        node, depth = stack.pop()
        name = node.child_by_field_name("name") if node.type in DEFINITIONS else None
        if name is not None and name.text is not None:
            defined.add(name.text)
        if node.type == "impl_item":
            impls.append(node)
        reason = _reaches_out(node, depth)
        if reason:
            return reason
        stack.extend((child, depth + 1) for child in node.children)
    # `impl PartialEq<Mine> for u64` changes what other modules' literals can mean; measured in both directions.
    foreign = any(not is_local_impl(item, defined) for item in impls)
    return "implements a foreign trait for a foreign type" if foreign else ""


def _reaches_out(node: Node, depth: int) -> str:
    if node.type == "foreign_mod_item" or (node.type == "extern_crate_declaration" and depth > 1):
        return "reaches beyond a module"
    if node.type == "mod_item" and node.child_by_field_name("body") is None:
        return "refers to another file"
    declares = node.parent is not None and node.parent.type == "extern_crate_declaration"
    if node.type in {"crate", "super"} and not declares:
        return f"names {node.type}"
    if depth > _DEPTH_MAX:
        return "is nested deeply"
    if node.type == "token_tree" and _IN_MACRO.search(node.text or b"") is not None:
        return "has words of the module system inside a macro"
    return ""


def is_local_impl(item: Node, defined: set[bytes]) -> bool:
    """Whether an `impl` is about a trait or a type of these names."""
    if item.child_by_field_name("trait") is None:
        return True
    return any(base_name(item.child_by_field_name(field)) in defined for field in ("trait", "type"))


def base_name(node: Node | None) -> bytes:
    """What a type or a trait without a path is called, without its arguments; empty for all others."""
    if node is not None and node.type == "generic_type":
        node = node.child_by_field_name("type")
    return (node.text or b"") if node is not None and node.type == "type_identifier" else b""


def extern_crates(added: AddedFile) -> tuple[str, ...]:
    """Crates that the file declares at its top, sorted: files of edition 2015 share a build only with their like."""
    root = parse_rust(added.text.encode(errors="surrogateescape"))
    names = set()
    for item in root.children:
        name = item.child_by_field_name("name") if item.type == "extern_crate_declaration" else None
        if name is not None and name.text is not None:
            names.add(name.text.decode(errors="replace"))
    return tuple(sorted(names))
