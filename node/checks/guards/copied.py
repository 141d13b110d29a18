"""How much of an example stands word for word in another text: its crate's source, or rows that are held out. Pure.

Runs of `GRAM` tokens are hashed with a fixed function, so that every node counts the same. What a high share means is
the caller's to say: an extraction is meant to be found in its crate, a generated answer is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from node.checks.guards.reading import tokens

GRAM = 12
"""Tokens in a row: short enough to find a copied function, long enough that idioms do not count as copies."""
FULL = 10_000
TEXT_BYTES_MAX = 4 << 20
"""Of one source; what stands behind is not looked at."""


class Grams:
    """The runs of tokens of some sources. Adding is the only way it changes."""

    def __init__(self, sources: Iterable[str] = ()) -> None:
        self._known: set[int] = set()
        for source in sources:
            self.add(source)

    def __len__(self) -> int:
        return len(self._known)

    def add(self, source: str) -> None:
        """Take in another source (measured: 0.2 s for 340 KB)."""
        self._known.update(_grams(source))

    def containment(self, text: str) -> int:
        """The share of the text's runs that stand in the sources, in basis points; 0 for less than one run."""
        own = set(_grams(text))
        return FULL * len(own & self._known) // len(own) if own else 0


def _grams(source: str) -> Iterator[int]:
    words = [word.encode() for word in tokens(source[:TEXT_BYTES_MAX])]
    for start in range(len(words) - GRAM + 1):
        run = b"\0".join(words[start : start + GRAM])
        yield int.from_bytes(hashlib.blake2b(run, digest_size=8).digest(), "little")
