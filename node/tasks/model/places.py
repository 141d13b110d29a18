"""Places of a crate that a model is asked about: in one order that all nodes compute alike, and what is given of each.

As with the source engine (`node.tasks.sites`) a number of a category's list names one place, so that generators with
different numbers never ask about the same thing. Where the question itself is cut out of the code (a gap, a masked
name, a call), the places are the source engine's own; where it is a whole item, an item stands once.

What the crate has is never asked for: an answer that the author wrote is the answer (`code_generation`,
`code_search`, the better version of every pair), and the model writes the question. Everything else it writes is
executed or read against the source like anybody's (`node.tasks.plans`, `node.tasks.inspection`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from node.tasks.categories import PLACEHOLDER, Value
from node.tasks.context import context_of, signatures_of
from node.tasks.derive.bench import Bench, published, touching
from node.tasks.derive.bodies import signature_block
from node.tasks.derive.calls import Use
from node.tasks.derive.functions import substantial
from node.tasks.derive.naming import mask, masked_body
from node.tasks.evidence import column_of_tests, declared, drawn, nameable, named_count, reach
from node.tasks.model.answers import fitted
from node.tasks.model.states import End
from node.tasks.mutation import mutants
from node.tasks.own_words import SLIP_FIELDS
from node.tasks.sites import Group, Site, arrange
from node.tasks.snippets import is_from_trait_impl, render, render_parts, without_comments
from node.tasks.source import DERIVERS
from node.tasks.syntax import tokens
from node.tasks.trials import Trial
from node.tasks.view import SourceView
from node.values.crate import Item, Span
from node.values.verdict import TestName

TURNS = 3
"""How often one place may be asked about, by different numbers: a small crate has few places, and a model more than one
answer. The same answer twice is dropped."""

UNREACHED = 9
TESTS_SHOWN_CHARS_MAX = 6_000

Words = Mapping[str, Value]
Finish = Callable[[dict[str, Value]], dict[str, Value]]


@dataclass(frozen=True, slots=True)
class Unfit:
    """A place that cannot be asked about."""

    end: End
    why: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A place ready to be asked about."""

    category: str
    span: Span
    """What the example will be anchored to."""
    words: Words
    """Fields that the crate gives, of input and output together."""
    shown: Mapping[str, str]
    """What the prompt's places are filled with."""
    tests: tuple[TestName, ...]
    """That the claim rests on."""
    finish: Finish
    """From the fields a model wrote to the fields of the example."""


def places_of(view: SourceView, category: str) -> tuple[Group, ...]:
    """A category's places in order, each a group of one site."""
    return view.remembered(f"model {category}", lambda: arrange(_SITES[category](view), 1))


def place_at(groups: tuple[Group, ...], index: int) -> Site | None:
    """The place that a number names; None past the end."""
    return groups[index % len(groups)][0] if index < TURNS * len(groups) else None


# Which places


def _derived(category: str) -> Callable[[SourceView], Iterable[Site]]:
    return DERIVERS[category].sites


def _whole(category: str) -> Callable[[SourceView], Iterable[Site]]:
    """The items that the source engine has sites in, each once."""

    def sites(view: SourceView) -> Iterable[Site]:
        first: dict[Item, Site] = {}
        for site in DERIVERS[category].sites(view):
            best = first.get(site.item)
            if best is None or (site.tier, site.order) < (best.tier, best.order):
                first[site.item] = site
        return first.values()

    return sites


def _tested(wanted: Callable[[SourceView, Item], bool]) -> Callable[[SourceView], Iterable[Site]]:
    """Functions that some test seems to reach, those nearest to a test first."""

    def sites(view: SourceView) -> Iterable[Site]:
        depths = reach(view)
        for item in substantial(view):
            implied = is_from_trait_impl(view, item)  # used without its name
            depth = depths.get(item.name, UNREACHED - 1 if implied else UNREACHED)
            if depth < UNREACHED and wanted(view, item):
                yield Site(item, depth + (0 if item.public else 2), (-min(view.weight(item), 150),))

    return sites


_ANY_TESTED = _tested(lambda _view, _item: True)
_SITES: Mapping[str, Callable[[SourceView], Iterable[Site]]] = {
    "code_generation": _ANY_TESTED,
    "code_completion": _derived("code_completion"),
    "docstring_generation": _whole("docstring_generation"),
    "test_generation": _tested(lambda view, item: bool(mutants(view, item)) and not is_from_trait_impl(view, item)),
    "code_summarization": _whole("code_summarization"),
    "bug_detection": _ANY_TESTED,
    "code_refactoring": _ANY_TESTED,
    "code_optimization": _ANY_TESTED,
    "code_review": _ANY_TESTED,
    "function_naming": _derived("function_naming"),
    "variable_naming": _derived("variable_naming"),
    "api_usage_prediction": _derived("api_usage_prediction"),
    "code_search": _whole("code_search"),
    "code_explanation": _whole("code_explanation"),
    "comment_generation": _whole("comment_generation"),
}


# What is given


