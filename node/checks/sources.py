"""Where rows' sources stand while they are compiled: in memory, where the machine has a file system there.

A row has three files, each read once or twice and gone a moment later. To make one costs a twentieth of a millisecond
on a disk at its best and half a millisecond on one that is old and full: more than all that is found out by its text.
Only what we write ourselves stands here; what compilers write goes to a disk, where it can be as long as it likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from node.checks.held import hold

_PLACES = ("/dev/shm", "/tmp")  # noqa: S108 - only where they are in memory, and with names that nobody can guess
_PREFIX = "swarm-node-rows-"
_FREE_BYTES_MIN = 512 << 20
"""Several times the sources of any batch: 200 rows of at most 64 KiB, three files each."""
_STALE_S = 60.0
"""A folder that nobody has locked by then was left behind by a process that was killed."""


@contextlib.asynccontextmanager
async def open_sources() -> AsyncIterator[Path | None]:
    """A folder in memory, removed afterwards; None where this machine has none with room."""
    with contextlib.ExitStack() as stack:
        folder = await asyncio.to_thread(lambda: stack.enter_context(sources_in(_places_in_memory())))
        try:
            yield folder
        finally:
            await asyncio.to_thread(stack.close)


@contextlib.contextmanager
def sources_in(places: Sequence[Path]) -> Iterator[Path | None]:
    """A folder in the first of these places that has room, removed afterwards; None if none has. Blocks.

    It is locked as long as it is used, so that another process can tell what was left behind. Commands in a sandbox
    run as other users: those may go through, but have to know what it is called.
    """
    place = next(filter(_has_room, places), None)
    if place is None:
        yield None
        return
    _sweep(place)
    outer = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    held = hold(outer)
    try:
        folder = outer / secrets.token_hex(16)
        folder.mkdir()
        folder.chmod(0o755)
        outer.chmod(0o711)
        yield folder
    finally:
        shutil.rmtree(outer, ignore_errors=True)
        if held is not None:
            os.close(held)


def _places_in_memory() -> tuple[Path, ...]:
    """Those of the usual places that are in memory, by what is mounted."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text(errors="replace").splitlines()]
    except OSError:
        return ()
    in_memory = {words[1] for words in mounts if words[2:3] == ["tmpfs"]}
    return tuple(Path(place) for place in _PLACES if place in in_memory)


def _has_room(place: Path) -> bool:
    try:
        return os.access(place, os.W_OK | os.X_OK) and shutil.disk_usage(place).free >= _FREE_BYTES_MIN
    except OSError:
        return False


def _sweep(place: Path) -> None:
    """Remove folders of ours that a killed process left behind."""
    for found in place.glob(f"{_PREFIX}*"):
        if _is_stale(found) and (held := hold(found)) is not None:
            shutil.rmtree(found, ignore_errors=True)
            os.close(held)


def _is_stale(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:  # Somebody else has just removed it.
        return False
    return status.st_uid == os.getuid() and time.time() - status.st_mtime >= _STALE_S
