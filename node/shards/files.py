"""Files that appear whole or not at all, and room for them."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from node.durable import write_in_place
from node.errors import ExitCode, OperatorError

DISK_RESERVE_BYTES = 256 << 20
"""Left free for everybody else on the disk: a full disk harms more than a pull that stops."""


def write_whole(path: Path, data: bytes) -> bool:
    """Write a file under a temporary name, sync it and give it its name; whether that changed anything.

    Raises:
        OperatorError: It cannot be written, or the disk has no room for it.
    """
    try:
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return False
        make_folder(path.parent)
        check_room(path.parent, len(data))
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            write_in_place(path, data, unfinished)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return True


def make_folder(folder: Path) -> None:
    """Make a folder and those above it.

    Raises:
        OperatorError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error


def check_room(folder: Path, size: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        OperatorError: Fewer than `size` bytes and a reserve are free.
    """
    free = shutil.disk_usage(folder).free
    if free < size + DISK_RESERVE_BYTES:
        raise OperatorError(
            f"{folder}: {free} bytes free, {size} and a reserve of {DISK_RESERVE_BYTES} are needed",
            hint="Free disk space, or give another folder.",
            exit_code=ExitCode.UNAVAILABLE,
        )


def cannot_write(path: Path, error: OSError) -> OperatorError:
    """What a failed write means for the user."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return OperatorError(
        f"{path} cannot be written: {error.strerror}",
        hint="Free disk space." if full else "Check that the folder may be written to.",
        exit_code=ExitCode.UNAVAILABLE if full else ExitCode.USAGE,
    )
