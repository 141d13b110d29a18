"""Tests that say nothing, told from their text. Pure; what only execution can tell is left to stubs and mutants.

    reasons = wholly_vacuous(Reading.of_texts(test_source, example_source))

Every class errs on the side of the test: what is not understood (a macro of another crate, a helper out of sight) may
well assert, and then the stub decides.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import chain
from typing import Self

from tree_sitter import Node

from node.checks.guards import bodies
from node.checks.guards.conditions import condition_holds
from node.checks.guards.influence import Influence, Link, leads_to, links_inside, links_of, names_in
from node.checks.guards.kinds import Reason, Vacuity
from node.checks.guards.obliging import asks_who_says_yes, obliging_types, reports_success
from node.checks.guards.outcomes import Locals, compares_with_itself, is_constant
from node.checks.guards.reading import (
    Declared,
    attribute_name,
    declared,
    each_identifier,
    identifiers,
    introduced,
    made_by_macros,
    mentions,
    name_of,
    outermost,
    parse,
    text_of,
    walk,
)
from node.checks.guards.redefined import other_code_in_tests, redefinitions
from node.checks.guards.tautologies import OPERATORS


def wholly_vacuous(reading: Reading) -> tuple[Reason, ...]:
    """Why no test of a row can show anything, sorted; empty as soon as one can: one sound test carries a row."""
    if not reading.tests:
        return reading.without_tests()
    found = list(reading.redefinitions())
    if found:
        return tuple(sorted([*found, *filter(None, map(reading.against, reading.tests))]))
    for test in reading.tests:
        reason = reading.against(test)
        if reason is None:
            return ()
        found.append(reason)
    return () if reading.has_made_tests else tuple(sorted(found))


@dataclass(frozen=True)
class Reading:
    """A row's items, by whether they are there for tests only."""

    code: tuple[Declared, ...]
    given: tuple[Declared, ...]
    """The tests' own."""
    beside: tuple[Declared, ...]
    """Those that stand beside the code, for tests only, where the tests stand somewhere else."""
    roots: tuple[Node, ...]
    tests: tuple[Declared, ...]
    names: frozenset[str]
    """What the code introduces."""

    @classmethod
    def of_texts(cls, test_source: str, example_source: str) -> Self:
        """Read a row.

        Args:
            test_source: The row's tests: bare `#[test]` functions, a module of them, or an integration test. Empty when
                they stand in `example_source`, under `#[cfg(test)]`.
            example_source: The row's code.
        """
        return cls._of(parse(example_source).children, parse(test_source).children if test_source else None)

    @classmethod
    def of_file(cls, root: Node, tests_start: int) -> Self:
        """Read a row of which the whole file has been parsed already, and without errors.

        Args:
            root: The file.
            tests_start: The byte where the row's tests begin, at its end if they stand in the code.
        """
        nodes = root.children
        split = bisect_left(nodes, tests_start, key=lambda node: node.start_byte)
        return cls._of(nodes[:split], nodes[split:] or None)

    @classmethod
    def _of(cls, example_nodes: Sequence[Node], test_nodes: Sequence[Node] | None) -> Self:
        example = declared(example_nodes)
        code = tuple(item for item in example if not item.in_tests)
        for_tests = tuple(item for item in example if item.in_tests)
        given, beside = (for_tests, ()) if test_nodes is None else (declared(test_nodes), for_tests)
        roots = tuple(outermost(given)) if test_nodes is None else tuple(test_nodes)
        made = (made_by_macros(node) for node in example_nodes)
        names = frozenset(name for item in code for name in introduced(item)).union(*made)
        return cls(code, given, beside, roots, tuple(item for item in given if item.is_test), names)

    @cached_property
    def first_telling(self) -> dict[int, bodies.Assertion]:
        """By where a test begins, the first of its assertions that may say something, of tests that were looked at."""
        return {}

    @cached_property
    def telling(self) -> frozenset[str]:
        """Of the names those that say that the code is meant: not `new` or `len`, which every type has."""
        members = {item.name for item in self.code if item.is_member} & bodies.PLAIN
        return self.names - (members - {item.name for item in self.code if not item.is_member})

    @cached_property
    def plain(self) -> frozenset[str]:
        """Names that say nothing of the code: `MAX` does where the code has a constant of that name."""
        values = (item for item in self.code if item.node.type in {"const_item", "static_item"} and not item.is_member)
        return bodies.PLAIN - {item.name for item in values}

    @cached_property
    def own(self) -> frozenset[str] | None:
        """Methods of the code's own, which need not do what others of their name do; None where it has no functions.

        Those that give unsigned numbers do, as far as that is asked of them.
        """
        functions = [item for item in self.code if item.node.type == "function_item"]
        made = (identifiers(item.node) for item in self.code if item.node.type == "macro_definition")
        members = [item for item in functions if item.is_member]
        own = (item.name for item in members if item.name in OPERATORS or not _is_unsigned(item.node))
        return frozenset(own).union(*made) if functions else None

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """What the tests' own items tie together."""
        return tuple(links_of(self.given, self.roots))

    @cached_property
    def obliging(self) -> frozenset[str]:
        """Types of the tests' own that are content with everything."""
        return obliging_types(self.given)

    @cached_property
    def harmless(self) -> frozenset[str]:
        """Macros of the row's own that fail no test by being called: the tests' ones are looked into like functions."""
        own = {item.name for item in (*self.given, *self.beside) if item.node.type == "macro_definition"}
        of_code = {
            item.name for item in self.code if item.node.type == "macro_definition" and not bodies.can_fail(item.node)
        }
        return frozenset(own | of_code)

    def without_tests(self) -> tuple[Reason, ...]:
        """What there is to say of a row without a test function."""
        # proptest! and its like write the functions themselves.
        steps = (bodies.steps_through(root) for root in self.roots)
        calls = (call for each in steps for call in bodies.macro_calls(each))
        hidden = any(name == bodies.QUICKCHECK or "test" in identifiers(tree) for name, tree in calls)
        return () if hidden else (Reason("", Vacuity.NO_TEST.value, "there is no test function"),)

    @cached_property
    def has_made_tests(self) -> bool:
        """Whether a crate's macro writes test functions, of which nothing is known here.

        Only in an item's place, and by their attribute: words are easily put into any other macro.
        """
        own = {item.name for item in (*self.code, *self.given, *self.beside) if item.node.type == "macro_definition"}
        known = own | bodies.HARMLESS_MACROS | bodies.ASSERTIONS
        return any(
            name not in known and (name == bodies.QUICKCHECK or _TEST_INSIDE.search(tree.text or b"") is not None)
            for name, tree in _item_macros(self.roots)
        )

    def redefinitions(self) -> Iterator[Reason]:
        """What makes every test of the row say nothing."""
        yield from redefinitions((*self.given, *self.beside), self.code, self.roots)
        yield from other_code_in_tests(self.code)

    def telling_assertions(self, test: Declared) -> Iterator[bodies.Assertion]:
        """What of a test, or of what it calls, may say something, in order; read no further than what is taken."""
        if test.body is None:
            return
        parts, helpers = _parts(test.body, self)
        for item, says in _read_assertions(test, self, parts, helpers):
            if says is _Says.SOMETHING:
                yield item

    def against(self, test: Declared) -> Reason | None:
        """Why one test says nothing; None when it may say something."""
        reason = _against(test, self)
        return Reason(path_of(test), reason[0].value, reason[1]) if reason is not None else None


