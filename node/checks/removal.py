"""Removing folders that other people's code has written in, whatever it left there."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that is ours to remove. Never raises for what it finds; blocks.

    `shutil.rmtree` goes down one call and one descriptor a level, and gives up on folders that may not be listed: a
    build or a test can nest more deeply than that within its time, and would stay on the disk, or end the caller.
    """
    with contextlib.suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # Mostly because it is gone.
        while _remove_one_level(folder):
            pass
        folder.rmdir()


def _remove_one_level(folder: Path) -> bool:
    """Remove what stands in a folder, with what stood in folders there lifted to their place; False if nothing went."""
    folder.chmod(0o700)
    progress = False
    for entry in list(folder.iterdir()):
        with contextlib.suppress(OSError):
            if entry.is_dir() and not entry.is_symlink():
                _lift_contents(entry, folder)
                entry.rmdir()
            else:
                entry.unlink()
            progress = True
    return progress


def _lift_contents(folder: Path, top: Path) -> None:
    folder.chmod(0o700)
    for entry in list(folder.iterdir()):
        with contextlib.suppress(OSError):
            if entry.is_dir() and not entry.is_symlink():
                entry.chmod(0o700)  # A folder that is moved must be writable itself.
                entry.rename(top / secrets.token_hex(16))
            else:
                entry.unlink()
