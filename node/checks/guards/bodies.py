"""What the body of a test does, as far as its text tells: assertions that can be reached, and names it uses. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

from node.checks.guards.reading import IDENTIFIERS, identifiers, leaves, parse, split_arguments, text_of, walk

ASSERTIONS = frozenset(
    {
        *("assert", "assert_eq", "assert_ne", "debug_assert", "debug_assert_eq", "debug_assert_ne"),
        *("prop_assert", "prop_assert_eq", "prop_assert_ne", "panic", "unreachable", "todo", "unimplemented"),
    }
)
"""Macros that can fail a test. Of other crates' macros, those whose name begins with `assert` count too."""
_COMPARING = frozenset({"assert_eq", "debug_assert_eq", "prop_assert_eq", "assert_ne", "debug_assert_ne"})
_CONDITIONS = frozenset({"assert", "debug_assert", "prop_assert"})
_FAILING_METHODS = frozenset({"unwrap", "expect", "unwrap_err", "expect_err", "unwrap_none"})
_HARMLESS_MACROS = frozenset(
    {
        *(
            "println",
            "print",
            "eprintln",
            "eprint",
            "dbg",
            "format",
            "format_args",
            "write",
            "writeln",
            "vec",
            "matches",
        ),
        *("concat", "stringify", "include_str", "include_bytes", "line", "file", "column", "cfg", "env", "option_env"),
        *("thread_local", "module_path"),
    }
)
_PLAIN = frozenset(
    {
        *("Some", "None", "Ok", "Err", "true", "false", "vec", "format", "String", "from", "to_string", "to_owned"),
        *(
            "into",
            "as_str",
            "as_bytes",
            "as_ref",
            "clone",
            "iter",
            "len",
            "is_empty",
            "new",
            "Vec",
            "Box",
            "MAX",
            "MIN",
        ),
        *("std", "core", "alloc", "default", "Default", "bool", "char", "str", "u8", "u16", "u32", "u64", "u128"),
        *("usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64", "PI", "E", "EPSILON", "black_box", "hint"),
    }
)
"""Names that say nothing about an example's code."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """A place in a test that can fail it."""

    name: str
    """Of the macro or method, `?` for the operator."""
    arguments: tuple[tuple[Node, ...], ...]
    """Leaves of each argument; empty where it has none of its own."""
    node: Node


Steps = tuple[tuple[Node, list[Node]], ...]
"""Nodes that are come by, each with the two before it."""


def steps_through(body: Node) -> Steps:
    """What a body comes by when it is run to its end; walked once for all questions about it."""
    return tuple(_reachable(body))


def macro_calls(steps: Steps) -> Iterator[tuple[str, Node]]:
    """Name and argument tree of every macro call, those inside other macros' arguments included."""
    for node, before in steps:
        if node.type == "token_tree" and len(before) == 2 and before[1].type == "!":
            yield text_of(before[0]).replace(" ", "").rsplit("::", 1)[-1], node


def assertions(steps: Steps) -> Iterator[Assertion]:
    """What can fail in a body that is run to its end, macros first."""
    for name, tree in macro_calls(steps):
        if name in ASSERTIONS or name.startswith(("assert", "prop_assert")):
            yield Assertion(name, split_arguments(tree), tree)
        elif name not in _HARMLESS_MACROS:
            yield Assertion(f"{name}!", (), tree)  # A macro whose text we do not know may well assert.
    for node, before in steps:
        if node.type == "try_expression":
            yield Assertion("?", (), node)
        elif before and before[-1].type == "." and text_of(node) in _FAILING_METHODS:
            yield Assertion(text_of(node), (), node)


