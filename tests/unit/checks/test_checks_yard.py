"""Work in progress: gone when its process is, whoever comes next, and never taken from one that still lives."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from node.checks.sandbox.launcher import Confinement
from node.checks.sandbox.limits import Level
from node.checks.yard import Yard

LEAVES = """
import os, sys
from pathlib import Path
from node.checks.yard import _take_folder
folder, _ = _take_folder(Path(sys.argv[1]))
(folder / "made").mkdir()
os._exit(9)
"""


def test_what_a_killed_process_left_is_removed_and_what_is_worked_in_stays(tmp_path):
    work = tmp_path / "work"
    subprocess.run([sys.executable, "-c", LEAVES, str(work)], check=False)
    (left,) = work.iterdir()
    nothing = Confinement(
        level=Level.NONE,
        launcher=tmp_path / "launcher",
        bwrap=None,
        landlock=False,
        signals_scoped=False,
        changes_user=False,
        processes_before=0,
    )

    async def work_twice():
        first, second = Yard(nothing, 1, work), Yard(nothing, 1, work)
        async with first.open(readable=()) as (one, _), second.open(readable=()) as (other, _):
            return left.exists(), one != other, one.exists(), other.exists()

    assert asyncio.run(work_twice()) == (False, True, True, True)
    assert list(work.iterdir()) == []
