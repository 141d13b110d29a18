"""What a piece of Rust spends, counted from its text: a stand-in for measuring that gives every node the same number.

Counted are the places where memory is allocated, sequences are walked to their end, values are computed that may not be
needed, and buffers grow from nothing. A place inside a loop or closure counts eight times per level, because it is paid
per turn. Types are unknown: the count says which of two versions of the same function spends more at the same kinds of
place, nothing about absolute speed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from tree_sitter import Node

from node.tasks.syntax import ancestors, descend, parse, text_of

PER_LEVEL = 8
LEVELS_MAX = 3

_ALLOCATING = frozenset(
    {
        "clone",
        "collect",
        "concat",
        "into_owned",
        "join",
        "repeat",
        "replace",
        "sort",
        "sort_by",
        "sort_by_key",
        "to_ascii_lowercase",
        "to_ascii_uppercase",
        "to_lowercase",
        "to_owned",
        "to_string",
        "to_uppercase",
        "to_vec",
    }
)
_WALKING = frozenset({"count", "last", "sum", "max", "min", "fold", "collect"})
_EAGER = frozenset({"unwrap_or", "ok_or", "or_insert", "map_or"})
_REPEATED = frozenset(
    {"for_expression", "while_expression", "loop_expression", "closure_expression"},
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Weighted counts of places."""

    allocations: int = 0
    walks: int = 0
    eager: int = 0
    """Arguments computed although the call may not use them: calls and macros as arguments of `unwrap_or` and kin."""
    growth: int = 0
    """Buffers created empty, which allocate again and again while they fill."""

    def cheaper_than(self, other: Cost) -> bool:
        """Whether something is spent less and nothing more."""
        pairs = [(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)]
        return all(mine <= theirs for mine, theirs in pairs) and any(mine < theirs for mine, theirs in pairs)


def cost_of(code: str) -> Cost:
    """Count what `code` spends."""
    counts = dict.fromkeys((field.name for field in fields(Cost)), 0)
    for node in descend(parse(code.encode())):
        for kind in _kinds(node):
            counts[kind] += PER_LEVEL ** min(_level(node), LEVELS_MAX)
    return Cost(**counts)


def _kinds(node: Node) -> list[str]:
    if node.type == "macro_invocation":
        return ["allocations"] if text_of(node.children[0]) in {"format", "vec"} else []
    function = node.child_by_field_name("function") if node.type == "call_expression" else None
    while function is not None and function.type == "generic_function":
        function = function.child_by_field_name("function")
    if function is None:
        return []
    if function.type == "scoped_identifier":
        path = re.sub(r"(::)?<.*>(?=::)", "", text_of(function)).rsplit("::", 2)[-2:]
        created = path[0] in {"String", "Vec", "HashMap", "BTreeMap", "VecDeque", "HashSet"}
        kinds = ["growth"] if created and path[-1] == "new" else []
        return [*kinds, *(["allocations"] if path in (["Cow", "Owned"], ["String", "from"], ["Box", "new"]) else [])]
    name = function.child_by_field_name("field") if function.type == "field_expression" else None
    return _method_kinds(text_of(name), node) if name is not None else []


def _method_kinds(name: str, call: Node) -> list[str]:
    kinds = ["allocations"] if name in _ALLOCATING else []
    kinds += ["walks"] if name in _WALKING else []
    arguments = call.child_by_field_name("arguments")
    first = arguments.named_children[0] if arguments is not None and arguments.named_children else None
    computed = first is not None and first.type in {"call_expression", "macro_invocation"}
    return [*kinds, "eager"] if name in _EAGER and computed else kinds


def _level(node: Node) -> int:
    """Loops and closures around a node, of which it is not the head that is evaluated once."""
    level = 0
    child = node
    for parent in ancestors(node):
        if parent.type in _REPEATED and parent.child_by_field_name("value") != child:
            level += 1
        child = parent
    return level
