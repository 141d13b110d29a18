"""Where an engine's sandboxed work is done: a folder that is gone afterwards, and workers confined to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from node.checks.cargo import UncheckedError
from node.checks.held import hold
from node.checks.removal import remove_tree
from node.checks.sandbox.launcher import Confinement, Meter
from node.checks.sandbox.limits import BUILD_LIMITS
from node.checks.workers import Workers, core_queue
from node.locks import TURN_S, HeldError, turn

BUILD_TURN_S = 2 * BUILD_LIMITS.wall_ms / 1000
"""How long to wait for another process that builds what this one wants too."""


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
        folder, held = await asyncio.to_thread(_take_folder, self._folder)
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
            await asyncio.to_thread(_remove, folder, held)


def _take_folder(parent: Path) -> tuple[Path, int]:
    """A new folder and the lock that holds it, which ends with this process. Removes folders that nobody holds."""
    parent.mkdir(parents=True, exist_ok=True)
    with _in_turn(parent.with_name(f"{parent.name}.lock"), TURN_S, "looking for folders to work in"):
        # Nobody looks for such folders between making one and holding it.
        left = [(folder, held) for folder in parent.glob("tmp*") if (held := hold(folder)) is not None]
        folder = Path(tempfile.mkdtemp(dir=parent))
        folder.chmod(0o755)  # The sandbox's users are others than ours.
        held = hold(folder)
    for killed in left:
        _remove(*killed)
    if held is None:
        raise AssertionError("nobody else may hold a folder that was just made")
    return folder, held


def _remove(folder: Path, held: int) -> None:
    remove_tree(folder)
    os.close(held)


@contextlib.asynccontextmanager
async def locked(path: Path, doing: str, within_s: float = BUILD_TURN_S) -> AsyncIterator[None]:
    """Hold a lock file against other processes of this machine, waiting without blocking the event loop.

    Args:
        path: The file; its folder is made.
        doing: What whoever holds it does, for the error.
        within_s: How long to wait for the others.

    Raises:
        UncheckedError: Another process has held it all the time; the message says which, and what to do.
    """
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    until = time.monotonic() + within_s
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(_in_turn(path, 0, doing))
                break
            except UncheckedError:
                if time.monotonic() >= until:
                    raise
            await asyncio.sleep(0.05)
        yield


@contextlib.contextmanager
def _in_turn(path: Path, within_s: float, doing: str) -> Iterator[None]:
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(turn(path, within_s))
        except HeldError as error:
            raise UncheckedError(
                f"{error} has been {doing} for longer than that may take; if it is stopped, let it go on or end it"
            ) from error
        yield
