"""Programs on which a good test must fail: the example with panics for bodies, or with one small mistake in it. Pure.

A *stub* replaces nothing: it puts a panic in front of every body, so that it type-checks whatever the signature says
(`impl Trait`, `const fn`, `async fn`). Tests that pass on it never touch the code. Mutants follow the operator
families of cargo-mutants (facts on Rust verification, section 7), and so do the values that stand for whole bodies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from tree_sitter import Node

from node.checks.guards.reading import COMMENTS, Declared, declared, leaves, parse, text_of, walk
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
    """Its body holds `unsafe`, so that a change of it may be undefined behaviour: it has no mutants."""


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
    return tuple(_target(item, body) for item, body in _functions(example))


def stub_of(example: str) -> str:
    """The example with a panic at the beginning of every target's body; unchanged where it has none.

    The panic stands behind a condition that only the optimiser sees through, so that no code after it is unreachable
    and no argument unused: what compiled with warnings denied still does.
    """
    source = example.encode()
    for _, body in reversed(_functions(example)):
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

    Functions that hold `unsafe` have none: what a changed one does may be undefined, and then nothing it shows is a
    verdict. Whether a mutant compiles is the compiler's to say.
    """
    by_target = []
    functions = _functions(example)
    if steps is not None and any(body.start_byte in steps for _, body in functions):
        reached = [(item, body) for item, body in functions if body.start_byte in steps]
        functions = sorted(reached, key=lambda one: (steps[one[1].start_byte], one[1].start_byte))
    for item, body in functions:
        target = _target(item, body)
        if not target.has_unsafe:
            by_target.append(_spread(sorted(set(_mutants_in(item.node, body, target))), limit))
    turns = [mutant for turn in zip_longest(*by_target) for mutant in turn if mutant is not None]
    return tuple(sorted(turns[:limit]))


def _mutants_in(function: Node, body: Node, target: Target) -> Iterator[Mutant]:
    if target.lone_reason == OPAQUE:
        yield from filter(None, (_in_expression(mistake, body, target) for mistake in _mistakes(function, body)))
        return
    yield from _values(function, body, target)
    for place, text, kind in _mistakes(function, body):
        yield Mutant(place.start_byte, place.end_byte, text, kind, target)


def _functions(example: str) -> list[tuple[Declared, Node]]:
    found = []
    for item in declared(parse(example).children):
        body = item.body if item.node.type == "function_item" else None
        is_main = item.name == "main" and not item.is_member
        if body is not None and not item.in_tests and not is_main:
            found.append((item, body))
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


# Whole bodies


def _values(function: Node, body: Node, target: Target) -> Iterator[Mutant]:
    result = text_of(function.child_by_field_name("return_type")).replace(" ", "")
    present = text_of(body).strip("{} \n\t")
    guesses = ("self",) if result and result == _type_of_self(function) else _guesses(result)
    for value in guesses:
        if value != present:
            yield Mutant(target.body, target.end, f"{{ {value} }}", "value", target)


def _type_of_self(function: Node) -> str:
    """What `self` is in a method, as its result would be written; empty where it has none."""
    for parameter in _parameters(function):
        if parameter.type == "self_parameter":
            reference = "&" if any(child.type == "&" for child in parameter.children) else ""
            is_mutable = reference and any(child.type == "mutable_specifier" for child in parameter.children)
            has_lifetime = any(child.type == "lifetime" for child in parameter.children)
            return "" if has_lifetime else f"{reference}{'mut' if is_mutable else ''}Self"
    return ""


def _parameters(function: Node) -> Sequence[Node]:
    parameters = function.child_by_field_name("parameters")
    return parameters.named_children if parameters is not None else ()


_SIMPLE = {
    "": ("()",),
    "()": ("()",),
    "bool": ("true", "false"),
    "char": ("'x'",),
    "String": ("String::new()", '"xyzzy".to_string()'),
    "&str": ('""', '"xyzzy"'),
    "&'staticstr": ('""', '"xyzzy"'),
    "f32": ("0.0", "1.0"),
    "f64": ("0.0", "1.0"),
    "fmt::Result": ("Ok(())",),
    "std::fmt::Result": ("Ok(())",),
    "std::cmp::Ordering": ("::core::cmp::Ordering::Equal",),
    "cmp::Ordering": ("::core::cmp::Ordering::Equal",),
    "Ordering": ("::core::cmp::Ordering::Equal",),
}
_INTEGERS = frozenset(f"{sign}{bits}" for sign in "ui" for bits in (8, 16, 32, 64, 128, "size"))
_EMPTY = ("HashMap<", "BTreeMap<", "HashSet<", "BTreeSet<", "VecDeque<", "BinaryHeap<")


