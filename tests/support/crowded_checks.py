"""Checks while the disk for work in progress is full: run inside a mount namespace of its own, prints the outcomes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from node.checks import CheckSettings, open_engine
from node.values.crate import PreparedCrate, Span
from node.values.verdict import CheckPlan, Edit, Expect, Project, Step
from tests.support.prepared import make_crate

LIB = "pub fn one() -> u8 { 1 }\n#[test]\nfn t() { assert_eq!(one(), 1); }\n"


def main(folder: Path) -> None:
    """Settle the same claim with room, without any, with next to none, and with room again."""
    crate = make_crate(folder / "crate", {"src/lib.rs": LIB})
    work = folder / "checks" / "work"
    work.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", str(work)], check=True)
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
