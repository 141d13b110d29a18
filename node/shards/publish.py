"""From a decided round to shard files: pure until the last step, which puts whole files in their places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from consensus.shard import ShardLeaf, shard_leaves, shard_root
from consensus.types import Certificate, Decision, Hash, JobTerms
from node.errors import TransientError
from node.shards.bundle import Bundle, EpochHop, dump_bundle
from node.shards.files import write_whole
from node.shards.layout import write_shard
from node.shards.names import ShardName, certificate_path, data_path, shard_name
from node.shards.row import ShardRow
from node.shards.splits import SPLITS, split_of
from node.values.example import Example, MalformedExampleError, parse_example

EXAMPLE_BYTES_MAX = 1 << 20
"""Well above what any preset admits; the certificate vouches for the contents by their hashes."""


class PublishError(Exception):
    """The round's decisions and contents do not give the shard that its header certifies: a bug, never an input."""


@dataclass(frozen=True, slots=True)
class DecidedShard:
    """What a decided round added to one job, and the proof of it."""

    terms: JobTerms
    certificate: Certificate
    hops: tuple[EpochHop, ...]
    """From the genesis to the round's epoch (`bundle.hops_needed`)."""
    decisions: tuple[Decision, ...]
    """The round's; those on other jobs and of other states are passed over."""
    contents: Mapping[Hash, bytes]
    """Content of every accepted example by its hash."""


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """One shard file and its bundle, as bytes."""

    name: ShardName
    data: bytes
    bundle: bytes
    rows: int


def build_shard(decided: DecidedShard) -> tuple[ShardFiles, ...]:
    """The files of a decided shard, one per split that got rows, in the order of `SPLITS`.

    The same argument gives the same bytes. Two nodes that hold different certificates of a round (other signatures
    came first) write files that differ in the bundle, never in a row.

    Raises:
        TransientError: A content is not at hand; fetch it and call again.
        PublishError: Decisions or contents are not those that the header certifies.
    """
    header, terms = decided.certificate.header, decided.terms
    leaves = shard_leaves(terms, header.height, decided.decisions)
    certified = [(head.root, head.rows) for head in header.shards if head.job == terms.job]
    if certified != [(shard_root(leaves), len(leaves))]:
        raise PublishError(f"round {header.height} certifies {certified}, its decisions give {len(leaves)} rows")
    rows = tuple(ShardRow(_read_example(decided.contents, leaf), leaf) for leaf in leaves)
    return tuple(_build_split(decided, rows, split) for split in SPLITS if any(_split(row) == split for row in rows))


def publish_shard(decided: DecidedShard, folder: Path) -> tuple[Path, ...]:
    """Write the files of a decided shard into a data set's folder, each whole or not at all; paths of the data files.

    A file that is there already is left alone: it was written from this round, perhaps with other signatures.

    Raises:
        TransientError, PublishError: As `build_shard`.
        OperatorError: The folder cannot be written.
    """
    paths = []
    for file in build_shard(decided):
        path = data_path(folder, file.name)
        if not path.is_file():
            # The certificate first: where there are rows there is proof, whenever the process dies.
            write_whole(certificate_path(folder, file.name), file.bundle)
            write_whole(path, file.data)
        paths.append(path)
    return tuple(paths)


def _build_split(decided: DecidedShard, rows: tuple[ShardRow, ...], split: str) -> ShardFiles:
    header = decided.certificate.header
    own = tuple(row for row in rows if _split(row) == split)
    bundle = dump_bundle(
        Bundle(
            network=header.network,
            hops=decided.hops,
            certificate=decided.certificate,
            job=decided.terms.job,
            split=split,
            leaves=tuple(row.leaf.digest() for row in rows),
            absent=tuple(row.leaf for row in rows if _split(row) != split),
        )
    )
    name = shard_name(split, decided.terms.job, header.height)
    return ShardFiles(name, write_shard(own, bundle), bundle, len(own))


def _read_example(contents: Mapping[Hash, bytes], leaf: ShardLeaf) -> Example:
    content = contents.get(leaf.content)
    if content is None:
        raise TransientError(f"example {leaf.content.hex()} is not at hand", waits_for="an accepted example's content")
    try:
        example = parse_example(content, bytes_max=EXAMPLE_BYTES_MAX)
    except MalformedExampleError as error:
        raise PublishError(f"accepted example {leaf.content.hex()} is malformed: {error}") from error
    if example.example_id != leaf.content:
        raise PublishError(f"what is kept as example {leaf.content.hex()} hashes to {example.example_id.hex()}")
    said, due = (f"{example.crate_name}@{example.crate_version}", example.task_category), (leaf.crate, leaf.category)
    if said != due:
        raise PublishError(f"accepted example {leaf.content.hex()} is of {said}, its task of {due}")
    return example


def _split(row: ShardRow) -> str:
    return split_of(row.example.crate_name)
