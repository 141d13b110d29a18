"""Large blobs as files named by their hash. Written whole or not at all."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from consensus.types import Hash
from node.durable import write_in_place
from node.errors import ExitCode, OperatorError

_UNFINISHED = ".part"


class BlobFiles:
    """A folder of files `ab/abcd...`, two hundred and fifty-six folders so that none grows beyond reason."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: Hash, data: bytes) -> None:
        """Write and sync a file, then give it its name.

        Raises:
            OperatorError: No space left, or not writable.
        """
        path = self._path(name)
        unfinished = path.with_suffix(_UNFINISHED)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_in_place(path, data, unfinished)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise OperatorError(
                f"{path} cannot be written: {error.strerror}",
                hint="Free disk space under the data folder." if full else "Check the data folder's permissions.",
                exit_code=ExitCode.UNAVAILABLE if full else ExitCode.USAGE,
            ) from error

    def read(self, name: Hash, offset: int = 0, length: int = -1) -> bytes | None:
        """Bytes of a file from `offset` on; None if there is none."""
        try:
            with self._path(name).open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except FileNotFoundError:
            return None

    def remove(self, names: Iterable[Hash]) -> None:
        """Remove files; those that are gone already are passed over."""
        for name in names:
            self._path(name).unlink(missing_ok=True)

    def sweep(self, known: set[Hash]) -> None:
        """Remove what a killed node left: unfinished files, and finished ones that were never recorded."""
        wanted = {self._path(name) for name in known}
        for path in self._folder.glob("??/*"):
            if path not in wanted and path.is_file():
                path.unlink()

    def _path(self, name: Hash) -> Path:
        text = name.hex()
        return self._folder / text[:2] / text
