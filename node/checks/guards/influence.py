"""What of a test has to do with the code it is about: the places that what this code gives can come to. Pure.

A statement that uses the code hands it on to every local name in it, in whatever way; so does one that uses such a
name. An assertion in a statement without any of them, and under no condition with any, says the same whatever the code
does. This errs on the side of the test: what has the same name is the same thing, a long search ends in its favour.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from tree_sitter import Node

from node.checks.guards.bodies import ASSERTIONS, HARMLESS_MACROS
from node.checks.guards.reading import (
    COMMENTS,
    IDENTIFIERS,
    STRINGS,
    Declared,
    mentions,
    names_in_format,
    text_of,
    walk,
)

_ITEMS = frozenset({"function_item", "impl_item", "trait_item", "mod_item", "macro_definition", "attribute_item"})
_ROUNDS_MAX = 24
"""A name comes to another in one round if it stands before it; honest tests are through after two or three."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A statement without the blocks in it."""

    node: Node
    names: frozenset[str]
    """What it mentions; text literals too, for files and variables outside the program are named by them."""
    parent: int
    """Which statement's block it stands in; -1 for none."""
    flows: bool
    """What happens in that block can become the value of that statement: of a `let`, or through a closure."""


@dataclass(frozen=True, slots=True)
class Link:
    """An item of the tests' own, e.g. a function, a static, or what a type implements."""

    name: str
    mentioned: frozenset[str]
    """By its text, without what it binds itself."""
    bound: frozenset[str]
    """Its parameters, and names inside."""

    @classmethod
    def of(cls, item: Node) -> Self:
        """The link that an item is; what is implemented for a type belongs to that type."""
        bound = _bound(item)
        name = text_of(item.child_by_field_name("name") or item.child_by_field_name("type"))
        return cls(name, names_in(item, everything=True) - bound, bound)


def links_of(items: Sequence[Declared], roots: Sequence[Node]) -> Iterator[Link]:
    """Of the tests' own items, which stand in `roots`; with what they rename, and what they let types do."""
    for item in items:
        above = item.node.parent.parent if item.is_member and item.node.parent is not None else None
        is_new = above is not None and above.type == "impl_item" and above.child_by_field_name("trait") is not None
        if not (item.is_test or item.node.type == "mod_item" or (item.is_member and not is_new)):
            yield Link.of(item.node)
    for root in roots:
        for node in walk(root) if mentions(root, b" as ") else ():
            if node.type == "use_as_clause":
                mentioned = names_in(node, everything=True)
                yield Link(text_of(node.child_by_field_name("alias")), mentioned, frozenset())


def leads_to(links: Sequence[Link], names: frozenset[str]) -> frozenset[str]:
    """Names of the tests' own by which they come to one of these."""
    found: set[str] = set()
    for _ in range(_ROUNDS_MAX):
        known = names | found
        added = {link.name for link in links if link.name not in known and not known.isdisjoint(link.mentioned)}
        if not added:
            break
        found |= added
    return frozenset(found)


def links_inside(body: Node) -> Iterator[Link]:
    """Of the items that stand in a body."""
    return (Link.of(node) for node in walk(body) if node.type in _LINKING)


_LINKING = frozenset({"function_item", "impl_item", "macro_definition", "const_item", "static_item", "struct_item"})


class Influence:
    """What a test's statements have to do with the code.

    Args:
        body: The test's block.
        helpers: Bodies of the tests' own functions and macros by name, as far as the test may use them.
        links: What the tests' own items tie together.
        names: What the code introduces.
    """

    def __init__(self, body: Node, helpers: Mapping[str, Node], links: Sequence[Link], names: frozenset[str]) -> None:
        self._steps: list[_Step] = []
        for name, part in (("", body), *helpers.items()):
            is_macro = part.type == "macro_definition"
            self._steps += _steps(part, len(self._steps), frozenset({name}) if is_macro else frozenset())
        self._links = links
        texts = {name for step in self._steps for name in step.names if name[:1] == '"'}
        made = (step.names for step in self._steps if _is_macro_call(step.node))
        bound = map(_bound, (body, *helpers.values()))
        self._local = texts.union(*([link.name] for link in links), *bound, *made)
        self._reached = set(names)
        self._hit: list[bool] = []
        self._is_settled = self._spread()
        self._order = sorted(range(len(self._steps)), key=lambda at: self._steps[at].node.start_byte)
        self._starts = [self._steps[at].node.start_byte for at in self._order]

    def reaches(self, node: Node) -> bool:
        """Whether what the code gives can matter to a node of the test or its helpers."""
        place = bisect_right(self._starts, node.start_byte) - 1
        at = self._order[place] if place >= 0 and self._is_settled else -1
        while at >= 0 and self._steps[at].node.end_byte < node.end_byte:
            at = self._steps[at].parent
        return at < 0 or self._hit[at]

    def _spread(self) -> bool:
        """Follow names until nothing is added; False when that takes too long to be worth it."""
        for _ in range(_ROUNDS_MAX):
            before = len(self._reached)
            self._hit = self._hits()
            for step, hit in zip(self._steps, self._hit, strict=True):
                if hit:
                    self._reached |= step.names & self._local
            for link in self._links:
                # What is called with something of the code's has it in its parameters, and in all that it changes.
                if link.name in self._reached or not self._reached.isdisjoint(link.mentioned):
                    self._reached |= {link.name, *link.bound, *(link.mentioned & self._local)}
            if len(self._reached) == before:
                return True
        return False

    def _hits(self) -> list[bool]:
        """For each statement, whether it is under something reached, or gives on something that is."""
        own = [not self._reached.isdisjoint(step.names) for step in self._steps]
        for at, step in enumerate(self._steps):
            own[at] = own[at] or (step.parent >= 0 and own[step.parent])
        for at in reversed(range(len(self._steps))):
            step = self._steps[at]
            if own[at] and step.flows:
                own[step.parent] = True
        return own


