"""Mutants: single small changes to a function's body of the kinds that people make by mistake.

After the operator families of cargo-mutants (facts/feasibility-rust.md section 7). A mutant is only a suspicion: it
counts as a bug when it compiles and a test that passes on the published code fails on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tree_sitter import Node

from node.tasks.changes import Replacement, changed_body, may_change, one_line, removal
from node.tasks.syntax import COMMENTS, ancestors, body_of, descend, text_of
from node.tasks.view import SourceView
from node.values.crate import Item


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One change."""

    change: Replacement
    kind: str
    """Family, e.g. `comparison`."""
    was: str
    """The expression before, on one line."""
    now: str
    consequence: str
    """What the changed code does differently, as a clause whose subject is the changed code; true by the operators'
    meaning alone."""


_COMPARISONS = {
    "<": ("<=", "also holds when both sides are equal"),
    "<=": ("<", "does not hold any more when both sides are equal"),
    ">": (">=", "also holds when both sides are equal"),
    ">=": (">", "does not hold any more when both sides are equal"),
}
_EQUALITIES = {
    "==": ("!=", "holds exactly when it should not"),
    "!=": ("==", "holds exactly when it should not"),
}
_LOGIC = {
    "&&": ("||", "holds as soon as one side does, where both have to"),
    "||": ("&&", "needs both sides to hold, where one is enough"),
}
_ARITHMETIC = {
    "+": ("-", "subtracts where it has to add"),
    "-": ("+", "adds where it has to subtract"),
    "*": ("+", "adds where it has to multiply"),
    "/": ("*", "multiplies where it has to divide"),
    "%": ("/", "divides where it has to take the remainder"),
    "<<": (">>", "shifts in the wrong direction"),
    ">>": ("<<", "shifts in the wrong direction"),
    "&": ("|", "sets bits where it has to mask them"),
    "|": ("&", "masks bits where it has to set them"),
}
_ASSIGNMENTS = {
    "+=": ("-=", "counts down where it has to count up"),
    "-=": ("+=", "counts up where it has to count down"),
    "*=": ("+=", "adds where it has to multiply"),
    "/=": ("*=", "multiplies where it has to divide"),
    "|=": ("&=", "masks bits where it has to set them"),
    "&=": ("|=", "sets bits where it has to mask them"),
}
_METHODS = {
    "min": ("max", "picks the larger value where the smaller is meant"),
    "max": ("min", "picks the smaller value where the larger is meant"),
    "any": ("all", "asks all elements where one is enough"),
    "all": ("any", "is satisfied by a single element where all have to agree"),
    "first": ("last", "looks at the wrong end"),
    "last": ("first", "looks at the wrong end"),
    "next": ("next_back", "takes from the wrong end"),
    "next_back": ("next", "takes from the wrong end"),
    "front": ("back", "looks at the wrong end"),
    "back": ("front", "looks at the wrong end"),
    "push_front": ("push_back", "adds at the wrong end"),
    "push_back": ("push_front", "adds at the wrong end"),
    "take": ("skip", "drops the elements it has to keep"),
    "skip": ("take", "keeps the elements it has to drop"),
    "take_while": ("skip_while", "drops the elements it has to keep"),
    "skip_while": ("take_while", "keeps the elements it has to drop"),
    "find": ("rfind", "searches from the wrong end"),
    "rfind": ("find", "searches from the wrong end"),
    "split_once": ("rsplit_once", "splits at the last match instead of the first"),
    "starts_with": ("ends_with", "looks at the end instead of the start"),
    "ends_with": ("starts_with", "looks at the start instead of the end"),
    "trim_start": ("trim_end", "trims the wrong end"),
    "trim_end": ("trim_start", "trims the wrong end"),
    "is_some": ("is_none", "holds exactly when it should not"),
    "is_none": ("is_some", "holds exactly when it should not"),
    "is_ok": ("is_err", "holds exactly when it should not"),
    "is_err": ("is_ok", "holds exactly when it should not"),
    "to_lowercase": ("to_uppercase", "changes to the wrong case"),
    "to_uppercase": ("to_lowercase", "changes to the wrong case"),
    "to_ascii_lowercase": ("to_ascii_uppercase", "changes to the wrong case"),
    "to_ascii_uppercase": ("to_ascii_lowercase", "changes to the wrong case"),
    "is_lowercase": ("is_uppercase", "asks for the wrong case"),
    "is_uppercase": ("is_lowercase", "asks for the wrong case"),
    "saturating_sub": ("wrapping_sub", "wraps around where it has to stop at zero"),
    "checked_add": ("checked_sub", "subtracts where it has to add"),
    "checked_sub": ("checked_add", "adds where it has to subtract"),
}


