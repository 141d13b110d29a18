"""Tests as evidence: which of the crate's tests an example names, their sources, and which may reach a function."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from node.tasks.doctests import DOC_FILE_PREFIX, DocCase
from node.tasks.lexicon import COMMON_METHODS
from node.tasks.snippets import is_from_trait_impl, render
from node.tasks.syntax import identifiers
from node.tasks.view import SourceView
from node.values.crate import Item
from node.values.verdict import Edit, Project, TestName, TestTarget

DECLARED_MAX = 4
"""Tests an example names. Not all that reach the function: raters run the rest, so that an answer made to fit the
named tests only does not pass as a good one."""

TEST_CHARS_MAX = 6_000
"""Bound of the `test` column and of declared tests' sources."""


DOC_CASES_MAX = 3
"""Doc tests of one item that are tried as evidence."""


def project(view: SourceView, edits: Iterable[Edit] = (), tests: Iterable[TestName] = ()) -> Project:
    """The crate with `edits`, and with the files that those of `tests` need which the crate does not publish."""
    names = {name for name in tests if name.file.startswith(DOC_FILE_PREFIX)}
    known = view.doc_cases if names else {}
    files = (known[name].file for name in sorted(names) if name in known)
    return Project(view.kb.pin, tuple(sorted(edits)), tuple(files))


def source_of_test(view: SourceView, name: TestName) -> str:
    """The Rust source of a test, or the macro call that makes it; empty when neither can be told."""
    return view.remembered(("source of", name), lambda: (_source_of_test(view, name),))[0]


def _source_of_test(view: SourceView, name: TestName) -> str:
    if name in view.doc_cases:
        return view.doc_cases[name].file.text.split("\n\n", 1)[-1].strip("\n") + "\n"
    if name in view.test_items:
        return render(view, view.test_items[name]) + "\n"
    return view.text(view.macro_tests[name]) + "\n" if name in view.macro_tests else ""


def column_of_tests(view: SourceView, names: Iterable[TestName]) -> str:
    """The `test` column: the sources of some tests, in order, each below a line that says where it stands."""
    parts = [f"// {_place(view, name)}\n{source}" for name in names if (source := source_of_test(view, name))]
    return "\n".join(parts)


def _place(view: SourceView, name: TestName) -> str:
    if name in view.doc_cases:
        return f"doc test of {view.doc_cases[name].item.path}"
    path = view.test_items[name].span.path if name in view.test_items else view.macro_tests[name].path
    return f"{path}, {name.name}"


def addresses(view: SourceView, name: TestName, item: Item) -> bool:
    """Whether a test means a function when it uses its name; see `means`."""
    outside = name.target == TestTarget.INTEGRATION.value
    return not (outside and not item.public) and means(view, source_of_test(view, name), item)


def means(view: SourceView, code: str, item: Item) -> bool:
    """Whether code that uses a function's name can only mean that function.

    Names are shared between types, and between the crate and the helpers of its tests: a method of a common name counts
    only where its type is named too, and a name that a test helper has counts for nothing. The method of a trait is
    mostly called without its name, by an operator or by formatting: any code may mean it.
    """
    used = identifiers(code)
    if is_from_trait_impl(view, item):
        return True
    if item.name not in used or item.name in view.helper_names:
        return False
    unique = len(view.named(item.name)) == 1
    if item.container is None:
        return unique or not any(other.container is None and other != item for other in view.named(item.name))
    return (unique and item.name not in COMMON_METHODS) or item.parent.rpartition("::")[2] in used


def declared(
    view: SourceView, item: Item, tests: Iterable[TestName], first: Iterable[TestName] = ()
) -> tuple[TestName, ...]:
    """The few tests an example names: those of `first`, then those that call the function, then short ones."""
    leading = tuple(first)
    order = sorted(
        (name for name in tests if source_of_test(view, name) and name not in leading),
        key=lambda name: (not addresses(view, name, item), len(source_of_test(view, name)), name),
    )
    kept: list[TestName] = []
    size = 0
    for name in (*leading, *order):
        size += len(source_of_test(view, name))
        if len(kept) < DECLARED_MAX and (size <= TEST_CHARS_MAX or not kept):
            kept.append(name)
    return tuple(sorted(kept))


# Naming some tests by chance
#
# A bad probe passes the tests it names and fails another one. If candidates named all the tests there are, or a part
# that anybody can compute, whoever finds a test that should have been named and was not would know the probe by it. So
# candidates name a random part, too. Of an answer that fails the tests F, the named ones are then a random part of the
# others in any case: those of a candidate because it was executed before it was proposed, those of a probe by choice.


def nameable(view: SourceView, item: Item, tests: Iterable[TestName]) -> tuple[TestName, ...]:
    """Of the tests that reach a function, those that examples may name: any few of them fit the `test` column.

    Those that call it where there are at least two, else all; the same on every node.
    """
    short = sorted(name for name in tests if 0 < len(source_of_test(view, name)) <= TEST_CHARS_MAX // DECLARED_MAX)
    calling = [name for name in short if addresses(view, name, item)]
    return tuple(calling if len(calling) > 1 else short)


def named_count(pool: Sequence[TestName]) -> int:
    """How many of the nameable tests an example names: half of them, at most `DECLARED_MAX`."""
    return min(DECLARED_MAX, -(-len(pool) // 2))


def drawn(pool: Iterable[TestName], count: int, salt: bytes) -> tuple[TestName, ...]:
    """`count` of the tests, by chance for everybody who does not know the salt."""
    order = sorted(pool, key=lambda name: hashlib.sha256(salt + repr(name).encode()).digest())
    return tuple(sorted(order[:count]))


def related_cases(view: SourceView, item: Item) -> tuple[DocCase, ...]:
    """The doc tests that may well run an item: its own, then those near it that name it; at most `DOC_CASES_MAX`."""
    own = [case for case in view.doc_cases.values() if case.item == item]
    near = [case for case in view.doc_cases.values() if case.item != item and item.name in case.file.text]
    near.sort(key=lambda case: (case.item.span.path != item.span.path, case.item.parent != item.parent, case.name))
    return tuple((own + near)[:DOC_CASES_MAX])


def reach(view: SourceView) -> Mapping[str, int]:
    """By function name: how many calls away from a test it is, by names alone; absent when nothing leads there.

    A hint for trying likely places first, never evidence: names are ambiguous, execution decides.
    """
    frontier = {name for test in view.tests for name in test.calls}
    for item in view.kb.items:
        for doctest in item.doctests:
            frontier |= identifiers(doctest.code)
    depths: dict[str, int] = {}
    depth = 1
    while frontier and depth <= 6:
        depths |= {name: depth for name in frontier if name not in depths}
        called = {callee for name in frontier for item in view.named(name) for callee in item.calls}
        frontier = called - depths.keys()
        depth += 1
    return depths
