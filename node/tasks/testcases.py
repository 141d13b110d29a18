"""Where generated test cases run: under their published names, beside the code they test, or in a file of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from node.tasks.snippets import render, same_code
from node.tasks.syntax import descend, name_of, parse, text_of
from node.tasks.view import SourceView
from node.values.crate import Item, Span
from node.values.verdict import AddedFile, Edit, TestName, TestTarget

ROW_FILE = "swarm_row"
ROW_MODULE = "swarm_row"

_PRIVATE_PATH = re.compile(r"\b(?:super|crate)\s*::")


@dataclass(frozen=True, slots=True)
class TestBench:
    """How to run some test cases."""

    __test__ = False

    names: tuple[TestName, ...]
    edits: tuple[Edit, ...] = ()
    files: tuple[AddedFile, ...] = ()


def place_tests(view: SourceView, item: Item, context: str, cases: Sequence[str]) -> TestBench:
    """Decide how `cases`, which test `item`, are run.

    Cases that are the published tests run as those. Cases that reach for `super` or `crate` are put into a module
    beside the item. The rest use the crate from outside, in an integration test.
    """
    published = tuple(name for case in cases if (name := _published_name(view, case)) is not None)
    if len(published) == len(cases):
        return TestBench(tuple(sorted(set(published))))
    code = "\n\n".join((context, *cases)).strip()
    tests = tuple(test for case in cases for test in names_in(case))
    if _PRIVATE_PATH.search(code):
        return _beside(view, item, code, tests)
    file = AddedFile(f"tests/{ROW_FILE}.rs", row_file(view, code))
    return TestBench(tuple(TestName(TestTarget.INTEGRATION.value, ROW_FILE, name) for name in tests), files=(file,))


def row_file(view: SourceView, code: str) -> str:
    """An integration test file of the crate that holds `code`."""
    root = f"extern crate {view.crate_name};\n" if view.kb.pin.edition == "2015" else ""
    return f"#![allow(unused)]\n{root}\n{code}\n"


def names_in(code: str) -> tuple[str, ...]:
    """The test functions of a piece of code, in order."""
    functions = (node for node in descend(parse(code.encode())) if node.type == "function_item")
    return tuple(name_of(node) for node in functions if "#[test]" in _attributes(node))


def _attributes(node: object) -> set[str]:
    found: set[str] = set()
    sibling = getattr(node, "prev_sibling", None)
    while sibling is not None and sibling.type in {"attribute_item", "line_comment", "block_comment"}:
        found.add(text_of(sibling).replace(" ", ""))
        sibling = sibling.prev_sibling
    return found


def _published_name(view: SourceView, case: str) -> TestName | None:
    """The crate's own test that a case is, word for word."""
    names = names_in(case)
    candidates = view.tests_by_function.get(names[0], ()) if len(names) == 1 else ()
    return next((name for name in candidates if same_code(render(view, view.test_items[name]), case)), None)


def _beside(view: SourceView, item: Item, code: str, tests: Sequence[str]) -> TestBench:
    """The cases in a module of their own, after the item or the block it stands in."""
    end = (item.container or item.code_span).end
    place = Span(item.span.path, end, end)
    module = f"\n\n#[cfg(test)]\n#[allow(unused)]\nmod {ROW_MODULE} {{\n{code}\n}}\n"
    path = [*view.module_path(item.span.path, view.node(item)), ROW_MODULE]
    names = tuple(TestName(TestTarget.LIBRARY.value, "", "::".join([*path, name])) for name in tests)
    return TestBench(names, (Edit(place, module),))
