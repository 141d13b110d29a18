"""Statements in, values out: the asynchronous door to a synchronous database.

Core statements run synchronously, writes in one thread and reads in a few: 12,700 single-row transactions a second
against 2,200 through an asynchronous driver (facts/feasibility-net.md section 6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection

from node.errors import TransientError
from node.store.backend import READERS, Backend
from node.store.failures import translated
from node.store.migrate import refuse_unless_ours, upgrade
from node.store.schema import REVISION
from node.store.writer import Writer

T = TypeVar("T")

WRITES_WAITING_MAX = 10_000
"""Requests that may wait for the writer. Beyond that `write` waits before it queues."""


class Database:
    """An open database at this version's schema. One event loop uses it."""

    def __init__(self, backend: Backend, *, read_only: bool = False) -> None:
        """Connect and migrate; blocks, so call it in a thread.

        Raises:
            OperatorError: It cannot be used; nothing has been written then.
            TransientError: Locked or unreachable just now.
        """
        self._backend = backend
        self._writer = None if read_only else Writer(backend, lambda c: upgrade(c, backend.where))
        self._reader = backend.reader()
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._room = asyncio.Semaphore(WRITES_WAITING_MAX)
        if read_only:
            self.read_now(lambda c: _refuse_unless_current(c, backend.where))

    async def write(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        """Carry out `work` in a transaction of the writing thread and return what it returned, once committed.

        Writes take effect in the order of the calls. A cancelled caller does not know whether its write happened.

        Args:
            work: Repeatable, and free of effects outside the database.
            durable: Return only once a power cut could not undo it (nor anything written before it).

        Raises:
            OperatorError, TransientError: As `failures.translated`. Nothing was written, unless the connection was
                lost while committing; so requests are made such that repeating one does no harm.
            RuntimeError: The database is closed or was opened read-only.
        """
        if self._writer is None:
            raise RuntimeError("the store was opened read-only")
        async with self._room:
            return await asyncio.wrap_future(self._writer.submit(work, durable=durable))

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """`write` for callers that are in a thread of their own."""
        if self._writer is None:
            raise RuntimeError("the store was opened read-only")
        return self._writer.submit(work, durable=False).result()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Carry out `work` on one consistent view of what is committed.

        Raises:
            OperatorError, TransientError: As `failures.translated`.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read_now, work)

    async def run(self, work: Callable[[], T]) -> T:
        """Carry out other blocking work, such as file reads, in the reading threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """`read` for callers that are in a thread of their own."""
        with translated(self._backend.where), self._reader.connect() as connection, connection.begin():
            return work(connection)

    def close(self) -> None:
        """Finish the writes under way and disconnect; blocks. Idempotent."""
        if self._writer is not None:
            self._writer.close()
        self._threads.shutdown(wait=True)
        self._reader.dispose()


def _refuse_unless_current(connection: Connection, where: str) -> None:
    if refuse_unless_ours(connection, where) != REVISION:
        raise TransientError(f"{where} has not been brought to this version's schema yet", waits_for="database schema")