def _reachable(body: Node) -> Iterator[tuple[Node, list[Node]]]:
    """Nodes of a body in order, each with the two before it under the same parent.

    Left out are nested items, closures that nothing calls, and what stands behind an exit.
    """
    uses = Counter(text_of(leaf) for leaf in leaves(body) if leaf.type in IDENTIFIERS)
    stack: list[tuple[Node, list[Node]]] = [(body, [])]
    while stack:
        node, before = stack.pop()
        yield node, before
        children = [child for child in node.children if child.type not in _NESTED and not _is_dead(child, node, uses)]
        if node.type == "block":
            children = _until_exit(children)
        # Not prev_sibling: it counts from the first child each time, and a hostile node has 100,000 of them.
        found = [(child, children[max(0, index - 2) : index]) for index, child in enumerate(children)]
        stack.extend(reversed(found))


_NESTED = frozenset({"function_item", "impl_item", "trait_item", "mod_item", "macro_definition", "attribute_item"})
"""Items inside a body: their code counts where it is called, not where it stands."""


def _is_dead(node: Node, parent: Node, uses: Mapping[str, int]) -> bool:
    """Whether nothing runs a child of `parent`. The parent is handed in: asking for it costs the depth it stands at."""
    if node.type == "closure_expression" and parent.type == "let_declaration":
        return uses.get(text_of(parent.child_by_field_name("pattern")), 0) < 2
    if node.type == "block" and parent.type in {"if_expression", "while_expression"}:
        guarded = parent.child_by_field_name("consequence") or parent.child_by_field_name("body")
        return node == guarded and text_of(parent.child_by_field_name("condition")) == "false"
    return False


_EXITS = ("std::process::exit", "process::exit", "std::process::abort", "process::abort", "exit(")


def _until_exit(statements: list[Node]) -> list[Node]:
    for index, statement in enumerate(statements):
        inner = statement.children[0] if statement.type == "expression_statement" and statement.children else statement
        leaves_here = inner.type == "return_expression" or (
            inner.type == "call_expression" and text_of(inner).startswith(_EXITS)
        )
        if leaves_here:
            return statements[: index + 1]
    return statements


def helpers_used(body: Node, functions: Mapping[str, Node]) -> tuple[Node, ...]:
    """The body and those of the functions (or macros) it uses, directly or through others; each once."""
    used: dict[str, Node] = {}
    waiting = [body]
    while waiting:
        inside = walk(waiting.pop(), without=_NESTED)  # What defines a nested function does not call it.
        names = {text_of(node) for node in inside if node.type in IDENTIFIERS}
        for name in sorted(names & functions.keys() - used.keys()):
            used[name] = functions[name]
            waiting.append(functions[name])
    return (body, *used.values())


def constant_names(steps: Steps) -> frozenset[str]:
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
        if identifiers(value) <= _PLAIN | known and value.type not in {"closure_expression", "macro_invocation"}:
            known.add(text_of(pattern))
        else:
            known.discard(text_of(pattern))
    return frozenset(known)


def is_constant(assertion: Assertion, constants: frozenset[str]) -> bool:
    """Whether an assertion's outcome stands in the test's own text."""
    compared = _compared(assertion)
    if not compared:
        return False
    names = {text_of(leaf) for part in compared for leaf in part if leaf.type in IDENTIFIERS}
    return names <= _PLAIN | constants or _is_tautology(assertion)


def compares_with_itself(assertion: Assertion) -> bool:
    """Whether both sides of an assertion are the same expression."""
    compared = [tuple(map(text_of, part)) for part in _compared(assertion)]
    if assertion.name in _COMPARING:
        return len(compared) == 2 and compared[0] == compared[1]
    condition = _condition(assertion)
    if condition is None or condition.type != "binary_expression":
        return False
    left, right = condition.child_by_field_name("left"), condition.child_by_field_name("right")
    return text_of(condition.child_by_field_name("operator")) in {"==", "<=", ">="} and text_of(left) == text_of(right)


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
    """`x || true`, `matches!(x, _)`."""
    condition = _condition(assertion)
    if condition is None:
        return False
    if condition.type == "binary_expression" and text_of(condition.child_by_field_name("operator")) == "||":
        return "true" in {text_of(condition.child_by_field_name(side)) for side in ("left", "right")}
    words = [text_of(leaf) for leaf in leaves(condition)]
    return words[:2] == ["matches", "!"] and words[-3:] == [",", "_", ")"]
