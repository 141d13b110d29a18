"""One process per data directory: the same key working twice would sign twice."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from node.errors import OperatorError

LOCK_NAME = "lock"


class DataDirLock:
    """Holds a data directory for this process.

    The kernel's lock (`flock`), not the file, is what counts: it ends with the process however that ends, so a lock
    file left by a killed node keeps nobody out. It guards one machine; the same key on two machines is the network's
    to notice.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK_NAME
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock, or say who has it. A missing directory is made, mode 0700.

        Raises:
            OperatorError: Another process holds it (named by its pid), or the directory cannot be written.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OperatorError(
                f"the data directory {self._path.parent} cannot be used: {error.strerror}",
                hint="Give a directory that this user can write, e.g. with --data.",
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(handle)
            os.close(handle)
            raise OperatorError(
                f"{holder} already runs with the identity in {self._path.parent}",
                hint="Stop it first (`swarm-node stop`), or give this one another --data.",
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        self._file = handle

    def release(self) -> None:
        """Give the directory back. Idempotent."""
        if self._file is not None:
            # The file stays: removing it would let two processes lock two different files of one name.
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _holder(handle: int) -> str:
    with contextlib.suppress(ValueError):
        return f"process {int(os.pread(handle, 20, 0))}"
    return "a process that is just starting"