def mutants(view: SourceView, item: Item) -> tuple[Mutant, ...]:
    """All mutants of a published function, in source order; the same on every node."""
    node = view.node(item)
    return mutants_in(node) if node is not None and item.body is not None else ()


def mutants_in(function: Node) -> tuple[Mutant, ...]:
    """All mutants of a function node that has a body."""
    found = {
        mutant
        for place in descend(body_of(function))
        if may_change(place, function)
        for operator in _OPERATORS
        for mutant in operator(place)
    }
    return tuple(sorted(found))


def spread(found: tuple[Mutant, ...], count: int) -> tuple[Mutant, ...]:
    """At most `count` of `found`, evenly over the body: what a rater tries without taking anybody's word."""
    if len(found) <= count:
        return found
    return tuple(found[i * len(found) // count] for i in range(count))


def mutated(view: SourceView, item: Item, mutant: Mutant) -> str:
    """The function's block with one mutant in it."""
    return changed_body(view, item, (mutant.change,))


def _replace(node: Node, text: str) -> Replacement:
    return Replacement(node.start_byte, node.end_byte, text)


def _with(whole: Node, part: Node, text: str) -> str:
    """The text of `whole` with `text` in place of one of its parts, on one line."""
    data = whole.text or b""
    start, end = part.start_byte - whole.start_byte, part.end_byte - whole.start_byte
    return one_line((data[:start] + text.encode() + data[end:]).decode(errors="replace"))


def _swap(whole: Node, part: Node, kind: str, table: dict[str, tuple[str, str]]) -> Iterator[Mutant]:
    if text_of(part) in table:
        text, consequence = table[text_of(part)]
        yield Mutant(_replace(part, text), kind, one_line(whole), _with(whole, part, text), consequence)


def _operators(node: Node) -> Iterator[Mutant]:
    operator = node.child_by_field_name("operator")
    if node.type == "binary_expression" and operator is not None:
        yield from _swap(node, operator, "comparison", _COMPARISONS)
        yield from _swap(node, operator, "equality", _EQUALITIES)
        yield from _swap(node, operator, "logic", _LOGIC)
        yield from _swap(node, operator, "arithmetic", _ARITHMETIC)
    elif node.type == "compound_assignment_expr" and operator is not None:
        yield from _swap(node, operator, "assignment", _ASSIGNMENTS)


def _negations(node: Node) -> Iterator[Mutant]:
    if node.type == "unary_expression" and text_of(node.children[0]) == "!":
        inner = text_of(node.children[1])
        consequence = "holds exactly when it should not"
        yield Mutant(_replace(node, inner), "negation", one_line(node), one_line(inner), consequence)


def _booleans(node: Node) -> Iterator[Mutant]:
    if node.type == "boolean_literal" and not _is_fixed(node):
        text = "false" if text_of(node) == "true" else "true"
        shown = _telling(node)
        yield Mutant(
            _replace(node, text),
            "boolean",
            one_line(shown),
            _with(shown, node, text),
            "says the opposite of what it has to",
        )


def _numbers(node: Node) -> Iterator[Mutant]:
    text = text_of(node)
    if node.type != "integer_literal" or _is_fixed(node):
        return
    digits = len(text) - len(text.lstrip("0123456789"))
    if digits < len(text) and text[digits] in "xob_":
        return  # masks and tables: off by one is not a mistake anybody makes in them
    other = str(int(text[:digits]) + 1) + text[digits:]
    shown = _telling(node)
    yield Mutant(_replace(node, other), "number", one_line(shown), _with(shown, node, other), "is off by one")


_FIXED = frozenset({"match_pattern", "tuple_pattern", "tuple_struct_pattern", "slice_pattern", "range_pattern"})


def _is_fixed(literal: Node) -> bool:
    """Whether a literal is part of a pattern or the index of a tuple field: a different one is another program."""
    parent = literal.parent
    if parent is not None and parent.type == "field_expression":
        return parent.child_by_field_name("field") == literal
    return any(node.type in _FIXED for node in ancestors(literal))


def _telling(node: Node) -> Node:
    """The nearest expression around a literal that says what the literal is for, on one line."""
    parent = node.parent
    while parent is not None and parent.type in {"arguments", "parenthesized_expression", "expression_statement"}:
        parent = parent.parent
    if parent is None or parent.type in {"block", "match_arm", "match_block"} or b"\n" in (parent.text or b"\n"):
        return node
    return parent


def _ranges(node: Node) -> Iterator[Mutant]:
    if node.type != "range_expression":
        return
    for part in node.children:
        if part.type == ".." and node.children[-1] != part:
            yield Mutant(
                _replace(part, "..="), "range", one_line(node), _with(node, part, "..="), "runs one step too far"
            )
        elif part.type == "..=":
            yield Mutant(
                _replace(part, ".."), "range", one_line(node), _with(node, part, ".."), "leaves out the last value"
            )


def _calls(node: Node) -> Iterator[Mutant]:
    function = node.child_by_field_name("function") if node.type == "call_expression" else None
    if function is None:
        return
    if function.type == "field_expression":
        name = function.child_by_field_name("field")
        if name is not None:
            yield from _swap(node, name, "method", _METHODS)
    elif text_of(function) in {"min", "max", "cmp::min", "cmp::max", "std::cmp::min", "std::cmp::max"}:
        name = function.child_by_field_name("name") or function
        yield from _swap(node, name, "method", _METHODS)


def _guards(node: Node) -> Iterator[Mutant]:
    """An early exit that is missing: an `if` without `else` whose block only leaves."""
    if node.type != "expression_statement" or not node.children or node.children[0].type != "if_expression":
        return
    test = node.children[0]
    block = test.child_by_field_name("consequence")
    condition = test.child_by_field_name("condition")
    if block is None or condition is None or test.child_by_field_name("alternative") is not None:
        return
    inside = [child for child in block.named_children if child.type not in COMMENTS]
    if len(inside) == 1 and text_of(inside[0]).startswith(("return", "break", "continue")):
        leaving = one_line(text_of(inside[0]).rstrip(";"))
        consequence = f"goes on where `{one_line(condition)}` has to end in `{leaving}`"
        yield Mutant(removal(node), "guard", one_line(test, 80), "", consequence)


def _jumps(node: Node) -> Iterator[Mutant]:
    if node.type in {"break_expression", "continue_expression"} and len(node.children) == 1:
        breaks = node.type == "break_expression"
        text = "continue" if breaks else "break"
        consequence = (
            "goes on with the loop that it has to leave" if breaks else "leaves the loop that it has to go on with"
        )
        yield Mutant(_replace(node, text), "jump", one_line(node), text, consequence)


_OPERATORS: tuple[Callable[[Node], Iterator[Mutant]], ...] = (
    _operators,
    _negations,
    _booleans,
    _numbers,
    _ranges,
    _calls,
    _guards,
    _jumps,
)
