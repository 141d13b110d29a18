"""What the author says of an item, as each category tells it, and whether a text speaks of something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from node.tasks.derive.documentation import explanation_of, search_phrase
from node.tasks.doctests import docstring_of
from node.tasks.likeness import best_fit, overlap, subject_words
from node.tasks.prose import first_sentence, read_markdown, word_set
from node.tasks.view import SourceView
from node.values.crate import Item

KINSHIP_MAX = 5_000
"""A text about another item counts as wrong when no more than half of its words are the author's about this one."""

FIT_MAX = 2_000
"""And when, by `best_fit`, that other item fits it much better: words that both share say nothing."""


def sentence_of(item: Item) -> str:
    """The first sentence of what the author says of an item; empty where it says nothing."""
    paragraphs = read_markdown(item.doc).paragraphs
    return first_sentence(paragraphs[0]) if paragraphs else ""


def query_for(view: SourceView, item: Item) -> str:
    """The search query that leads to an item."""
    return f"{view.kb.pin.name}: {search_phrase(item, sentence_of(item))}"


DESCRIBED = "\n\nSignature:"
"""Ends the part of a description that is the author's documentation."""

TEXTS: Mapping[str, tuple[str, Callable[[SourceView, Item], str]]] = {
    "code_generation": ("description", lambda _, item: item.doc.strip()),
    "docstring_generation": ("docstring", lambda _, item: docstring_of(item)),
    "code_summarization": ("summary", lambda _, item: sentence_of(item)),
    "code_search": ("query", query_for),
    "code_explanation": ("explanation", lambda _, item: explanation_of(read_markdown(item.doc))),
}
"""By category: the field of the example that holds a text about the item, and the author's text for it."""


def text_about(category: str, view: SourceView, item: Item) -> str:
    """The author's text about an item, as a category tells it."""
    return TEXTS[category][1](view, item)


def is_foreign(view: SourceView, text: str, item: Item) -> bool:
    """Whether a text speaks of something else than what the author says of `item`."""
    told = subject_words(view, text)
    kin = max(overlap(word_set(text), word_set(item.doc)), overlap(told, word_set(sentence_of(item))))
    return kin <= KINSHIP_MAX and best_fit(told, item, view.vocabularies) <= FIT_MAX
