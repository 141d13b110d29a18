"""Bad probes of API usage: a call in the place of the published one that compiles and with which its test fails."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tree_sitter import Node

from node.tasks.anchors import Anchored
from node.tasks.derive.decoy import Decoy, rewritten, turned
from node.tasks.probe_evidence import Evidence
from node.tasks.syntax import descend, parse, text_of
from node.values.crate import Item


def with_other_call(about: Anchored, item: Item) -> Iterator[Decoy]:
    """Another function of the same shape, else the right one with other arguments."""
    del item
    calls = itertools.chain(_other_functions(about), turned(about, list(_other_arguments(about.text("next_api_call")))))
    for call in dict.fromkeys(calls):
        yield Decoy(rewritten(about, {"next_api_call": call}), Evidence("call"))


def _other_functions(about: Anchored) -> Iterator[str]:
    """Calls of public functions with the same parameters and result in place of the one that is called."""
    call = about.text("next_api_call")
    name = call.partition("(")[0].rpartition("::")[2]
    for meant in about.view.named(name):
        for other in about.view.functions:
            shape = (other.signature.replace(other.name, "_", 1), other.container is None)
            alike = shape == (meant.signature.replace(name, "_", 1), meant.container is None)
            if other.public and alike and other.name != name and other.parent == meant.parent:
                spoilt = call.replace(f"{name}(", f"{other.name}(", 1)
                free = "::" not in call and not other.container
                yield f"{about.view.crate_name}::{spoilt}" if free else spoilt


_LEAD = b"fn w() { "


def _other_arguments(call: str) -> Iterator[str]:
    """The call with two arguments exchanged, or with one literal in it a little different."""
    data = _LEAD + call.encode() + b"; }"
    node = next((node for node in descend(parse(data)) if node.type == "call_expression"), None)
    arguments = node.child_by_field_name("arguments") if node else None
    if arguments is None:
        return
    first, second = (*arguments.named_children, None, None)[:2]
    if first is not None and second is not None and text_of(first) != text_of(second):
        between = data[first.end_byte : second.start_byte].decode()
        yield _replaced(data, first.start_byte, second.end_byte, text_of(second) + between + text_of(first))
    for literal in descend(arguments):
        other = _other_literal(literal)
        if other is not None:
            yield _replaced(data, literal.start_byte, literal.end_byte, other)


def _replaced(data: bytes, start: int, end: int, text: str) -> str:
    return (data[len(_LEAD) : start] + text.encode() + data[end:-3]).decode()


def _other_literal(node: Node) -> str | None:
    """A literal of the same kind with another value; None for nodes that are none."""
    text = text_of(node)
    if node.type == "boolean_literal":
        return "false" if text == "true" else "true"
    if node.type == "integer_literal" and text.isdecimal():
        return str(int(text) + 1)
    if node.type == "string_literal" and text.startswith('"') and "\\" not in text:
        return f'{text[:-2]}"' if len(text) > 3 else f'{text[:-1]}s"'
    return None
