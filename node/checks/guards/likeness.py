"""Rows that say the same: exact copies by a hash of their tokens, near ones by MinHash, each candidate verified. Pure.

MinHash and its index are rensa's. A candidate counts only when the Jaccard similarity of the two rows' token runs is
really above the threshold, so that nothing depends on which rows an index happened to propose beyond recall.
`node.tasks.likeness` compares the words of a text with the code it is about, which is another question.
"""

from __future__ import annotations

import hashlib
import itertools
import zlib
from array import array
from dataclasses import dataclass

from rensa import RMinHash, RMinHashLSH
from tree_sitter import Node

from node.checks.guards.reading import IDENTIFIERS, leaves, parse, text_of

SHINGLE = 5
"""Tokens in a row that are compared as one."""
THRESHOLD_BP = 8_000
"""From this similarity on, two rows are near-duplicates; the usual cut of deduplicated code corpora."""
_PERMUTATIONS = 128
_BANDS = 32
"""Of four rows each: a pair of similarity 0.8 is proposed with a probability above 0.9999."""
_SEED = 42
_FULL = 10_000
_TOKENS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Likeness:
    """An earlier row that a row repeats."""

    earlier: str
    """Id of that row."""
    similarity: int
    """Of their token runs, basis points."""
    renamed: bool
    """They are alike only once names are left out of account."""


class NearDuplicates:
    """Rows seen so far."""

    def __init__(self, rows_max: int = 200_000) -> None:
        """Nothing is known yet.

        Args:
            rows_max: Of how many rows near copies are found (about 5 KB each); of later ones, exact copies only.
        """
        self._plain = _Index(rows_max)
        self._folded = _Index(rows_max)

    def first_like(self, row: str, text: str) -> Likeness | None:
        """The earliest row like this one, if there is one; afterwards this row is known too.

        Args:
            row: The row's id.
            text: Its code. Comments and layout make no difference; a second look is blind for names as well.
        """
        words = [text_of(leaf) for leaf in _leaves(text)]
        blind = ["_" if leaf.type in IDENTIFIERS else text_of(leaf) for leaf in _leaves(text)]
        plain, folded = self._plain.enter(row, words), self._folded.enter(row, blind)
        if plain is not None:
            return Likeness(*plain, renamed=False)
        return Likeness(*folded, renamed=True) if folded is not None else None


def _leaves(text: str) -> list[Node]:
    return list(itertools.islice(leaves(parse(text)), _TOKENS_MAX))


class _Index:
    """Exact and near copies among token sequences."""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._exact: dict[bytes, str] = {}
        self._rows: list[tuple[str, array[int]]] = []
        self._bands = RMinHashLSH(threshold=THRESHOLD_BP / _FULL, num_perm=_PERMUTATIONS, num_bands=_BANDS)

    def enter(self, row: str, words: list[str]) -> tuple[str, int] | None:
        """The earliest row that is at least `THRESHOLD_BP` like this one, and how much; then remember this one."""
        digest = hashlib.blake2b("\0".join(words).encode(), digest_size=16).digest()
        if digest in self._exact:
            return self._exact[digest], _FULL
        self._exact[digest] = row
        runs = _shingles(words)
        sketch = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
        sketch.update([str(run) for run in sorted(runs)])
        alike = None
        for key in sorted(self._bands.query(sketch)):
            known, other = self._rows[key]
            shared = len(runs.intersection(other))
            similarity = _FULL * shared // max(1, len(runs) + len(other) - shared)
            if similarity >= THRESHOLD_BP:
                alike = known, similarity
                break
        if len(self._rows) < self._rows_max:
            self._bands.insert(len(self._rows), sketch)
            self._rows.append((row, array("I", runs)))
        return alike


def _shingles(words: list[str]) -> frozenset[int]:
    """Hashes of all runs of `SHINGLE` tokens; a short row is one run."""
    last = max(1, len(words) - SHINGLE + 1)
    return frozenset(zlib.crc32("\0".join(words[start : start + SHINGLE]).encode()) for start in range(last))
