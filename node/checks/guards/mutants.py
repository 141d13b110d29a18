"""Programs on which a good test must fail: the example with panics for bodies, or with one small mistake in it. Pure.

A *stub* replaces nothing: it puts a panic in front of every body, so that it type-checks whatever the signature says
(`impl Trait`, `const fn`, `async fn`). Tests that pass on it never touch the code. Mutants follow the operator
families of cargo-mutants (facts on Rust verification, section 7), and so do the values that stand for whole bodies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

from tree_sitter import Node

from node.checks.guards import further, handing_on
from node.checks.guards.mistakes import Mistake, mistakes, parameters_of
from node.checks.guards.reading import Declared, declared, identifiers, parse, text_of, walk
from node.checks.guards.values import Known, likely_values, sure_values, values_of_own_types
from node.checks.schemata import CONST_FN
from node.checks.syntax import body_start

OPAQUE = "impl Trait in the return type"
"""Why a function's mutants are not bodies: those would be of different types. They are expressions in its body."""
STUB_MESSAGE = "swarm stub"
"""What a stub panics with. No test can have expected it by accident."""


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """A function of the example with a body. Positions are byte offsets into its UTF-8 text."""

    name: str
    """Path below the example, e.g. `shapes::area`."""
    body: int
    """Of the opening brace."""
    end: int
    """After the closing brace."""
    lone_reason: str
    """Why its mutants cannot be arms of one build: `const fn`, `impl Trait`; empty when they can."""
    has_unsafe: bool
    """Its body holds `unsafe`, so that a change in it may be undefined behaviour: only all of it is changed at once."""
    is_relied_on: bool = False
    """Another function that holds `unsafe` names it: what that does with another result may be undefined, too."""


@dataclass(frozen=True, slots=True, order=True)
class Mutant:
    """One change to one function: put `text` in place of bytes [start, end) of the example."""

    start: int
    end: int
    text: str
    kind: str
    """Family: `value`, `comparison`, `arithmetic`, ..."""
    target: Target

    def applied(self, example: str) -> str:
        """The whole example with this mistake in it."""
        return _spliced(example.encode(), self.start, self.end, self.text).decode(errors="replace")

    def body(self, example: str) -> str:
        """The function's block with this mistake in it, braces included."""
        block = example.encode()[self.target.body : self.target.end]
        changed = _spliced(block, self.start - self.target.body, self.end - self.target.body, self.text)
        return changed.decode(errors="replace")


def targets_of(example: str) -> tuple[Target, ...]:
    """The example's functions that tests are about: with a body, not for tests only, not `main`; in source order."""
    return tuple(target for _, _, target in _functions(example))


def stub_of(example: str) -> str:
    """The example with a panic at the beginning of every target's body; unchanged where it has none.

    The panic stands behind a condition that only the optimiser sees through, so that no code after it is unreachable
    and no argument unused: what compiled with warnings denied still does.
    """
    source = example.encode()
    for _, body, _ in reversed(_functions(example)):
        at = body_start(body)
        source = _spliced(source, at, at, f' if true {{ panic!("{STUB_MESSAGE}") }} ')
    return source.decode(errors="replace")


def mutants_of(example: str, limit: int, steps: Mapping[int, int] | None = None) -> tuple[Mutant, ...]:
    """At most `limit` mutants, taken from the targets in turn and spread over each body; the same on every node.

    Args:
        example: The code.
        limit: How many, at most.
        steps: How far each target is from what is tested, by where its body begins: the nearest have the first turn,
            and those that are not in it none, unless that is so of all.

    What a function that holds `unsafe` does is left as it is: a small change may make it undefined, and then nothing it
    shows is a verdict. Where no other such function relies on it, something else may stand in its place as a whole.
    Whether a mutant compiles is the compiler's to say.
    """
    by_target = []
    for item, body, target in _in_turn(example, steps):
        found = _values_in(item.node, body, target) if target.has_unsafe else _mutants_in(item.node, body, target)
        by_target.append(_spread(sorted(set(found)), limit))
    return _taken_in_turn(by_target, limit)


