"""Which functions are worth an example."""

from __future__ import annotations

from collections.abc import Iterator

from node.tasks.snippets import render
from node.tasks.view import SourceView
from node.values.crate import Item

BODY_TOKENS_MIN = 20
"""Below this a body is a getter or a call passed on."""

BODY_TOKENS_MAX = 700
LINES_MAX = 90


def substantial(view: SourceView) -> tuple[Item, ...]:
    """Functions that do something by themselves and can be read in one go, no two of the same text."""
    return view.remembered("substantial", lambda: tuple(_substantial(view)))


def _substantial(view: SourceView) -> Iterator[Item]:
    seen: set[str] = set()
    for item in view.functions:
        lines = view.text(item.code_span).count("\n")
        sized = BODY_TOKENS_MIN <= view.weight(item) <= BODY_TOKENS_MAX and lines <= LINES_MAX
        if sized and "\r" not in view.text(item.span) and not item.unsafe:
            text = render(view, item)
            if text not in seen:
                seen.add(text)
                yield item
