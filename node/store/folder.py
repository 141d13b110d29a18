"""The data folder: made with care, and held by one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from node.errors import OperatorError

_LOCK_FILE = "store.lock"


class FolderLock:
    """An exclusive lock on a data folder. The kernel gives it up with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        """Create the folder if need be and lock it.

        Raises:
            OperatorError: It cannot be created or written, or another process holds it.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Not truncated: until the lock is ours the number in it is the holder's.
            self._descriptor = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OperatorError(
                f"data folder {folder} cannot be used: {error.strerror}",
                hint="Check that it is a folder, its owner and permissions, and that it is not mounted read-only.",
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._descriptor, 20).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise OperatorError(
                f"data folder {folder} is in use by another process ({holder or 'unknown'})",
                hint="Stop that node first; two nodes must never share an identity or a data folder.",
            ) from error
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let the next process in. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
