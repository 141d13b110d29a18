"""Where shards are pulled from, whatever carries them: a peer over gRPC, or a folder."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from consensus.types import JobId
from node.shards.bundle import BUNDLE_BYTES_MAX
from node.shards.catalog import shard_names
from node.shards.layout import SHARD_BYTES_MAX
from node.shards.names import certificate_path, data_path, parse_shard_name
from node.shards.verify import read_bounded

RANGE_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class ShardListing:
    """A file as its source offers it. Nothing in it is believed; it says what to ask for and when that is all."""

    name: str
    """`names.ShardName` as text."""
    size: int
    sha256: bytes


class ShardSource(Protocol):
    """Somebody who offers shards. May lie, stall and vanish: whoever pulls verifies."""

    async def list_shards(self, job: JobId | None) -> Sequence[ShardListing]:
        """The files of one job, or of all.

        Raises:
            TransientError: The source cannot be reached.
        """
        ...

    async def read_certificate(self, name: str) -> bytes:
        """The bundle of a file, at most `BUNDLE_BYTES_MAX` bytes.

        Raises:
            TransientError: The source cannot be reached, or has no such file any more.
        """
        ...

    async def read_range(self, name: str, sha256: bytes, offset: int, length: int) -> bytes:
        """Up to `length` bytes of a file from `offset` on; none only at its end.

        Args:
            name: Of the file.
            sha256: As listed: a source whose file is another by now says so instead of mixing two.
            offset: In bytes.
            length: At most `RANGE_BYTES_MAX`.

        Raises:
            TransientError: The source cannot be reached, or has no such file any more.
        """
        ...


class FolderSource:
    """The shards in a data set's folder: what a node serves, and what a copy on a disk can be pulled from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hashes: dict[tuple[str, int, int], bytes] = {}

    async def list_shards(self, job: JobId | None) -> Sequence[ShardListing]:
        """See `ShardSource`."""
        return await asyncio.to_thread(self._list, None if job is None else job.hex()[:16])

    async def read_certificate(self, name: str) -> bytes:
        """See `ShardSource`.

        Raises:
            UnknownShardError: There is no such file.
        """
        path = self._path(name, certificate=True)
        return await asyncio.to_thread(read_bounded, path, BUNDLE_BYTES_MAX)

    async def read_range(self, name: str, sha256: bytes, offset: int, length: int) -> bytes:
        """See `ShardSource`.

        Raises:
            UnknownShardError: There is no such file, or it has another hash.
        """
        if offset < 0 or not 0 < length <= RANGE_BYTES_MAX:
            raise UnknownShardError(f"not a range: {length} bytes from {offset}")
        return await asyncio.to_thread(self._read, self._path(name), sha256, offset, length)

    def _list(self, prefix: str | None) -> tuple[ShardListing, ...]:
        names = [name for name in shard_names(self._folder) if prefix in {None, name.job_prefix}]
        paths = [data_path(self._folder, name) for name in names]
        return tuple(ShardListing(path.stem, path.stat().st_size, self._hash(path)) for path in paths)

    def _read(self, path: Path, sha256: bytes, offset: int, length: int) -> bytes:
        if self._hash(path) != sha256:
            raise UnknownShardError(f"{path.stem} is another file by now")
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def _hash(self, path: Path) -> bytes:
        stat = path.stat()
        key = (path.stem, stat.st_size, stat.st_mtime_ns)
        if key not in self._hashes:
            self._hashes[key] = hashlib.sha256(read_bounded(path, SHARD_BYTES_MAX)).digest()
        return self._hashes[key]

    def _path(self, text: str, *, certificate: bool = False) -> Path:
        name = parse_shard_name(text)
        if name is not None:
            path = data_path(self._folder, name)
            if path.is_file():
                return certificate_path(self._folder, name) if certificate else path
        raise UnknownShardError(f"no shard {text[:80]!r}")


class UnknownShardError(ValueError):
    """Somebody asked for a file that is not there, or not any more."""
