"""Assertions whose outcome stands in the test's own text, whatever the code does. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from itertools import chain, islice

from tree_sitter import Node

from node.checks.guards.bodies import PLAIN, Assertion, Steps, steps_through
from node.checks.guards.conditions import holds_always
from node.checks.guards.reading import IDENTIFIERS, leaves, parse, text_of

_EQUAL = frozenset({"assert_eq", "debug_assert_eq", "prop_assert_eq"})
_COMPARING = _EQUAL | {"assert_ne", "debug_assert_ne", "prop_assert_ne"}
_CONDITIONS = frozenset({"assert", "debug_assert", "prop_assert"})
_BOUND_MAX = 200
"""Tokens of an expression that a name is bound to; a longer one is not looked into."""
_BINDS = re.compile(r"\b(?:let|const)\s+([\w#]+)")
_BINDS_STRANGELY = re.compile(r"\b(?:let|const)\b\s*[/\u0080-\U0010ffff]")
"""With a comment before the name, or what else may be a space."""


class Locals:
    """What the local names of a body stand for. Found out when first asked for a name that may be bound to something.

    Args:
        body: Of a test or a helper.
    """

    def __init__(self, body: Node) -> None:
        self._body = body

    @cached_property
    def steps(self) -> Steps:
        """All the body comes by."""
        return tuple(steps_through(self._body))

    def stand_for(self, word: str) -> tuple[str, ...]:
        """The tokens of what a name is bound to, once and for all; the word itself where it is not."""
        return self._bindings.get(word, (word,)) if self._may_bind(word) else (word,)

    def are_constant(self, names: frozenset[str]) -> bool:
        """Whether all of these are bound once to a value that stands in the text."""
        return all(map(self._may_bind, names)) and names <= self._constants

    def _may_bind(self, word: str) -> bool:
        return self._bound is None or word in self._bound

    @cached_property
    def _bound(self) -> frozenset[str] | None:
        """At least the names that plain patterns bind; None where the text does not tell."""
        text = text_of(self._body)
        return None if _BINDS_STRANGELY.search(text) else frozenset(_BINDS.findall(text))

    @cached_property
    def _bindings(self) -> Bindings:
        return _bindings(self.steps)

    @cached_property
    def _constants(self) -> frozenset[str]:
        return _constant_names(self.steps)


def _constant_names(steps: Steps) -> frozenset[str]:
    """Local names bound once to a value that stands in the text: `let x = 5;`."""
    known: set[str] = set()
    for node, _ in steps:
        if node.type not in {"let_declaration", "const_item"}:
            continue
        pattern = node.child_by_field_name("pattern") or node.child_by_field_name("name")
        value = node.child_by_field_name("value")
        is_mutable = any(child.type == "mutable_specifier" for child in node.children)
        if pattern is None or pattern.type != "identifier" or value is None or is_mutable:
            continue
        is_opaque = value.type in {"closure_expression", "macro_invocation"}
        # The type as well: `let x: Ours = Default::default();` calls what is ours.
        kind = node.child_by_field_name("type")
        parts = [value] if kind is None else [kind, value]
        inside = [] if is_opaque else list(islice(chain.from_iterable(map(leaves, parts)), _BOUND_MAX))
        names = {text_of(leaf) for leaf in inside if leaf.type in IDENTIFIERS}
        if 0 < len(inside) < _BOUND_MAX and names <= PLAIN | known:
            known.add(text_of(pattern))
        else:
            known.discard(text_of(pattern))
    return frozenset(known)


def is_constant(assertion: Assertion, known: Locals | None) -> bool:
    """Whether an assertion's outcome stands in the test's own text.

    Args:
        assertion: Of a body.
        known: What the body's names stand for; None to take them all for unknown.
    """
    compared = _compared(assertion)
    if not compared:
        return False
    names = {text_of(leaf) for part in compared for leaf in part if leaf.type in IDENTIFIERS}
    names -= PLAIN
    return not names or (known is not None and known.are_constant(frozenset(names))) or _is_tautology(assertion)


Bindings = Mapping[str, tuple[str, ...]]
"""Local names with the tokens of what they are bound to, once and for all."""


def _bindings(steps: Steps) -> Bindings:
    """Names that stand for an expression: bound once, unchanged, to something that does not change either."""
    found: dict[str, tuple[str, ...]] = {}
    left_out: set[str] = set()
    for node, _ in steps:
        if node.type == "let_declaration":
            pattern, value = node.child_by_field_name("pattern"), node.child_by_field_name("value")
            names = {text_of(leaf) for leaf in leaves(pattern)} if pattern is not None else set()
            is_mutable = any(child.type == "mutable_specifier" for child in node.children)
            words = tuple(map(text_of, islice(leaves(value), _BOUND_MAX + 1))) if value is not None else ()
            is_typed = node.child_by_field_name("type") is not None  # which may decide what the expression is
            plain = (
                pattern is not None and pattern.type == "identifier" and 0 < len(words) <= _BOUND_MAX and not is_typed
            )
            if not plain or is_mutable or not names.isdisjoint(found) or not left_out.isdisjoint(words):
                left_out |= names
            else:
                found.update(dict.fromkeys(names, words))
    return {name: words for name, words in found.items() if name not in left_out}


def compares_with_itself(assertion: Assertion, known: Locals) -> bool:
    """Whether both sides of an assertion that they are equal are the same expression, directly or by names for it."""
    if assertion.name in _EQUAL:
        sides = [_resolved(tuple(map(text_of, part)), known) for part in assertion.arguments[:2]]
        return len(sides) == 2 and sides[0] == sides[1]
    condition = _condition(assertion)
    if condition is None or condition.type != "binary_expression":
        return False
    if text_of(condition.child_by_field_name("operator")) not in {"==", "<=", ">="}:
        return False
    both = (condition.child_by_field_name("left"), condition.child_by_field_name("right"))
    left, right = (tuple(map(text_of, leaves(side))) if side is not None else () for side in both)
    return _resolved(left, known) == _resolved(right, known)


def _resolved(side: tuple[str, ...], known: Locals) -> tuple[str, ...]:
    """A side without a borrow, and if it is one name, as what that name stands for.

    Names inside an expression are left alone: that equal arguments give equal results may be what a test is about.
    """
    while side[:1] == ("&",):
        side = side[1:]
    return known.stand_for(side[0]) if len(side) == 1 else side


def _compared(assertion: Assertion) -> tuple[tuple[Node, ...], ...]:
    if assertion.name in _COMPARING:
        return assertion.arguments[:2]
    return assertion.arguments[:1] if assertion.name in _CONDITIONS else ()


def _condition(assertion: Assertion) -> Node | None:
    """The first argument of `assert!` as an expression."""
    if assertion.name not in _CONDITIONS or not assertion.arguments:
        return None
    text = " ".join(map(text_of, assertion.arguments[0]))
    for node in parse(f"fn f() {{ let _ = {text}; }}").children[0].children[-1].children:
        if node.type == "let_declaration":
            return node.child_by_field_name("value")
    return None


def _is_tautology(assertion: Assertion) -> bool:
    condition = _condition(assertion)
    return condition is not None and holds_always(condition)
