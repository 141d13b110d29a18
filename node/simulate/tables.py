"""The table of attacks: adversaries of the library against the shipped code, each with several seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

from node.simulate.attacks import ATTACKS
from node.simulate.figures import Figures, mean
from node.simulate.ratings import RatingRun
from node.simulate.worlds import World

HEAD = (
    "attack",
    "F1",
    "precision",
    "recall",
    "ROC",
    "reputation AUC",
    "adversary share",
    "regret",
    "detected",
    "rounds to detect",
    "honest without standing",
)


@dataclass(frozen=True)
class Table:
    """One share's figures, each the mean over the seeds."""

    share: float
    none: Figures
    """Without adversaries."""
    attacks: dict[str, Figures]

    @property
    def overall(self) -> Figures:
        """Mean over the attacks."""
        return mean(list(self.attacks.values()))

    @property
    def worst_f1(self) -> float:
        """Of the worst attack."""
        return min((figures.f1 for figures in self.attacks.values()), default=math.nan)


def play(world: World, seed: int) -> Figures:
    """One world through the shipped code, judged."""
    return RatingRun(world, seed).run()


def make_table(
    share: float,
    seeds: Sequence[int],
    *,
    shape: World | None = None,
    attacks: Sequence[str] = tuple(ATTACKS),
    processes: int = 1,
    told: Callable[[int, int], None] = lambda _done, _of: None,
    player: Callable[[World, int], Figures] = play,
) -> Table:
    """Play every attack, and no attack, with every seed.

    Args:
        share: Of adversaries among the nodes.
        seeds: Of the worlds.
        shape: The world, but for attack and share.
        attacks: Names in `attacks.ATTACKS` or `MORE_ATTACKS`.
        processes: To play in; more than the machine has cores gain nothing.
        told: Called with how many worlds of how many are played.
        player: Plays a world with a seed, or has kept what it came to.
    """
    shape = shape or World()
    worlds = [replace(shape, attack="none", adversaries=0.0)]
    worlds += [replace(shape, attack=attack, adversaries=share) for attack in attacks]
    jobs = [(world, seed) for world in worlds for seed in seeds]
    played: list[Figures] = []
    for figures in _play_all(jobs, processes, player):
        played.append(figures)
        told(len(played), len(jobs))
    rows = [mean(played[start : start + len(seeds)]) for start in range(0, len(played), len(seeds))]
    return Table(share, rows[0], dict(zip(attacks, rows[1:], strict=True)))


def _play_all(
    jobs: Sequence[tuple[World, int]], processes: int, player: Callable[[World, int], Figures]
) -> Iterator[Figures]:
    if processes <= 1 or len(jobs) == 1:
        yield from (player(world, seed) for world, seed in jobs)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(player, *zip(*jobs, strict=True))


def rows_of(table: Table) -> list[tuple[str, ...]]:
    """The table's rows, the mean over the attacks last."""
    rows = {"none": table.none} | table.attacks
    if len(table.attacks) > 1:
        rows |= {"mean of attacks": table.overall}
    return [row_of(name, figures) for name, figures in rows.items()]


def row_of(name: str, figures: Figures) -> tuple[str, ...]:
    """One row, below `HEAD`; `-` where there is nothing to tell."""
    shares = (
        figures.f1,
        figures.precision,
        figures.recall,
        figures.roc,
        figures.reputation_auc,
        figures.adversary_share,
    )
    return (
        name,
        *(_shown(value, 4) for value in shares),
        _shown(figures.regret, 4),
        _shown(figures.detected, 2),
        _shown(figures.detect_rounds, 1),
        _shown(figures.unfairly, 5),
    )


def _shown(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def markdown(table: Table) -> str:
    """The table for a report."""
    lines = [f"| {' | '.join(row)} |" for row in (HEAD, *rows_of(table))]
    lines.insert(1, "|" + "---|" * len(HEAD))
    return "\n".join([f"### {table.share:.0%} adversaries (worst F1 {table.worst_f1:.4f})", "", *lines, ""])
