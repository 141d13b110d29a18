"""Which functions are worth an example."""

from __future__ import annotations

from collections.abc import Iterator

from node.tasks.view import SourceView
from node.values.crate import Item

BODY_TOKENS_MIN = 20
"""Below this a body is a getter or a call passed on."""

BODY_TOKENS_MAX = 700
LINES_MAX = 90


def substantial(view: SourceView) -> Iterator[Item]:
    """Functions that do something by themselves and can be read in one go."""
    for item in view.functions:
        lines = view.text(item.code_span).count("\n")
        sized = BODY_TOKENS_MIN <= view.weight(item) <= BODY_TOKENS_MAX and lines <= LINES_MAX
        if sized and "\r" not in view.text(item.span) and not item.unsafe:
            yield item
