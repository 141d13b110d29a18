"""Single mistakes that a function's body may hold: another operator, number, method or order in one place. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from tree_sitter import Node

from node.checks.guards.reading import COMMENTS, leaves, text_of, walk
from node.checks.guards.values import sure_values

Mistake = tuple[Node, str, str]
"""What stands in the right code, what would stand in its place, and the mistake's family."""

BINARY = dict(
    zip(
        ["<", "<=", ">", ">=", "==", "!=", "&&", "||", "+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^"],
        ["<=", "<", ">=", ">", "!=", "==", "||", "&&", "-", "+", "+", "*", "/", ">>", "<<", "|", "&", "|"],
        strict=True,
    )
)
_ASSIGNING = {"+=": "-=", "-=": "+=", "*=": "+=", "/=": "*=", "%=": "/=", "|=": "&=", "&=": "|=", "^=": "|="}
_PAIRS = (
    *(("min", "max"), ("any", "all"), ("first", "last"), ("next", "next_back"), ("take", "skip")),
    *(("push_front", "push_back"), ("pop_front", "pop_back"), ("find", "rfind"), ("starts_with", "ends_with")),
    *(("is_some", "is_none"), ("is_ok", "is_err"), ("to_lowercase", "to_uppercase"), ("trim_start", "trim_end")),
    *(("to_ascii_lowercase", "to_ascii_uppercase"), ("take_while", "skip_while"), ("split_once", "rsplit_once")),
    *(("is_lowercase", "is_uppercase"), ("saturating_add", "saturating_sub"), ("wrapping_add", "wrapping_sub")),
    *(("checked_add", "checked_sub"), ("union", "intersection")),
)
_METHODS = {**dict(_PAIRS), **{second: first for first, second in _PAIRS}}
NOT_CODE = frozenset(
    {
        *("attribute_item", "inner_attribute_item", "macro_definition", "type_arguments", "array_type", "const_item"),
        *("static_item", "function_item", "impl_item", "trait_item", "match_pattern", "token_tree"),
    }
)
"""Inside these a change is another program rather than a mistake, or none that could be placed."""


def mistakes(function: Node, body: Node) -> Iterator[Mistake]:
    """All of them, in order of their places."""
    typed = typed_parameters(function)
    for node in walk(body, without=NOT_CODE):
        yield from mistakes_at(node)
        yield from _about_parameters(node, typed)


def _about_parameters(node: Node, typed: Mapping[str, str]) -> Iterator[Mistake]:
    """A call for what it changes that is missing; a field that does not get what was handed in for it."""
    if node.type == "expression_statement":
        method = _last_method(node.children[0])
        if method is not None and (method[1] in _CHANGING or method[0] in typed or method[0] == "self"):
            yield node, "", "statement"
    elif node.type == "shorthand_field_initializer":
        name = text_of(node)
        for value in sure_values(typed.get(name, "?").replace(" ", "")):
            yield node, f"{name}: {value}", "field"


def _last_method(call: Node) -> tuple[str, str] | None:
    """Of a call of a method, the first word of what it is called on, and its name."""
    function = call.child_by_field_name("function") if call.type == "call_expression" else None
    if function is None or function.type != "field_expression":
        return None
    return text_of(next(leaves(function))), text_of(function.child_by_field_name("field"))


_CHANGING = frozenset(
    {
        *("sort", "sort_by", "sort_by_key", "sort_unstable", "sort_unstable_by", "sort_unstable_by_key", "reverse"),
        *("truncate", "dedup", "clear", "retain", "swap", "rotate_left", "rotate_right", "push_str"),
    }
)
"""Methods without which the compiler still knows the type of what they would have changed."""


def mistakes_at(node: Node) -> Iterator[Mistake]:
    """Those of one node, not of what is below it."""
    rule = _RULES.get(node.type)
    if rule is not None:
        yield from rule(node)


def _operator(node: Node) -> Iterator[Mistake]:
    operator = node.child_by_field_name("operator")
    table = BINARY if node.type == "binary_expression" else _ASSIGNING
    if operator is not None and text_of(operator) in table:
        yield operator, table[text_of(operator)], "operator"


def _negation(node: Node) -> Iterator[Mistake]:
    if text_of(node.children[0]) in {"!", "-"} and len(node.children) == 2:
        yield node, text_of(node.children[1]), "negation"


def _boolean(node: Node) -> Iterator[Mistake]:
    yield node, "false" if text_of(node) == "true" else "true", "boolean"


_DIGITS_MAX = 38
"""Of a `u128`; longer ones are for the compiler to refuse."""


def _number(node: Node) -> Iterator[Mistake]:
    text = text_of(node)
    digits = len(text) - len(text.lstrip("0123456789"))
    if 0 < digits <= _DIGITS_MAX and (digits == len(text) or text[digits] in "ui"):
        yield node, str(int(text[:digits]) + 1) + text[digits:], "number"


def _range(node: Node) -> Iterator[Mistake]:
    for part in node.children:
        if part.type == ".." and node.children[-1] != part:
            yield part, "..=", "range"
        elif part.type == "..=":
            yield part, "..", "range"


def _method(node: Node) -> Iterator[Mistake]:
    function = node.child_by_field_name("function")
    name = (
        function.child_by_field_name("field") if function is not None and function.type == "field_expression" else None
    )
    if name is not None and text_of(name) in _METHODS:
        yield name, _METHODS[text_of(name)], "method"
    if function is not None and name is not None and text_of(name) in _COMPARING:
        one, other = function.children[0], node.children[-1].named_children
        swapped = _swapped(text_of(one), text_of(other[0])) if len(other) == 1 else ""
        if swapped:
            yield node, swapped.format(text_of(name)), "order"


_COMPARING = frozenset({"cmp", "partial_cmp", "total_cmp"})
_PLACE = re.compile(r"[a-z_]\w*(?:\.\w+)*")


def _swapped(one: str, other: str) -> str:
    """A comparison the other way round, `{}` for the method: of `a` with `b`, or of `a.x` with `&b.x`."""
    reference = "&" if other.startswith("&") else ""
    other = other.removeprefix("&")
    is_plain = _PLACE.fullmatch(one) is not None and _PLACE.fullmatch(other) is not None
    return f"{other}.{{}}({reference}{one})" if is_plain and one != other else ""


def _guard(node: Node) -> Iterator[Mistake]:
    """An early exit that is missing: an `if` without `else` whose block only leaves."""
    test = node.children[0] if node.children else node
    block = test.child_by_field_name("consequence") if test.type == "if_expression" else None
    if block is None or test.child_by_field_name("alternative") is not None:
        return
    inside = [child for child in block.named_children if child.type not in COMMENTS]
    if len(inside) == 1 and text_of(inside[0]).startswith(("return", "break", "continue")):
        yield node, "", "guard"


_RULES: dict[str, Callable[[Node], Iterator[Mistake]]] = {
    "binary_expression": _operator,
    "compound_assignment_expr": _operator,
    "unary_expression": _negation,
    "boolean_literal": _boolean,
    "integer_literal": _number,
    "range_expression": _range,
    "call_expression": _method,
    "expression_statement": _guard,
}


def parameters_of(function: Node) -> Sequence[Node]:
    """A function's parameters, `self` included."""
    parameters = function.child_by_field_name("parameters")
    return parameters.named_children if parameters is not None else ()


def typed_parameters(function: Node) -> dict[str, str]:
    """Patterns of a function's parameters with their types, as they are written."""
    return {
        text_of(parameter.child_by_field_name("pattern")): text_of(parameter.child_by_field_name("type"))
        for parameter in parameters_of(function)
    }
