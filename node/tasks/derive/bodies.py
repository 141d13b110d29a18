"""Two categories whose answer is the crate's real code: a whole body from its description, and the rest of a body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tree_sitter import Node

from node.tasks.context import context_of, signatures_of
from node.tasks.derive.bench import Bench, Deriver, Draft, compose, published, touching
from node.tasks.derive.functions import substantial
from node.tasks.evidence import addresses, column_of_tests, declared, project, reach
from node.tasks.inspection import shares_run
from node.tasks.prose import read_markdown, words
from node.tasks.report import Report
from node.tasks.sites import Site
from node.tasks.snippets import container_header, is_from_trait_impl, render, render_parts
from node.tasks.syntax import COMMENTS, descend, tokens
from node.tasks.trials import Miss, Trial
from node.tasks.view import SourceView
from node.values.crate import Item
from node.values.example import Example
from node.values.verdict import TestName

DESCRIPTION_WORDS_MIN = 6
ASSERTIONS_MIN = 3
"""Fewer do not pin an undocumented function down."""

UNREACHED = 9


# Generation


def _generation_sites(view: SourceView) -> Iterable[Site]:
    depths = reach(view)
    for item in substantial(view):
        text = read_markdown(item.doc)
        described = sum(len(words(part)) for part in text.paragraphs) >= DESCRIPTION_WORDS_MIN
        depth = depths.get(item.name, UNREACHED)
        # A test can only describe what it calls, by name or through a trait.
        if described or depth == 1 or is_from_trait_impl(view, item):
            tier = depth + (0 if described else 3) + (0 if item.public else 2)
            yield Site(item, tier, (_size_penalty(view.weight(item)),), described)


def _size_penalty(weight: int) -> int:
    """How far a body is from the size that teaches most: neither a line nor a page."""
    return 0 if 30 <= weight <= 250 else 1 if weight <= 450 else 2


def _generation_trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
    view, item = bench.view, site.item
    tests = yield from touching(bench, item)
    if not tests:
        return Miss("no test reaches it")
    named = declared(view, item, tests)
    description = describe(view, item) if site.detail else _described_by_tests(view, item, named)
    answer = render(view, item)
    context = context_of(view, item, answer) or ""
    context = "\n\n".join(filter(None, (context, signatures_of(view, item, answer, context))))
    if not description:
        return Miss("nothing says what it does")
    if item.body and shares_run(view.text(item.body)[1:-1], f"{description}\n{context}"):
        return Miss("the description holds the answer")
    found = yield from published(bench)
    inputs = {"title": _title(view, item), "description": description}
    draft = Draft(
        "code_generation", item.code_span, inputs | ({"code_context": context} if context else {}), {"code": answer}
    )
    return compose(view, draft, tested_report(view, named), found.rustc)


def _title(view: SourceView, item: Item) -> str:
    if is_from_trait_impl(view, item):
        return f"Implement `{item.name}` in `{' '.join(container_header(view, item).split())}`"
    return f"Implement `{item.path}`"


def tested_report(view: SourceView, named: tuple[TestName, ...]) -> Report:
    """The report on an answer that is the published code: its tests are part of a baseline that passes."""
    return Report(project(view, (), named), compiled=True, tests=named, tests_run=len(named), tests_passed=len(named))


def describe(view: SourceView, item: Item) -> str:
    """The author's documentation and the signature."""
    return f"{item.doc.strip()}\n\n{signature_block(view, item)}"


def _described_by_tests(view: SourceView, item: Item, named: tuple[TestName, ...]) -> str:
    """The signature and the tests it must pass, when they call it by name often enough to pin it down."""
    implied = is_from_trait_impl(view, item)  # operators and formatting call it without its name
    direct = tuple(name for name in named if implied or addresses(view, name, item))
    source = column_of_tests(view, direct)
    if source.count("assert") < ASSERTIONS_MIN:
        return ""
    block = signature_block(view, item)
    return f"The implementation has to pass these tests of the crate:\n\n```rust\n{source.strip()}\n```\n\n{block}"


def signature_block(view: SourceView, item: Item) -> str:
    """What is given: the function with its body left open."""
    indent = "        " if item.container else "    "
    shown = render(view, item, f"{{\n{indent}todo!()\n{indent[4:]}}}")
    return f"Signature:\n\n```rust\n{shown}\n```"


# Completion

COMPLETION_TOKENS = range(10, 141)
COMPLETION_BEST = 45
SHOWN_TOKENS_MIN = 14
"""Of the body, before the cut: with less there is nothing to go on."""


def _completion_sites(view: SourceView) -> Iterable[Site]:
    depths = reach(view)
    for item in substantial(view):
        depth = depths.get(item.name, UNREACHED)
        for start, end in _cuts(view, item):
            prefix, completion, suffix = render_parts(view, item, start, end)
            size = len(tokens(completion))
            shown = len(tokens(prefix)) - len(tokens(render(view, item, "{")))
            if size in COMPLETION_TOKENS and shown >= SHOWN_TOKENS_MIN and completion not in prefix + suffix:
                yield Site(item, depth, (abs(size - COMPLETION_BEST), start, end), (start, end))


def _cuts(view: SourceView, item: Item) -> Iterator[tuple[int, int]]:
    """Byte ranges of whole statements up to the end of their block, in every block of the body."""
    node = view.node(item)
    for block in descend(node) if node else ():
        statements = _statements(block)
        for statement in statements[1:] if block.parent == node else statements:
            yield statement.start_byte, statements[-1].end_byte


def _statements(block: Node) -> list[Node]:
    if block.type != "block":
        return []
    return [child for child in block.named_children if child.type not in COMMENTS]


def _completion_trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
    view, item = bench.view, site.item
    tests = yield from touching(bench, item)
    found = yield from published(bench)
    if found.compiled is False:
        return Miss("the crate does not build")
    assert isinstance(site.detail, tuple)
    prefix, completion, suffix = render_parts(view, item, *site.detail)
    named = declared(view, item, tests)
    draft = Draft("code_completion", item.code_span, {"prefix": prefix, "suffix": suffix}, {"completion": completion})
    report = tested_report(view, named) if found.compiled else Report(project(view))
    return compose(view, draft, report, found.rustc)


DERIVERS = (
    Deriver("code_generation", 2, _generation_sites, _generation_trial),
    Deriver("code_completion", 3, _completion_sites, _completion_trial),
)
