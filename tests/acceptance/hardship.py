"""The process tests' hardships for longer than CI has time for: many kills, and a node cut off for a whole minute.

    python -m tests.acceptance.hardship [--kills 20] [--spared 20] [--away 60] [--seed N]

What has to hold is asserted where the hardship is done (`tests.support.killing`, `tests.support.cutting`).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from node.values.example import CATEGORIES
from tests.support.cutting import cut_off
from tests.support.killing import kill_at_random
from tests.support.process_swarm import lay_swarm


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; an AssertionError says what did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.hardship")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--away", type=float, default=60.0, help="seconds that a node is cut off")
    parser.add_argument("--spared", type=float, default=20.0, help="at most so long between a restart and a kill")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="swarm-hardship-") as name:
        began = time.monotonic()
        cut = asyncio.run(cut_off(lay_swarm(Path(name) / "cut"), away_s=options.away))
        print(f"cut off for {cut.away_s:.0f} s: {cut.missed} rounds missed, level again after {cut.followed_s:.1f} s")
        layout = lay_swarm(Path(name) / "kills")
        told = asyncio.run(
            kill_at_random(
                layout,
                CATEGORIES,
                seed=options.seed,
                kills=options.kills,
                spared_s=options.spared,
                limit_s=900.0,
                quota=4,
            )
        )
        print(f"{options.kills} kills, {told.while_open} of them during {told.jobs} jobs, at heights {told.heights}")
        print(f"{told.rows} rows, nothing lost, changed or signed twice; {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
