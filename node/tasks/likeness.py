"""How texts, names and code of an example belong together, by their words: shares in basis points.

Words are cut to stems and taken out of identifiers (`node.tasks.prose.word_set`), so that `max_distance` and "the
largest distance" have something in common. Nothing here knows meaning; it tells a text about one item from a text
about another, and a question that holds what its answer needs from one that does not.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from node.tasks.anchors import Anchored
from node.tasks.categories import PLACEHOLDER, FieldKind
from node.tasks.prose import code_spans, word_set
from node.tasks.syntax import comments, free_identifiers, tokens
from node.tasks.view import SourceView
from node.values.crate import Item

FULL = 10_000

MISFIT_COST = 3
"""Basis points of `best_fit` lost per basis point by which another item fits better: a third more of the words."""

CONTEXT_FIELDS = frozenset({"code_context", "test_context", "description"})
"""Fields that are there to show what the others lean on."""

_GENERIC = word_set("function method struct enum trait macro that this with which")
_QUOTED_MIN = 7_500
"""Of a quoted piece of code, the share of tokens that have to stand on a changed line: quotes may be cut short."""


def share(part: int, whole: int) -> int:
    """`part / whole` in basis points; full when there is nothing to have a share of."""
    return FULL if whole <= 0 else FULL * part // whole


def overlap(told: frozenset[str], meant: frozenset[str]) -> int:
    """How much of the smaller of two word sets the other has, basis points; 0 when either is empty."""
    return share(len(told & meant), min(len(told), len(meant))) if told and meant else 0


QUOTES_MAX = 32
QUOTE_CHARS_MAX = 400
"""Of the code that a text quotes, what is looked at: texts come from peers, and parsing costs."""


def quotes(text: str) -> list[tuple[str, ...]]:
    """The tokens of each piece of code that a text sets in code marks."""
    spans = (text[span.start : span.end].strip("`") for span in code_spans(text))
    short = (span for span in spans if len(span) <= QUOTE_CHARS_MAX)
    return [tokens(span) for span in itertools.islice(short, QUOTES_MAX)]


# Which item a text is about


def subject_words(view: SourceView, text: str) -> frozenset[str]:
    """The content words of a text that can tell one item of the crate from another."""
    return word_set(text) - _GENERIC - word_set(view.kb.pin.name)


def fit(told: frozenset[str], own: frozenset[str]) -> int:
    """How many of the words told belong to an item."""
    return share(len(told & own), len(told)) if told else 0


def best_fit(told: frozenset[str], item: Item, vocabularies: Mapping[Item, frozenset[str]]) -> int:
    """Full when no other item fits the words better, `MISFIT_COST` less for each point by which another one does."""
    mine = fit(told, vocabularies.get(item, frozenset()))
    best = max((fit(told, own) for other, own in vocabularies.items() if other != item), default=0)
    return max(0, FULL - MISFIT_COST * max(0, best - mine))


def comment_words(code: str) -> frozenset[str]:
    """The content words of the comments of a piece of code."""
    return frozenset(word for text in comments(code) for word in word_set(text))


# Whether a text speaks of a change


def speaks_of_change(text: str, before: str, after: str) -> bool:
    """Whether a text quotes code of the lines that differ; a text that quotes nothing, whether it names any of it."""
    near = changed_tokens(before, after)
    quoted = quotes(text)
    if not any(quoted):
        return bool({token for token in near if len(token) > 2} & set(re.findall(r"\w+", text)))
    found = (share(sum(token in near for token in quote), len(quote)) for quote in quoted if quote)
    return any(part >= _QUOTED_MIN for part in found)


def changed_tokens(before: str, after: str) -> frozenset[str]:
    """The tokens of two versions from the first line that differs to the last one."""
    old, new = before.splitlines(), after.splitlines()
    start = next(
        (at for at, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new))
    )
    rest = zip(old[start:][::-1], new[start:][::-1], strict=False)
    same = next((at for at, pair in enumerate(rest) if pair[0] != pair[1]), min(len(old), len(new)) - start)
    between = old[start : len(old) - same] + new[start : len(new) - same]
    return frozenset(token for line in between for token in tokens(line))


def asserts(case: str) -> bool:
    """Whether a test case says what it expects."""
    return "assert" in case or "#[should_panic" in case


# Whether the question holds what the answer needs


def given(about: Anchored) -> int:
    """Of the crate's own names that the code of an example leans on, how many its question shows.

    What is not shown somebody has to guess, and nobody can compile from the row alone. An answer that fills a gap
    leans on the code around it; everything else on the fields that are there for it.
    """
    outputs = {field.name for field in about.form.category.outputs}
    filling = FieldKind.FRAGMENT in {field.kind for field in about.form.category.outputs}
    fields = [field for field in _code_fields(about) if field not in CONTEXT_FIELDS]
    leaning = [field for field in fields if field in outputs] if filling else fields
    showing = about.form.inputs.keys() if filling else CONTEXT_FIELDS & about.form.inputs.keys()
    made = {about.item.name} if about.item else set()
    code = "\n".join(map(about.text, leaning))
    used = (free_identifiers(code) & about.view.library_names) - made
    shown = set(re.findall(r"\w+", "\n".join(map(about.text, sorted(showing)))))
    return share(len(used & shown), len(used))


def grounded(about: Anchored, told: frozenset[str]) -> int:
    """Of the words of an answer, how many a reader of the question's code can find there.

    A search is the one category that asks with a text and answers with code: there it is the query's words.
    """
    inputs = [field for field in _code_fields(about) if field in about.form.inputs]
    code = "\n".join(map(about.text, inputs or _code_fields(about))).replace(PLACEHOLDER, "")
    return share(len(told & word_set(code)), len(told))


def _code_fields(about: Anchored) -> list[str]:
    """The names of the fields that hold code, absent ones included."""
    kinds = {FieldKind.CODE, FieldKind.FRAGMENT, FieldKind.CODE_LIST}
    fields = (*about.form.category.inputs, *about.form.category.outputs)
    return [field.name for field in fields if field.kind in kinds]
