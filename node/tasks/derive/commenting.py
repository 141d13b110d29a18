"""Comment generation: a function of the crate without its comments, and as its author commented it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from node.tasks.context import context_of
from node.tasks.derive.bench import Bench, Deriver, Draft, compose, published
from node.tasks.derive.functions import BODY_TOKENS_MIN, LINES_MAX
from node.tasks.prose import words
from node.tasks.report import Report
from node.tasks.sites import Site
from node.tasks.snippets import is_doc, render, without_comments
from node.tasks.syntax import comments, parse, tokens
from node.tasks.trials import Miss, Trial
from node.tasks.view import SourceView
from node.values.example import Example
from node.values.verdict import Project

COMMENT_WORDS_MIN = 4
_NOISE = re.compile(r"\b(?:todo|fixme|xxx|hack)\b|[-=*/]{6,}|rustfmt|clippy::|cov(?:erage)?:ignore", re.IGNORECASE)


def comment_text(comment: str) -> str:
    """What a comment says, markers and margins removed."""
    body = comment.removeprefix("/*").removesuffix("*/") if comment.startswith("/*") else comment.lstrip("/")
    return " ".join(line.strip().removeprefix("* ") for line in body.splitlines()).strip()


def is_code(text: str) -> bool:
    """Whether a comment's text is code that was commented out rather than a sentence."""
    if re.search(r"[;{}]\s*$|^\s*(?:let|if|for|match|return|assert\w*!|debug_assert\w*!)\s.*[({=]", text):
        return True
    return "(" in text and not parse(f"fn f() {{ {text}; }}".encode()).has_error and len(words(text)) < 8


def _sites(view: SourceView) -> Iterable[Site]:
    for item in view.functions:
        snippet = render(view, item)
        texts = [comment_text(comment) for comment in comments(snippet) if not is_doc(comment)]
        prose = " ".join(texts)
        clean = not any(is_code(text) for text in texts) and not _NOISE.search(prose)
        sized = view.weight(item) >= BODY_TOKENS_MIN and snippet.count("\n") <= LINES_MAX and "\r" not in snippet
        if sized and clean and len(words(prose)) >= COMMENT_WORDS_MIN and not item.unsafe:
            yield Site(item, 0, (-min(len(words(prose)), 60),))


def _trial(bench: Bench, site: Site) -> Trial[Example | Miss]:
    view, item = bench.view, site.item
    found = yield from published(bench)
    if found.compiled is False:
        return Miss("the crate does not build")
    commented = render(view, item)
    bare = without_comments(commented)
    if tokens(bare) != tokens(commented) or bare == commented:
        return Miss("the comments cannot be taken out cleanly")
    context = context_of(view, item, commented)
    inputs = {"code": bare} | ({"code_context": context} if context else {})
    draft = Draft("comment_generation", item.code_span, inputs, {"commented_code": commented})
    return compose(view, draft, Report(Project(view.kb.pin), compiled=found.compiled), found.rustc)


DERIVERS = (Deriver("comment_generation", 1, _sites, _trial),)
