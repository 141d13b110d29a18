"""Habits that Rust's own guidance advises against, found in the syntax tree of an answer, and the form of its docs.

Each is something that clippy has a lint for in its pedantic or restriction groups, or that the Rust API Guidelines
(C-EXAMPLE, C-FAILURE) ask of documentation. One occurrence is no fault, the author may have a reason; an answer with
many of them teaches less idiomatic Rust than one without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from tree_sitter import Node

from node.tasks.prose import first_sentence, read_markdown, words
from node.tasks.syntax import ancestors, body_of, descend, functions, parse, text_of

DEPTH_MAX = 4
"""Blocks inside each other; clippy's `excessive_nesting` is about this."""
LINES_MAX = 60
"""Of one function; clippy's `too_many_lines` warns at 100."""
SUMMARY_WORDS_MAX = 30

_PANICS = frozenset({"panic", "assert", "assert_eq", "assert_ne", "unreachable", "todo", "unimplemented"})
_PANICKING = frozenset({"unwrap", "expect"})


def habits(code: str) -> frozenset[str]:
    """The names of the habits that a piece of code shows, tests left out by the caller."""
    root = parse(code.encode())
    found = {name for node in descend(root) for name, shows in _HABITS.items() if shows(node)}
    return frozenset(found | {name for function in functions(root) for name in _of_function(function)})


def _called(node: Node) -> str:
    """The method or function that a call expression calls; empty for other nodes."""
    function = node.child_by_field_name("function") if node.type == "call_expression" else None
    name = function and (function.child_by_field_name("field") or function.child_by_field_name("name") or function)
    return text_of(name) if name else ""


def _is_index_loop(node: Node) -> bool:
    """`for i in 0..items.len()`: `needless_range_loop`."""
    value = node.child_by_field_name("value") if node.type == "for_expression" else None
    return value is not None and value.type == "range_expression" and text_of(value).endswith(".len()")


def _is_owned_parameter(node: Node) -> bool:
    """`&String` and `&Vec<T>` where `&str` and `&[T]` do: `ptr_arg`."""
    return node.type == "parameter" and text_of(node).partition(":")[2].strip().startswith(("&String", "&Vec<"))


_HABITS: Mapping[str, Callable[[Node], bool]] = {
    "unwraps": lambda node: _called(node) in _PANICKING,
    "casts": lambda node: node.type == "type_cast_expression",
    "clones": lambda node: _called(node) == "clone",
    "index loop": _is_index_loop,
    "owned parameter": _is_owned_parameter,
    "unsafe": lambda node: node.type == "unsafe_block",
}


def _of_function(function: Node) -> Iterator[str]:
    body = body_of(function)
    statements = body.named_children
    if statements and text_of(statements[-1]).startswith("return"):
        yield "final return"
    blocks = (node for node in descend(body) if node.type == "block")
    if max(sum(parent.type == "block" for parent in ancestors(node)) for node in blocks) > DEPTH_MAX:
        yield "nesting"
    if body.end_point.row - body.start_point.row > LINES_MAX:
        yield "length"


def doc_form(doc: str, code: str) -> tuple[int, int]:
    """How many of the parts that a documentation should have it has, and how many those are.

    A summary sentence of its own that ends as one; an example; a word on errors where the code returns a `Result`,
    and on panics where it can panic by its own doing.
    """
    text = read_markdown(doc)
    head = first_sentence(text.paragraphs[0]) if text.paragraphs else ""
    summary = head.endswith((".", "!")) and head[:1].isupper() and len(words(head)) <= SUMMARY_WORDS_MAX
    parts = [summary, bool(text.code)]
    titles = " ".join(title.lower() for title, _ in text.sections)
    told = doc.lower()
    if "Result<" in code.partition("->")[2].partition("{")[0]:
        parts.append("error" in titles or "err" in told)
    if _may_panic(code):
        parts.append("panic" in titles or "panic" in told)
    return sum(parts), len(parts)


def _may_panic(code: str) -> bool:
    root = parse(code.encode())
    macros = {text_of(node.children[0]) for node in descend(root) if node.type == "macro_invocation"}
    return bool(macros & _PANICS) or any(_called(node) in _PANICKING for node in descend(root))
