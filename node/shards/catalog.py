"""What a data set's folder holds: its manifest, its card, and the shards it can serve."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.errors import ExitCode, OperatorError
from node.shards.bundle import parse_bundle
from node.shards.card import Statistics, render_card
from node.shards.files import write_whole
from node.shards.layout import FORMAT, SHARD_BYTES_MAX, LayoutError, ShardFile
from node.shards.names import CARD, DATA_FOLDER, MANIFEST, ShardName, data_path, parse_shard_name
from node.shards.report import ShardReport, StepError
from node.shards.row import RowError
from node.shards.verify import ShardVerifier, read_bounded


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """One file as the manifest lists it."""

    name: ShardName
    rows: int
    size: int
    sha256: str
    job: str
    network: str
    root: str
    """Merkle root of the round's shard of the job, hex; the rows of all splits hang under it."""


def shard_names(folder: Path) -> tuple[ShardName, ...]:
    """The shards in a folder, in order; files that are called otherwise are passed over."""
    found = (parse_shard_name(path.stem) for path in (folder / DATA_FOLDER).glob("*.parquet"))
    return tuple(sorted(name for name in found if name is not None))


def refresh_catalog(folder: Path) -> tuple[ShardEntry, ...]:
    """Write manifest and card anew from the shards in a folder; what has not changed is not touched.

    Nothing is verified here: verify first, then describe.

    Raises:
        OperatorError: A file cannot be read or is not a shard, or the folder cannot be written.
    """
    statistics = Statistics()
    entries = []
    for name, data, file in _open_all(folder):
        with _ours(name):
            entries.append(_entry(name, data, file))
            statistics.add(name.split, file.read())
    if entries:
        write_whole(folder / MANIFEST, render_manifest(entries))
        write_whole(
            folder / CARD, render_card(statistics, rounds=len({(e.job, e.name.height) for e in entries})).encode()
        )
    return tuple(entries)


def render_manifest(entries: list[ShardEntry]) -> bytes:
    """The manifest as JSON: the same files give the same bytes."""
    files = [
        {
            "path": f"{DATA_FOLDER}/{entry.name}.parquet",
            "split": entry.name.split,
            "job": entry.job,
            "round": entry.name.height,
            "rows": entry.rows,
            "bytes": entry.size,
            "sha256": entry.sha256,
            "merkle_root": entry.root,
            "network": entry.network,
        }
        for entry in entries
    ]
    return json.dumps({"format": FORMAT.decode(), "files": files}, indent=1).encode() + b"\n"


def check_manifest(folder: Path) -> str:
    """What in a folder is not as its manifest says; empty when all is, or when there is no manifest."""
    path = folder / MANIFEST
    if not path.is_file():
        return ""
    entries = []
    for name, data, file in _open_all(folder):
        with _ours(name):
            entries.append(_entry(name, data, file))
    if read_bounded(path, SHARD_BYTES_MAX) == render_manifest(entries):
        return ""
    return f"{MANIFEST} is not what the {len(entries)} shards in {DATA_FOLDER}/ give"


def _stranger(folder: Path) -> str:
    """A file that loaders would take for rows and nobody verifies; empty when there is none."""
    ours = {f"{name}.parquet" for name in shard_names(folder)}
    found = sorted(path.name for path in (folder / DATA_FOLDER).glob("*") if path.name not in ours)
    return f"{DATA_FOLDER}/{found[0][:80]} is no shard, and whoever loads the folder would read it" if found else ""


def _open_all(folder: Path) -> Iterator[tuple[ShardName, bytes, ShardFile]]:
    for name in shard_names(folder):
        data = read_bounded(data_path(folder, name), SHARD_BYTES_MAX)
        with _ours(name):
            file = ShardFile(data)
        yield name, data, file


@contextmanager
def _ours(name: ShardName) -> Iterator[None]:
    try:
        yield
    except (LayoutError, RowError, StepError) as error:
        raise OperatorError(
            f"{DATA_FOLDER}/{name}.parquet is not a shard: {error}",
            hint="Remove it; `swarm-node shard pull` brings back what is certified.",
            exit_code=ExitCode.NOT_SO,
        ) from error


def _entry(name: ShardName, data: bytes, file: ShardFile) -> ShardEntry:
    bundle = parse_bundle(file.bundle)
    return ShardEntry(
        name=name,
        rows=file.rows,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        job=bundle.job.hex(),
        network=bundle.network.hex(),
        root=bundle.head.root.hex(),
    )


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What verifying a whole folder found."""

    shards: tuple[ShardReport, ...]
    manifest: str
    """What is wrong beside the shards: another file among them, or a manifest that lists others; empty when nothing."""

    @property
    def holds(self) -> bool:
        """Whether there is at least one shard, and all of them and the manifest hold."""
        return bool(self.shards) and not self.manifest and all(report.holds for report in self.shards)


def verify_dataset(folder: Path, verifier: ShardVerifier) -> DatasetReport:
    """Verify every shard in a folder, and that the manifest lists exactly them.

    Raises:
        OperatorError: A file cannot be read.
    """
    shards = tuple(verifier.verify_file(data_path(folder, name)) for name in shard_names(folder))
    manifest = _stranger(folder) or (check_manifest(folder) if all(report.holds for report in shards) else "")
    return DatasetReport(shards, manifest)
