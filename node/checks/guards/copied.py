"""How much of an example stands word for word in another text: its crate's source, or rows that are held out. Pure.

Runs of `GRAM` tokens are hashed with a fixed function, so that every node counts the same. What a high share means is
the caller's to say: an extraction is meant to be found in its crate, a generated answer is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from node.checks.guards.reading import tokens

GRAM = 12
"""Tokens in a row: short enough to find a copied function, long enough that idioms do not count as copies."""
FULL = 10_000
TEXT_BYTES_MAX = 4 << 20
"""Of one source; what stands behind is not looked at."""


class Grams:
    """The runs of tokens of some sources, at 8 bytes each.

    Args:
        sources: Texts; of each, what stands behind `TEXT_BYTES_MAX` is not looked at (measured: 0.2 s for 340 KB).
    """

    def __init__(self, sources: Iterable[str] = ()) -> None:
        self._known = np.unique(np.concatenate([_NONE, *map(_grams, sources)]))

    def __len__(self) -> int:
        return len(self._known)

    def containment(self, text: str) -> int:
        """The share of the text's runs that stand in the sources, in basis points; 0 for less than one run."""
        own = np.unique(_grams(text))
        if not len(own) or not len(self._known):
            return 0
        places = np.minimum(np.searchsorted(self._known, own), len(self._known) - 1)
        return FULL * int(np.count_nonzero(self._known[places] == own)) // len(own)


_NONE: NDArray[np.uint64] = np.empty(0, np.uint64)


def _grams(source: str) -> NDArray[np.uint64]:
    words = [word.encode() for word in tokens(source[:TEXT_BYTES_MAX])]
    runs = (b"\0".join(words[start : start + GRAM]) for start in range(len(words) - GRAM + 1))
    hashes = (int.from_bytes(hashlib.blake2b(run, digest_size=8).digest(), "little") for run in runs)
    return np.fromiter(hashes, np.uint64, max(0, len(words) - GRAM + 1))
