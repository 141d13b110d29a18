"""A full disk is this machine's fault: whatever fails on one settles nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from node.checks.cargo import UncheckedError

_FREE_BYTES_MIN = 32 << 20
"""Several times what a linker writes for one test binary: with less, a failure may be for want of room. What compilers
and linkers say then differs too much to be recognised, and crates could say the same."""


def refuse_full_disk(folder: Path) -> None:
    """Do nothing, unless there is hardly any room where `folder` stands. Asked after something failed there.

    Raises:
        UncheckedError: There is not.
    """
    # What is not there yet will stand where the folder above it does.
    free = shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free
    if free < _FREE_BYTES_MIN:
        raise UncheckedError(f"the disk is full: {free >> 10} KiB left at {folder.name}")
