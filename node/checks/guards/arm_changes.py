"""Mistakes in what macros expand to. Pure.

What does not read as Rust is left alone, and whether a change is Rust in every use is the compiler's to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain, pairwise, zip_longest

from tree_sitter import Node

from node.checks.guards import further
from node.checks.guards.arms import Arm, brackets_of, variables_of
from node.checks.guards.handing_on import changes_of_calls, given_back
from node.checks.guards.mistakes import BINARY, mistakes_at
from node.checks.guards.reading import COMMENTS, text_of, walk
from node.checks.guards.rewriting import (
    Rewrite,
    by_turns,
    changes_of_tokens,
    each_other,
    in_place,
    is_printed,
    literals_in,
)
from node.checks.guards.values import sure_values

_NOT_CODE = frozenset({"attribute_item", "inner_attribute_item", "macro_definition", "type_arguments", "match_pattern"})


def changes_of_arm(arm: Arm, code: bytes) -> list[Rewrite]:
    """Of a rule, one family after the other by turns."""
    if not arm.is_read:
        return []
    nodes = list(walk(arm.body, without=_NOT_CODE))
    texts = [change for node in nodes if not is_printed(node) for change in further.reworded(node)]
    orders = [change for node in nodes for change in further.turned(node)]
    groups = [
        [in_place(place, text, kind) for node in nodes for place, text, kind in mistakes_at(node)],
        [*_other_marks(arm, code), *_among_tokens(arm)],
        list(_other_results(arm, code)),
        list(_other_arguments(arm)),
        [change for node in nodes for change in _left_out(node, arm, code)],
        [change for node in nodes for change in _changed_places(node, code)],
        [change for node in nodes for change in _other_bodies(node)],
        list(map(_as_rewrite, texts)),
        list(map(_as_rewrite, [*orders, *(change for node in nodes for change in changes_of_calls(node))])),
    ]
    variables = {f"_{text_of(node)[1:]}": text_of(node) for node in walk(arm.rule) if node.type == "metavariable"}
    return by_turns([_with_variables(change, variables) for change in group] for group in groups)


def _as_rewrite(change: further.Change) -> Rewrite:
    return Rewrite(((change.start, change.end, change.text),), change.kind)


def _with_variables(change: Rewrite, variables: Mapping[str, str]) -> Rewrite:
    """With `$name` for what it is read as."""
    if not variables:
        return change
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(variables)))})\b")
    edits = tuple(
        (start, end, pattern.sub(lambda found: variables[found[0]], text)) for start, end, text in change.edits
    )
    return Rewrite(edits, change.kind)


def _other_marks(arm: Arm, code: bytes) -> Iterator[Rewrite]:
    """Another operator between what is repeated."""
    for node in walk(arm.rule.child_by_field_name("right") or arm.rule):
        if node.type == "token_repetition":
            start, end = brackets_of(node)[1].end_byte, node.end_byte - 1
            other = BINARY.get(code[start:end].decode(errors="replace").strip())
            if other is not None:
                yield Rewrite(((start, end, other),), "operator")


def _among_tokens(arm: Arm) -> Iterator[Rewrite]:
    """In the arguments of macros that it uses."""
    trees = [node for node in walk(arm.body, without=_NOT_CODE | {"token_tree"}) if node.type == "token_tree"]
    for tree in trees:
        yield from changes_of_tokens(tree)
        yield from each_other([literal for literal in literals_in(tree) if "string" not in literal.type])


_VALUES = (
    *("::core::default::Default::default()", "1", "true", '"xyzzy"', '::std::string::String::from("xyzzy")', "'x'"),
    *("1.5", "::core::option::Option::None"),
)
_CHANGED = (
    *(f"{{{{ let mut swarm = {{}}; {step}; swarm }}}}" for step in ("swarm.clear()", "swarm.pop()", "swarm.push('x')")),
    *("1 + ({})", "!({})", "1.5 + ({})"),
    *(f"{{{{ let mut swarm = {{}}; {step}; swarm }}}}" for step in ("swarm.reverse()", "swarm.pop_first()")),
)
"""What is done to a value of some type; of others it does not compile."""


def _other_results(arm: Arm, code: bytes) -> Iterator[Rewrite]:
    """Something else of the type of what it gives, whatever that is: a plain value, or a change of the right one.

    The right one stands in another branch of each, so that the type stays known.
    """
    tail = arm.tail
    if tail is None or tail.type in _WITHOUT_VALUE:
        return
    start, end = arm.whole(tail)
    right = code[start:end].decode(errors="replace")
    values = (*(name for name in arm.names if name != right), *_VALUES)
    offers = [f"if true {{ {value} }} else {{ {right} }}" for value in values]
    changed = [form.format(right) for form in _CHANGED]
    for offer in filter(None, chain.from_iterable(zip_longest(offers, changed))):
        yield Rewrite(((start, end, offer),), "value")


def _other_arguments(arm: Arm) -> Iterator[Rewrite]:
    """Something else than what it is given, of the same type."""
    expressions = set(variables_of(arm.rule, ("expr", "literal")))
    right = arm.rule.child_by_field_name("right")
    uses = [node for node in walk(right or arm.rule) if node.type == "metavariable" and text_of(node) in expressions]
    for form in _CHANGED_ARGUMENTS:
        yield from (in_place(node, form.format(text_of(node)), "argument") for node in uses)


_CHANGED_ARGUMENTS = (
    *("(if true {{ ::core::default::Default::default() }} else {{ {} }})", "(1 + {})", "(!{})", "(1.5 + {})"),
)
_WITHOUT_VALUE = frozenset({"for_expression", "while_expression", "assignment_expression", "compound_assignment_expr"})


def _left_out(node: Node, arm: Arm, code: bytes) -> Iterator[Rewrite]:
    """A statement that is never come to, and still says what types there are."""
    is_statement = node.type == "expression_statement" or (node == arm.tail and node.type in _WITHOUT_VALUE)
    if is_statement and not (node == arm.body.named_children[-1] and node.type in _WITHOUT_VALUE):
        start, end = arm.whole(node)
        statement = code[start:end].decode(errors="replace")
        yield Rewrite(((start, end, f"if false {{ {statement} }}"),), "step")


def _changed_places(node: Node, code: bytes) -> Iterator[Rewrite]:
    """Two neighbouring statements in each other's place."""
    statements = [child for child in node.named_children if child.type not in COMMENTS] if node.type == "block" else []
    for one, other in pairwise(statements):
        if one.type == other.type == "expression_statement" and one.text != other.text:
            texts = [code[each.start_byte : each.end_byte].decode(errors="replace") for each in (other, one)]
            yield Rewrite(((one.start_byte, other.end_byte, " ".join(texts)),), "order")


def _other_bodies(node: Node) -> Iterator[Rewrite]:
    """Of functions that it makes."""
    body = node.child_by_field_name("body") if node.type == "function_item" else None
    if body is not None:
        for value in (*sure_values(text_of(node.child_by_field_name("return_type")).replace(" ", "")), "self"):
            yield in_place(body, f"{{ {value} }}", "value")
        yield from map(_as_rewrite, given_back(node, body))
