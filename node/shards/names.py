"""File names of a published data set, in the layout that dataset loaders find by themselves.

README.md                          dataset card; its front matter names the splits
manifest.json                      what is there: size, hash, rows
data/train-<job>-r000042.parquet   one round's rows of one job that belong to one split
certificates/train-<job>-r000042.certificate.json
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from consensus.types import JobId
from node.shards.splits import SPLITS

CARD, MANIFEST = "README.md", "manifest.json"
DATA_FOLDER, CERTIFICATE_FOLDER = "data", "certificates"

_NAME = re.compile(rf"({'|'.join(SPLITS)})-([0-9a-f]{{16}})-r([0-9]{{6,18}})")


@dataclass(frozen=True, slots=True, order=True)
class ShardName:
    """Which rows a shard file holds. Sorts by split, job and height."""

    split: str
    job_prefix: str
    """First 16 hex digits of the job's id: enough to tell jobs apart, and the file says which it is in full."""
    height: int

    def __str__(self) -> str:
        return f"{self.split}-{self.job_prefix}-r{self.height:06d}"


def shard_name(split: str, job: JobId, height: int) -> ShardName:
    """The name of a file."""
    return ShardName(split, job.hex()[:16], height)


def parse_shard_name(text: str) -> ShardName | None:
    """The name that `text` spells; None if it spells none, so that no other path can come of it."""
    match = _NAME.fullmatch(text)
    if match is None:
        return None
    name = ShardName(match[1], match[2], int(match[3]))
    return name if str(name) == text else None


def data_path(folder: Path, name: ShardName) -> Path:
    """Where the Parquet file of a shard lies."""
    return folder / DATA_FOLDER / f"{name}.parquet"


def certificate_path(folder: Path, name: ShardName) -> Path:
    """Where the bundle of a shard lies."""
    return folder / CERTIFICATE_FOLDER / f"{name}.certificate.json"
