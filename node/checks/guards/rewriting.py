"""Other literals: what stands in the place of a number, a text, a letter or a truth value. Pure.

Here a change is of the whole text (`Rewrite`), for code of which no body could be an arm: macros, constants, types.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from tree_sitter import Node

from node.checks.guards.further import is_excuse
from node.checks.guards.mistakes import BINARY
from node.checks.guards.reading import LITERALS, text_of, walk

ROUNDS = 3
"""How many other values a literal has: who notices none of three says little of it."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A change of the code in one or more places."""

    edits: tuple[tuple[int, int, str], ...]
    """Bytes [start, end) and what stands there instead, in order."""
    kind: str

    def applied(self, text: bytes, offset: int = 0) -> bytes:
        """A text with the change, in which the code begins at `offset`."""
        parts, position = [], 0
        for start, end, words in self.edits:
            parts += [text[position : offset + start], words.encode()]
            position = offset + end
        return b"".join((*parts, text[position:]))


def by_turns(groups: Iterable[Iterable[Rewrite]]) -> list[Rewrite]:
    """One of each group after the other, each change once."""
    turns = (change for turn in zip_longest(*groups) for change in turn if change is not None)
    return list(dict.fromkeys(turns))


def in_place(node: Node, words: str, kind: str) -> Rewrite:
    """Something else in the place of a node."""
    return Rewrite(((node.start_byte, node.end_byte, words),), kind)


def literals_in(node: Node) -> list[Node]:
    """Literals below a node that are values: not those of a type, an array's length, or what is said in a panic."""
    return [leaf for leaf in walk(node, without=_TYPES) if leaf.type in LITERALS and _is_value(leaf)]


_TYPES = frozenset({"array_type", "type_arguments", "attribute_item", "macro_definition"})


def _is_value(literal: Node) -> bool:
    above = literal.parent
    is_length = (
        above is not None and above.type == "array_expression" and above.child_by_field_name("length") == literal
    )
    return not is_length and not (
        literal.type.endswith("string_literal") and (is_excuse(literal) or is_printed(literal))
    )


def is_printed(literal: Node) -> bool:
    """Whether a text goes where no test sees it."""
    macro = literal.parent.parent if literal.parent is not None else None
    return macro is not None and text_of(macro.child_by_field_name("macro")) in _PRINTING


_PRINTING = frozenset({"print", "println", "eprint", "eprintln", "dbg", "todo", "unimplemented"})


def all_other(literals: Sequence[Node]) -> Iterator[Rewrite]:
    """All of them other at once, which nobody can miss who looks at one: up to three times."""
    each = [(literal, other_values(literal)) for literal in literals]
    for number in range(ROUNDS):
        edits = [(node.start_byte, node.end_byte, values[number]) for node, values in each if number < len(values)]
        if edits:
            yield Rewrite(tuple(sorted(edits)), "values")


def each_other(literals: Sequence[Node]) -> Iterator[Rewrite]:
    """One of them other at a time, each for the first time before any for the second."""
    yield from by_turns([in_place(node, value, "value") for value in other_values(node)] for node in literals)


def other_values(literal: Node) -> tuple[str, ...]:
    """Of the same type, and different from it; none for what is not understood."""
    text = text_of(literal)
    if literal.type == "boolean_literal":
        return ("false" if text == "true" else "true",)
    if literal.type == "char_literal":
        mark = "b" if text.startswith("b") else ""
        return tuple(f"{mark}'{letter}'" for letter in "xyz" if text != f"{mark}'{letter}'")
    if literal.type in {"string_literal", "raw_string_literal"}:
        return _other_texts(text)
    return _other_numbers(text)


def _other_texts(text: str) -> tuple[str, ...]:
    opening, closing = text.index('"') + 1, text.rindex('"')
    begins, inside, ends = text[:opening], text[opening:closing], text[closing:]
    return (f"{begins}x{inside}{ends}", *((f"{begins}{ends}",) if inside else ()), f"{begins}{inside} 7Q{ends}")


_NUMBER = re.compile(
    r"(?P<whole>0x[0-9a-fA-F_]+?|0b[01_]+|0o[0-7_]+|[0-9][0-9_]*)(?P<rest>\.[0-9_]*)?(?P<kind>_?[uif]\w+)?"
)
_DIGITS_MAX = 42


def _other_numbers(text: str) -> tuple[str, ...]:
    found = _NUMBER.fullmatch(text) if len(text) <= _DIGITS_MAX else None
    if found is None:
        return ()
    number, kind = int(found["whole"].replace("_", ""), 0 if text[1:2].isalpha() else 10), found["kind"] or ""
    rest = found["rest"] or ""
    others = (
        f"{number + 1}{rest}",
        f"0{'.0' * bool(rest)}" if number or rest.strip(".0_") else f"2{rest}",
        f"{number + 3}{rest}",
    )
    return tuple(f"{other}{kind}" for other in others)


def changes_of_tokens(tree: Node) -> Iterator[Rewrite]:
    """Operators among the tokens of a macro's arguments. What of this is Rust is the compiler's to say."""
    for node in walk(tree):
        if node.child_count == 0 and node.parent is not None and node.parent.type == "token_tree":
            other = BINARY.get(text_of(node)) if text_of(node) in _PLAIN else None
            if other is not None:
                yield in_place(node, other, "operator")


_PLAIN = frozenset({"+", "-", "*", "/", "%", "==", "!=", "<=", ">=", "<", ">", "&&", "||"})
