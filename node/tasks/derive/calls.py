"""API usage prediction: real uses of the crate, in its docs, its tests and itself, cut off just before a call of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tree_sitter import Node

from node.tasks.context import context_of
from node.tasks.derive.bench import Bench, Deriver, Draft, compose, published
from node.tasks.derive.functions import substantial
from node.tasks.doctests import unhidden
from node.tasks.evidence import project
from node.tasks.lexicon import COMMON_METHODS
from node.tasks.report import Report
from node.tasks.sites import Site, balanced
from node.tasks.snippets import render
from node.tasks.syntax import ancestors, descend, parse, text_of, tokens
from node.tasks.trials import Miss, Trial
from node.tasks.view import SourceView
from node.values.crate import FileRole, Item, ItemKind, Span
from node.values.example import Example
from node.values.verdict import CheckPlan, Expect, Step, TestName

CALLS_PER_USE = 3
CALL_TOKENS_MAX = 40
SHOWN_TOKENS_MIN = 6
"""Before the call: an import or a statement at least."""


@dataclass(frozen=True, slots=True)
class Use:
    """A piece of code that uses the crate, and how it is run."""

    span: Span
    text: str
    test: TestName | None
    """None for a use inside the library."""
    start: int
    """Of the call, in characters of `text`."""
    end: int


def uses(view: SourceView) -> Iterator[tuple[Item, int, Use]]:
    """Calls of the crate's API in its doc tests, its tests and its own functions, in that order, with their item."""
    names = _public_names(view)
    for name, case in view.doc_cases.items():
        doctest = next(doctest for doctest in case.item.doctests if case.name.file.endswith(f"_{doctest.index}"))
        yield from _cut(view, case.item, 0, unhidden(doctest.code), doctest.span, name, names)
    for name, item in view.test_items.items():
        tier = 1 if view.role(item.span.path) is FileRole.INTEGRATION_TEST else 2
        yield from _cut(view, item, tier, render(view, item), item.code_span, name, names)
    for item in substantial(view):
        yield from _cut(view, item, 3, render(view, item), item.code_span, None, names)


def _public_names(view: SourceView) -> frozenset[str]:
    kinds = {ItemKind.FUNCTION, ItemKind.METHOD}
    return frozenset(item.name for item in view.kb.items if item.kind in kinds and item.public)


def _cut(
    view: SourceView, item: Item, tier: int, text: str, span: Span, test: TestName | None, names: frozenset[str]
) -> Iterator[tuple[Item, int, Use]]:
    kept = 0
    seen: set[str] = set()
    for start, end in _calls(view, text, names):
        prefix, call = text[:start], text[start:end]
        enough = len(tokens(prefix)) >= SHOWN_TOKENS_MIN and len(tokens(call)) <= CALL_TOKENS_MAX
        if enough and call not in prefix and "\n" not in call and call not in seen and kept < CALLS_PER_USE:
            seen.add(call)
            kept += 1
            yield item, tier, Use(span, text, test, start, end)


def _calls(view: SourceView, text: str, names: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Character ranges of calls of the crate's public functions, method receivers left out."""
    # As functions, so that their arguments parse; the same length, so that positions stay.
    plain = re.sub(r"\b(assert(?:_eq|_ne)?)!\(", r"\1_(", text)
    data = plain.encode()
    for node in descend(parse(b"fn w() {\n" + data + b"\n}")):
        place = _called(view, node, names)
        if place is not None:
            start, end = (len(data[: at - 9].decode(errors="replace")) for at in place)
            yield start, end


def _called(view: SourceView, node: Node, names: frozenset[str]) -> tuple[int, int] | None:
    function = node.child_by_field_name("function") if node.type == "call_expression" else None
    if function is None or any(parent.type == "macro_invocation" for parent in ancestors(node)):
        return None
    if function.type == "field_expression":
        name = function.child_by_field_name("field")
        fits = name is not None and text_of(name) in names and text_of(name) not in COMMON_METHODS
        return (name.start_byte, node.end_byte) if name is not None and fits else None
    path = text_of(function).split("::")
    owned = len(path) > 1 and path[-2] in view.types
    free = len(path) == 1 and path[0] not in COMMON_METHODS
    fits = path[-1] in names and (owned or free or path[0] == view.crate_name)
    return (node.start_byte, node.end_byte) if fits else None


def _sites(view: SourceView) -> Iterable[Site]:
    """Uses of different functions in turn; the same call after the same text is offered once."""
    seen: set[str] = set()
    sites: list[Site] = []
    for item, tier, use in uses(view):
        text = use.text[: use.end]
        if text not in seen:
            seen.add(text)
            sites.append(Site(item, tier, (use.start,), use))
    return balanced(sites, _callee)


def _callee(site: Site) -> str:
    assert isinstance(site.detail, Use), "call sites carry a use"
    return site.detail.text[site.detail.start : site.detail.end].partition("(")[0]


def _trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
    view, use = bench.view, site.detail
    assert isinstance(use, Use), "call sites carry a use"
    found = yield from published(bench)
    tests = (use.test,) if use.test and found.compiled else ()
    ran = project(view, (), tests)
    if tests:
        (result,) = yield (CheckPlan((Step("answer", ran, Expect.TESTS_PASS, tests),)),)
        if not (result.checked and result.holds):
            return Miss("the code around the call does not pass as a test")
    shown = use.text[: use.start]
    context = context_of(view, site.item, shown) if use.span == site.item.code_span else None
    inputs = {"code": shown} | ({"code_context": context} if context else {})
    outputs = {"next_api_call": use.text[use.start : use.end]}
    report = Report(ran, compiled=found.compiled, tests=tests, tests_run=len(tests), tests_passed=len(tests))
    return compose(view, Draft("api_usage_prediction", use.span, inputs, outputs), report, found.rustc)


DERIVERS = (Deriver("api_usage_prediction", 2, _sites, _trial),)
