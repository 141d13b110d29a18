"""Checks while the disk for work in progress is full: `run` brings a small disk, and `main` prints what comes of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from node.checks import CheckSettings, open_engine
from node.values.crate import PreparedCrate, Span
from node.values.verdict import CheckPlan, Edit, Expect, Project, Step
from tests.support.prepared import make_crate

LIB = "pub fn one() -> u8 { 1 }\n#[test]\nfn t() { assert_eq!(one(), 1); }\n"


_SCRIPT = """
mkdir -p "$1/checks/work" && mount -t tmpfs -o size=64m,mode=755 tmpfs "$1/checks/work" || exit 77
folder=$1; shift
exec "$@" "$folder"
"""
NO_DISK = 77
"""Exit status where this machine lets nobody but root mount anything."""


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `main` with a disk of 64 MiB for work in progress, which root mounts, or a user in a namespace of its own."""
    ours = ["--user", "--map-root-user"] if os.geteuid() else []
    # The engine should see the user that it would see anyway, not one who is root of a namespace.
    back = ["unshare", "--user", f"--map-user={os.geteuid()}", "--"] if os.geteuid() else []
    apart = ["unshare", *ours, "--mount", "--propagation", "private", "--"]
    return subprocess.run(
        [*apart, "sh", "-c", _SCRIPT, "sh", str(folder), *back, sys.executable, "-m", __name__],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )


def main(folder: Path) -> None:
    """Settle the same claim with room, without any, with next to none, and with room again."""
    crate = make_crate(folder / "crate", {"src/lib.rs": LIB})
    work = folder / "checks" / "work"
    body = Span("src/lib.rs", LIB.index("{"), LIB.index("}") + 1)
    step = Step("s", Project(crate.pin, (Edit(body, "{ 2 - 1 }"),)), Expect.TESTS_PASS)
    for free_bytes in (None, 0, 300_000, None):
        ballast = work / "ballast"
        ballast.unlink(missing_ok=True)
        if free_bytes is not None:
            _fill(ballast, free_bytes)
        print(asyncio.run(_settle(crate, step, folder / "checks")))


async def _settle(crate: PreparedCrate, step: Step, folder: Path) -> str:
    engine = await open_engine(CheckSettings(folder, cores=1))
    result = (await engine.run(crate, [CheckPlan((step,))]))[0].steps[0]
    await engine.close()
    return f"{result.outcome.value}|{result.reason}"


def _fill(ballast: Path, free_bytes: int) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 16)) == 1 << 16:
                pass
        except OSError:
            pass
        file.truncate(max(0, file.tell() - free_bytes))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
