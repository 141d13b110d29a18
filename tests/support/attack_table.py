"""The table of attacks: every adversary of the study against the shipped code, at several shares of the nodes.

    python -m tests.support.attack_table --seeds 12 --first 1000

A full table of twelve seeds takes some ten minutes on one core. CI runs it small (`tests/simulation`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.support.scenarios import ATTACKS, World, make_scenario
from tests.support.verdicts import Figures, judge, mean, replay_scenario

SHARES = (0.30, 0.45)


@dataclass(frozen=True)
class Table:
    """One share's figures."""

    share: float
    none: Figures
    attacks: dict[str, Figures]

    @property
    def overall(self) -> Figures:
        """Mean over the attacks."""
        return mean(list(self.attacks.values()))

    @property
    def worst_f1(self) -> float:
        """Of the worst attack."""
        return min(figures.f1 for figures in self.attacks.values())


def play(world: World, seed: int) -> Figures:
    """One scenario through the shipped code, judged."""
    scenario = make_scenario(world, seed)
    return judge(scenario, replay_scenario(scenario))


def make_table(share: float, seeds: Sequence[int], *, processes: int = 1, **shape: object) -> Table:
    """Play every attack with every seed; `shape` changes the world."""
    worlds = [World(**shape)] + [World(attack=attack, adversaries=share, **shape) for attack in ATTACKS]  # type: ignore[arg-type]
    jobs = [(world, seed) for world in worlds for seed in seeds]
    if processes > 1:
        with ProcessPoolExecutor(processes) as pool:
            played = list(pool.map(play, *zip(*jobs, strict=True)))
    else:
        played = [play(world, seed) for world, seed in jobs]
    per_world = [mean(played[start : start + len(seeds)]) for start in range(0, len(played), len(seeds))]
    return Table(share, per_world[0], dict(zip(ATTACKS, per_world[1:], strict=True)))


def show(table: Table) -> str:
    """The table as Markdown."""
    head = "| attack | F1 | precision | recall | ROC | reputation AUC | adversary share | regret |\n|" + "---|" * 8
    rows = {"none": table.none} | table.attacks | {"**mean of attacks**": table.overall}
    lines = [
        f"| {name} | {row.f1:.3f} | {row.precision:.3f} | {row.recall:.3f} | {row.roc:.3f} "
        f"| {row.reputation_auc:.3f} | {row.adversary_share:.3f} | {row.regret:.4f} |"
        for name, row in rows.items()
    ]
    title = f"### {table.share:.0%} adversaries (worst F1 {table.worst_f1:.3f})"
    return "\n".join([title, "", head, *lines, ""])


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--seeds", type=int, default=4, help="how many seeds per attack")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--nodes", type=int, default=World.nodes)
    parser.add_argument("--committee", type=int, default=World.committee)
    parser.add_argument("--probes", type=float, default=World.probes)
    chosen = parser.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    shape = {"nodes": chosen.nodes, "committee": chosen.committee, "probes": chosen.probes}
    for share in SHARES:
        print(show(make_table(share, seeds, processes=chosen.processes, **shape)))


if __name__ == "__main__":
    main()
