"""The long run, as a page: hostile agreement schedules, the attack tables, whole members under attack.

    python -m tests.simulation.consensus_report --schedules 100000 --out docs/consensus-simulation.md

What took hours can be read back: `--outcomes FILE` keeps a line per schedule and goes on after the last one in it,
`--kept FILE` one per simulated swarm. With `--schedules 0` the page's first part, on agreement, stays as it is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from node.simulate.faults import BEHAVIOURS
from node.simulate.figures import Figures
from node.simulate.protocol import Setting, run_protocol
from node.simulate.tables import HEAD, make_table, markdown, play, rows_of
from node.simulate.worlds import World
from tests.simulation.agreement_schedules import draw_scenario, run_schedule, write_report
from tests.simulation.agreement_swarm import Outcome
from tests.simulation.kept import Kept
from tests.simulation.penalty_report import all_runs, confidence, penalty_page

Player = Callable[[World, int], Figures]

FIELDS = ("decided_ms", "views", "messages", "restarts", "violations", "fingerprint")
ATTACK_SEEDS = range(9001, 9009)
SHAPES = {
    "60 nodes": World(nodes=60, tasks=20),
    "10 nodes, committees of 3": World(nodes=10, committee=3),
    "2 % probes": World(probes=0.02),
    "every probe told apart": World(leaks=1.0),
    "self-rating": World(self_rating=True),
    "harsh and biased": World(shift=(-0.10, 0.16)),
}
SEATS = {
    "standing": "Seats by standing: as the plans that ship draw them",
    "alike": "Seats alike: the study's setting, the same chance for everybody",
}
GANGS = ("check-gang", "fetch-gang")
"""Behaviours that take several members and several committees."""
FURTHER = ("majority", "marginal", "poisoning", "trick-probes")
PROTOCOL_SEEDS = range(1, 4)
PENALTIES = (
    "# False penalties\n",
    "Of `make simulate-penalties`: whole members whose messages get lost, late, doubled and out of order, whose",
    "clocks run up to 10 % fast or slow, that work up to thirty times as slowly as others, and that crash every 25",
    "minutes for up to five. A penalty is a suspension, a false fact or an equivocation held against an honest one.",
)
EARLIER = "Before protocol 4 there were none in 54,333 (commit 57d78e9), before protocol 3 none in 215,120 (6e03ae9)."
RATINGS_HEAD = "# Attacks on ratings\n"


def main() -> int:
    """Write the page; 1 if anything was violated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=1_000)
    parser.add_argument("--outcomes", type=Path, help="a line per schedule; gone on with where it ends")
    parser.add_argument("--penalty-seeds", type=int, default=1, help="of each kind of run that looks for penalties")
    parser.add_argument("--penalties", type=Path, help="a line per such run; gone on with likewise")
    parser.add_argument("--kept", type=Path, help="a line per other run, of this version of the code alone; likewise")
    parser.add_argument("--commit", help="that plays all of this, to be named on the page")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    outcomes = list(all_outcomes(chosen.schedules, chosen.outcomes))
    agreement = write_report(outcomes) if outcomes else first_part(chosen.out)
    kept = Kept(chosen.kept)
    played = f" Played by commit {chosen.commit}." if chosen.commit else ""
    punished = list(all_runs(chosen.penalty_seeds, 1, chosen.penalties))
    parts = [*agreement, *attack_pages(kept, played), *protocol_pages(kept, played)]
    parts += [*PENALTIES, confidence(punished) + played, EARLIER + "\n", *penalty_page(punished)]
    chosen.out.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")
    return 1 if any(outcome.violations for outcome in outcomes) else 0


def first_part(page: Path) -> Iterator[str]:
    """What a page that is there says of agreement."""
    text = page.read_text(encoding="utf-8")
    yield text[: text.index(RATINGS_HEAD) - 1]


# Agreement


def all_outcomes(count: int, kept: Path | None) -> Iterator[Outcome]:
    """Outcomes of the schedules 0 to `count` - 1, those that are kept read back."""
    seed = 0
    if kept is not None and kept.exists():
        for line in kept.read_text(encoding="utf-8").splitlines()[:count]:
            yield read_back(seed, line)
            seed += 1
    with (kept or Path("/dev/null")).open("a", encoding="utf-8") as file:
        for number in range(seed, count):
            outcome = run_schedule(number)
            file.write(written(outcome) + "\n")
            if number % 1_000 == 0:
                print(f"schedule {number:,} of {count:,}", file=sys.stderr)
            yield outcome


def written(outcome: Outcome) -> str:
    """What the report needs of an outcome."""
    values = {name: getattr(outcome, name) for name in FIELDS}
    return json.dumps(values | {"exposed": sorted(outcome.exposed), "accused": sorted(outcome.accused)})


def read_back(seed: int, line: str) -> Outcome:
    """The same outcome; the schedule itself follows from its number."""
    values = json.loads(line)
    sets = {name: set(values.pop(name)) for name in ("exposed", "accused")}
    return Outcome(draw_scenario(seed), **values, **sets)


# Attacks


def kept_player(kept: Kept) -> Player:
    """Plays worlds that were not played before."""

    def player(world: World, seed: int) -> Figures:
        return Figures(**kept.get(["ratings", asdict(world), seed], lambda: asdict(play(world, seed))))

    return player


