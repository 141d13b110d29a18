"""Which names a text may mention: those of the crate, of the language and of its standard library's everyday part."""

from __future__ import annotations

import re
from collections.abc import Iterable

from node.tasks.lexicon import KEYWORDS, STANDARD_NAMES
from node.tasks.view import SourceView


def unknown_names(view: SourceView, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` of which some part is neither in the crate nor in the language's everyday vocabulary."""
    known = view.vocabulary | STANDARD_NAMES | KEYWORDS | feature_names(view)
    return tuple(name for name in names if not all(part in known for part in re.split(r"::|\.", name) if part))


def feature_names(view: SourceView) -> frozenset[str]:
    """Names that the manifest gives: the crate, its features, its dependencies."""
    named = {view.kb.pin.name, view.crate_name}
    named |= {name for name, _ in view.kb.features} | {dependency.name for dependency in view.kb.dependencies}
    return frozenset(named | {name.replace("-", "_") for name in named})
