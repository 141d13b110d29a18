"""What macros expand to, read as Rust; and the code in which all of it says that it is used, or panics. Pure.

A right-hand side is read as Rust once `$name` is a name and the marks of repetitions are blanks, which moves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from node.checks.guards.reading import COMMENTS, declared, parse, text_of, walk
from node.checks.guards.rewriting import Rewrite
from node.checks.syntax import parse_rust

STUB = 'if true { ::core::panic!("swarm stub") }'
_HEAD = b"fn f() {"


@dataclass(frozen=True, slots=True)
class Arm:
    """A rule of a macro."""

    start: int
    """Byte of the code behind the opening bracket of its right-hand side."""
    end: int
    """That of the closing one."""
    body: Node
    """The right-hand side read as a block, at the same bytes."""
    is_read: bool
    """It is Rust."""
    rule: Node
    names: tuple[str, ...]
    """Its variables that stand for one expression."""
    repeated: tuple[tuple[int, int], ...]
    """Bytes of its repetitions, marks included."""

    def whole(self, node: Node) -> tuple[int, int]:
        """Bytes of a node, and of the repetitions of which some part stands in it."""
        start, end = node.start_byte, node.end_byte
        for first, last in self.repeated:
            if first < end and start < last and not (first < start and end < last):
                start, end = min(start, first), max(end, last)
        return start, end

    @property
    def tail(self) -> Node | None:
        """The expression that it gives."""
        last = next((child for child in reversed(self.body.named_children) if child.type not in COMMENTS), None)
        if last is not None and last.type == "expression_statement" and not text_of(last).endswith(";"):
            last = last.children[0]  # one that ends with a block
        is_value = last is not None and not last.type.endswith(("_statement", "_declaration", "_item", "_definition"))
        return last if is_value and self.is_read else None

    @property
    def is_one_expression(self) -> bool:
        """Nothing but an expression."""
        return self.tail is not None and sum(child.type not in COMMENTS for child in self.body.named_children) == 1

    @property
    def is_code(self) -> bool:
        """Statements or an expression, and no items."""
        children = [child for child in self.body.named_children if child.type not in COMMENTS]
        is_read = bool(children) and self.is_read
        return is_read and not any(child.type.endswith(("_item", "_definition")) for child in children)


def arms_of(code: bytes) -> list[Arm]:
    """The rules of the code's own macros, without those that hold `unsafe`."""
    if b"macro_rules" not in code:
        return []
    macros = [item for item in declared(parse(code.decode()).children) if item.node.type == "macro_definition"]
    rules = [rule for item in macros if not item.in_tests | makes_tests(item.node) for rule in item.node.named_children]
    rules = [rule for rule in rules if rule.type == "macro_rule" and rule.end_byte - rule.start_byte <= _BYTES_MAX]
    return [arm for rule in rules[:_ARMS_MAX] if (arm := _arm(rule, code)) is not None]


_ARMS_MAX = 64
_BYTES_MAX = 8 * 1024
"""Beyond these what is looked for would take too long; hardly anybody writes as much."""


def makes_tests(macro: Node) -> bool:
    """Whether a macro's text says that what it makes is a test: then what it asserts is not the code's."""
    return _TEST.search(macro.text or b"") is not None


_TEST = re.compile(rb"#\s*\[\s*(?:\w+\s*::\s*)*test\b")


def _arm(rule: Node, code: bytes) -> Arm | None:
    right = rule.child_by_field_name("right")
    if right is None or right.end_byte - right.start_byte < len("{x}") or b"unsafe" in (right.text or b""):
        return None
    start, end = right.start_byte + 1, right.end_byte - 1
    # Blanks as many as stand before it: so all bytes are where they are in the code.
    text = b" " * (start - len(_HEAD)) + _HEAD + _as_rust(right, code)[1:-1] + b"}"
    root = parse_rust(text)
    function = next((node for node in root.children if node.type == "function_item"), None)
    body = function.child_by_field_name("body") if function is not None else None
    repeated = tuple((node.start_byte, node.end_byte) for node in walk(right) if node.type == "token_repetition")
    return Arm(start, end, body, not root.has_error, rule, _single_names(rule), repeated) if body is not None else None


def _as_rust(right: Node, code: bytes) -> bytes:
    text = bytearray(code[right.start_byte : right.end_byte])

    def blank(start: int, end: int) -> None:
        text[start - right.start_byte : end - right.start_byte] = b" " * (end - start)

    for node in walk(right):
        if node.type == "metavariable":
            text[node.start_byte - right.start_byte] = ord("_")
        elif node.type == "token_repetition":
            opening, closing = brackets_of(node)
            blank(node.start_byte, opening.end_byte)
            blank(closing.start_byte, node.end_byte)
    return bytes(text)


def brackets_of(repetition: Node) -> tuple[Node, Node]:
    """The brackets around what is repeated."""
    opening = next(child for child in repetition.children if child.type == "(")
    return opening, next(child for child in reversed(repetition.children) if child.type == ")")


def _single_names(rule: Node) -> tuple[str, ...]:
    """Variables for expressions and names that are not repeated."""
    return tuple(variables_of(rule, ("expr", "ident", "literal"), without=frozenset({"token_repetition_pattern"})))


def variables_of(rule: Node, kinds: tuple[str, ...], *, without: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names of a rule's variables of some kinds, with `$`."""
    left = rule.child_by_field_name("left")
    for node in walk(left, without=without) if left is not None else ():
        if node.type == "token_binding_pattern" and text_of(node).endswith(tuple(f":{kind}" for kind in kinds)):
            yield text_of(node.child_by_field_name("name"))


def used_marks(arms: Sequence[Arm]) -> Rewrite:
    """The code in which every rule says its number as it is used, by an error."""
    edits = []
    for number, arm in enumerate(arms):
        mark = f'::core::compile_error!("{MARK} {number}");'
        edits.append((arm.start, arm.start, f"{{ {mark} " if arm.is_one_expression else f"{mark} "))
        if arm.is_one_expression:
            edits.append((arm.end, arm.end, " }"))
    return Rewrite(tuple(edits), "mark")


MARK = "swarm rule"
STUB_KIND = "stub"


def stub_of_arms(arms: Sequence[Arm]) -> Rewrite | None:
    """The code in which every rule that is statements or an expression panics."""
    edits = []
    for arm in arms:
        if arm.is_one_expression:
            edits += [(arm.start, arm.start, f"{{ {STUB} "), (arm.end, arm.end, " }")]
        elif arm.is_code:
            edits.append((arm.start, arm.start, f"{STUB} "))
    return Rewrite(tuple(edits), STUB_KIND) if edits else None
