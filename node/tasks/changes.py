"""A change to a function's body: where, what, and in whose words it is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tree_sitter import Node

from node.tasks.syntax import ancestors, text_of
from node.tasks.view import SourceView
from node.values.crate import Item, Span


@dataclass(frozen=True, slots=True, order=True)
class Replacement:
    """Put `text` in place of bytes [start, end) of the item's file."""

    start: int
    end: int
    text: str


def changed_body(view: SourceView, item: Item, replacements: Sequence[Replacement]) -> str:
    """The function's block with replacements applied; they lie inside it and do not overlap."""
    assert item.body is not None, "only functions have a body to change"
    parts: list[str] = []
    at = item.body.start
    for change in sorted(replacements):
        parts += [view.text(Span(item.body.path, at, change.start)), change.text]
        at = change.end
    parts.append(view.text(Span(item.body.path, at, item.body.end)))
    return "".join(parts)


_NEVER_INSIDE = frozenset(
    {
        "unsafe_block",  # a changed one may be undefined behaviour, which no test verdict survives
        "attribute_item",
        "inner_attribute_item",
        "macro_definition",
        "type_arguments",
        "array_type",
        "const_item",
        "static_item",
        "function_item",  # a nested function is an item of its own
    }
)


def may_change(node: Node, function: Node) -> bool:
    """Whether a node of a function's body is ordinary code: no type, attribute, nested item or unsafe block."""
    for parent in ancestors(node):
        if parent == function:
            return True
        if parent.type in _NEVER_INSIDE:
            return False
    return False


def removal(node: Node) -> Replacement:
    """Takes a statement out, and with it its line when nothing else stands on it."""
    root = node
    for parent in ancestors(node):
        root = parent
    data = root.text or b""
    start, end = node.start_byte - root.start_byte, node.end_byte - root.start_byte
    line = data.rfind(b"\n", 0, start)
    alone = line >= 0 and not data[line:start].strip() and data[end : end + 1] in {b"\n", b""}
    return Replacement(line + root.start_byte if alone else node.start_byte, node.end_byte, "")


def one_line(node: Node | str, limit: int = 60) -> str:
    """Code as it is quoted in a sentence: on one line, shortened in the middle."""
    folded = " ".join((node if isinstance(node, str) else text_of(node)).split())
    text = re.sub(r"\s+(?=\.\w)", "", folded)
    return text if len(text) <= limit else f"{text[: limit // 2 - 2]} … {text[-limit // 2 + 2 :]}"