def attack_pages(kept: Kept, played: str) -> Iterator[str]:
    """The attack tables, for seeds that no constant was chosen by."""
    player = kept_player(kept)
    first, last = ATTACK_SEEDS[0], ATTACK_SEEDS[-1]
    yield RATINGS_HEAD
    yield f"Of `swarm-node simulate`: 20 nodes, committees of 5, 10 % probes, 40 rounds; seeds {first} to {last}."
    yield f"How the rules came about: `consensus-simulator.md`.{played}\n"
    for seats, told in SEATS.items():
        yield f"## {told}\n"
        for share in (0.30, 0.45):
            table = make_table(share, ATTACK_SEEDS, shape=World(seats=seats), player=player)
            print(f"{seats}, {share:.0%}", file=sys.stderr)
            yield markdown(table)
    yield from further_attacks(player)
    yield "## Other shapes\n"
    yield f"Seeds {ATTACK_SEEDS[0]} and {ATTACK_SEEDS[1]}: mean over the eleven attacks.\n"
    yield "| shape | seats | adversaries | F1 without | mean F1 | worst F1 | ROC | reputation AUC | share | regret |"
    yield "|" + "---|" * 10
    for name, world in SHAPES.items():
        for seats in SEATS if not world.self_rating else ("alike",):
            for share in (0.30, 0.45):
                yield shape_row(name, replace(world, seats=seats), share, player)
    yield ""


def further_attacks(player: Player) -> Iterator[str]:
    """Attacks that the study does not have; poisoning is judged by the category that it is after."""
    seeds = ATTACK_SEEDS[:4]
    yield "## Further attacks\n"
    yield f"Seeds {seeds[0]} to {seeds[-1]}. `poisoning` is judged by its category. See `consensus-simulator.md`."
    yield ""
    yield f"| {' | '.join(('seats', 'adversaries', *HEAD))} |"
    yield "|" + "---|" * (2 + len(HEAD))
    for seats in SEATS:
        for share in (0.30, 0.45):
            table = make_table(share, seeds, shape=World(seats=seats), attacks=FURTHER, player=player)
            print(f"further attacks, {seats}, {share:.0%}", file=sys.stderr)
            for row in rows_of(table)[1:-1]:
                yield f"| {seats} | {share:.0%} | {' | '.join(row)} |"
    yield ""


def shape_row(name: str, world: World, share: float, player: Player) -> str:
    """One shape's line; what the last columns call share is the adversaries' of the reputation."""
    table = make_table(share, ATTACK_SEEDS[:2], shape=world, player=player)
    print(f"{name}, {world.seats}, {share:.0%}", file=sys.stderr)
    row = table.overall
    values = (table.none.f1, row.f1, table.worst_f1, row.roc, row.reputation_auc, row.adversary_share, row.regret)
    return f"| {name} | {world.seats} | {share:.0%} | {' | '.join(f'{value:.4f}' for value in values)} |"


# Whole members


def protocol_pages(kept: Kept, played: str) -> Iterator[str]:
    """Every behaviour on a calm network, and honest members with crashes on each of the bad ones."""
    yield "# Whole members under attack\n"
    yield "Of `swarm-node simulate --level protocol`: the shipped pipelines. Honest candidates are lost if they were"
    yield f"never judged: late, unavailable or never opened.{played}\n"
    yield (
        "| adversaries | of members | network | runs | rounds | F1 | honest candidates lost | violations "
        "| rounds not ended | false penalties | absences | detected |"
    )
    yield "|" + "---|" * 12
    for setting in member_settings():
        found = [
            kept.get(["members", asdict(setting), seed], partial(members_run, setting, seed)) for seed in PROTOCOL_SEEDS
        ]
        print(f"{setting.behaviour}, {setting.network}", file=sys.stderr)
        yield protocol_row(setting, found)
    yield ""


def member_settings() -> list[Setting]:
    """Every behaviour on a calm network, honest members with crashes on bad ones, gangs in large swarms."""
    settings = [Setting(behaviour=name, rounds=12) for name in ("none", *BEHAVIOURS) if name not in GANGS]
    settings += [Setting(network=name, crashes=True, rounds=30) for name in ("lossy", "slow", "partition")]
    settings += [
        Setting(behaviour=name, network="lossy", crashes=True) for name in ("equivocator", "flooder", "clique")
    ]
    settings += [Setting(nodes=20, behaviour=name, adversaries=0.30) for name in ("none", *GANGS)]
    settings += [Setting(nodes=20, behaviour=name, adversaries=0.45) for name in GANGS]
    return settings


def members_run(setting: Setting, seed: int) -> dict[str, Any]:
    """What the page needs of one run."""
    found = run_protocol(setting, seed)
    return {
        "rounds": found.rounds,
        "f1": found.f1,
        "lost": found.lost,
        "made": found.made,
        "violations": len(found.violations),
        "unfinished": found.unfinished,
        "penalties": sum(found.penalties.values()),
        "honest_rounds": found.honest_rounds,
        "absences": found.soft,
        "caught": len(found.detect_rounds),
    }


def protocol_row(setting: Setting, runs: list[dict[str, Any]]) -> str:
    """One kind of run."""
    sums: Counter[str] = Counter()
    for run in runs:
        sums.update(run)
    cells = (
        setting.behaviour,
        f"{setting.hostile} of {setting.nodes}",
        setting.network + (", crashes" if setting.crashes else ""),
        len(runs),
        sums["rounds"],
        f"{sums['f1'] / len(runs):.3f}",
        f"{sums['lost']} of {sums['made']}",
        sums["violations"],
        sums["unfinished"],
        f"{sums['penalties']} in {sums['honest_rounds']}",
        sums["absences"],
        f"{sums['caught']} of {setting.hostile * len(runs)}",
    )
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
