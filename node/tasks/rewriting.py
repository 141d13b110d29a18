"""Inverse rewrites: idiomatic code made worse without changing what it does, so that the published code is the answer.

A rule looks at one syntax node and says what the less good form of it would be. Rules know no types; a rewrite that
does not compile, or under which a test fails, is no example.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

from tree_sitter import Node

from node.tasks.changes import Replacement, may_change, one_line
from node.tasks.syntax import body_of, descend, leaves, text_of
from node.tasks.view import SourceView
from node.values.crate import Item

OCCURRENCES_MAX = 3
"""Of one rule in one function: more makes the same example longer, not better."""

QUOTE_CHARS_MAX = 70

STEP = "    "

_WORDS = tomllib.loads(resources.files(__package__).joinpath("rules.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Place:
    """A node of a function's body, with what a rule may want to know around it."""

    node: Node
    function: Node
    source: bytes

    def child(self, field: str) -> Node | None:
        """A child by its grammar name."""
        return self.node.child_by_field_name(field)

    def indent(self) -> str:
        """The white space that the node's line starts with."""
        start = self.source.rfind(b"\n", 0, self.node.start_byte) + 1
        line = self.source[start : self.node.start_byte].decode(errors="replace")
        return line[: len(line) - len(line.lstrip())]

    def fresh(self, name: str) -> str:
        """`name`, or a variant of it that the function does not use yet."""
        taken = {text_of(leaf) for leaf in leaves(self.function)}
        while name in taken:
            name = f"{name}_"
        return name

    def is_tail(self) -> bool:
        """Whether the node is the value of the function's body."""
        body = body_of(self.function)
        last = body.named_children[-1] if body.named_children else None
        return last == self.node and not self.node.type.endswith(("statement", "declaration"))

    def returns(self) -> str:
        """The function's return type, empty for none."""
        node = self.function.child_by_field_name("return_type")
        return text_of(node) if node else ""

    def replace(self, text: str) -> tuple[Replacement, ...]:
        """The node replaced by `text`."""
        return (Replacement(self.node.start_byte, self.node.end_byte, text),)


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of rewrite."""

    name: str
    find: Callable[[Place], tuple[Replacement, ...] | None]
    once: bool = False
    """Whether a second occurrence in the same function is left alone."""

    @property
    def lints(self) -> tuple[str, ...]:
        """The clippy lints that may name the worse form, without their `clippy::`."""
        return tuple(_WORDS[self.name]["lints"])

    def why(self, rewrite: Rewrite) -> str:
        """Why the published form is better, one or two sentences."""
        words = " ".join(str(_WORDS[self.name]["why"]).split())
        return words.replace("{good}", rewrite.good).replace("{bad}", rewrite.bad)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A rule applied to one function: all its occurrences, at most `OCCURRENCES_MAX`."""

    rule: Rule
    changes: tuple[Replacement, ...]
    good: str
    """The published form of the first place, on one line."""
    bad: str

    def is_quotable(self) -> bool:
        """Whether the places that the rule's words quote are short enough to be quoted whole."""
        words = str(_WORDS[self.rule.name]["why"])
        return not (("{good}" in words and "…" in self.good) or ("{bad}" in words and "…" in self.bad))


def rewrites(view: SourceView, item: Item, rules: Sequence[Rule]) -> Iterator[Rewrite]:
    """What `rules` find in a function, at most one rewrite per rule."""
    node = view.node(item)
    if node is None or item.body is None:
        return
    source = view.bytes_of(item.span.path)
    places = [Place(found, node, source) for found in descend(body_of(node)) if may_change(found, node)]
    for rule in rules:
        rewrite = _apply(rule, places)
        if rewrite is not None:
            yield rewrite


def _apply(rule: Rule, places: Sequence[Place]) -> Rewrite | None:
    kept: list[tuple[Replacement, ...]] = []
    first: Place | None = None
    end = -1
    for place in places:
        changes = rule.find(place)
        # Rules may reach beyond their node; occurrences that overlap would undo each other.
        if changes and min(changes).start >= end:
            kept.append(changes)
            first = first or place
            end = max(change.end for change in changes)
        if len(kept) == (1 if rule.once else OCCURRENCES_MAX):
            break
    if first is None:
        return None
    bad = one_line(kept[0][-1].text, QUOTE_CHARS_MAX)
    return Rewrite(rule, tuple(change for changes in kept for change in changes), headline(first), bad)


def headline(place: Place) -> str:
    """What a reader would quote of a node: all of it, or what stands before its block."""
    node = place.node
    if node.type == "expression_statement" and node.named_children:
        node = node.named_children[0]
    block = node.child_by_field_name("consequence") or node.child_by_field_name("body")
    end = block.start_byte if block is not None and block.type == "block" else node.end_byte
    return one_line(place.source[node.start_byte : end].decode(errors="replace"), QUOTE_CHARS_MAX)


# Words that rules share


def text(node: Node | None) -> str:
    """The text of a node, empty for none."""
    return text_of(node) if node is not None else ""


def method_call(node: Node) -> tuple[Node, str, list[Node]] | None:
    """Receiver, name and arguments of `receiver.name(arguments)`; None for anything else, turbofish included."""
    function = node.child_by_field_name("function") if node.type == "call_expression" else None
    arguments = node.child_by_field_name("arguments") if function is not None else None
    if function is None or arguments is None or function.type != "field_expression":
        return None
    receiver, name = function.child_by_field_name("value"), function.child_by_field_name("field")
    if receiver is None or name is None:
        return None
    return receiver, text_of(name), [child for child in arguments.named_children if "comment" not in child.type]


def shifted(code: str, by: str = STEP) -> str:
    """`code` with every line but the first moved right; empty lines stay empty."""
    return re.sub(r"\n(?=[^\n])", "\n" + by, code)


def spans_lines(node: Node) -> bool:
    """Whether a literal inside `node` holds a line break, so that re-indenting would change it."""
    return any("\n" in text_of(leaf) for leaf in leaves(node) if leaf.type.endswith("literal"))


def inside(node: Node, kinds: frozenset[str], stop: Node) -> bool:
    """Whether `node` stands in one of `kinds` below `stop`."""
    parent = node.parent
    while parent is not None and parent != stop:
        if parent.type in kinds:
            return True
        parent = parent.parent
    return False


CLOSURES = frozenset({"closure_expression", "async_block"})
