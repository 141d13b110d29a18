"""A file that one process at a time may hold."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

TURN_S = 120.0
"""How long a process waits for others that only look at a folder: they take milliseconds, unless they are stopped."""
_LOOK_S = 0.02


class HeldError(Exception):
    """Another process holds the file; the message names it."""


def take(handle: int) -> None:
    """Lock an open file for this process until it is closed; what stands in it is left alone.

    Raises:
        HeldError: Another process has it, and may have written its number there.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HeldError(_holder(handle)) from error


def sign(handle: int) -> None:
    """Write this process's number into a file it holds, for whoever waits."""
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)


@contextlib.contextmanager
def turn(path: Path, within_s: float) -> Iterator[None]:
    """Hold a file while others wait for theirs, as this process has waited. Blocks: not for an event loop's thread.

    Raises:
        HeldError: Another process has held it all the time.
        OSError: The file cannot be written.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + within_s
        while True:
            try:
                take(handle)
                break
            except HeldError:
                if time.monotonic() >= until:
                    raise
            time.sleep(_LOOK_S)
        sign(handle)
        yield
    finally:
        os.close(handle)


class FileLock:
    """Holds a file for this process, which writes its process id there.

    The kernel's lock (`flock`), not the file, is what counts: it ends with the process however that ends, so a file
    left by a killed process keeps nobody out. It guards one machine.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock. A missing folder is made, mode 0700.

        Raises:
            HeldError: Another process has it.
            OSError: The folder or the file cannot be written.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            take(handle)
            sign(handle)
        except (HeldError, OSError):
            os.close(handle)
            raise
        self._file = handle

    def release(self) -> None:
        """Give it back. Idempotent."""
        if self._file is not None:
            # The file stays: removing it would let two processes lock two different files of one name.
            os.close(self._file)
            self._file = None


def _holder(handle: int) -> str:
    with contextlib.suppress(ValueError):  # it has not written its number yet
        return f"process {int(os.pread(handle, 20, 0))}"
    return "a process that is just starting"
