"""Temporary folders that vanish even if their process was killed, beside any number of other processes.

Each folder is locked for as long as its owner lives; whoever opens the workplace removes the folders that nobody
holds any more. Work is done here and then moved into place, so that a half-done thing never has its final name.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from node.errors import TransientError
from node.locks import TURN_S, HeldError, turn


class Workplace:
    """A folder of temporary folders."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        with self._exclusive():
            for folder in root.glob("tmp-*"):
                _remove_if_abandoned(folder)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder on the same file system as the workplace, removed at the end with what is left in it."""
        folder = self.root / f"tmp-{secrets.token_hex(8)}"
        with self._exclusive():  # nobody looks for abandoned folders between making and locking this one
            folder.mkdir()
            lock = _lock(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Raises TransientError where another process has kept everybody out for longer than that can take."""
        held = contextlib.ExitStack()
        try:
            held.enter_context(turn(self.root / ".lock", TURN_S))
        except HeldError as error:
            raise TransientError(
                f"{error} has kept {self.root} for {TURN_S:.0f} s; if it is stopped, let it go on or end it",
                waits_for="crate store",
            ) from error
        with held:
            yield


def _lock(folder: Path) -> int:
    """Lock a folder for this process; the lock ends with the returned descriptor or the process."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_if_abandoned(folder: Path) -> None:
    try:
        lock = _lock(folder)
    except (BlockingIOError, FileNotFoundError):
        return  # somebody works in it, or has just removed it
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)
