"""Rows: a piece of Rust with what stands around it and its tests, put together as one source file. Pure.

What is verified is an ordinary cargo package whose only source is this file: the context, then the code, then the
tests. Tests come in three forms, as data sets have them, and mean the same in each:

- modules (`#[cfg(test)] mod tests { use super::*; ... }`): taken as they stand;
- functions (`#[test] fn adds() { ... }`), with or without imports: put into a module of their own;
- statements (`assert_eq!(add(2, 2), 4);`): put into one test function.
"""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from node.checks.syntax import parse_rust

TESTS_MODULE = "row_tests"
"""Holds tests that come without a module."""

LIBRARY, PROGRAM = "src/lib.rs", "src/main.rs"
"""Where the file stands: code with a `main` function is a program."""

_ITEMS_WITH_MAIN = frozenset({"function_item"})
_STATEMENTS = frozenset({"let_declaration", "expression_statement"})
"""Where nothing carries an attribute. A macro that makes items looks the same, but such tests have some `#[test]`."""


@dataclass(frozen=True, slots=True)
class Example:
    """What a row says."""

    code: str
    """What the row is about: its functions are those that a stub replaces and mutants change."""
    context: str = ""
    """Items that the code needs, before it."""
    tests: str = ""
    """Empty when there are none, or when they stand in the code."""


@dataclass(frozen=True, slots=True)
class SourceText:
    """The file that a row makes."""

    text: bytes
    code: tuple[int, int]
    """Bytes of the row's code in it."""
    tests: tuple[int, int]
    """Bytes of the row's tests in it; empty when none were given."""
    path: str
    """`LIBRARY` or `PROGRAM`."""

    @property
    def is_program(self) -> bool:
        """Whether it has a `main` function."""
        return self.path == PROGRAM


def assemble(example: Example) -> SourceText:
    """The file that is compiled for a row."""
    context = example.context.strip("\n").encode()
    code = example.code.strip("\n").encode()
    tests = tests_as_items(example.tests).encode()
    before = context + b"\n\n" if context else b""
    middle = b"\n\n" if tests else b""
    text = before + code + middle + tests + b"\n"
    start = len(before)
    end = start + len(code)
    path = PROGRAM if _has_main(before + code) else LIBRARY
    return SourceText(text, (start, end), (end + len(middle), len(text)) if tests else (len(text), len(text)), path)


def _has_main(source: bytes) -> bool:
    if b"main" not in source:
        return False
    for item in parse_rust(source).children:
        name = item.child_by_field_name("name") if item.type in _ITEMS_WITH_MAIN else None
        if name is not None and name.text == b"main":
            return True
    return False


def tests_as_items(tests: str) -> str:
    """Tests of any form as what stands at the end of a file."""
    text = tests.strip("\n")
    if not text.strip():
        return ""
    children = parse_rust(text.encode()).children
    if _are_statements(children) and not any(child.type == "attribute_item" for child in children):
        return _module(f"#[test]\nfn row() {{\n{text}\n}}", imports=True)
    if any(child.type == "mod_item" for child in children):
        return text
    return _module(text, imports=not any(_imports_parent(child) for child in children))


def _are_statements(children: list[Node]) -> bool:
    """Whether something stands at the top that only a function can hold."""
    return any(child.type in _STATEMENTS for child in children)


def _imports_parent(child: Node) -> bool:
    return child.type == "use_declaration" and b"super" in (child.text or b"")


def _module(body: str, *, imports: bool) -> str:
    line = "#[allow(unused_imports)]\nuse super::*;\n" if imports else ""
    return f"#[cfg(test)]\nmod {TESTS_MODULE} {{\n{line}{body}\n}}"
