"""Mistakes for code that holds few operators and numbers: what is handed in is not looked at, a step is missing. Pure.

They come after those of `mistakes`: fewer of them compile, and a test may say much and notice some of them as little as
another wording of an error. Those of a kind that an honest test is sure to notice come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, zip_longest
from typing import NamedTuple

from tree_sitter import Node

from node.checks.guards.mistakes import NOT_CODE, parameters_of
from node.checks.guards.reading import COMMENTS, text_of, walk
from node.checks.guards.values import Known, arguments_for
from node.checks.syntax import body_start


class Change(NamedTuple):
    """Text in the place of bytes [start, end)."""

    start: int
    end: int
    text: str
    kind: str
    """Family: `argument`, `order`, `step`, ..."""


def changes_in(body: Node) -> Iterator[Change]:
    """Of a body, one family after the other by turns."""
    nodes = list(walk(body, without=NOT_CODE))
    yield from _by_turns(
        [
            [change for node in nodes for change in _negated(node)],
            [change for node in nodes for change in _left_out(node)],
            [change for node in nodes for change in turned(node)],
            [change for node in nodes for change in _skipped(node)],
            [change for node in walk(body, without=NOT_CODE - {"token_tree"}) for change in reworded(node)],
        ]
    )


def changes_of_arguments(function: Node, body: Node, known: Known) -> Iterator[Change]:
    """A function that does not look at a parameter, or takes one for another.

    Whoever calls it could have handed in the same, so this breaks no promise that code with `unsafe` relies on.
    """
    start = body_start(body)
    offers = [
        [Change(start, start, f" let {name}: {kind} = {value};", "argument") for value in arguments_for(kind, known)]
        for name, kind in _parameters(function)
    ]
    yield from _by_turns(offers)
    for (one, first), (other, second) in pairwise(_parameters(function)):
        if first == second:
            values = f"{other.removeprefix('mut ')}, {one.removeprefix('mut ')}"
            yield Change(start, start, f" let ({one}, {other}) = ({values});", "order")


def changes_of_words(function: Node, body: Node, known: Known) -> Iterator[Change]:
    """The same where only a word can be changed: a parameter, a number or a text in the place of another."""
    typed = dict(_parameters(function))
    for node in walk(body, without=NOT_CODE):
        if node.type == "identifier" and text_of(node) in typed:
            values = arguments_for(typed[text_of(node)], known)
            yield from (Change(node.start_byte, node.end_byte, value, "argument") for value in values[:1])
        elif node.type == "integer_literal":
            yield from another_number(node)
        else:
            yield from reworded(node)


def another_number(literal: Node) -> Iterator[Change]:
    """One more, of a plain number."""
    text = text_of(literal)
    is_value = literal.parent is not None and literal.parent.type != "field_expression"
    if is_value and text.isdecimal() and len(text) <= _DIGITS_MAX:
        yield Change(literal.start_byte, literal.end_byte, str(int(text) + 1), "number")


_DIGITS_MAX = 38


def _by_turns(groups: Iterable[Sequence[Change]]) -> Iterator[Change]:
    return (change for turn in zip_longest(*groups) for change in turn if change is not None)


def _parameters(function: Node) -> list[tuple[str, str]]:
    """Names, with `mut` where they have it, and types of those parameters that have plain names."""
    found = []
    for node in parameters_of(function):
        pattern, kind = node.child_by_field_name("pattern"), node.child_by_field_name("type")
        if pattern is not None and pattern.type == "identifier" and kind is not None:
            is_mutable = any(child.type == "mutable_specifier" for child in node.children)
            found.append((f"{'mut ' if is_mutable else ''}{text_of(pattern)}", text_of(kind)))
    return found


def _negated(node: Node) -> Iterator[Change]:
    """A condition that is not a comparison, the other way round."""
    condition = node.child_by_field_name("condition") if node.type == "if_expression" else None
    if condition is not None and condition.type in {"identifier", "call_expression", "field_expression"}:
        yield Change(condition.start_byte, condition.end_byte, f"!{text_of(condition)}", "condition")


def _left_out(node: Node) -> Iterator[Change]:
    """A statement that changes something: a loop, a branch, an assignment, a call."""
    if node.type != "expression_statement":
        return
    inner = node.children[0]
    is_branch = inner.type == "if_expression" and inner.child_by_field_name("alternative") is None
    is_call = inner.type == "call_expression" and "." in text_of(inner.child_by_field_name("function"))
    if is_branch or is_call or inner.type in _CHANGING:
        yield Change(node.start_byte, node.end_byte, "", "step")


_CHANGING = frozenset({"for_expression", "while_expression", "assignment_expression", "compound_assignment_expr"})


def turned(node: Node) -> Iterator[Change]:
    """Two neighbours in each other's place: fields' values, parts of a tuple, arguments, results of arms."""
    if node.type == "field_initializer_list":
        parts = [child.child_by_field_name("value") for child in node.named_children if child.type not in COMMENTS]
    elif node.type in {"tuple_expression", "arguments"}:
        parts = [child for child in node.named_children if child.type not in COMMENTS]
    elif node.type == "match_block":
        parts = [child.child_by_field_name("value") for child in node.named_children if child.type == "match_arm"]
    else:
        return
    for one, other in pairwise(parts):
        if one is not None and other is not None and one.text != other.text:
            between = (node.text or b"")[one.end_byte - node.start_byte : other.start_byte - node.start_byte]
            text = f"{text_of(other)}{between.decode(errors='replace')}{text_of(one)}"
            yield Change(one.start_byte, other.end_byte, text, "order")


def _skipped(node: Node) -> Iterator[Change]:
    """A call in a chain that gives what it was called on."""
    function = node.child_by_field_name("function") if node.type == "call_expression" else None
    if function is None or function.type != "field_expression":
        return
    if text_of(function.child_by_field_name("field")) in _OF_ITS_KIND:
        yield Change(node.start_byte, node.end_byte, text_of(function.child_by_field_name("value")), "step")


_OF_ITS_KIND = frozenset(
    {
        *("filter", "rev", "skip", "take", "skip_while", "take_while", "step_by", "map", "chain", "cycle"),
        *("sorted", "sorted_by", "sorted_by_key", "sorted_unstable", "unique", "dedup", "dedup_by", "dedup_by_key"),
        *("trim", "trim_start", "trim_end", "trim_matches", "trim_start_matches", "trim_end_matches", "replace"),
        *("abs", "min", "max", "clamp", "pow", "sqrt", "floor", "ceil", "round", "saturating_sub", "saturating_add"),
        *("wrapping_add", "wrapping_sub", "wrapping_mul", "rem_euclid", "or", "or_else", "and_then", "filter_map"),
        *("rotate_left", "rotate_right", "to_lowercase", "to_uppercase", "to_ascii_lowercase", "to_ascii_uppercase"),
    }
)
"""Methods that often give the type of what they are called on."""


def reworded(node: Node) -> Iterator[Change]:
    """Another text or letter; a format keeps its holes."""
    if node.type in {"string_literal", "raw_string_literal"} and not is_excuse(node):
        text = text_of(node)
        opening, closing = text.index('"') + 1, text.rindex('"')
        start = node.start_byte
        yield Change(start + opening, start + opening, "x", "text")
        if text[opening:closing]:
            end = start + len(text[:closing].encode())
            yield Change(end, end, "y", "text")
            yield Change(start + opening, end, "", "text")
    elif node.type == "char_literal":
        yield Change(node.start_byte, node.end_byte, "'y'" if text_of(node) == "'x'" else "'x'", "text")


_EXCUSES = frozenset({"panic", "assert", "assert_eq", "assert_ne", "debug_assert", "unreachable", "todo", "expect"})


def is_excuse(literal: Node) -> bool:
    """Whether a text is what is said when all is lost anyway."""
    above = literal.parent.parent if literal.parent is not None else None
    if above is None:
        return False
    if above.type == "macro_invocation":
        return text_of(above.child_by_field_name("macro")) in _EXCUSES
    function = above.child_by_field_name("function")
    return function is not None and text_of(function.child_by_field_name("field")) in _EXCUSES
