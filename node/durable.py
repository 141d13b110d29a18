"""Files that outlive a power cut: whole or not there at all, and on disk with their names when a call returns."""

from __future__ import annotations

import os
from pathlib import Path


def write_in_place(path: Path, data: bytes, unfinished: Path) -> None:
    """Write a file under the name `unfinished` in the same folder, then give it its own.

    Raises:
        OSError: It cannot be written; what is unfinished may be left behind.
    """
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    put_in_place(unfinished, path)


def put_in_place(fresh: Path, path: Path) -> None:
    """Give a file whose bytes are on disk its name, in place of what had it.

    Raises:
        OSError: It cannot be renamed.
    """
    fresh.replace(path)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)  # the rename itself, not only the bytes, has to outlive a power cut
    finally:
        os.close(handle)
