"""The data folder: made with care, and held by one process at a time."""

from __future__ import annotations

from pathlib import Path

from node.errors import OperatorError
from node.locks import FileLock, HeldError

_LOCK_FILE = "store.lock"


class FolderLock:
    """An exclusive lock on a data folder, taken when it is made."""

    def __init__(self, folder: Path) -> None:
        """Create the folder if need be and lock it.

        Raises:
            OperatorError: It cannot be created or written, or another process holds it.
        """
        self._lock = FileLock(folder / _LOCK_FILE)
        try:
            self._lock.acquire()
        except HeldError as held:
            raise OperatorError(
                f"data folder {folder} is in use by {held}",
                hint="Stop that node first; two nodes must never share an identity or a data folder.",
            ) from held
        except OSError as error:
            raise OperatorError(
                f"data folder {folder} cannot be used: {error.strerror}",
                hint="Check that it is a folder, its owner and permissions, and that it is not mounted read-only.",
            ) from error

    def release(self) -> None:
        """Let the next process in. Idempotent."""
        self._lock.release()
