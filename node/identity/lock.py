"""One process per data directory: the same key working twice would sign twice."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from node.errors import OperatorError
from node.locks import FileLock, HeldError

LOCK_NAME = "lock"


class DataDirLock:
    """Holds a data directory for this process. The same key on two machines is the network's to notice."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = FileLock(directory / LOCK_NAME)

    def acquire(self) -> None:
        """Take the lock, or say who has it. A missing directory is made, mode 0700.

        Raises:
            OperatorError: Another process holds it (named by its pid), or the directory cannot be written.
        """
        try:
            self._lock.acquire()
        except HeldError as held:
            raise OperatorError(
                f"{held} already runs with the identity in {self._directory}",
                hint="Stop it first (`swarm-node stop`), or give this one another --data.",
            ) from held
        except OSError as error:
            raise OperatorError(
                f"the data directory {self._directory} cannot be used: {error.strerror}",
                hint="Give a directory that this user can write, e.g. with --data.",
            ) from error

    def release(self) -> None:
        """Give the directory back. Idempotent."""
        self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
