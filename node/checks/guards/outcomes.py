"""Assertions whose outcome stands in the test's own text, whatever the code does. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from itertools import chain, islice

from tree_sitter import Node

from node.checks.guards.bodies import PLAIN, Assertion, Steps, steps_through
from node.checks.guards.conditions import literally
from node.checks.guards.reading import IDENTIFIERS, STRINGS, leaves, names_in_format, parse, text_of
from node.checks.guards.tautologies import holds_always

_EQUAL = frozenset({"assert_eq", "debug_assert_eq", "prop_assert_eq"})
_DIFFERENT = frozenset({"assert_ne", "debug_assert_ne", "prop_assert_ne"})
_COMPARING = _EQUAL | _DIFFERENT
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
        own: Methods of the code's own, which need not do what others of their name do; None where nothing is known.
    """

    def __init__(self, body: Node, own: frozenset[str] | None = None) -> None:
        self._body = body
        self.own = own

    @cached_property
    def steps(self) -> Steps:
        """All the body comes by."""
        return tuple(steps_through(self._body))

    def stand_for(self, word: str) -> tuple[str, ...]:
        """The tokens of what a name is bound to, once and for all; the word itself where it is not."""
        return self._bindings.get(word, (word,)) if self._may_bind(word) else (word,)

    def uses(self, word: str) -> int:
        """How often a name occurs, where it is bound included."""
        return self._uses[word]

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
    def _uses(self) -> Counter[str]:
        return Counter(text_of(leaf) for leaf in leaves(self._body) if leaf.type in IDENTIFIERS)

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


def is_constant(assertion: Assertion, known: Locals | None, plain: frozenset[str] = PLAIN) -> bool:
    """Whether an assertion's outcome stands in the test's own text.

    Args:
        assertion: Of a body.
        known: What the body's names stand for; None to take them all for unknown.
        plain: Names that are not the row's.
    """
    compared = _compared(assertion)
    if not compared:
        return False
    leaves_compared = [leaf for part in compared for leaf in part]
    names = {text_of(leaf) for leaf in leaves_compared if leaf.type in IDENTIFIERS} - plain
    names.update(name for leaf in leaves_compared if leaf.type in STRINGS for name in names_in_format(text_of(leaf)))
    if not names:
        return not _is_failure(assertion)
    return (known is not None and known.are_constant(frozenset(names))) or _is_tautology(assertion, known)


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
            kind = node.child_by_field_name("type")
            is_typed = kind is not None and kind.type != "primitive_type"  # which may decide what the expression is
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
    """A side without borrows and copies, and if it is one name, as what that name stands for.

    Names inside an expression are left alone: that equal arguments give equal results may be what a test is about.
    """
    for _ in range(_NAMES_MAX):
        before = side
        while side[:1] in {("&",), ("*",)}:
            side = side[1:]
        if known.own is not None:
            side = _original(_printed(side), known.own)
        side = _meant(side[0], known) if len(side) == 1 else side
        if side == before:
            break
    return side


_NAMES_MAX = 8
"""Names that stand for names."""


def _meant(word: str, known: Locals) -> tuple[str, ...]:
    """What a name stands for; a copy only where nothing else comes near it and its original, which may share a part."""
    words = known.stand_for(word)
    base = _original(words, known.own or frozenset())
    if base != words and (known.uses(word) > _ONCE or any(known.uses(name) > _ONCE + 1 for name in base)):
        return (word,)
    return words


_ONCE = 2
"""Uses of a name that is bound, and then compared."""
_COPYING = frozenset({"clone", "to_owned", "to_vec"})
_UNCHANGED: dict[tuple[str, ...], str] = {("+", "0"): "add", ("-", "0"): "sub", ("*", "1"): "mul", ("/", "1"): "div"}


def _original(words: tuple[str, ...], own: frozenset[str]) -> tuple[str, ...]:
    """What something is a copy of, unless the code itself says how it is copied."""
    while words[-2:] == ("(", ")") and words[-4:-3] == (".",) and words[-3] in _COPYING - own:
        words = words[:-4]
    operator = _UNCHANGED.get(words[-2:], "") if len(words) > _ONCE else ""
    return words[:-2] if operator and operator not in own else words


def _printed(words: tuple[str, ...]) -> tuple[str, ...]:
    """`x.to_string()` for the ways of saying `format!("{x}")`."""
    if words[:3] != ("format", "!", "("):
        return words
    inside = _NAMED_HOLE.fullmatch(words[3])
    if inside is not None and words[4:] == (")",):
        words = (*words[:3], f'"{{{inside[2]}}}"', ",", inside[1], ")")
    return (*words[5:-1], ".", "to_string", "(", ")") if words[3:5] == ('"{}"', ",") else words


_NAMED_HOLE = re.compile(r'"\{([a-z_]\w*)((?::[?#]+)?)\}"')


def _compared(assertion: Assertion) -> tuple[tuple[Node, ...], ...]:
    if assertion.name in _COMPARING:
        return assertion.arguments[:2]
    return assertion.arguments[:1] if assertion.name in _CONDITIONS else ()


def _condition(assertion: Assertion) -> Node | None:
    """The first argument of `assert!` as an expression, or what `assert_eq!` and `assert_ne!` say."""
    sides = assertion.arguments[: 2 if assertion.name in _COMPARING else 1]
    if assertion.name not in _CONDITIONS | _COMPARING or not sides:
        return None
    text = (" != " if assertion.name in _DIFFERENT else " == ").join(" ".join(map(text_of, side)) for side in sides)
    for node in parse(f"fn f() {{ let _ = {text}; }}").children[0].children[-1].children:
        if node.type == "let_declaration":
            return node.child_by_field_name("value")
    return None


def _is_failure(assertion: Assertion) -> bool:
    """`assert!(false)`, which stands where a panic might."""
    return assertion.name in _CONDITIONS and literally([text_of(leaf) for leaf in assertion.arguments[0]]) is False


def _is_tautology(assertion: Assertion, known: Locals | None) -> bool:
    condition = _condition(assertion)
    if condition is None:
        return False
    if known is None:
        return holds_always(condition, None, lambda word: (word,))
    return holds_always(condition, known.own, known.stand_for)