def further_mutants_of(example: str, limit: int, steps: Mapping[int, int] | None = None) -> tuple[Mutant, ...]:
    """The same of other families (`further`), for code that has few of those: at most `limit`, the surest first."""
    known = values_of_own_types(declared(parse(example).children))
    by_target = []
    for item, body, target in _in_turn(example, steps):
        found = (Mutant(*change, target) for change in _further_in(item, body, target, known))
        by_target.append(list(dict.fromkeys(found))[:limit])
    return _taken_in_turn(by_target, limit)


def handing_on_mutants_of(example: str, limit: int, steps: Mapping[int, int] | None = None) -> tuple[Mutant, ...]:
    """The same of code that hands on what it gets (`handing_on`)."""
    by_target = []
    for item, body, target in _in_turn(example, steps):
        if not target.has_unsafe and target.lone_reason != OPAQUE:
            found = (Mutant(*change, target) for change in handing_on.changes_of_handing_on(item.node, body))
            by_target.append(list(dict.fromkeys(found))[:limit])
    return _taken_in_turn(by_target, limit)


def mutants_of_lone(example: str, steps: Mapping[int, int]) -> list[list[Mutant]]:
    """All, by target, of those functions of which no change can be an arm: `const fn` and what gives an `impl Trait`.

    Each is another text of the whole row, so that its result may be of another type.
    """
    known = values_of_own_types(declared(parse(example).children))
    by_target = []
    for item, body, target in _in_turn(example, steps):
        if not target.has_unsafe and target.lone_reason in {CONST_FN, OPAQUE}:
            unbound = replace(target, lone_reason="")
            found = [*_mutants_in(item.node, body, unbound), *_further_of(item, body, unbound, known)]
            by_target.append(list(dict.fromkeys(found)))
    return by_target


def _further_of(item: Declared, body: Node, target: Target, known: Known) -> Iterator[Mutant]:
    changes = chain(_further_in(item, body, target, known), handing_on.changes_of_handing_on(item.node, body))
    return (Mutant(*change, target) for change in changes)


def _taken_in_turn(by_target: Sequence[Sequence[Mutant]], limit: int) -> tuple[Mutant, ...]:
    turns = [mutant for turn in zip_longest(*by_target) for mutant in turn if mutant is not None]
    return tuple(sorted(turns[:limit]))


def _in_turn(example: str, steps: Mapping[int, int] | None) -> list[_Function]:
    functions = _functions(example) or _closures(example)
    if steps is None or not any(target.body in steps for _, _, target in functions):
        return functions
    reached = [function for function in functions if function[2].body in steps]
    return sorted(reached, key=lambda one: (steps[one[2].body], one[2].body))


def _mutants_in(function: Node, body: Node, target: Target) -> Iterator[Mutant]:
    if target.lone_reason == OPAQUE:
        yield from filter(None, (_in_expression(mistake, body, target) for mistake in mistakes(function, body)))
        return
    yield from _values_in(function, body, target)
    for place, text, kind in mistakes(function, body):
        yield Mutant(place.start_byte, place.end_byte, text, kind, target)


def _further_in(item: Declared, body: Node, target: Target, known: Known) -> Iterator[further.Change]:
    if target.has_unsafe:
        yield from _likely_values_in(item, body, target, known)
    elif target.lone_reason == OPAQUE:
        yield from further.changes_of_words(item.node, body, known)
    else:
        others = chain(_likely_values_in(item, body, target, known), further.changes_in(body))
        for pair in zip_longest(further.changes_of_arguments(item.node, body, known), others):
            yield from filter(None, pair)


def _in_expression(mistake: Mistake, body: Node, target: Target) -> Mutant | None:
    """The mistake as another outermost calculation: of one type with the right one, where whole bodies are not."""
    place, text, kind = mistake
    node: Node | None = place
    outermost = None
    while node is not None:
        outermost = node if node.type in {"binary_expression", "unary_expression"} else outermost
        node = node.parent if node != body else None
    if outermost is None:
        return None
    start = outermost.start_byte
    changed = _spliced(outermost.text or b"", place.start_byte - start, place.end_byte - start, text)
    return Mutant(start, outermost.end_byte, changed.decode(errors="replace"), kind, target)


