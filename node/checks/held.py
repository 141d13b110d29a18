"""Folders that a process holds while it works in them, so that others can tell what a killed one left behind."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def hold(folder: Path) -> int | None:
    """Lock a folder; whoever gets the descriptor closes it, and a process that ends lets go.

    Returns:
        The descriptor that holds the lock. None where somebody works in the folder, it is gone, or it is none.
    """
    descriptor = -1
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if descriptor >= 0:
            os.close(descriptor)
        return None
    return descriptor
