"""Mistakes in code that hands on what it gets: a call is missing or made twice, less is gone through. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tree_sitter import Node

from node.checks.guards.further import Change
from node.checks.guards.mistakes import NOT_CODE, parameters_of
from node.checks.guards.reading import COMMENTS, text_of, walk


def changes_of_handing_on(function: Node, body: Node) -> Iterator[Change]:
    """Of a function: those in its body, and what it was handed given back in the place of all of it."""
    yield from given_back(function, body)
    yield from _gone_through_less(function, body)
    nodes = list(walk(body, without=NOT_CODE))
    for node in nodes:
        yield from changes_of_calls(node)
    for node in nodes:
        yield from _one_for_the_other(node)


def given_back(function: Node, body: Node) -> Iterator[Change]:
    """An argument of the result's own type, or what it holds."""
    result = text_of(function.child_by_field_name("return_type")).replace(" ", "")
    for parameter in parameters_of(function):
        name, kind = (text_of(parameter.child_by_field_name(field)) for field in ("pattern", "type"))
        kind = kind.replace(" ", "")
        if not name.isidentifier() or not result:
            continue
        offers = {
            kind: name,
            f"Option<{kind}>": f"Some({name})",
            f"Box<{kind}>": f"Box::new({name})",
            f"Vec<{kind}>": f"::std::vec![{name}]",
        }
        if kind.startswith("&"):
            offers |= {kind[1:]: f"{name}.clone()"}
        if kind.startswith("&["):
            offers |= {f"Vec<{kind[2:-1]}>": f"{name}.to_vec()"}
        if result in offers and text_of(body).strip("{} \n\t") != offers[result]:
            yield Change(body.start_byte, body.end_byte, f"{{ {offers[result]} }}", "argument")


def _gone_through_less(function: Node, body: Node) -> Iterator[Change]:
    """An iterator that begins late, ends early, or goes backwards."""
    tail = body.named_children[-1] if body.named_children else None
    if tail is not None and "implIterator<" in text_of(function.child_by_field_name("return_type")).replace(" ", ""):
        yield from (Change(tail.end_byte, tail.end_byte, step, "step") for step in _LESS)


_LESS = (".skip(1)", ".take(1)", ".rev()")


def _one_for_the_other(node: Node) -> Iterator[Change]:
    """A branch, or an arm, that does what its neighbour does."""
    if node.type == "match_block":
        values = [child.child_by_field_name("value") for child in node.named_children if child.type == "match_arm"]
    elif node.type == "if_expression" and node.child_by_field_name("alternative") is not None:
        alternative = node.child_by_field_name("alternative")
        block = alternative.named_children[-1] if alternative is not None else None
        values = [node.child_by_field_name("consequence"), block]
    else:
        return
    for one, other in pairwise(values):
        if one is not None and other is not None and one.text != other.text:
            yield Change(one.start_byte, one.end_byte, text_of(other), "branch")
            yield Change(other.start_byte, other.end_byte, text_of(one), "branch")


def changes_of_calls(node: Node) -> Iterator[Change]:
    """Of a call: its argument or what it was called on, the call of its result, less of what a chain goes through."""
    if node.type != "call_expression":
        return
    function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    given = [child for child in arguments.named_children if child.type not in COMMENTS] if arguments is not None else []
    if function is None:
        return
    if (
        function.type in {"identifier", "field_expression", "scoped_identifier", "parenthesized_expression"}
        and len(given) == 1
    ):
        yield Change(node.start_byte, node.end_byte, text_of(given[0]), "call")
    if function.type == "identifier" and given:
        name, others = text_of(function), "".join(f", {text_of(child)}" for child in given[1:])
        again = f"{name}({text_of(node)}{others})"
        yield Change(node.start_byte, node.end_byte, again, "call")
        yield Change(node.start_byte, node.end_byte, f"{name}({again}{others})", "call")
    if function.type == "field_expression":
        value, method = function.child_by_field_name("value"), text_of(function.child_by_field_name("field"))
        if value is not None and method in _TERMINAL:
            yield from (Change(value.end_byte, value.end_byte, step, "step") for step in _LESS)
        elif value is not None:
            yield Change(node.start_byte, node.end_byte, text_of(value), "call")


_TERMINAL = frozenset(
    {
        *("collect", "sum", "product", "count", "fold", "for_each", "all", "any", "max", "min", "max_by", "min_by"),
        *("max_by_key", "min_by_key", "partition", "unzip", "last", "reduce", "try_fold", "find", "position", "next"),
        *("find_map", "try_for_each"),
    }
)
"""Methods at the end of a chain."""
