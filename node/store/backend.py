"""What SQLite and PostgreSQL do differently: connecting, durability, and keeping a second process out.

Everything else in this room is the same statements on both.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, Executable, RootTransaction, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool, QueuePool

from node.errors import OperatorError

T = TypeVar("T")

IN_MAX = 1000

READERS = 4
"""Reading threads, and connections for them. SQLite readers never wait for the writer (WAL)."""

BUSY_MS = 5000
"""How long a statement waits for another process's lock on SQLite: an offline command, a backup."""

_LOCK_NAME = 0x73776172_6D6E6F64
"""PostgreSQL advisory lock that says a node is using this database: "swarmnod" in ASCII."""


class Backend(Protocol):
    """One kind of database."""

    where: str
    """The database as a person knows it; never with a password."""

    def writer(self) -> Engine:
        """An engine for the one writing thread; its connection is kept until it breaks."""
        ...

    def reader(self) -> Engine:
        """An engine whose connections cannot write."""
        ...

    def begin(self, connection: Connection, *, durable: bool) -> RootTransaction:
        """Begin a transaction whose commit returns once it would survive a power cut, if `durable`.

        A commit that is not durable survives kill -9 all the same, and becomes durable with the next one that is.
        """
        ...

    def hold(self, connection: Connection) -> None:
        """Keep other nodes out for as long as this connection lives.

        Raises:
            OperatorError: Another process holds it.
        """
        ...

    def settle(self, connection: Connection) -> None:
        """Make what an earlier process committed durable, before anything of it is acted upon."""
        ...


class SqliteBackend:
    """A file in the data folder: write-ahead log, one writer, readers beside it."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.where = str(path)
        self._path = path
        self._read_only = read_only

    def writer(self) -> Engine:
        """See `Backend`."""
        return self._engine(NullPool, read_only=self._read_only)

    def reader(self) -> Engine:
        """See `Backend`."""
        return self._engine(QueuePool, read_only=self._read_only, query_only=True)

    def _engine(self, pool: type[QueuePool | NullPool], *, read_only: bool, query_only: bool = False) -> Engine:
        mode = "ro" if read_only else "rwc"

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode={mode}",
                uri=True,
                timeout=BUSY_MS / 1000,
                isolation_level=None,  # we say BEGIN ourselves: the module's own guess leaves reads outside
                check_same_thread=False,
            )

        sizes = {"pool_size": READERS, "max_overflow": 0} if pool is QueuePool else {}
        engine = create_engine("sqlite://", creator=connect, poolclass=pool, **sizes)

        @event.listens_for(engine, "connect")
        def _configure(connection: sqlite3.Connection, _record: object) -> None:
            if not read_only:
                connection.execute("PRAGMA journal_mode = WAL")
            # recursive_triggers: without it INSERT OR REPLACE would slip past the ledger's delete trigger.
            for pragma in ("foreign_keys = ON", "recursive_triggers = ON", "trusted_schema = OFF"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            connection.execute(f"PRAGMA query_only = {'ON' if query_only or read_only else 'OFF'}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN" if query_only or read_only else "BEGIN IMMEDIATE")

        return engine

    def begin(self, connection: Connection, *, durable: bool) -> RootTransaction:
        """See `Backend`: synchronous=FULL syncs the log at commit, NORMAL only at checkpoints."""
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")  # only legal between transactions
        return connection.begin()

    def hold(self, connection: Connection) -> None:
        """Nothing to do: the data folder's lock file keeps others out (`node.store.folder`)."""

    def settle(self, connection: Connection) -> None:
        """See `Backend`: a checkpoint syncs the log, then the database."""
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.execute("PRAGMA synchronous = FULL")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


class PostgresBackend:
    """A PostgreSQL database of this node's own, for coordinators and large swarms."""

    def __init__(self, url: URL, *, read_only: bool = False) -> None:
        self.where = url.render_as_string(hide_password=True)
        self._url = url
        self._read_only = read_only

    def writer(self) -> Engine:
        """See `Backend`."""
        return create_engine(self._url, poolclass=NullPool, connect_args={"connect_timeout": 5})

    def reader(self) -> Engine:
        """See `Backend`."""
        return create_engine(
            self._url,
            pool_size=READERS,
            max_overflow=0,
            pool_pre_ping=True,  # a restarted server must cost one lost connection, not one lost read each
            connect_args={"connect_timeout": 5, "options": "-c default_transaction_read_only=on"},
        )

    def begin(self, connection: Connection, *, durable: bool) -> RootTransaction:
        """See `Backend`. A later synchronous commit flushes the log up to itself, earlier commits included."""
        transaction = connection.begin()
        if not durable:
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
        return transaction

    def hold(self, connection: Connection) -> None:
        """See `Backend`: a session-level advisory lock, which the server gives up with the session."""
        with connection.begin():
            got = connection.execute(text("SELECT pg_try_advisory_lock(:name)"), {"name": _LOCK_NAME}).scalar()
        if not got:
            raise OperatorError(
                f"{self.where} is in use by another node",
                hint="Stop the other node, or give this one a database of its own.",
            )

    def settle(self, connection: Connection) -> None:
        """See `Backend`: any synchronous commit flushes everything before it."""
        with connection.begin():
            connection.execute(text("SELECT pg_current_xact_id()"))


def postgres_backend(url: str, *, read_only: bool = False) -> PostgresBackend:
    """The backend for a database URL of the form `postgresql://user:password@host/database`.

    Raises:
        OperatorError: Not such a URL, or the `postgres` extra is not installed.
    """
    hint = "Write it as postgresql://user:password@host/database, or leave it out to use SQLite."
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise OperatorError("the database URL cannot be parsed", hint=hint) from error
    if parsed.get_backend_name() != "postgresql":
        raise OperatorError(f"databases of kind {parsed.drivername!r} are not supported", hint=hint)
    parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        parsed.get_dialect().import_dbapi()
    except (ImportError, NoSuchModuleError) as error:
        raise OperatorError(
            "PostgreSQL needs the psycopg package, which is not installed",
            hint="Install the extra: pip install 'swarm-node[postgres]'",
        ) from error
    return PostgresBackend(parsed, read_only=read_only)


def in_chunks(names: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut a list for `IN`: SQLite takes 32,766 parameters in a statement, PostgreSQL 65,535."""
    return (names[start : start + IN_MAX] for start in range(0, len(names), IN_MAX))


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is taken; whether it was inserted."""
    return connection.execute(_insert_new(connection.dialect.name, table), values).rowcount == 1


def upsert(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Insert a row, or overwrite the one with the same primary key."""
    connection.execute(_upsert(connection.dialect.name, table), values)


# A statement is built once: building one takes longer than carrying it out on SQLite.


@functools.cache
def _insert_new(dialect: str, table: Table) -> Executable:
    # Without the option SQLAlchemy does not ask psycopg how many rows an INSERT touched, and says -1.
    return _insert(dialect, table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


@functools.cache
def _upsert(dialect: str, table: Table) -> Executable:
    statement = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    rest = {column.name: column for column in statement.excluded if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)


def _insert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
