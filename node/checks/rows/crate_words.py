"""The word `crate`, where a module could not stand in the place of its crate. Pure."""

from __future__ import annotations

from tree_sitter import Node

_PLAIN_MACROS = frozenset(
    {b"assert", b"assert_eq", b"assert_ne", b"debug_assert", b"debug_assert_eq", b"debug_assert_ne", b"vec", b"matches"}
    | {b"format", b"print", b"println", b"eprint", b"eprintln", b"write", b"writeln", b"panic", b"thread_local"}
)
"""Of the standard library's, those that take expressions or items as they are."""


def is_visibility(parent: Node) -> bool:
    """Whether `crate`, right below this, stands in `pub(crate)`, or in what becomes that once a macro has it."""
    if parent.type == "visibility_modifier":
        return parent.child_count == 4
    before = parent.prev_sibling if parent.type == "token_tree" and parent.child_count == 3 else None
    return before is not None and before.text == b"pub" and (parent.text or b"")[:1] == b"("


def imports_itself(parent: Node) -> bool:
    """`use crate;` and `use crate::{self};`, which are refused of a crate, and not of a module."""
    if parent.type in {"use_declaration", "use_list"}:
        return True
    names = parent.child_by_field_name("list") if parent.type == "scoped_use_list" else None
    return names is not None and any(child.type == "self" for child in names.children)


def is_plain_argument(word: Node) -> bool:
    """Whether a token begins a path in an argument of such macros only. Whoever defines macros may define these too."""
    following, tree = word.next_sibling, word.parent
    if following is None or following.type != "::":
        return False
    while tree is not None and tree.type == "token_tree":
        mark = tree.prev_sibling
        name = mark.prev_sibling if mark is not None and mark.type == "!" else None
        if name is not None and name.text not in _PLAIN_MACROS:
            return False
        tree = tree.parent
    return tree is not None and tree.type == "macro_invocation"
