"""The long run, as a page: hostile agreement schedules, the attack tables, whole members under attack.

    python -m tests.simulation.consensus_report --schedules 100000 --out docs/consensus-simulation.md

What took hours can be read back: `--outcomes FILE` keeps a line per schedule and goes on after the last one in it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from node.simulate.faults import BEHAVIOURS
from node.simulate.protocol import Findings, Setting, run_protocol
from node.simulate.tables import HEAD, make_table, markdown, rows_of
from node.simulate.worlds import World
from tests.simulation.agreement_schedules import draw_scenario, run_schedule, write_report
from tests.simulation.agreement_swarm import Outcome
from tests.simulation.penalty_report import all_runs, penalty_page

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
    "minutes for up to five. A penalty is a suspension, a false fact or an equivocation held against an honest one.\n",
)


def main() -> int:
    """Write the page; 1 if anything was violated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=1_000)
    parser.add_argument("--outcomes", type=Path, help="a line per schedule; gone on with where it ends")
    parser.add_argument("--penalty-seeds", type=int, default=1, help="of each kind of run that looks for penalties")
    parser.add_argument("--penalties", type=Path, help="a line per such run; gone on with likewise")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    outcomes = list(all_outcomes(chosen.schedules, chosen.outcomes))
    punished = all_runs(chosen.penalty_seeds, 1, chosen.penalties)
    parts = [*write_report(outcomes), *attack_pages(), *protocol_pages(), *PENALTIES, *penalty_page(punished)]
    chosen.out.write_text("\n".join(parts) + "\n", encoding="utf-8")
    return 1 if any(outcome.violations for outcome in outcomes) else 0


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


def attack_pages() -> Iterator[str]:
    """The attack tables, for seeds that no constant was chosen by."""
    first, last = ATTACK_SEEDS[0], ATTACK_SEEDS[-1]
    yield "# Attacks on ratings\n"
    yield f"Of `swarm-node simulate`: 20 nodes, committees of 5, 10 % probes, 40 rounds; seeds {first} to {last}.\n"
    for seats, told in SEATS.items():
        yield f"## {told}\n"
        for share in (0.30, 0.45):
            table = make_table(share, ATTACK_SEEDS, shape=World(seats=seats))
            print(f"{seats}, {share:.0%}", file=sys.stderr)
            yield markdown(table)
    yield from further_attacks()
    yield "## Other shapes\n"
    yield f"Seeds {ATTACK_SEEDS[0]} and {ATTACK_SEEDS[1]}: mean over the eleven attacks.\n"
    yield "| shape | seats | adversaries | F1 without | mean F1 | worst F1 | ROC | reputation AUC | share | regret |"
    yield "|" + "---|" * 10
    for name, world in SHAPES.items():
        for seats in SEATS if not world.self_rating else ("alike",):
            for share in (0.30, 0.45):
                yield shape_row(name, replace(world, seats=seats), share)
    yield ""


def further_attacks() -> Iterator[str]:
    """Attacks that the study does not have; poisoning is judged by the category that it is after."""
    seeds = ATTACK_SEEDS[:4]
    yield "## Further attacks\n"
    yield f"Seeds {seeds[0]} to {seeds[-1]}. `poisoning` is judged by its category. See `consensus-simulator.md`."
    yield ""
    yield f"| {' | '.join(('seats', 'adversaries', *HEAD))} |"
    yield "|" + "---|" * (2 + len(HEAD))
    for seats in SEATS:
        for share in (0.30, 0.45):
            table = make_table(share, seeds, shape=World(seats=seats), attacks=FURTHER)
            print(f"further attacks, {seats}, {share:.0%}", file=sys.stderr)
            for row in rows_of(table)[1:-1]:
                yield f"| {seats} | {share:.0%} | {' | '.join(row)} |"
    yield ""


def shape_row(name: str, world: World, share: float) -> str:
    """One shape's line; what the last columns call share is the adversaries' of the reputation."""
    table = make_table(share, ATTACK_SEEDS[:2], shape=world)
    print(f"{name}, {world.seats}, {share:.0%}", file=sys.stderr)
    row = table.overall
    values = (table.none.f1, row.f1, table.worst_f1, row.roc, row.reputation_auc, row.adversary_share, row.regret)
    return f"| {name} | {world.seats} | {share:.0%} | {' | '.join(f'{value:.4f}' for value in values)} |"


# Whole members


def protocol_pages() -> Iterator[str]:
    """Every behaviour on a calm network, and honest members with crashes on each of the bad ones."""
    yield "# Whole members under attack\n"
    yield "Of `swarm-node simulate --level protocol`: the shipped pipelines. Honest candidates are lost if they"
    yield "were never judged: late, unavailable or never opened.\n"
    yield (
        "| adversaries | of members | network | runs | rounds | F1 | honest candidates lost | violations "
        "| rounds not ended | false penalties | absences | detected |"
    )
    yield "|" + "---|" * 12
    settings = [Setting(behaviour=name, rounds=12) for name in ("none", *BEHAVIOURS) if name not in GANGS]
    settings += [Setting(network=name, crashes=True, rounds=30) for name in ("lossy", "slow", "partition")]
    settings += [
        Setting(behaviour=name, network="lossy", crashes=True) for name in ("equivocator", "flooder", "clique")
    ]
    settings += [Setting(nodes=20, behaviour=name, adversaries=0.30) for name in ("none", *GANGS)]
    settings += [Setting(nodes=20, behaviour=name, adversaries=0.45) for name in GANGS]
    for setting in settings:
        found = [run_protocol(setting, seed) for seed in PROTOCOL_SEEDS]
        print(f"{setting.behaviour}, {setting.network}", file=sys.stderr)
        yield protocol_row(setting, found)


def protocol_row(setting: Setting, found: list[Findings]) -> str:
    """One kind of run."""
    penalties = sum(sum(item.penalties.values()) for item in found)
    caught = sum(len(item.detect_rounds) for item in found)
    cells = (
        setting.behaviour,
        f"{setting.hostile} of {setting.nodes}",
        setting.network + (", crashes" if setting.crashes else ""),
        len(found),
        sum(item.rounds for item in found),
        f"{sum(item.f1 for item in found) / len(found):.3f}",
        f"{sum(item.lost for item in found)} of {sum(item.made for item in found)}",
        sum(len(item.violations) for item in found),
        sum(item.unfinished for item in found),
        f"{penalties} in {sum(item.honest_rounds for item in found)}",
        sum(item.soft for item in found),
        f"{caught} of {setting.hostile * len(found)}",
    )
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