_TEST_INSIDE = re.compile(rb"#\s*\[\s*(?:[\w:]+::)?test\b")


def _item_macros(roots: Sequence[Node]) -> Iterator[tuple[str, Node]]:
    """Names and arguments of macros that stand where items do."""
    left = list(roots)
    while left:
        node = left.pop()
        if node.type in {"mod_item", "declaration_list", "expression_statement"}:
            left += node.named_children
        elif node.type == "macro_invocation":
            name, tree = node.child_by_field_name("macro"), node.named_children[-1]
            if name is not None:
                yield text_of(name).replace(" ", "").rsplit("::", 1)[-1], tree


def path_of(test: Declared) -> str:
    """The test's path below its file."""
    return "::".join((*test.path, test.name))


def _against(test: Declared, row: Reading) -> tuple[Vacuity, str] | None:
    """The first class that a test falls in."""
    attributes = {attribute_name(item): item for item in test.attributes}
    if "ignore" in attributes:
        return Vacuity.IGNORED, "is ignored"
    condition = _false_condition(test, row.given)
    if condition:
        return Vacuity.CONFIGURED_OUT, f"is compiled under {condition} only"
    panics = attributes.get("should_panic")
    if panics is not None and not _names_a_panic(panics):
        return Vacuity.PANIC_NOT_NAMED, "passes on any panic: should_panic names none"
    if test.body is None:
        return Vacuity.NO_ASSERTION, "has no body"
    parts, helpers = _parts(test.body, row)
    if not _uses_code(row, parts):
        return Vacuity.NO_CALL, "uses nothing of the example"
    if any(_CASE_PANICS.match(text_of(item)) for item in test.attributes):
        return None
    if panics is not None:
        return (Vacuity.PANICS_ITSELF, "panics whatever the code does") if bodies.panics_itself(test.body) else None
    return _against_assertions(test, row, parts, helpers)


def _uses_code(row: Reading, parts: Sequence[Node]) -> bool:
    if not row.names or not row.names.isdisjoint(name for part in parts for name in each_identifier(part)):
        return True
    return not leads_to(row.links, row.names).isdisjoint(name for part in parts for name in each_identifier(part))


def _parts(body: Node, row: Reading) -> tuple[tuple[Node, ...], dict[str, Node]]:
    """A test's body and those of the tests' own functions that it uses; and these by name."""
    helpers = _helpers(body, row.given)
    parts = bodies.helpers_used(body, helpers)
    return parts, {name: node for name, node in helpers.items() if node in parts}


