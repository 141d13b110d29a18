"""The word lists of `lexicon.toml`."""

from __future__ import annotations

import tomllib
from importlib import resources

_LISTS = tomllib.loads(resources.files(__package__).joinpath("lexicon.toml").read_text(encoding="utf-8"))


def _words(name: str) -> frozenset[str]:
    return frozenset(_LISTS[name].split())


KEYWORDS = _words("keywords")
"""No identifier is one of these, whatever the edition."""

STANDARD_NAMES = _words("standard_names")
"""Names a text may mention although the crate's own code does not."""

VERBS = _words("verbs")
"""What functions do, base form."""

STOP_WORDS = _words("stop_words")
"""Words that carry no subject."""

ADAPTERS = _words("adapters")
"""Methods whose result is an iterator as long as what they are called on."""

COMMON_METHODS = _words("common_methods")
"""Method names that do not tell whose method is called."""