def _guesses(result: str) -> tuple[str, ...]:
    """Values of a return type that are surely of it, by its text."""
    if result in _SIMPLE:
        return _SIMPLE[result]
    if result in _INTEGERS:
        return ("0", "1")
    name, _, inside = result.removeprefix("std::").removeprefix("io::").partition("<")
    if name == "Option":
        return ("None", *(f"Some({value})" for value in _guesses(inside[:-1])[:1]))
    if name == "Result":
        return tuple(f"Ok({value})" for value in _guesses(_parts(inside[:-1])[0]))
    if result.startswith("(") and result.endswith(")"):
        each = [_guesses(part) for part in _parts(result[1:-1]) if part]
        return (f"({', '.join(values[0] for values in each)},)",) if all(each) else ()
    if name == "Vec":
        return ("Default::default()", *(f"::std::vec![{value}]" for value in _guesses(inside[:-1])[:1]))
    return ("Default::default()",) if result.startswith(_EMPTY) else ()


def _parts(types: str) -> list[str]:
    """A list of types at its outermost commas."""
    parts, depth = [""], 0
    for letter in types:
        depth += (letter in "<([") - (letter in ">)]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


# Single mistakes

_BINARY = dict(
    zip(
        ["<", "<=", ">", ">=", "==", "!=", "&&", "||", "+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^"],
        ["<=", "<", ">=", ">", "!=", "==", "||", "&&", "-", "+", "+", "*", "/", ">>", "<<", "|", "&", "|"],
        strict=True,
    )
)
_ASSIGNING = {"+=": "-=", "-=": "+=", "*=": "+=", "/=": "*=", "%=": "/=", "|=": "&=", "&=": "|=", "^=": "|="}
_PAIRS = (
    *(("min", "max"), ("any", "all"), ("first", "last"), ("next", "next_back"), ("take", "skip")),
    *(("push_front", "push_back"), ("pop_front", "pop_back"), ("find", "rfind"), ("starts_with", "ends_with")),
    *(("is_some", "is_none"), ("is_ok", "is_err"), ("to_lowercase", "to_uppercase"), ("trim_start", "trim_end")),
    *(("to_ascii_lowercase", "to_ascii_uppercase"), ("take_while", "skip_while"), ("split_once", "rsplit_once")),
    *(("is_lowercase", "is_uppercase"), ("saturating_add", "saturating_sub"), ("wrapping_add", "wrapping_sub")),
    ("checked_add", "checked_sub"),
)
_METHODS = {**dict(_PAIRS), **{second: first for first, second in _PAIRS}}
_NOT_CODE = frozenset(
    {
        *("attribute_item", "inner_attribute_item", "macro_definition", "type_arguments", "array_type", "const_item"),
        *("static_item", "function_item", "impl_item", "trait_item", "match_pattern", "token_tree"),
    }
)
"""Inside these a change is another program rather than a mistake, or none that could be placed."""


def _mistakes(function: Node, body: Node) -> Iterator[_Mistake]:
    typed = {
        text_of(parameter.child_by_field_name("pattern")): text_of(parameter.child_by_field_name("type"))
        for parameter in _parameters(function)
    }
    for node in walk(body, without=_NOT_CODE):
        yield from _mistakes_at(node)
        yield from _about_parameters(node, typed)


def _in_expression(mistake: _Mistake, body: Node, target: Target) -> Mutant | None:
    """The mistake as another outermost calculation: of one type with the right one, where whole bodies are not."""
    place, text, kind = mistake
    node: Node | None = place
    outermost = None
    while node is not None and node != body:
        outermost = node if node.type in {"binary_expression", "unary_expression"} else outermost
        node = node.parent
    if outermost is None:
        return None
    start = outermost.start_byte
    changed = _spliced(outermost.text or b"", place.start_byte - start, place.end_byte - start, text)
    return Mutant(start, outermost.end_byte, changed.decode(errors="replace"), kind, target)


def _about_parameters(node: Node, typed: Mapping[str, str]) -> Iterator[_Mistake]:
    """A call for what it changes that is missing; a field that does not get what was handed in for it."""
    if node.type == "expression_statement":
        method = _last_method(node.children[0])
        if method is not None and (method[1] in _CHANGING or method[0] in typed or method[0] == "self"):
            yield node, "", "statement"
    elif node.type == "shorthand_field_initializer":
        name = text_of(node)
        for value in _guesses(typed.get(name, "?").replace(" ", "")):
            yield node, f"{name}: {value}", "field"


def _last_method(call: Node) -> tuple[str, str] | None:
    """Of a call of a method, the first word of what it is called on, and its name."""
    function = call.child_by_field_name("function") if call.type == "call_expression" else None
    if function is None or function.type != "field_expression":
        return None
    return text_of(next(leaves(function))), text_of(function.child_by_field_name("field"))


_CHANGING = frozenset(
    {
        *("sort", "sort_by", "sort_by_key", "sort_unstable", "sort_unstable_by", "sort_unstable_by_key", "reverse"),
        *("truncate", "dedup", "clear", "retain", "swap", "rotate_left", "rotate_right", "push_str"),
    }
)
"""Methods without which the compiler still knows the type of what they would have changed."""


_Mistake = tuple[Node, str, str]


def _mistakes_at(node: Node) -> Iterator[_Mistake]:
    rule = _RULES.get(node.type)
    if rule is not None:
        yield from rule(node)


def _operator(node: Node) -> Iterator[_Mistake]:
    operator = node.child_by_field_name("operator")
    table = _BINARY if node.type == "binary_expression" else _ASSIGNING
    if operator is not None and text_of(operator) in table:
        yield operator, table[text_of(operator)], "operator"


def _negation(node: Node) -> Iterator[_Mistake]:
    if text_of(node.children[0]) in {"!", "-"} and len(node.children) == 2:
        yield node, text_of(node.children[1]), "negation"


def _boolean(node: Node) -> Iterator[_Mistake]:
    yield node, "false" if text_of(node) == "true" else "true", "boolean"


_DIGITS_MAX = 38
"""Of a `u128`; longer ones are for the compiler to refuse."""


def _number(node: Node) -> Iterator[_Mistake]:
    text = text_of(node)
    digits = len(text) - len(text.lstrip("0123456789"))
    if 0 < digits <= _DIGITS_MAX and (digits == len(text) or text[digits] in "ui"):
        yield node, str(int(text[:digits]) + 1) + text[digits:], "number"


def _range(node: Node) -> Iterator[_Mistake]:
    for part in node.children:
        if part.type == ".." and node.children[-1] != part:
            yield part, "..=", "range"
        elif part.type == "..=":
            yield part, "..", "range"


def _method(node: Node) -> Iterator[_Mistake]:
    function = node.child_by_field_name("function")
    name = (
        function.child_by_field_name("field") if function is not None and function.type == "field_expression" else None
    )
    if name is not None and text_of(name) in _METHODS:
        yield name, _METHODS[text_of(name)], "method"
    if function is not None and name is not None and text_of(name) in _COMPARING:
        one, other = function.children[0], node.children[-1].named_children
        swapped = _swapped(text_of(one), text_of(other[0])) if len(other) == 1 else ""
        if swapped:
            yield node, swapped.format(text_of(name)), "order"


_COMPARING = frozenset({"cmp", "partial_cmp", "total_cmp"})
_PLACE = re.compile(r"[a-z_]\w*(?:\.\w+)*")


def _swapped(one: str, other: str) -> str:
    """A comparison the other way round, `{}` for the method: of `a` with `b`, or of `a.x` with `&b.x`."""
    reference = "&" if other.startswith("&") else ""
    other = other.removeprefix("&")
    is_plain = _PLACE.fullmatch(one) is not None and _PLACE.fullmatch(other) is not None
    return f"{other}.{{}}({reference}{one})" if is_plain and one != other else ""


def _guard(node: Node) -> Iterator[_Mistake]:
    """An early exit that is missing: an `if` without `else` whose block only leaves."""
    test = node.children[0] if node.children else node
    block = test.child_by_field_name("consequence") if test.type == "if_expression" else None
    if block is None or test.child_by_field_name("alternative") is not None:
        return
    inside = [child for child in block.named_children if child.type not in COMMENTS]
    if len(inside) == 1 and text_of(inside[0]).startswith(("return", "break", "continue")):
        yield node, "", "guard"


_RULES: dict[str, Callable[[Node], Iterator[_Mistake]]] = {
    "binary_expression": _operator,
    "compound_assignment_expr": _operator,
    "unary_expression": _negation,
    "boolean_literal": _boolean,
    "integer_literal": _number,
    "range_expression": _range,
    "call_expression": _method,
    "expression_statement": _guard,
}
