"""What a database error means for the user: whose turn it is, and what to do.

Only errors of the world are translated. A broken constraint or a wrong statement is a bug of ours and passes through.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from node.errors import ExitCode, NodeError, OperatorError, TransientError

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNWRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_FULL_SQLSTATES = {"53100", "53200"}
_REFUSED_SQLSTATES = {"28000", "28P01", "3D000", "42501"}


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn database errors into errors that say whose turn it is.

    Args:
        where: The database as a person knows it: a path, or a URL without its password.

    Raises:
        OperatorError: Corrupt, not a database, not writable, disk full, or access refused.
        TransientError: Locked by somebody else, or the server cannot be reached just now.
    """
    try:
        yield
    except PoolTimeoutError as error:
        raise TransientError(f"{where}: every connection is in use", waits_for="database") from error
    except DBAPIError as error:
        meaning = _meaning(where, error)
        if meaning is None:
            raise
        raise meaning from error


def is_disconnect(error: BaseException) -> bool:
    """Whether the connection is gone, so that trying the next statement on it is of no use."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _meaning(where: str, error: DBAPIError) -> NodeError | None:
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_meaning(where, error.orig)
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate in _FULL_SQLSTATES:
        return _full(where, error.orig)
    if sqlstate in _REFUSED_SQLSTATES or _says_refused(error):
        return OperatorError(
            f"{where}: {_first_line(error.orig)}",
            hint="Check user, password and database name in the database URL, and the user's rights.",
        )
    if error.connection_invalidated or isinstance(error, OperationalError):
        return TransientError(f"{where}: {_first_line(error.orig)}", waits_for="database")
    return None


def _says_refused(error: DBAPIError) -> bool:
    # An error while connecting carries no SQLSTATE in psycopg 3, only the server's words.
    text = str(error.orig)
    return isinstance(error, OperationalError) and (
        "authentication failed" in text or 'database "' in text or 'role "' in text
    )


def _sqlite_meaning(where: str, error: sqlite3.Error) -> NodeError | None:
    # 3.11 gives extended codes; the low byte is the primary one. Absent on errors of the module itself.
    code = getattr(error, "sqlite_errorcode", -1) & 0xFF
    text = _first_line(error)
    if code in _BUSY:
        return TransientError(f"{where}: {text}", waits_for="database lock")
    if code in _CORRUPT:
        return OperatorError(
            f"{where} is damaged or not a database: {text}",
            hint="Move the file aside and restore a backup, or start with an empty data folder: certified rounds "
            "come back from peers. Keep the node's identity, never run two nodes with it.",
        )
    if code == sqlite3.SQLITE_FULL:
        return _full(where, error)
    if code in _UNWRITABLE:
        return OperatorError(
            f"{where} cannot be written: {text}", hint="Check owner, permissions and mount options of the data folder."
        )
    if code == sqlite3.SQLITE_IOERR:
        return OperatorError(
            f"{where}: the disk failed a read or write: {text}",
            hint="Check the disk and its free space.",
            exit_code=ExitCode.UNAVAILABLE,
        )
    return None


def _full(where: str, error: BaseException | None) -> OperatorError:
    return OperatorError(
        f"{where}: no space left: {_first_line(error)}",
        hint="Free disk space under the data folder, then start again.",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _first_line(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0]