def assign(bench: Bench, category: str, site: Site, salt: bytes) -> Trial[Assignment | Unfit]:
    """Prepare a place: find the tests that reach it where the category rests on tests, and cut out what is given.

    Args:
        bench: The crate.
        category: Of the example.
        site: The place.
        salt: Nobody else's; decides which tests are named where a probe of the category would hold some back.
    """
    found = yield from published(bench)
    if found.compiled is False:
        return Unfit(End.UNSUITED, "the crate does not build")
    named: tuple[TestName, ...] = ()
    if category in _RESTS_ON_TESTS:
        tests = yield from touching(bench, site.item)
        if not tests and category in _NEEDS_TESTS:
            return Unfit(End.UNTESTED)
        if category in SLIP_FIELDS:
            pool = nameable(bench.view, site.item, tests)
            named = drawn(pool, named_count(pool), salt)
        else:
            named = declared(bench.view, site.item, tests)
    made = _GIVEN[category](bench.view, site)
    if isinstance(made, Unfit):
        return made
    shown = {"tests": column_of_tests(bench.view, named)[:TESTS_SHOWN_CHARS_MAX], **made.shown}
    return replace(made, category=category, shown=shown, tests=named or made.tests)


_NEEDS_TESTS = frozenset({"code_generation", "bug_detection", "code_refactoring", "code_optimization", "code_review"})
_RESTS_ON_TESTS = _NEEDS_TESTS | {"code_completion"}


def _given(
    span: Span, words: Words, shown: Mapping[str, str], *, tests: tuple[TestName, ...] = (), finish: Finish = dict
) -> Assignment:
    return Assignment("", span, words, shown, tests, finish)


def _context(view: SourceView, item: Item, snippet: str, *, hide: str = "") -> dict[str, str]:
    context = context_of(view, item, snippet, hide=hide)
    return {"code_context": context} if context else {}


def _shown(code: str, context: Mapping[str, str]) -> dict[str, str]:
    return {"code": code, "context": context.get("code_context", "(nothing)")}


def _code(field: str) -> Callable[[SourceView, Site], Assignment]:
    """The item as `field`, and what it leans on."""

    def given(view: SourceView, site: Site) -> Assignment:
        code = render(view, site.item)
        context = _context(view, site.item, code)
        return _given(site.item.code_span, {field: code, **context}, _shown(code, context))

    return given


def _generation(view: SourceView, site: Site) -> Assignment:
    code = render(view, site.item)
    known = _context(view, site.item, code).get("code_context", "")
    pieces = filter(None, (known, signatures_of(view, site.item, code, known)))
    joined = "\n\n".join(pieces)
    context = {"code_context": joined} if joined else {}

    def finish(answer: dict[str, Value]) -> dict[str, Value]:
        return {**answer, "description": f"{answer['description']}\n\n{signature_block(view, site.item)}"}

    return _given(site.item.code_span, {"code": code, **context}, _shown(code, context), finish=finish)


def _completion(view: SourceView, site: Site) -> Assignment:
    assert isinstance(site.detail, tuple), "completion sites carry where the gap is"
    prefix, _, suffix = render_parts(view, site.item, *site.detail)

    def finish(answer: dict[str, Value]) -> dict[str, Value]:
        return {"completion": fitted(str(answer["completion"]), prefix, suffix)}

    gap = {"prefix": prefix, "suffix": suffix}
    return _given(site.item.code_span, gap, gap, finish=finish)


def _search(view: SourceView, site: Site) -> Assignment:
    code = render(view, site.item)
    return _given(site.item.code_span, {"code_snippet": code}, {"code": code})


def _function_name(view: SourceView, site: Site) -> Assignment | Unfit:
    code = mask(render(view, site.item), site.item.name)
    if code is None:
        return Unfit(End.UNSUITED, "the name shows in a comment or a text")
    context = _context(view, site.item, render(view, site.item), hide=site.item.name)
    return _given(site.item.code_span, {"code": code, **context}, _shown(code, context))


def _variable_name(view: SourceView, site: Site) -> Assignment | Unfit:
    name = str(site.detail)
    code = render(view, site.item, masked_body(view, site.item, name, PLACEHOLDER))
    context = _context(view, site.item, code, hide=name)
    if re.search(rf"\b{re.escape(name)}\b", code):
        return Unfit(End.UNSUITED, "the name shows through")
    return _given(site.item.code_span, {"code": code, **context}, _shown(code, context))


def _call(view: SourceView, site: Site) -> Assignment:
    use = site.detail
    assert isinstance(use, Use), "call sites carry a use"
    code = use.text[: use.start]
    context = _context(view, site.item, code) if use.span == site.item.code_span else {}
    return _given(use.span, {"code": code, **context}, _shown(code, context))


def _commenting(view: SourceView, site: Site) -> Assignment | Unfit:
    commented = render(view, site.item)
    code = without_comments(commented)
    if tokens(code) != tokens(commented):
        return Unfit(End.UNSUITED, "the comments cannot be taken out cleanly")
    context = _context(view, site.item, commented)
    return _given(site.item.code_span, {"code": code, **context}, _shown(code, context))


_GIVEN: Mapping[str, Callable[[SourceView, Site], Assignment | Unfit]] = {
    "code_generation": _generation,
    "code_completion": _completion,
    "docstring_generation": _code("code"),
    "test_generation": _code("code_to_test"),
    "code_summarization": _code("code"),
    "bug_detection": _code("fixed_code"),
    "code_refactoring": _code("code_after"),
    "code_optimization": _code("code_after"),
    "code_review": _code("code_after"),
    "function_naming": _function_name,
    "variable_naming": _variable_name,
    "api_usage_prediction": _call,
    "code_search": _search,
    "code_explanation": _code("code"),
    "comment_generation": _commenting,
}
