"""What the body of a test does, as far as its text tells: assertions that can be reached, and names it uses. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

from node.checks.guards.conditions import condition_holds, is_empty_range, is_never
from node.checks.guards.reading import COMMENTS, IDENTIFIERS, leaves, split_arguments, text_of, walk

ASSERTIONS = frozenset(
    {
        *("assert", "assert_eq", "assert_ne", "debug_assert", "debug_assert_eq", "debug_assert_ne"),
        *("prop_assert", "prop_assert_eq", "prop_assert_ne", "panic", "unreachable", "todo", "unimplemented"),
    }
)
"""Macros that can fail a test. Of other crates' macros, those whose name begins with `assert` count too."""
QUICKCHECK = "quickcheck"
"""Function, method and macro of that crate, each of which fails a test whose property does not hold."""
_FAILING_METHODS = frozenset({"unwrap", "expect", "unwrap_err", "expect_err", "unwrap_none", QUICKCHECK})
HARMLESS_MACROS = frozenset(
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
PLAIN = frozenset(
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


Step = tuple[Node, list[Node]]
"""A node that is come by, with the two before it."""
Steps = tuple[Step, ...]


def macro_calls(steps: Iterable[Step]) -> Iterator[tuple[str, Node]]:
    """Name and argument tree of every macro call, those inside other macros' arguments included."""
    for node, before in steps:
        if node.type == "token_tree" and _follows_macro(before):
            yield _macro_name(before), node


def _follows_macro(before: list[Node]) -> bool:
    # What stands before the name's place in `(!(a == b))` is no name.
    return len(before) == 2 and before[1].type == "!" and before[0].type in _MACRO_NAMES


_MACRO_NAMES = frozenset({"identifier", "scoped_identifier", "metavariable"})


def _macro_name(before: list[Node]) -> str:
    return text_of(before[0]).replace(" ", "").rsplit("::", 1)[-1]


def assertions(steps: Iterable[Step], harmless: frozenset[str] = frozenset()) -> Iterator[Assertion]:
    """What can fail in a body that is run to its end.

    Args:
        steps: Of the body, gone through once and no further than asked.
        harmless: Macros and functions of the row's own that fail nothing by being called.
    """
    for node, before in steps:
        kind = node.type
        if kind == "token_tree" and _follows_macro(before):
            name = _macro_name(before)
            if name in ASSERTIONS or (name.startswith(("assert", "prop_assert")) and name not in harmless):
                yield Assertion(name, split_arguments(node), node)
            elif name not in HARMLESS_MACROS and name not in harmless:
                yield Assertion(f"{name}!", (), node)  # A macro whose text we do not know may well assert.
        elif kind == "try_expression":
            yield Assertion("?", (), node)
        elif kind == "call_expression" and _asserts_by_name(node, harmless):
            yield Assertion("assert function", (), node)
        elif before and before[-1].type == "." and text_of(node) in _FAILING_METHODS:
            yield Assertion(text_of(node), (), node)


def _asserts_by_name(call: Node, harmless: frozenset[str]) -> bool:
    """Whether a function out of sight is called that is named like an assertion."""
    name = _path(call).rsplit("::", 1)[-1]
    return (name.startswith("assert") or name == QUICKCHECK) and name not in harmless


def _path(call: Node) -> str:
    """Of the function that is called; empty for a method, whose text is that of all calls before it."""
    function = call.child_by_field_name("function")
    return text_of(function) if function is not None and function.type in {"identifier", "scoped_identifier"} else ""


def can_fail(macro: Node) -> bool:
    """Whether a macro's own text may fail a test: it asserts, unwraps, or calls macros that may."""
    words = {text_of(leaf) for leaf in leaves(macro)}
    return not words.isdisjoint({*ASSERTIONS, *_FAILING_METHODS, "!", "?"})


def endings(body: Node, steps: Steps) -> Iterator[Assertion]:
    """What a test gives back that is not success in so many words: its last expression, and all it returns."""
    last = next((child for child in reversed(body.named_children) if child.type not in COMMENTS), None)
    if last is not None and last.type == "expression_statement" and not text_of(last).endswith(";"):
        last = last.children[0]  # one that ends with a block
    is_value = last is not None and not last.type.endswith(("_statement", "_declaration", "_item"))
    if last is not None and is_value and text_of(last).replace(" ", "") not in _SUCCESS:
        yield Assertion("returned", (), last)
    for node, _ in steps:
        if node.type == "return_expression" and text_of(node)[len("return") :].strip().replace(" ", "") not in _SUCCESS:
            yield Assertion("returned", (), node)


_SUCCESS = frozenset({"", "()", "Ok(())", "ExitCode::SUCCESS", "std::process::ExitCode::SUCCESS"})


def panics_itself(body: Node) -> bool:
    """Whether a body ends in a panic of its own, whatever came before."""
    for statement in body.named_children:
        inner = statement.children[0] if statement.type == "expression_statement" and statement.children else statement
        if inner.type == "macro_invocation":
            name = text_of(inner.child_by_field_name("macro"))
            if name in _PANICS or (name == "assert" and _FALSE.match(text_of(inner)) is not None):
                return True
        elif inner.type == "call_expression" and _OF_NOTHING.fullmatch(text_of(inner)) is not None:
            return True
    return False


_FALSE = re.compile(r"assert!\s*\(\s*false\b\s*[,)]")
_OF_NOTHING = re.compile(r"None(?:::<.*>)?\.(?:unwrap|expect)\(.*\)")


_PANICS = frozenset({"panic", "unreachable", "todo", "unimplemented", "std::panic", "core::panic"})


NAMED_CLOSURE = re.compile(rb"=\s*(?:\||move\b|async\b|static\b|[/\x80-\xff])")
"""Where a closure may be bound to a name, behind a comment or a strange space too: texts without it have none."""


def steps_through(body: Node) -> Iterator[Step]:
    """What a body comes by when it is run to its end: its nodes in order.

    Left out are nested items, closures that nothing calls, what stands behind an exit, and tokens by themselves.
    """
    # Asked for closures that have a name.
    named = NAMED_CLOSURE.search(body.text or b"") is not None
    uses = Counter(text_of(leaf) for leaf in leaves(body) if leaf.type in IDENTIFIERS) if named else Counter[str]()
    stack: list[Step] = [(body, [])]
    while stack:
        node, before = stack.pop()
        yield node, before
        children = [child for child in _in_build(node) if child.type not in _NESTED]
        if node.type in _WITH_DEAD_PARTS:
            children = [child for child in children if not _is_dead(child, node, uses)]
        elif node.type == "block":
            children = _until_exit(children)
        # Not prev_sibling: it counts from the first child each time, and a hostile node has 100,000 of them.
        found = [
            (child, children[max(0, index - 2) : index])
            for index, child in enumerate(children)
            # A token by itself says something only as the name of a method.
            if child.child_count or (index and children[index - 1].type == ".")
        ]
        found.reverse()
        stack += found


_NESTED = frozenset({"function_item", "impl_item", "trait_item", "mod_item", "macro_definition", "attribute_item"})
"""Items inside a body: their code counts where it is called, not where it stands."""


def _in_build(node: Node) -> list[Node]:
    """What is below a node; of a block, without statements that an ordinary test build leaves out."""
    if node.type != "block" or not any(child.type == "attribute_item" for child in node.children):
        return node.children
    found, is_out = [], False
    for child in node.children:
        if child.type == "attribute_item":
            is_out = is_out or condition_holds(child) is False
        elif child.type not in COMMENTS:
            if not is_out:
                found.append(child)
            is_out = False
    return found


_WITH_DEAD_PARTS = frozenset(
    {"let_declaration", "call_expression", "if_expression", "while_expression", "for_expression"}
)


def _is_dead(node: Node, parent: Node, uses: Mapping[str, int]) -> bool:
    """Whether nothing runs a child of `parent`, or nobody learns that it failed.

    The parent is handed in: asking for it costs the depth it stands at.
    """
    if node.type == "closure_expression" and parent.type == "let_declaration":
        return uses.get(text_of(parent.child_by_field_name("pattern")), 0) < 2
    if node.type == "arguments" and parent.type == "call_expression":
        # What is made of the result (`.join().unwrap()`, `assert!(caught.is_err())`) stands outside, and counts.
        return _path(parent).replace(" ", "").endswith(_SWALLOWING)
    if node.type == "block" and parent.type in {"if_expression", "while_expression"}:
        guarded = parent.child_by_field_name("consequence") or parent.child_by_field_name("body")
        return node == guarded and is_never(parent.child_by_field_name("condition"))
    if node.type == "block" and parent.type == "for_expression":
        return is_empty_range(parent.child_by_field_name("value"))
    return False


_SWALLOWING = ("catch_unwind", "thread::spawn", "task::spawn", "tokio::spawn")
"""What runs a closure and keeps its panic to itself."""

_EXITS = ("std::process::exit", "process::exit", "std::process::abort", "process::abort", "exit(")
_LEAVING = frozenset({"return_expression", "break_expression", "continue_expression"})


def _until_exit(statements: list[Node]) -> list[Node]:
    for index, statement in enumerate(statements):
        if _exits(statement):
            return statements[: index + 1]
    return statements


def _exits(statement: Node) -> bool:
    """Whether nothing runs behind a statement: it leaves, or is a block that does."""
    while True:
        inner = statement.children[0] if statement.type == "expression_statement" and statement.children else statement
        if inner.type == "if_expression" and text_of(inner.child_by_field_name("condition")) == "true":
            inner = inner.child_by_field_name("consequence") or inner
        if inner.type != "block" or not inner.named_children:
            leaves_by_call = inner.type == "call_expression" and text_of(inner).startswith(_EXITS)
            return inner.type in _LEAVING or leaves_by_call
        statement = inner.named_children[0]


def helpers_used(body: Node, functions: Mapping[str, Node]) -> tuple[Node, ...]:
    """The body and those of the functions (or macros) it uses, directly or through others; each once."""
    used: dict[str, Node] = {}
    waiting = [body] if functions else []
    while waiting:
        inside = walk(waiting.pop(), without=_NESTED)  # What defines a nested function does not call it.
        names = {text_of(node) for node in inside if node.type in IDENTIFIERS}
        for name in sorted(names & functions.keys() - used.keys()):
            used[name] = functions[name]
            waiting.append(functions[name])
    return (body, *used.values())
