"""The node's store: one database, one folder of large contents, one class per thing that is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Self

from node.errors import OperatorError
from node.store.backend import Backend, SqliteBackend, postgres_backend
from node.store.blobs import Blobs
from node.store.database import Database
from node.store.decisions import Decisions
from node.store.envelopes import Envelopes
from node.store.folder import FolderLock
from node.store.ledger import Ledger
from node.store.limits import StoreLimits
from node.store.local import Jobs, PeerCache, Settings, VerdictCache, Work
from node.store.outbox import Outboxes
from node.store.rounds import Rounds
from node.store.signing import SigningGuard

DATABASE_FILE = "node.sqlite"
BLOB_FOLDER = "blobs"


class Store:
    """An open store. Made by `open_store`; used from one event loop; closed by `close` or `async with`."""

    def __init__(
        self, database: Database, folder: Path, limits: StoreLimits, lock: FolderLock | None, *, where: str
    ) -> None:
        self._database = database
        self._lock = lock
        self.where = where
        """The database as a person knows it."""
        self.signing = SigningGuard(database, limits)
        self.envelopes = Envelopes(database, limits)
        self.blobs = Blobs(database, folder / BLOB_FOLDER, limits, read_only=lock is None)
        self.rounds = Rounds(database, limits)
        self.decisions = Decisions(database, limits)
        self.ledger = Ledger(database, limits)
        self.jobs = Jobs(database, limits)
        self.work = Work(database, limits)
        self.verdicts = VerdictCache(database, limits)
        self.peers = PeerCache(database, limits)
        self.settings = Settings(database, limits)
        self.outbox = Outboxes(database, limits)

    async def close(self) -> None:
        """Finish the writes under way and let go of the data folder. Idempotent."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()


async def open_store(
    folder: Path, *, url: str | None = None, limits: StoreLimits | None = None, read_only: bool = False
) -> Store:
    """Open, create or migrate the store in a data folder.

    Args:
        folder: The node's data folder; made if need be.
        url: A PostgreSQL URL; None for SQLite in the folder.
        limits: What to keep at most.
        read_only: For commands beside a running node: takes no lock and changes nothing.

    Raises:
        OperatorError: Folder not writable, in use by another process, database damaged, of a newer schema, or not
            ours. Nothing has been changed then.
        TransientError: The database is locked or its server cannot be reached.
    """
    return await asyncio.to_thread(_open, folder, url, limits or StoreLimits(), read_only)


def _open(folder: Path, url: str | None, limits: StoreLimits, read_only: bool) -> Store:
    path = folder / DATABASE_FILE
    if read_only and url is None and not path.is_file():
        raise OperatorError(f"{folder} holds no node's data", hint="Run `swarm-node init --data DIR` first.")
    backend: Backend = (
        SqliteBackend(path, read_only=read_only) if url is None else postgres_backend(url, read_only=read_only)
    )
    lock = None if read_only else FolderLock(folder)
    try:
        database = Database(backend, read_only=read_only)
        try:
            return Store(database, folder, limits, lock, where=backend.where)
        except BaseException:
            database.close()
            raise
    except BaseException:
        if lock is not None:
            lock.release()
        raise
