"""The Parquet form of a shard: columns, their order and types, and one byte string per content (TASKS.md).

The five columns of the reference dataset come first, provenance after them. Only plain columns: strings, integers,
doubles. What is nested stays JSON text, because lists of mixed shape are what makes loaders guess.

Two ends meet in one file: readers that know nothing of us see a table, our verifier finds the certificate bundle in
the key-value metadata and a seal over every byte, statistics, padding and metadata included, that carry no row.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from consensus.types import CRITERIA
from node.shards.row import RowError, ShardRow, parse_row, row_cells

if TYPE_CHECKING:  # 45 MB that a node needs when it publishes, and not while it is idle
    import pyarrow as pa

FORMAT = b"1"
"""Version of everything on this page; another one is refused."""

SHARD_BYTES_MAX = 512 << 20
UNPACKED_BYTES_MAX = 1 << 30
ROWS_MAX = 100_000
"""Of one shard: a round of fifteen tasks has at most some thousand slots."""

_KEY_FORMAT, _KEY_BUNDLE, _KEY_SEAL = b"swarm.format", b"swarm.bundle", b"swarm.seal"
_OPEN_SEAL = b"unsealed".ljust(64, b".")

COLUMNS: tuple[tuple[str, str], ...] = (
    ("crate_name", "string"),
    ("input_data", "string"),
    ("output_data", "string"),
    ("task_category", "string"),
    ("test", "string"),
    ("crate_version", "string"),
    ("crate_checksum", "string"),
    ("license", "string"),
    ("edition", "string"),
    ("rustc_version", "string"),
    ("source_path", "string"),
    ("source_span", "string"),
    ("example_id", "string"),
    ("job_id", "string"),
    ("round_id", "int64"),
    ("generator", "string"),
    ("engine", "string"),
    ("model", "string or null"),
    ("prompt_digest", "string or null"),
    ("consensus_score", "double"),
    *((name, "double") for name in CRITERIA),
    ("rater_count", "int32"),
    ("score_spread", "double"),
    ("check_report", "string"),
    ("prompt_tokens", "int64"),
    ("completion_tokens", "int64"),
)
"""Columns of every shard, in order. Only `model` and `prompt_digest` may be null: no model made the row."""


@functools.cache
def schema() -> pa.Schema:
    """`COLUMNS` as Arrow has them."""
    import pyarrow as pa

    kinds = {"string": pa.string(), "int32": pa.int32(), "int64": pa.int64(), "double": pa.float64()}
    return pa.schema(
        pa.field(name, kinds[kind.removesuffix(" or null")], nullable=kind.endswith("null")) for name, kind in COLUMNS
    )


class LayoutError(ValueError):
    """The bytes are not a shard in this form; the message says what does not match."""


def write_shard(rows: Sequence[ShardRow], bundle: bytes) -> bytes:
    """The file for these rows and this bundle: the same arguments give the same bytes (with one pyarrow version).

    Args:
        rows: Sorted by content hash, at least one.
        bundle: The certificate bundle's bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [row_cells(row) for row in rows]
    table = pa.table({name: [row[name] for row in cells] for name, _ in COLUMNS}, schema=schema())
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        schema(),
        version="2.6",
        data_page_version="1.0",
        compression="zstd",
        compression_level=9,
        write_statistics=False,  # min and max would be claims about rows that no certificate covers
        write_page_checksum=True,
        store_schema=False,  # the schema is plain Parquet; Arrow's copy of it would be another uncovered claim
    ) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({_KEY_FORMAT: FORMAT, _KEY_BUNDLE: bundle, _KEY_SEAL: _OPEN_SEAL})
    return _seal(sink.getvalue().to_pybytes())


class ShardFile:
    """A shard file whose bytes are as they were written. Nothing in it is believed yet, and no row is unpacked.

    Attributes:
        bundle: The certificate bundle's bytes.
        rows: How many rows there are.
    """

    def __init__(self, data: bytes) -> None:
        """Open a file.

        Raises:
            LayoutError: Not Parquet, of another format, of other columns, or with any byte changed.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        with _readable():
            self._file = pq.ParquetFile(
                pa.BufferReader(data),
                thrift_string_size_limit=64 << 20,
                thrift_container_size_limit=1 << 20,
                page_checksum_verification=True,
            )
            metadata = self._file.metadata.metadata or {}
            if metadata.get(_KEY_FORMAT) != FORMAT:
                raise LayoutError(f"shard format {metadata.get(_KEY_FORMAT, b'none')[:20]!r}, {FORMAT!r} is expected")
            if metadata.keys() != {_KEY_FORMAT, _KEY_BUNDLE, _KEY_SEAL}:
                raise LayoutError(f"unexpected metadata: {sorted(metadata)}")
            _check_seal(data, metadata[_KEY_SEAL])
            if not self._file.schema_arrow.equals(schema(), check_metadata=False):
                difference = _first_difference(self._file.schema_arrow)
                raise LayoutError(f"the columns are not those of a shard: {difference}")
        self.bundle: bytes = metadata[_KEY_BUNDLE]
        self.rows: int = self._file.metadata.num_rows

    def read(self) -> tuple[ShardRow, ...]:
        """Unpack the rows. Call it once the bundle has shown that there may be this many of them.

        Raises:
            LayoutError: It cannot be unpacked within the bounds, or holds another number of rows than it says.
            RowError: A row contradicts itself; names the row, counted from 0, and the column.
        """
        groups = range(self._file.metadata.num_row_groups)
        unpacked = sum(self._file.metadata.row_group(number).total_byte_size for number in groups)
        if self.rows > ROWS_MAX or unpacked > UNPACKED_BYTES_MAX:
            raise LayoutError(f"{self.rows} rows of {unpacked} bytes, at most {ROWS_MAX} of {UNPACKED_BYTES_MAX}")
        with _readable():
            table = self._file.read(use_threads=False)
            table.validate(full=True)
            cells = table.to_pylist()
        if len(cells) != self.rows:
            raise LayoutError(f"{len(cells)} rows where the footer says {self.rows}")
        rows = []
        for number, row in enumerate(cells):
            try:
                rows.append(parse_row(row))
            except RowError as error:
                raise RowError(f"row {number}: {error}") from error
        return tuple(rows)


@contextmanager
def _readable() -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise LayoutError(f"not a readable Parquet file: {str(error).partition(chr(10))[0]}") from error


def _first_difference(found: pa.Schema) -> str:
    for position, field in enumerate(schema()):
        if position >= len(found) or not found.field(position).equals(field):
            there = str(found.field(position)) if position < len(found) else "nothing"
            return f"{there} where {field} is expected"
    return f"{len(found) - len(COLUMNS)} more than expected"


# The seal is SHA-256 over the file with the seal's own place held open. It stands in the footer, after all rows and
# after the bundle, so the last place with its text is the one, whatever the rows say.


def _seal(data: bytes) -> bytes:
    return _put_last(data, _OPEN_SEAL, hashlib.sha256(data).hexdigest().encode())


def _check_seal(data: bytes, seal: bytes) -> None:
    if len(seal) != len(_OPEN_SEAL):
        raise LayoutError(f"a seal of {len(seal)} characters")
    found = hashlib.sha256(_put_last(data, seal, _OPEN_SEAL)).hexdigest()
    if found.encode() != seal:
        raise LayoutError(f"the file was changed: it hashes to {found[:16]}.., its seal says {seal[:16]!r}")


def _put_last(data: bytes, old: bytes, new: bytes) -> bytes:
    before, _, after = data.rpartition(old)
    return before + new + after
