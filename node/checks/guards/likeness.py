"""Rows that say the same: exact copies by a hash of their tokens, near ones by MinHash, each candidate verified. Pure.

A row is looked up by what is left of it when its names are left out: a copy under the same names is one under others
too. Its token runs are sketched by rensa's MinHash, and bands of the sketch are keys to the first row that had them. A
candidate counts only when the Jaccard similarity of the two rows' token runs is really above the threshold, so that
nothing depends on which rows an index happened to propose beyond recall. `node.tasks.likeness` compares the words of a
text with the code it is about, which is another question.
"""

from __future__ import annotations

import hashlib
import itertools
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from node.checks.guards.reading import IDENTIFIERS, leaves, parse, text_of

SHINGLE = 5
"""Tokens in a row that are compared as one."""
THRESHOLD_BP = 8_000
"""From this similarity on, two rows are near-duplicates; the usual cut of deduplicated code corpora."""
ROWS_MAX = 1 << 20
"""Rows whose near copies are found, unless another number is asked for."""

_BANDS = 16
_BAND_VALUES = 5
"""Of 16 bands with five values each, a pair of similarity 0.8 shares one with a probability of 0.998."""
_EQUAL_MIN = 52
"""Of the 80 values of two sketches, by their lowest byte. A pair of similarity 0.8 has 64 on average, fewer than this
once in two thousand; one of 0.5 that shares a band has as many twice in a hundred, and is not worth reading again."""
_SEED = 42
_FULL = 10_000
_TOKENS_MAX = 20_000
_KEPT = 128
"""Rows whose token runs are at hand: those that were first with something common are asked for again and again."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """An earlier row that a row repeats."""

    earlier: int
    """Number of that row."""
    similarity: int
    """Of their token runs, basis points."""
    renamed: bool
    """They are alike only once names are left out of account."""


class NearDuplicates:
    """Rows seen so far: some 300 bytes each, whatever their length.

    Args:
        code_of: The code of a row that was seen, by its number; asked for when another one looks like it.
        rows_max: Of how many rows near copies are found; of later ones, exact copies only, at some 20 bytes each.
    """

    def __init__(self, code_of: Callable[[int], str], rows_max: int = ROWS_MAX) -> None:
        self._code_of = code_of
        self._rows_max = rows_max
        self._rows = array("I")
        self._exact = _Firsts()
        self._near = _Firsts()
        self._sketches = bytearray()
        self._runs: OrderedDict[int, _Runs] = OrderedDict()

    @property
    def unknown(self) -> int:
        """Rows beyond the bound: near copies of them are not found."""
        return max(0, len(self._rows) - self._rows_max)

    def first_like(self, row: int, code: str) -> Likeness | None:
        """The earliest row like this one, if there is one; afterwards this row is known too.

        Args:
            row: The row's number, below 2**32.
            code: Its code. Comments and layout make no difference.
        """
        tokens = _tokens(code)
        runs = _Runs.of(tokens)
        same = self._exact.first(_key_of(tokens), len(self._rows))
        near = self._near_ones(_sketch(runs.blind))
        self._rows.append(row)
        for place in sorted({*near, *([] if same is None else [same])}):
            found = _compared(self._runs_of(self._rows[place]), runs, self._rows[place])
            if found is not None:
                return found
        return None

    def _near_ones(self, sketch: NDArray[np.uint32]) -> list[int]:
        """Rows that are probably near, by their place among those seen; afterwards this one is known too."""
        place = len(self._rows)
        enters = place < self._rows_max
        firsts = {self._near.first(key, place, enters=enters) for key in _bands(sketch)}
        low = sketch.astype(np.uint8)
        if enters:
            self._sketches += low.tobytes()
        known = np.frombuffer(self._sketches, np.uint8).reshape(-1, len(low))
        return [first for first in firsts if first is not None and np.count_nonzero(known[first] == low) >= _EQUAL_MIN]

    def _runs_of(self, row: int) -> _Runs:
        if row not in self._runs:
            self._runs[row] = _Runs.of(_tokens(self._code_of(row)))
            while len(self._runs) > _KEPT:
                self._runs.popitem(last=False)
        self._runs.move_to_end(row)
        return self._runs[row]


@dataclass(frozen=True, slots=True)
class _Runs:
    """Hashes of all runs of `SHINGLE` tokens, each once and in order; a short row is one run."""

    plain: NDArray[np.uint32]
    blind: NDArray[np.uint32]
    """Of the tokens with all names made one."""

    @classmethod
    def of(cls, tokens: Sequence[tuple[bytes, bool]]) -> _Runs:
        return cls(
            _hashed([word for word, _ in tokens]), _hashed([b"_" if is_name else word for word, is_name in tokens])
        )


def _hashed(words: Sequence[bytes]) -> NDArray[np.uint32]:
    count = max(1, len(words) - SHINGLE + 1)
    hashes = (zlib.crc32(b"\0".join(words[start : start + SHINGLE])) for start in range(count))
    return np.unique(np.fromiter(hashes, np.uint32, count))


def _tokens(code: str) -> list[tuple[bytes, bool]]:
    """Each token, and whether it is a name."""
    found = itertools.islice(leaves(parse(code)), _TOKENS_MAX)
    return [(text_of(leaf).encode(), leaf.type in IDENTIFIERS) for leaf in found]


def _key_of(tokens: Sequence[tuple[bytes, bool]]) -> int:
    words = b"\0".join(b"_" if is_name else word for word, is_name in tokens)
    return int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "little")


def _sketch(runs: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """MinHash: of two rows, as large a share of these values is equal as of their runs, give or take."""
    sketch = RMinHash(num_perm=_BANDS * _BAND_VALUES, seed=_SEED)
    sketch.update([str(run) for run in runs])
    return np.array(sketch.digest(), np.uint32)


def _bands(sketch: NDArray[np.uint32]) -> Iterator[int]:
    """A key for each band of a sketch."""
    for band, values in enumerate(sketch.reshape(_BANDS, _BAND_VALUES)):
        hashed = hashlib.blake2b(values.tobytes(), digest_size=8, salt=band.to_bytes(16, "little"))
        yield int.from_bytes(hashed.digest(), "little")


def _compared(earlier: _Runs, later: _Runs, row: int) -> Likeness | None:
    plain = _similarity(earlier.plain, later.plain)
    if plain >= THRESHOLD_BP:
        return Likeness(row, plain, renamed=False)
    blind = _similarity(earlier.blind, later.blind)
    return Likeness(row, blind, renamed=True) if blind >= THRESHOLD_BP else None


def _similarity(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> int:
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return _FULL * shared // (len(one) + len(other) - shared)


_SLOTS_FIRST, _SLOTS_MAX = 1 << 12, 1 << 22
_FILLED = 0.7


class _Firsts:
    """The first row by key, at 6 bytes a slot: 16 bits of the key and the row's number, in tables of up to 24 MiB.

    Two keys may be taken for one (once in some thousand lookups, when it is full): what is found is to be verified.
    """

    def __init__(self) -> None:
        self._tables: list[tuple[array[int], array[int]]] = []
        self._free = 0

    def first(self, key: int, row: int, *, enters: bool = True) -> int | None:
        """The first row of this key; None when it is this one, which is entered then unless it should not be."""
        mark = key >> 48
        slot = 0
        for marks, rows in self._tables:
            last = len(rows) - 1
            slot = key & last
            while rows[slot]:
                if marks[slot] == mark:
                    return rows[slot] - 1
                slot = (slot + 1) & last
        if enters:
            self._enter(key, slot, mark, row)
        return None

    def _enter(self, key: int, slot: int, mark: int, row: int) -> None:
        """Put a row into the free slot that the search for its key ended at, or into a new table."""
        if not self._free:
            slots = min(_SLOTS_MAX, 2 * len(self._tables[-1][1])) if self._tables else _SLOTS_FIRST
            self._tables.append((array("H", bytes(2 * slots)), array("I", bytes(4 * slots))))
            self._free = int(_FILLED * slots)
            slot = key & (slots - 1)
        marks, rows = self._tables[-1]
        marks[slot], rows[slot] = mark, row + 1
        self._free -= 1
