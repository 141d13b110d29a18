"""How often honest members are punished on bad networks, over many rounds, as a part of the long report.

    python -m tests.simulation.penalty_report --seeds 40 --processes 2 --kept penalties.jsonl

Members lose messages, get them late, twice and out of order, run clocks up to 10 % fast or slow, work up to thirty
times as slowly as others, and crash every 25 minutes on average for up to five, which is far worse than any machine
that is worth running. A line per run is kept, so that a run that was interrupted goes on where it ended.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from node.simulate.protocol import Setting, run_protocol

ROUNDS = 100
SETTINGS = {
    "lossy, 7 members": Setting(network="lossy", rounds=ROUNDS, tasks=1, crashes=True),
    "slow, 7 members": Setting(network="slow", rounds=ROUNDS, tasks=1, crashes=True),
    "slow, 13 members": Setting(network="slow", rounds=ROUNDS, tasks=2, nodes=13, crashes=True),
    "lossy, 4 members": Setting(network="lossy", rounds=ROUNDS, tasks=1, nodes=4, crashes=True),
    "lossy, a withholder among 7": Setting(
        network="lossy", rounds=ROUNDS, tasks=1, behaviour="withholder", crashes=True
    ),
    "slow, a silent one among 7": Setting(network="slow", rounds=ROUNDS, tasks=1, behaviour="silent", crashes=True),
    "cut in two half of the time, 7 members": Setting(network="partition", rounds=ROUNDS, tasks=1, crashes=True),
    "cut in two half of the time, 13 members": Setting(
        network="partition", rounds=ROUNDS, tasks=2, nodes=13, crashes=True
    ),
}
FIRST_SEED = 20_001
CELLS = ("rounds", "absences", "violations", "unfinished")


def main() -> int:
    """Print the page; 1 if anything was violated or not finished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2, help="of each kind of run")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--kept", type=Path, help="a line per run")
    chosen = parser.parse_args()
    found = list(all_runs(chosen.seeds, chosen.processes, chosen.kept))
    print("\n".join(penalty_page(found)))
    return 1 if any(run["violations"] or run["unfinished"] for run in found) else 0


def all_runs(seeds: int, processes: int, kept: Path | None) -> Iterator[dict[str, Any]]:
    """Every kind of run with every seed, seed by seed; those that are kept are read back."""
    done: dict[tuple[str, int], dict[str, Any]] = {}
    if kept is not None and kept.exists():
        lines = (json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines())
        done = {(line["kind"], line["seed"]): line for line in lines}
    wanted = [(kind, seed) for seed in range(FIRST_SEED, FIRST_SEED + seeds) for kind in SETTINGS]
    yield from (done[item] for item in wanted if item in done)
    to_do = [item for item in wanted if item not in done]
    with (kept or Path("/dev/null")).open("a", encoding="utf-8") as file, ProcessPoolExecutor(processes) as pool:
        for number, run in enumerate(pool.map(play, *zip(*to_do, strict=True)) if to_do else (), 1):
            file.write(json.dumps(run) + "\n")
            file.flush()
            print(f"run {number} of {len(to_do)}", file=sys.stderr)
            yield run


def play(kind: str, seed: int) -> dict[str, Any]:
    """What the page needs of one run."""
    found = run_protocol(SETTINGS[kind], seed)
    return {
        "kind": kind,
        "seed": seed,
        "rounds": found.honest_rounds,
        "penalties": found.penalties,
        "absences": found.soft,
        "violations": len(found.violations),
        "unfinished": found.unfinished,
    }


def confidence(runs: Sequence[dict[str, Any]]) -> str:
    """How rare a penalty is at least, in words: of none in n rounds, 3/n is the bound that holds in 95 of 100 cases."""
    rounds = sum(run["rounds"] for run in runs)
    penalties = sum(sum(run["penalties"].values()) for run in runs)
    if penalties:
        return f"There were {penalties} in {rounds:,} honest member-rounds."
    bound = f"less than {300_000 / rounds:.1f} in 100,000 with 95 % confidence"
    return f"None in {rounds:,} honest member-rounds, which is {bound}."


def penalty_page(runs: Iterable[dict[str, Any]]) -> Iterator[str]:
    """A row per kind of run and two sums: of all, and of those whose network is never cut in two."""
    sums: dict[str, Counter[str]] = {kind: Counter() for kind in SETTINGS}
    for run in runs:
        of_kind = sums[run["kind"]]
        of_kind.update({name: run[name] for name in CELLS})
        of_kind.update({"runs": 1, "penalties": sum(run["penalties"].values())})
    whole = [kind for kind in SETTINGS if not kind.startswith("cut")]
    sums["**all but those cut in two**"] = sum((sums[kind] for kind in whole), Counter())
    sums["**all**"] = sum((sums[kind] for kind in SETTINGS), Counter())
    yield "| network and members | runs | honest member-rounds | false penalties | absences | violations | not ended |"
    yield "|" + "---|" * 7
    for kind, cells in sums.items():
        names = ("runs", "rounds", "penalties", "absences", "violations", "unfinished")
        yield f"| {kind} | {' | '.join(f'{cells[name]:,}' for name in names)} |"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
