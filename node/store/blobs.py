"""Contents by hash: small ones in the database, large ones as files beside it, every one verified when read.

A name is the plain SHA-256 of the bytes (tag ""), what `node.values.example.content_hash` makes of them (tag
"example"), or SHA-256 over a domain tag and the bytes (`consensus.encoding.hash_bytes`), so that a blob is kept under
the very hash that messages name it by.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from consensus.encoding import hash_bytes
from consensus.types import CandidateState, Hash
from node.errors import TransientError
from node.store.backend import insert_new
from node.store.blob_files import BlobFiles
from node.store.database import Database
from node.store.limits import StoreLimits, bounded
from node.store.rows import BlobRow
from node.store.schema import blobs, decisions
from node.values.example import content_hash

PLAIN = ""
"""Tag of a blob whose name is its SHA-256 and nothing else, as cargo's checksums are."""

EXAMPLE = "example"
"""Tag of a candidate's content: `node.values.example.content_hash`."""

_log = logging.getLogger(__name__)


def blob_name(data: bytes, tag: str) -> Hash:
    """The name under which `data` is kept."""
    if tag == PLAIN:
        return Hash(hashlib.sha256(data).digest())
    return content_hash(data) if tag == EXAMPLE else hash_bytes(tag, data)


class Blobs:
    """Blobs by name. Nothing here knows what is in them."""

    def __init__(self, database: Database, folder: Path, limits: StoreLimits, *, read_only: bool = False) -> None:
        self._database = database
        self._limits = limits
        self._files = BlobFiles(folder)
        # Between writing a file and recording it, no other task may decide that nobody needs the file.
        self._file_changes = asyncio.Lock()
        self._total = database.read_now(_total_bytes)
        if not read_only:
            self._files.sweep(database.read_now(_names_in_files))

    @property
    def total_bytes(self) -> int:
        """Bytes of all blobs kept."""
        return self._total

    async def put(self, data: bytes, *, tag: str = PLAIN, expires: int | None = None) -> Hash:
        """Keep a blob and return its name. A second copy only lengthens how long it is kept.

        Args:
            data: At most `blob_bytes_max` bytes.
            tag: Domain tag of its name.
            expires: `prune` may drop it once everything below this height is done with; None for never.

        Raises:
            TransientError: `blob_bytes_total_max` is reached.
            OperatorError: It cannot be written.
        """
        row = BlobRow(blob_name(bounded("blob", data, self._limits.blob_bytes_max), tag), tag, len(data), expires)
        if row.size <= self._limits.blob_inline_bytes_max:
            await self._record(row, data)
            return row.name
        async with self._file_changes:
            if not self._has_room(row.size) and await self.find(row.name) is None:
                raise self._no_room()
            await self._database.run(lambda: self._files.write(row.name, data))
            await self._record(row, None)
        return row.name

    async def _record(self, row: BlobRow, data: bytes | None) -> None:
        values = {"name": row.name, "tag": row.tag, "size": row.size, "expires": row.expires, "data": data}

        def insert(connection: Connection, *, has_room: bool) -> bool | None:
            if _keep_longer(connection, row.name, row.expires):
                return False
            return insert_new(connection, blobs, values) if has_room else None

        # Counted before it is written, so that many at once cannot pass the bound together.
        has_room = self._has_room(row.size)
        self._total += row.size
        new: bool | None = False
        try:
            new = await self._database.write(functools.partial(insert, has_room=has_room))
        finally:
            if not new:
                self._total -= row.size
        if new is None:
            raise self._no_room()

    def _has_room(self, size: int) -> bool:
        return self._total + size <= self._limits.blob_bytes_total_max

    def _no_room(self) -> TransientError:
        return TransientError(
            f"{self._total} of {self._limits.blob_bytes_total_max} bytes of contents are in use",
            waits_for="room for contents (prune, or raise the limit)",
        )

    async def find(self, name: Hash) -> BlobRow | None:
        """What is known of a blob; None if it is not at hand. Does not read it."""

        def look(connection: Connection) -> BlobRow | None:
            columns = (blobs.c.name, blobs.c.tag, blobs.c.size, blobs.c.expires)
            row = connection.execute(select(*columns).where(blobs.c.name == name)).first()
            return None if row is None else BlobRow(Hash(bytes(row.name)), row.tag, row.size, row.expires)

        return await self._database.read(look)

    async def get(self, name: Hash) -> bytes | None:
        """The bytes that hash to `name`; None if they are not at hand.

        Bytes that have rotted on the disk are dropped, logged, and not at hand: fetch them again.
        """
        found = await self._load(name)
        if found is None or _is_intact(name, *found):
            return None if found is None else found[1]
        async with self._file_changes:
            found = await self._load(name)  # again: somebody may have put it anew meanwhile
            if found is None or _is_intact(name, *found):
                return None if found is None else found[1]
            _log.error("blob %s does not hash to its name any more; dropped, to be fetched again", name.hex())
            await self._drop(blobs.c.name == name)
        return None

    async def _load(self, name: Hash) -> tuple[str, bytes] | None:
        def look(connection: Connection) -> tuple[str, bytes | None] | None:
            row = connection.execute(select(blobs.c.tag, blobs.c.data).where(blobs.c.name == name)).first()
            return None if row is None else (row.tag, row.data)

        found = await self._database.read(look)
        if found is None:
            return None
        tag, inline = found
        data = inline if inline is not None else await self._database.run(lambda: self._files.read(name))
        return tag, b"" if data is None else bytes(data)

    async def get_range(self, name: Hash, offset: int, length: int) -> bytes | None:
        """Up to `length` bytes from `offset`, for serving a large blob in pieces; None if it is not at hand.

        Not verified here: hashing the whole for every piece would be quadratic, and whoever asks verifies the whole.
        """
        if offset < 0 or not 0 < length <= self._limits.blob_bytes_max:
            raise ValueError(f"not a range: {length} bytes from {offset}")

        def load(connection: Connection) -> tuple[bool, bytes | None]:
            piece = func.substr(blobs.c.data, offset + 1, length)
            row = connection.execute(select(piece, blobs.c.data.is_(None)).where(blobs.c.name == name)).first()
            return (False, None) if row is None else (bool(row[1]), row[0])

        in_file, piece = await self._database.read(load)
        if in_file:
            return await self._database.run(lambda: self._files.read(name, offset, length))
        return None if piece is None else bytes(piece)

    async def keep(self, names: Iterable[Hash], *, expires: int | None = None) -> None:
        """Let none of `names` be dropped before `expires`; None for never. Unknown names are passed over."""
        wanted = list(names)

        def lengthen(connection: Connection) -> None:
            for name in wanted:
                _keep_longer(connection, name, expires)

        await self._database.write(lengthen)

    async def prune(self, below: int) -> int:
        """Drop every blob that expires below this height, except what stands in a shard. Returns how many.

        A content can arrive, with its round's expiry, after the round was decided without this node.
        """
        accepted = select(decisions.c.content).where(
            decisions.c.content == blobs.c.name, decisions.c.state == CandidateState.ACCEPTED.value
        )
        async with self._file_changes:
            return await self._drop((blobs.c.expires < below) & ~accepted.exists())

    async def _drop(self, which: ColumnElement[bool]) -> int:
        def forget(connection: Connection) -> list[tuple[Hash, int, bool]]:
            columns = (blobs.c.name, blobs.c.size, blobs.c.data.is_(None))
            gone = [(Hash(bytes(n)), size, bool(f)) for n, size, f in connection.execute(select(*columns).where(which))]
            connection.execute(delete(blobs).where(which))
            return gone

        gone = await self._database.write(forget)
        in_files = [name for name, _, in_file in gone if in_file]
        await self._database.run(lambda: self._files.remove(in_files))
        self._total -= sum(size for _, size, _ in gone)
        return len(gone)


def _is_intact(name: Hash, tag: str, data: bytes) -> bool:
    return blob_name(data, tag) == name


def _keep_longer(connection: Connection, name: Hash, expires: int | None) -> bool:
    """Lengthen the life of a blob that is at hand already; whether it is."""
    known = connection.execute(select(blobs.c.expires).where(blobs.c.name == name)).first()
    if known is None:
        return False
    if known.expires is not None and (expires is None or expires > known.expires):
        connection.execute(update(blobs).where(blobs.c.name == name).values(expires=expires))
    return True


def _total_bytes(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.sum(blobs.c.size), 0))).scalar_one())


def _names_in_files(connection: Connection) -> set[Hash]:
    return {
        Hash(bytes(name)) for name in connection.execute(select(blobs.c.name).where(blobs.c.data.is_(None))).scalars()
    }
