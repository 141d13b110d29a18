"""`code_context`: what a reader needs beside a snippet, from the same crate, bounded.

The imports the snippet uses, the constants, types, macros and short helpers it names. Only whole definitions as they
stand in the source, docs left out, so that nothing here is invented and nothing is half.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tree_sitter import Node

from node.tasks.snippets import render, shown
from node.tasks.syntax import ancestors, descend, free_identifiers, identifiers, text_of
from node.tasks.view import SourceView
from node.values.crate import Item, ItemKind

CONTEXT_CHARS_MAX = 3_000
"""About 800 tokens: enough for the types a function touches, not a second file."""

LINES_MAX = {ItemKind.CONST: 6, ItemKind.STATIC: 6, ItemKind.MACRO: 16, ItemKind.FUNCTION: 14}
TYPE_LINES_MAX = 28
TYPES_MAX = 4
HELPERS_MAX = 2
SIGNATURES_MAX = 6

_DEFINITIONS = (
    (ItemKind.CONST, ItemKind.STATIC),
    (ItemKind.TYPE_ALIAS, ItemKind.STRUCT, ItemKind.ENUM, ItemKind.UNION, ItemKind.TRAIT),
    (ItemKind.MACRO,),
    (ItemKind.FUNCTION,),
)

_IMPLIED_IMPORTS = {"write": "Write", "writeln": "Write"}
"""Macros that need a trait in scope which their call does not name."""


def context_of(view: SourceView, item: Item, snippet: str, *, hide: str = "") -> str | None:
    """What `snippet`, made from `item`, leans on; None when it stands alone.

    Args:
        view: The crate.
        item: The item the snippet shows; never part of its own context.
        snippet: The text whose names are looked up.
        hide: A name that must not appear, because it is the answer.
    """
    used = free_identifiers(snippet)
    pieces = ["\n".join(_imports(view, item, used))]
    pieces += _definitions(view, item, used)
    kept: list[str] = []
    for piece in pieces:
        fits = sum(map(len, kept)) + len(piece) <= CONTEXT_CHARS_MAX
        if piece and fits and not (hide and hide in identifiers(piece)):
            kept.append(piece)
    return "\n\n".join(kept) or None


def signatures_of(view: SourceView, item: Item, snippet: str, shown: str) -> str:
    """The crate's own functions that `snippet` calls and `shown` does not contain, as comment lines.

    What somebody who writes the function anew may use, and could not guess.
    """
    called = free_identifiers(snippet) - free_identifiers(shown) - {item.name}
    lines: list[str] = []
    for name in sorted(called):
        found = [other for other in view.named(name) if other.container is None]
        if len(found) == 1 and len(lines) < SIGNATURES_MAX:
            lines.append(f"// {found[0].signature};")
    return "\n".join(["// Elsewhere in the crate:", *lines]) if lines else ""


def test_context_of(view: SourceView, tests: Sequence[Item]) -> str | None:
    """What test functions of one module lean on: its imports, and helpers that only tests see."""
    used = frozenset(name for test in tests for name in free_identifiers(render(view, test)))
    first = tests[0]
    pieces = ["\n".join(_imports(view, first, used, globs=True))]
    pieces += _definitions(view, first, used, for_tests=True)
    return "\n\n".join(piece for piece in pieces if piece)[:CONTEXT_CHARS_MAX] or None


def helpers_of(view: SourceView, test: Item) -> str | None:
    """The helpers that a test leans on and that only tests see."""
    used = free_identifiers(render(view, test))
    return "\n\n".join(_definitions(view, test, used, for_tests=True)) or None


def _definitions(view: SourceView, item: Item, used: frozenset[str], *, for_tests: bool = False) -> Iterator[str]:
    for kinds in _DEFINITIONS:
        limit = HELPERS_MAX if kinds == (ItemKind.FUNCTION,) else TYPES_MAX
        found = _named_items(view, item, used, kinds, for_tests=for_tests)
        texts = (_definition(view, other) for other in found)
        yield from [text for text in texts if text][:limit]


def _named_items(
    view: SourceView, item: Item, used: frozenset[str], kinds: Iterable[ItemKind], *, for_tests: bool
) -> list[Item]:
    """Items of some kinds that the snippet names, those of the same module first; one per name."""
    found: dict[str, Item] = {}
    candidates = (other for other in view.kb.items if other.kind in kinds and other.name in used)
    for other in sorted(candidates, key=lambda other: (other.module != item.module, other.span)):
        helps_tests = other.test_only and not other.is_test
        fits = helps_tests if for_tests else view.is_library_code(other)
        if fits and other.span != item.span and other.container is None:
            found.setdefault(other.name, other)
    return list(found.values())


def _definition(view: SourceView, item: Item) -> str:
    text = render(view, item) if item.body else shown(view, item.code_span)
    lines_max = LINES_MAX.get(item.kind, TYPE_LINES_MAX)
    return text if text.count("\n") < lines_max and "\r" not in text else ""


def _imports(view: SourceView, item: Item, used: frozenset[str], *, globs: bool = False) -> Iterator[str]:
    """The `use` lines in scope, cut down to the names that are used."""
    node = view.node(item)
    wanted = used | {trait for macro, trait in _IMPLIED_IMPORTS.items() if macro in used}
    if node is None:
        return
    for scope in ancestors(node):
        if scope.type == "source_file" or (scope.parent is not None and scope.parent.type == "mod_item"):
            declarations = (child for child in scope.children if child.type == "use_declaration")
            for declaration in declarations:
                argument = declaration.child_by_field_name("argument")
                kept = _cut(argument, wanted, globs) if argument else ""
                if kept:
                    yield f"use {kept};"
            return


def _cut(tree: Node, used: frozenset[str], globs: bool) -> str:
    """A use tree without the leaves that bind unused names; empty when nothing is left.

    What a glob import brings in cannot be told from the text: `globs` says whether they stay.
    """
    if tree.type == "use_list":
        kept = [text for child in tree.named_children if (text := _cut(child, used, globs))]
        return kept[0] if len(kept) == 1 else f"{{{', '.join(kept)}}}" if kept else ""
    if tree.type == "scoped_use_list":
        path, names = tree.child_by_field_name("path"), tree.child_by_field_name("list")
        inner = _cut(names, used | {"self"} if path and _last_name(path) in used else used, globs) if names else ""
        if path is None or not inner:
            return inner
        return text_of(path) if inner == "self" else f"{text_of(path)}::{inner}"
    if tree.type == "use_as_clause":
        alias = tree.child_by_field_name("alias")
        return text_of(tree) if alias and text_of(alias) in used else ""
    if tree.type == "use_wildcard":
        return text_of(tree) if globs else ""
    return text_of(tree) if _last_name(tree) in used else ""


def _last_name(path: Node) -> str:
    names = [text_of(node) for node in descend(path) if not node.children]
    return names[-1] if names else ""