def _steps(part: Node, start: int, also: frozenset[str]) -> list[_Step]:
    """The statements of a body or macro, outer ones before those in their blocks; the first one's index is `start`."""
    found: list[_Step] = []
    waiting = [(statement, -1, False) for statement in _statements(part)]
    while waiting:
        node, parent, flows = waiting.pop()
        at = start + len(found)
        found.append(_Step(node, names_in(node) | also, parent, flows))
        gives = node.type == "let_declaration" or _assigns(node)
        for block, is_closure in _outermost_blocks(node):
            waiting.extend((statement, at, gives or is_closure) for statement in _statements(block))
    return found


def _statements(block: Node) -> list[Node]:
    if block.type != "block":
        return [block]
    return [child for child in block.named_children if child.type not in _ITEMS and child.type not in COMMENTS]


def _assigns(statement: Node) -> bool:
    inner = statement.children[0] if statement.type == "expression_statement" and statement.children else statement
    return inner.type in {"assignment_expression", "compound_assignment_expr"}


def _is_macro_call(statement: Node) -> bool:
    """Whether a statement calls a macro that may make items and variables of any of its words."""
    inner = statement.children[0] if statement.type == "expression_statement" and statement.children else statement
    known = ASSERTIONS | HARMLESS_MACROS
    return inner.type == "macro_invocation" and text_of(inner.child_by_field_name("macro")) not in known


def _outermost_blocks(node: Node) -> Iterator[tuple[Node, bool]]:
    """Blocks below a statement with no other block between, and whether each is a closure's."""
    waiting = [(child, node) for child in node.children]
    while waiting:
        top, parent = waiting.pop()
        if top.type == "block":
            yield top, parent.type in {"closure_expression", "async_block"}
        elif top.type not in _ITEMS:
            waiting.extend((child, top) for child in top.children)


def names_in(node: Node, *, everything: bool = False) -> frozenset[str]:
    """Names and text literals that a statement or expression mentions; those in its blocks only if asked for."""
    shut = frozenset() if everything else _ITEMS | {"block"}
    found: set[str] = set()
    waiting = [child for child in node.children if child.type not in shut] or [node]
    while waiting:
        top = waiting.pop()
        if top.type in IDENTIFIERS or top.type == "self":
            found.add(text_of(top))
        elif top.type in STRINGS:
            found.update(_in_text(text_of(top)))
        elif top.type not in COMMENTS:
            waiting.extend(child for child in top.children if child.type not in shut)
    return frozenset(found)


def _in_text(literal: str) -> Iterator[str]:
    """What a text names: variables if it is a format, otherwise perhaps something outside the program."""
    yield from names_in_format(literal)
    if "{" not in literal and len(literal) > _TEXT_MIN:
        yield '"' + literal


def _bound(node: Node) -> frozenset[str]:
    """Names that patterns and parameters bind anywhere below; what begins with a capital is matched, not bound."""
    found: set[str] = set()
    for inner in walk(node):
        if inner.type in _BINDING:
            found |= names_in(inner, everything=True)
        elif inner.type in _BINDING_BY_PATTERN:
            pattern = inner.child_by_field_name("pattern")
            found |= names_in(pattern, everything=True) if pattern is not None else frozenset()
    return frozenset(name for name in found if not name[:1].isupper() and name[:1] != '"')


_BINDING = frozenset({"closure_parameters", "match_pattern", "self_parameter"})
_BINDING_BY_PATTERN = frozenset({"let_declaration", "for_expression", "parameter", "let_condition"})
_TEXT_MIN = 2
"""Quotes included: an empty text names nothing."""