def _against_assertions(
    test: Declared, row: Reading, parts: Sequence[Node], helpers: Mapping[str, Node]
) -> tuple[Vacuity, str] | None:
    said: set[_Says] = set()
    for item, says in _read_assertions(test, row, parts, helpers):
        if says is _Says.SOMETHING:
            row.first_telling[test.node.start_byte] = item
            return None  # One is enough.
        said.add(says)
    return _said_of(parts[0], said)


class _Says(Enum):
    """What can be told of an assertion by its text."""

    CONSTANT, ITSELF, UNRELATED, SOMETHING = range(4)


def _read_assertions(
    test: Declared, row: Reading, parts: Sequence[Node], helpers: Mapping[str, Node]
) -> Iterator[tuple[bodies.Assertion, _Says]]:
    """What can fail in a test and its helpers, in order; read no further than what is taken of this."""
    harmless = row.harmless | helpers.keys()
    influence = None
    for part in parts:
        known = Locals(part, row.own)
        gives_back = part is parts[0] and test.node.child_by_field_name("return_type") is not None
        gives_back = gives_back and not reports_success(test.node, row.obliging)
        for item in _asserted(part, known, harmless, gives_back=gives_back):
            if compares_with_itself(item, known):
                yield item, _Says.CONSTANT if is_constant(item, known, row.plain) else _Says.ITSELF
            elif is_constant(item, known, row.plain) or asks_who_says_yes(item, row.obliging):
                yield item, _Says.CONSTANT
            elif not row.telling.isdisjoint(names_in(item.node)):
                yield item, _Says.SOMETHING  # It names the code: no need to follow what comes to it.
            else:
                if influence is None and row.telling:
                    influence = Influence(parts[0], helpers, (*row.links, *links_inside(parts[0])), row.telling)
                reached = influence is None or influence.reaches(item.node)
                yield item, _Says.SOMETHING if reached else _Says.UNRELATED


def _asserted(part: Node, known: Locals, harmless: frozenset[str], *, gives_back: bool) -> Iterator[bodies.Assertion]:
    """What can fail in a body. It is read no further than what is taken of this, unless its last words count too."""
    if not gives_back:
        return bodies.assertions(bodies.steps_through(part), harmless)
    return chain(bodies.assertions(known.steps, harmless), bodies.endings(part, known.steps))


def _is_unsigned(function: Node) -> bool:
    return text_of(function.child_by_field_name("return_type")) in _UNSIGNED


_UNSIGNED = frozenset({"u8", "u16", "u32", "u64", "u128", "usize"})


_EMPTY_TEXT = re.compile(r'=\s*(?:r#*)?""')


_CASE_PANICS = re.compile(r'#\s*\[\s*(?:test_case\s*::\s*)?test_case\([^\n]*=>\s*panics\s+"[^"]')
"""How test_case says that a case must panic, and with what words."""


def _names_a_panic(attribute: Node) -> bool:
    text = text_of(attribute)
    return ("expected" in text or "=" in text) and _EMPTY_TEXT.search(text) is None


def _said_of(body: Node, said: set[_Says]) -> tuple[Vacuity, str]:
    if _Says.ITSELF in said:
        return Vacuity.SELF_COMPARISON, "compares expressions with themselves"
    if _Says.UNRELATED in said:
        return Vacuity.UNRELATED_ASSERTION, "asserts nothing about what the code gives"
    if said:
        return Vacuity.CONSTANT_ASSERTION, "asserts constants only"
    if not bodies.ASSERTIONS.isdisjoint(identifiers(body)):
        return Vacuity.UNREACHED_ASSERTION, "its assertions are never reached"
    return Vacuity.NO_ASSERTION, "asserts nothing"


def _helpers(body: Node, given: Sequence[Declared]) -> dict[str, Node]:
    """Functions and macros of the tests' own that a body may call: beside it, or inside it."""
    found = {
        item.name: item.node
        for item in given
        if item.node.type in {"function_item", "macro_definition"} and not item.is_test and item.name
    }
    for node in walk(body) if mentions(body, b"fn", b"macro_rules") else ():
        if node.type in {"function_item", "macro_definition"}:
            found[name_of(node)] = node
    return {name: node.child_by_field_name("body") or node for name, node in found.items()}


def _false_condition(test: Declared, given: Sequence[Declared]) -> str:
    """The `cfg` around a test that an ordinary build does not satisfy; empty when there is none that we are sure of."""
    around = [item for item in given if item.node.type == "mod_item" and _contains(item.node, test.node)]
    for attribute in (node for item in (*around, test) for node in item.attributes):
        if attribute_name(attribute) == "cfg" and condition_holds(attribute) is False:
            return text_of(attribute)
    return ""


def _contains(outer: Node, inner: Node) -> bool:
    return outer.start_byte <= inner.start_byte and inner.end_byte <= outer.end_byte
