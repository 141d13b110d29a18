"""Where an engine's sandboxed work is done: a folder that is gone afterwards, and workers confined to it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from node.checks.sandbox.launcher import Confinement, Meter
from node.checks.workers import Workers, core_queue


class Yard:
    """What all work of one engine shares: how it is confined, its cores, and the meter of what it used.

    Args:
        confinement: How this machine confines.
        cores: Commands at once.
        folder: For work in progress; several engines may share it.
    """

    def __init__(self, confinement: Confinement, cores: int, folder: Path) -> None:
        self._confinement = confinement
        self._cores = core_queue(cores)
        self._folder = folder
        self.meter = Meter()

    @contextlib.asynccontextmanager
    async def open(
        self, *, readable: tuple[Path, ...], writable: tuple[Path, ...] = ()
    ) -> AsyncIterator[tuple[Path, Workers]]:
        """A fresh folder, removed afterwards, and workers.

        Args:
            readable: What their commands may read at most, besides the folder and the system's libraries.
            writable: What they may write at most; nothing for the folder itself.
        """
        folder = await asyncio.to_thread(_new_folder, self._folder)
        try:
            async with Workers(
                self._confinement,
                self._cores,
                folder,
                readable=readable,
                writable=writable or (folder,),
                meter=self.meter,
            ) as workers:
                yield folder, workers
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _new_folder(parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    folder.chmod(0o755)  # The sandbox's users are others than ours.
    return folder


@contextlib.asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock file against other processes of this machine, waiting without blocking the event loop."""
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    with await asyncio.to_thread(path.open, "a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.05)
        yield