def _values_in(function: Node, body: Node, target: Target) -> Iterator[Mutant]:
    result = _result_of(function)
    for value in ("self",) if result and result == _type_of_self(function) else sure_values(result):
        if _may_be(target, body, value):
            yield Mutant(target.body, target.end, f"{{ {value} }}", "value", target)


def _likely_values_in(item: Declared, body: Node, target: Target, known: Known) -> Iterator[further.Change]:
    """Whole bodies that are not as sure to compile."""
    result, tried = _result_of(item.node), sure_values(_result_of(item.node))
    above = item.node.parent.parent if item.is_member and item.node.parent is not None else None
    if result == "Self" and above is not None:
        result = text_of(above.child_by_field_name("type")).partition("<")[0]
    for value in likely_values(result, known) if result else ():
        is_itself = value == f"Default::{item.name}()"
        if value not in tried and not is_itself and _may_be(target, body, value):
            yield further.Change(target.body, target.end, f"{{ {value} }}", "value")


def _may_be(target: Target, body: Node, value: str) -> bool:
    """Whether a value may stand in the place of a body."""
    is_whole = target.lone_reason != OPAQUE and not (target.has_unsafe and target.is_relied_on)
    return is_whole and value != text_of(body).strip("{} \n\t")


def _result_of(function: Node) -> str:
    return text_of(function.child_by_field_name("return_type")).replace(" ", "")


def _type_of_self(function: Node) -> str:
    """What `self` is in a method, as its result would be written; empty where it has none."""
    for parameter in parameters_of(function):
        if parameter.type == "self_parameter":
            reference = "&" if any(child.type == "&" for child in parameter.children) else ""
            is_mutable = reference and any(child.type == "mutable_specifier" for child in parameter.children)
            has_lifetime = any(child.type == "lifetime" for child in parameter.children)
            return "" if has_lifetime else f"{reference}{'mut' if is_mutable else ''}Self"
    return ""


_Function = tuple[Declared, Node, Target]
"""With its body."""


def _functions(example: str) -> list[_Function]:
    found = []
    for item in declared(parse(example).children):
        body = item.body if item.node.type == "function_item" else None
        is_main = item.name == "main" and not item.is_member
        if body is not None and not item.in_tests and not is_main:
            found.append((item, body, _target(item, body)))
    named = [(target, identifiers(body)) for _, body, target in found if target.has_unsafe]
    return [
        (item, body, replace(target, is_relied_on=any(item.name in names for by, names in named if by != target)))
        for item, body, target in found
    ]


def _closures(example: str) -> list[_Function]:
    """Those that statics and constants hold."""
    found: list[_Function] = []
    for item in declared(parse(example).children):
        is_held = item.node.type in {"static_item", "const_item"} and not item.in_tests
        for closure in walk(item.node) if is_held else ():
            body = closure.child_by_field_name("body") if closure.type == "closure_expression" else None
            if body is not None:
                has_unsafe = any(node.type == "unsafe" for node in walk(body))
                found.append((item, body, Target(item.name, body.start_byte, body.end_byte, OPAQUE, has_unsafe)))
    return found


def _target(item: Declared, body: Node) -> Target:
    result = item.node.child_by_field_name("return_type")
    words = {
        text_of(word) for child in item.node.children if child.type == "function_modifiers" for word in child.children
    }
    reason = next((f"{word} fn" for word in ("const", "async") if word in words), "")
    if result is not None and any(node.type == "abstract_type" for node in walk(result)):
        reason = OPAQUE
    has_unsafe = "unsafe" in words or any(node.type == "unsafe" or text_of(node) == "unsafe" for node in walk(body))
    name = "::".join((*item.path, item.name))
    return Target(name, body.start_byte, body.end_byte, reason, has_unsafe)


def _spliced(source: bytes, start: int, end: int, text: str) -> bytes:
    return source[:start] + text.encode() + source[end:]


def _spread(found: Sequence[Mutant], count: int) -> list[Mutant]:
    if len(found) <= count:
        return list(found)
    return [found[index * len(found) // count] for index in range(count)]
