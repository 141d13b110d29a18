"""A crate's sources together with what is known of them: text by span, items by place, trees parsed once.

Everything here follows from the knowledge base and the published bytes, so every node sees the same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TypeVar, cast

from tree_sitter import Node

from node.tasks.doctests import DocCase, doc_case
from node.tasks.prose import word_set
from node.tasks.syntax import FUNCTIONS, ancestors, is_name_node, leaves, name_of, node_at, parse, text_of, tokens
from node.values.crate import DocTest, FileRole, Item, ItemKind, KnowledgeBase, Span
from node.values.verdict import TestName, TestTarget

T = TypeVar("T")

ITEM_NODES = FUNCTIONS | {
    "struct_item",
    "enum_item",
    "union_item",
    "trait_item",
    "const_item",
    "static_item",
    "type_item",
    "macro_definition",
}


class SourceView:
    """What tasks ask of a crate.

    Attributes:
        kb: The knowledge base.
        functions: Functions and methods of the library that have a body and are no tests, in source order.
        tests: Functions with a test attribute, unit and integration, in source order.
    """

    def __init__(self, kb: KnowledgeBase, sources: Mapping[str, bytes]) -> None:
        self.kb = kb
        self._sources = sources
        self._files = {file.path: file for file in kb.files}
        self._trees: dict[str, Node] = {}
        self._weights: dict[Item, int] = {}
        self._lists: dict[Hashable, tuple[object, ...]] = {}
        self._by_code_span = {item.code_span: item for item in kb.items}
        self.functions = tuple(item for item in kb.items if item.body and self.is_library_code(item))
        self.tests = tuple(item for item in kb.items if item.is_test and item.body)

    def remembered(self, name: Hashable, compute: Callable[[], tuple[T, ...]]) -> tuple[T, ...]:
        """What `compute` gives, computed once per view: what many categories start from or come back to."""
        if name not in self._lists:
            self._lists[name] = compute()
        return cast("tuple[T, ...]", self._lists[name])

    def role(self, path: str) -> FileRole:
        """Which target a file belongs to."""
        return self._files[path].role if path in self._files else FileRole.ORPHAN

    def is_library_code(self, item: Item) -> bool:
        """Whether an item is part of the library proper: not a test, nor anything only tests see."""
        return self.role(item.span.path) is FileRole.LIBRARY and not item.is_test and not item.test_only

    def bytes_of(self, path: str) -> bytes:
        """A published file; empty when there is none of that path."""
        return self._sources.get(path, b"")

    def text(self, span: Span) -> str:
        """The published text of a span; short or empty when it reaches beyond the file."""
        return self.bytes_of(span.path)[span.start : span.end].decode(errors="replace")

    def tree(self, path: str) -> Node:
        """The syntax tree of a published file."""
        if path not in self._trees:
            self._trees[path] = parse(self.bytes_of(path))
        return self._trees[path]

    def node(self, item: Item) -> Node | None:
        """The syntax node of an item, attributes and docs outside; None for kinds that are never examples."""
        place = item.code_span
        return self.remembered(place, lambda: (node_at(self.tree(place.path), place.start, place.end, ITEM_NODES),))[0]

    def item_at(self, path: str, start: int, end: int) -> Item | None:
        """The item whose code, docs left out, is exactly these bytes."""
        return self._by_code_span.get(Span(path, start, end))

    def doctest_at(self, path: str, start: int, end: int) -> tuple[Item, DocTest] | None:
        """The doc test whose code is exactly these bytes, and the item it documents."""
        return self._doctests.get(Span(path, start, end))

    @functools.cached_property
    def _doctests(self) -> Mapping[Span, tuple[Item, DocTest]]:
        return {doctest.span: (item, doctest) for item in self.kb.items for doctest in item.doctests}

    @functools.cached_property
    def crate_name(self) -> str:
        """The library's name in Rust code: `use <crate_name>::...`."""
        roots = (file.module for file in self.kb.files if file.role is FileRole.LIBRARY and file.module)
        first = min(roots, key=len, default=self.kb.pin.name.replace("-", "_"))
        return first.split("::")[0]

    def module_path(self, path: str, node: Node | None) -> list[str]:
        """The modules that a node of a file stands in, below the root of the target that holds it."""
        above = ancestors(node) if node else iter(())
        inline = [name_of(parent) for parent in above if parent.type == "mod_item"][::-1]
        file = self._files[path]
        outer = file.module.split("::")[1:] if file.role is FileRole.LIBRARY else []
        return [*outer, *inline]

    def test_name(self, test: Item) -> TestName:
        """How the harness lists a test function."""
        return self._named(test.span.path, self.node(test), test.name)

    def _named(self, path: str, node: Node | None, name: str) -> TestName:
        listed = "::".join([*self.module_path(path, node), name])
        if self.role(path) is FileRole.INTEGRATION_TEST:
            file = path.removeprefix("tests/").removesuffix(".rs").split("/")[0]
            return TestName(TestTarget.INTEGRATION.value, file, listed)
        return TestName(TestTarget.LIBRARY.value, "", listed)

    @functools.cached_property
    def test_items(self) -> Mapping[TestName, Item]:
        """The published tests by their harness names."""
        return {self.test_name(item): item for item in reversed(self.tests)}

    @functools.cached_property
    def macro_tests(self) -> Mapping[TestName, Span]:
        """Macro calls between items, by the test that each would be if it makes one named after its first word.

        `t!(one: "a" => "b");` may make the test `one`. Only the harness knows; look up names that it listed.
        """
        found: dict[TestName, Span] = {}
        for file in self.kb.files:
            if file.role in {FileRole.LIBRARY, FileRole.INTEGRATION_TEST}:
                found |= {self._named(file.path, at, name): span for at, name, span in _macro_calls(self, file.path)}
        return found

    @functools.cached_property
    def tests_by_function(self) -> Mapping[str, Sequence[TestName]]:
        """The published tests by the name of their function alone, which several modules may share."""
        names: dict[str, list[TestName]] = {}
        for name, item in sorted(self.test_items.items()):
            names.setdefault(item.name, []).append(name)
        return names

    @functools.cached_property
    def doc_cases(self) -> Mapping[TestName, DocCase]:
        """The library's runnable doc tests as integration tests, by the names they get."""
        items = (item for item in self.kb.items if item.doctests and self.is_library_code(item))
        edition = self.kb.pin.edition
        found = (doc_case(item, doctest, self.crate_name, edition) for item in items for doctest in item.doctests)
        return {case.name: case for case in found if case}

    @functools.cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every identifier in the crate's Rust files: what a text about the crate may name."""
        roots = (self.tree(file.path) for file in self.kb.files)
        return frozenset(text_of(leaf) for root in roots for leaf in leaves(root) if is_name_node(leaf))

    @functools.cached_property
    def vocabularies(self) -> Mapping[Item, frozenset[str]]:
        """The content words of each documented library item: its documentation, name and signature."""
        documented = (item for item in self.kb.items if item.doc and self.is_library_code(item))
        return {item: word_set(f"{item.doc} {item.name} {item.signature}") for item in documented}

    @functools.cached_property
    def library_names(self) -> frozenset[str]:
        """The names of everything that the library defines."""
        return frozenset(item.name for item in self.kb.items if self.is_library_code(item))

    @functools.cached_property
    def commented(self) -> Mapping[Item, frozenset[str]]:
        """The content words of each library function, its comments and name included, its documentation left out."""
        return {item: word_set(self.text(item.code_span)) for item in self.functions}

    @functools.cached_property
    def helper_names(self) -> frozenset[str]:
        """Functions and macros that only tests see: a name of these in a test is not the library's."""
        kinds = {ItemKind.FUNCTION, ItemKind.MACRO}
        found = (item for item in self.kb.items if item.kind in kinds and item.test_only and not item.is_test)
        return frozenset(item.name for item in found)

    @functools.cached_property
    def types(self) -> Mapping[str, Item]:
        """The library's type definitions by name; the first of a name wins."""
        kinds = {ItemKind.STRUCT, ItemKind.ENUM, ItemKind.UNION, ItemKind.TRAIT, ItemKind.TYPE_ALIAS}
        found = (item for item in self.kb.items if item.kind in kinds and self.is_library_code(item))
        return {item.name: item for item in reversed(tuple(found))}

    def weight(self, item: Item) -> int:
        """How many tokens a function's body has."""
        if item not in self._weights:
            self._weights[item] = len(tokens(self.text(item.body))) if item.body else 0
        return self._weights[item]

    def named(self, name: str) -> Sequence[Item]:
        """The library's functions of a name."""
        return self._functions_by_name.get(name, ())

    @functools.cached_property
    def _functions_by_name(self) -> Mapping[str, Sequence[Item]]:
        names: dict[str, list[Item]] = {}
        for item in self.functions:
            names.setdefault(item.name, []).append(item)
        return names


def _macro_calls(view: SourceView, path: str) -> Iterator[tuple[Node, str, Span]]:
    """Macro calls that stand where items do: the node, the first word of the arguments, the bytes."""
    stack = [view.tree(path)]
    while stack:
        for child in stack.pop().children:
            if child.type == "mod_item" and (body := child.child_by_field_name("body")) is not None:
                stack.append(body)
            call = child.named_children[0] if child.type == "expression_statement" else child
            if call.type == "macro_invocation":
                words = [text_of(leaf) for leaf in leaves(call.children[-1]) if is_name_node(leaf)]
                if words:
                    yield call, words[0], Span(path, child.start_byte, child.end_byte)
