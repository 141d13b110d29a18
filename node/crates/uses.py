"""Paths: what a `use` declaration brings in, and what a type or trait in an impl's header is called."""

from __future__ import annotations

from tree_sitter import Node

from node.crates.drafts import PathParts
from node.crates.parsing import Parsed

NAMES_MAX = 5000
"""Names that one `use` may bring in."""
_DEPTH_MAX = 64

_NAMES = {"identifier", "type_identifier", "primitive_type", "self", "super", "crate", "metavariable"}
_SCOPED = {"scoped_identifier", "scoped_type_identifier"}


def path_parts(parsed: Parsed, node: Node | None, depth: int = 0) -> PathParts | None:
    """The path that a node names, generic arguments left out; None when it names none."""
    if node is None or depth > _DEPTH_MAX:
        return None
    if node.type in _NAMES:
        return (parsed.text(node),)
    if node.type in {"generic_type", "generic_type_with_turbofish"}:
        return path_parts(parsed, node.child_by_field_name("type"), depth + 1)
    if node.type in _SCOPED:
        name = node.child_by_field_name("name")
        path = node.child_by_field_name("path")
        before = path_parts(parsed, path, depth + 1) if path is not None else ("",)
        return None if before is None or name is None else (*before, parsed.text(name))
    return None


def use_names(parsed: Parsed, tree: Node) -> list[tuple[PathParts, str]]:
    """The (path, name here) pairs of a use tree; the name of a glob is `*`, of `as _` it is `_`."""
    found: list[tuple[PathParts, str]] = []
    _collect(parsed, tree, (), found, 0)
    return found


def _collect(parsed: Parsed, node: Node, prefix: PathParts, found: list[tuple[PathParts, str]], depth: int) -> None:
    if depth > _DEPTH_MAX or len(found) >= NAMES_MAX:
        return
    if node.type == "use_list":
        for child in node.named_children:
            _collect(parsed, child, prefix, found, depth + 1)
    elif node.type == "scoped_use_list":
        outer, inner = node.child_by_field_name("path"), node.child_by_field_name("list")
        before = path_parts(parsed, outer) if outer is not None else ("",)
        if inner is not None and before is not None:
            _collect(parsed, inner, prefix + before, found, depth + 1)
    elif node.type == "use_wildcard":
        inner = node.named_children[0] if node.named_children else None
        found.append((prefix + (path_parts(parsed, inner) or ()), "*"))
    elif node.type == "use_as_clause":
        path, alias = path_parts(parsed, node.child_by_field_name("path")), node.child_by_field_name("alias")
        if path is not None and alias is not None:
            found.append((_without_self(prefix + path), parsed.text(alias)))
    else:
        path = path_parts(parsed, node)
        if path is not None:
            whole = _without_self(prefix + path)
            found.append((whole, whole[-1]))


def _without_self(path: PathParts) -> PathParts:
    """`a::{self}` names `a`."""
    return path[:-1] if len(path) > 1 and path[-1] == "self" else path
