"""One thread that does all the writing, many requests to a transaction.

Requests are carried out in the order in which they were put, so a durable one, once answered, makes everything put
before it durable too. There is no waiting for company: while one transaction commits, the next batch gathers by
itself, so a lone request is answered at once and a flood is committed two hundred at a time.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from node.errors import OperatorError, TransientError
from node.store.backend import Backend
from node.store.failures import is_disconnect, translated

T = TypeVar("T")

BATCH_MAX = 200
"""Requests in one transaction; more gain nothing measurable and make a durable request wait longer."""


@dataclass(slots=True)
class _Request:
    """A piece of work on the writing connection. Must be repeatable: a batch that fails is done again one by one."""

    work: Callable[[Connection], Any]
    durable: bool
    future: Future[Any] = field(default_factory=Future)


class Writer:
    """Owns the writing connection. `submit` may be called from any thread."""

    def __init__(self, backend: Backend, prepare: Callable[[Connection], None]) -> None:
        """Connect, take hold of the database and run `prepare` in one durable transaction, in the caller's thread.

        Raises:
            OperatorError, TransientError: As `failures.translated`; or another node holds the database.
        """
        self._backend = backend
        self._engine: Engine = backend.writer()
        self._connection: Connection | None = None
        self._held = False
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        try:
            with translated(backend.where):
                connection = self._connect()
                backend.settle(connection)
                with backend.begin(connection, durable=True):
                    prepare(connection)
        except BaseException:
            self._disconnect()
            raise
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T], *, durable: bool) -> Future[T]:
        """Have `work` carried out in a transaction; the future is done once that is committed.

        Raises:
            RuntimeError: The writer is closed.
        """
        request = _Request(work, durable)
        with self._closing:
            if self._closed:
                raise RuntimeError("the store is closed")
            self._requests.put(request)
        return request.future

    def close(self) -> None:
        """Finish what was put, then let go of the connection. Idempotent."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._requests.put(None)
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            batch: list[_Request] = []
            item = self._requests.get()
            while item is not None:
                if item.future.set_running_or_notify_cancel():
                    batch.append(item)
                if len(batch) == BATCH_MAX or self._requests.empty():
                    break
                item = self._requests.get()
            last = item is None
            if batch:
                self._commit(batch)
        self._disconnect()

    def _commit(self, batch: list[_Request]) -> None:
        try:
            with translated(self._backend.where):
                results = self._transact(batch)
        except Exception as error:  # noqa: BLE001  (whatever it is, it belongs to whoever asked)
            if len(batch) == 1 or self._connection is None:
                for request in batch:
                    request.future.set_exception(error)
                return
            # One of them is at fault. Nothing was committed, so each is tried alone and fails alone.
            for request in batch:
                self._commit([request])
            return
        for request, result in zip(batch, results, strict=True):
            request.future.set_result(result)

    def _transact(self, batch: list[_Request]) -> list[Any]:
        try:
            connection = self._connect()
            with self._backend.begin(connection, durable=any(request.durable for request in batch)):
                return [request.work(connection) for request in batch]
        except BaseException as error:
            if is_disconnect(error):
                self._disconnect()
            raise

    def _connect(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect()
            try:
                self._hold(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _hold(self, connection: Connection) -> None:
        try:
            self._backend.hold(connection)
        except OperatorError as error:
            if not self._held:
                raise
            # It was ours until the line broke; the server may take a while to notice that our old session is gone.
            raise TransientError(str(error), waits_for="database lock") from error
        self._held = True

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()
