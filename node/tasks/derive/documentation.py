"""Four categories whose truth is the author's own documentation: docstring, summary, explanation, search."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from node.tasks.context import context_of
from node.tasks.derive.bench import Bench, Deriver, Draft, compose, published
from node.tasks.derive.functions import BODY_TOKENS_MIN
from node.tasks.doctests import docstring_of
from node.tasks.evidence import project
from node.tasks.lexicon import VERBS
from node.tasks.names import unknown_names
from node.tasks.prose import Markdown, first_sentence, mentioned_names, read_markdown, running_text, words
from node.tasks.report import Report
from node.tasks.sites import Site
from node.tasks.snippets import render
from node.tasks.syntax import tokens
from node.tasks.trials import Miss, Trial
from node.tasks.view import SourceView
from node.values.crate import Item, ItemKind
from node.values.example import Example
from node.values.verdict import CheckPlan, Expect, Project, Step

KINDS = frozenset({ItemKind.FUNCTION, ItemKind.METHOD, ItemKind.STRUCT, ItemKind.ENUM, ItemKind.TRAIT, ItemKind.MACRO})

TOKENS_MIN, TOKENS_MAX = 14, 900
"""Of the code: below there is nothing to say, above it is not one thing."""

SENTENCE_WORDS = range(5, 51)
EXPLANATION_WORDS = range(25, 321)
"""Below 25 words a text gives the gist and explains nothing (facts/feasibility-llm.md section 6)."""

_EMPTY_PHRASES = re.compile(
    r"^(?:see|same as|ditto|deprecated|exposed for|internal|todo|fixme|setter|getter|returns? self\b|slow path)"
    r"|\b(?:todo|fixme|xxx)\b",
    re.IGNORECASE,
)

_CONTRACT_SECTIONS = frozenset({"errors", "panics", "safety", "syntax", "performance", "complexity", "note", "notes"})


Described = tuple[Item, Markdown, str]


def documented(view: SourceView) -> tuple[Described, ...]:
    """Items worth describing, no two of the same text, with their documentation and the snippet without it."""
    return view.remembered("documented", lambda: tuple(_documented(view)))


def _documented(view: SourceView) -> Iterator[Described]:
    seen: set[str] = set()
    for item in view.kb.items:
        if not (item.kind in KINDS and item.doc and view.is_library_code(item)):
            continue
        if any("doc(hidden)" in attribute for attribute in item.attributes) or "\r" in view.text(item.span):
            continue
        snippet = render(view, item)
        if TOKENS_MIN <= len(tokens(snippet)) <= TOKENS_MAX and snippet not in seen:
            seen.add(snippet)
            text = read_markdown(item.doc)
            if text.paragraphs and _says_something(view, item, first_sentence(text.paragraphs[0])):
                yield item, text, snippet


def _says_something(view: SourceView, item: Item, sentence: str) -> bool:
    counted = len(words(sentence))
    own = set(words(item.name))
    fresh = [word for word in words(sentence) if word not in own and len(word) > 2]
    plain = not _EMPTY_PHRASES.search(sentence) and not sentence.endswith(":")
    return (
        counted in SENTENCE_WORDS and len(fresh) >= 3 and plain and not unknown_names(view, mentioned_names(sentence))
    )


def _site(item: Item, text: Markdown, detail: object) -> Site:
    """Public functions first, then public types, then what nobody outside can see; the well documented first."""
    amount = sum(len(words(paragraph)) for paragraph in text.paragraphs)
    kind = 0 if item.kind in {ItemKind.FUNCTION, ItemKind.METHOD} else 1
    return Site(item, kind + (0 if item.public else 2), (-min(amount, 80),), detail)


# Summaries


def _summary_sites(view: SourceView) -> Iterable[Site]:
    return (_site(item, text, first_sentence(text.paragraphs[0])) for item, text, _ in documented(view))


def _text_trial(category: str, key: str) -> Callable[[Bench, Site], Trial[Example | Miss]]:
    """A text about a snippet: nothing can be executed, so nothing is asked of the checker."""

    def trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
        yield ()
        inputs = _shown(bench.view, site.item)
        draft = Draft(category, site.item.code_span, inputs, {key: str(site.detail)})
        return compose(bench.view, draft, Report(Project(bench.view.kb.pin)), "")

    return trial


def _shown(view: SourceView, item: Item) -> dict[str, str]:
    snippet = render(view, item)
    context = context_of(view, item, snippet)
    return {"code": snippet} | ({"code_context": context} if context else {})


# Explanations


def _explanation_sites(view: SourceView) -> Iterable[Site]:
    for item, text, _ in documented(view):
        explanation = explanation_of(text)
        if item.body and view.weight(item) < BODY_TOKENS_MIN:
            continue  # what the text explains happens elsewhere
        if len(words(_without_links(explanation))) in EXPLANATION_WORDS and not unknown_names(
            view, mentioned_names(explanation)
        ):
            yield _site(item, text, explanation)


def _without_links(text: str) -> str:
    return re.sub(r"https?://\S+", "", text)


def explanation_of(text: Markdown) -> str:
    """The prose of a documentation: its body, then what its contract sections say.

    Lists become sentences; what only leads to code is left out.
    """
    parts = [running_text(text.body)]
    for title, blocks in text.sections:
        prose = running_text(blocks)
        if title.lower() in _CONTRACT_SECTIONS and prose:
            told = prose.lower().startswith(title.lower()[:5])  # "Panics if ..." needs no heading
            parts.append(prose if told else f"{title}: {prose}")
    return "\n\n".join(part for part in parts if part)


# Docstrings


def _docstring_sites(view: SourceView) -> Iterable[Site]:
    for item, text, _ in documented(view):
        docstring = docstring_of(item)
        if not unknown_names(view, mentioned_names(docstring)):
            yield _site(item, text, docstring)


def _docstring_trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
    view = bench.view
    found = yield from published(bench)
    tests = (
        tuple(sorted(case.name for case in view.doc_cases.values() if case.item == site.item)) if bench.executes else ()
    )
    ran = project(view, (), tests)
    if tests:
        step = Step("docs", ran, Expect.TESTS_PASS, tests)
        (result,) = yield (CheckPlan((step,)),)
        if not (result.checked and result.holds):
            return Miss("its doc tests do not pass as integration tests")
    draft = Draft("docstring_generation", site.item.code_span, _shown(view, site.item), {"docstring": str(site.detail)})
    report = Report(ran, compiled=found.compiled, tests=tests, tests_run=len(tests), tests_passed=len(tests))
    return compose(view, draft, report, found.rustc)


# Search


def _search_sites(view: SourceView) -> Iterable[Site]:
    found = [(item, text, first_sentence(text.paragraphs[0])) for item, text, _ in documented(view)]
    taken = Counter(sentence for _, _, sentence in found)
    for item, text, sentence in found:
        if taken[sentence] == 1 and item.name not in mentioned_names(sentence):
            yield _site(item, text, f"{view.kb.pin.name}: {search_phrase(item, sentence)}")


def search_phrase(item: Item, sentence: str) -> str:
    """The first sentence as somebody looking for the item would put it."""
    text = sentence.rstrip(".!")
    head, _, rest = text.partition(" ")
    verb = head.lower()
    noun = "function" if item.kind in {ItemKind.FUNCTION, ItemKind.METHOD} else item.kind.value
    if verb in VERBS:
        return f"{noun} to {verb} {rest}"
    if _base_form(verb) in VERBS:
        return f"{noun} that {verb} {rest}"
    common = head.isalpha() and head[1:].islower()  # unlike `SemVer` or `URL`
    return f"{noun}: {f'{verb} {rest}' if common else text}"


def _base_form(verb: str) -> str:
    for ending, base in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("s", "")):
        if verb.endswith(ending):
            return verb[: -len(ending)] + base
    return verb


def _search_trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
    yield ()
    draft = Draft(
        "code_search",
        site.item.code_span,
        {"query": str(site.detail)},
        {"code_snippet": render(bench.view, site.item)},
    )
    return compose(bench.view, draft, Report(Project(bench.view.kb.pin)), "")


DERIVERS = (
    Deriver("docstring_generation", 1, _docstring_sites, _docstring_trial),
    Deriver("code_summarization", 1, _summary_sites, _text_trial("code_summarization", "summary")),
    Deriver("code_search", 1, _search_sites, _search_trial),
    Deriver("code_explanation", 1, _explanation_sites, _text_trial("code_explanation", "explanation")),
)
