"""From a number to a schedule, and from many schedules to a report.

    python -m tests.simulation.agreement_schedules --schedules 100000 --report docs/agreement-schedules.md

One schedule alone, with what became of it:

    python -m tests.simulation.agreement_schedules --first 1158 --schedules 1
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random

from consensus.agreement import Agreement
from tests.simulation.agreement_adversaries import BEHAVIOURS
from tests.simulation.agreement_member import HonestMember
from tests.simulation.agreement_swarm import Outcome, Scenario, Swarm

SIZES = (4, 7, 10, 13)
NETWORKS = ("calm", "lossy", "partition", "shifting", "spiteful")


def draw_scenario(seed: int) -> Scenario:
    """The schedule with this number: every third one a siege, the others anything."""
    random = Random(seed)
    return _draw_siege(seed, random) if seed % 3 == 0 else _draw_any(seed, random)


def _draw_any(seed: int, random: Random) -> Scenario:
    count = random.choice(SIZES)
    weights = random.choice((None, [random.randrange(1, 100) for _ in range(count)])) or [10] * count
    kind = random.choice((None, None, *BEHAVIOURS))
    share = random.choice((0.0, 0.5, 1.0, 1.0, 1.0))
    network = random.choice(NETWORKS)
    return Scenario(
        seed=seed,
        weights=tuple(weights),
        faulty={index: kind or random.choice(list(BEHAVIOURS)) for index in _draw_faulty(random, weights, share)},
        network=network,
        gst_ms=0 if network == "calm" else random.choice((5_000, 20_000, 60_000, 150_000)),
        loss=0.0 if network == "calm" else random.choice((0.0, 0.1, 0.4)),
        delay_ms_max=random.choice((50, 300, 1_500)),
        crashes=random.choice(("none", "none", "single", "power cut")),
    )


def _draw_siege(seed: int, random: Random) -> Scenario:
    """All that may be faulty works together with a network that is out to make two members decide differently."""
    count = random.choice(SIZES)
    weights = [10] * count
    return Scenario(
        seed=seed,
        weights=tuple(weights),
        faulty=dict.fromkeys(_draw_faulty(random, weights, 1.0), "mirror"),
        network=random.choice(("partition", "shifting", "spiteful", "spiteful", "spiteful")),
        gst_ms=random.choice((60_000, 150_000)),
        loss=random.choice((0.0, 0.1)),
        delay_ms_max=50,
        crashes=random.choice(("none", "power cut")),
    )


def _draw_faulty(random: Random, weights: Sequence[int], share: float) -> list[int]:
    """Members that together hold less than this share of a third of the weight."""
    faulty: list[int] = []
    for index in random.sample(range(len(weights)), len(weights)):
        if 3 * sum(weights[other] for other in (*faulty, index)) < share * sum(weights):
            faulty.append(index)
    return faulty


def run_schedule(seed: int, machine: type[Agreement] = Agreement) -> Outcome:
    """Play one schedule to its end, with the shipped machine or another one in every honest member."""
    return make_swarm(draw_scenario(seed), machine).run()


def make_swarm(scenario: Scenario, machine: type[Agreement] = Agreement) -> Swarm:
    """The swarm of a scenario, with its members and ready to run."""
    swarm = Swarm(scenario, machine)
    for index in range(len(scenario.weights)):
        behaviour = BEHAVIOURS.get(scenario.faulty.get(index, ""), HonestMember)
        swarm.members.append(behaviour(swarm, index))
    return swarm


class Summary:
    """Figures of the outcomes of one kind of schedule."""

    def __init__(self) -> None:
        self.schedules = 0
        self.violations: list[tuple[int, str]] = []
        self.exposed = self.accused = self.restarts = self.messages = 0
        self._after_gst_ms: list[int] = []
        self._views: list[int] = []

    def add(self, outcome: Outcome) -> None:
        self.schedules += 1
        self.violations += [(outcome.scenario.seed, violation) for violation in outcome.violations]
        self.exposed += len(outcome.exposed)
        self.accused += len(outcome.accused)
        self.restarts += outcome.restarts
        self.messages += outcome.messages
        self._after_gst_ms.append(max(0, outcome.decided_ms - outcome.scenario.gst_ms))
        self._views.append(outcome.views)

    def row(self, name: str) -> str:
        times = sorted(self._after_gst_ms)
        mean, p95, worst = sum(times) / len(times), times[len(times) * 95 // 100], times[-1]
        cells = (
            name,
            f"{self.schedules:,}",
            str(sum("agreement" in what for _, what in self.violations)),
            str(sum("validity" in what for _, what in self.violations)),
            str(sum("not terminated" in what for _, what in self.violations)),
            f"{self.accused:,} of {self.exposed:,}",
            str(sum("framed" in what or "honest" in what for _, what in self.violations)),
            f"{self.restarts:,}",
            f"{sum(self._views) / len(self._views):.2f} / {max(self._views)}",
            f"{mean / 1000:.1f} / {p95 / 1000:.1f} / {worst / 1000:.1f}",
            f"{self.messages // self.schedules:,}",
        )
        return f"| {' | '.join(cells)} |"


HEAD = (
    "schedules",
    "agreement violated",
    "invalid decided",
    "not terminated",
    "signed twice: accused",
    "honest framed",
    "restarts",
    "views, mean / max",
    "seconds after GST, mean / p95 / max",
    "messages",
)


def write_report(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """The report's lines: one table by what the network did, one by who was faulty."""
    everything = Summary()
    by_network: dict[str, Summary] = defaultdict(Summary)
    by_fault: dict[str, Summary] = defaultdict(Summary)
    for outcome in outcomes:
        kinds = sorted(set(outcome.scenario.faulty.values()))
        fault = "nobody" if not kinds else kinds[0] if len(kinds) == 1 else "mixed"
        for summary in (everything, by_network[outcome.scenario.network], by_fault[fault]):
            summary.add(outcome)
    yield "# Agreement under seeded schedules\n"
    yield (
        "Each schedule decides one height with the shipped `consensus.agreement` machine, 4 to 13 members, faulty ones "
        "below one third of the weight. How schedules are drawn: `tests/simulation/agreement_schedules.py`.\n"
    )
    for title, summaries in (("Network", by_network), ("Faulty", by_fault)):
        yield f"| {' | '.join((title, *HEAD))} |"
        yield f"|{'---|' * (len(HEAD) + 1)}"
        for name in sorted(summaries):
            yield summaries[name].row(name)
        yield everything.row("**all**") + "\n"
    for seed, violation in everything.violations:
        yield f"- schedule {seed}: {violation}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=1_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--report", type=Path, help="file to write; standard output without it")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.schedules)
    failed: list[int] = []
    report = "\n".join(write_report(_run_all(seeds, failed))) + "\n"
    if arguments.report is None:
        print(report)
    else:
        arguments.report.write_text(report, encoding="utf-8")
    return 1 if failed else 0


def _run_all(seeds: range, failed: list[int]) -> Iterator[Outcome]:
    """Play schedules one after the other; say where it stands on the way, and what fails at once."""
    started = time.monotonic()
    for done, seed in enumerate(seeds, start=1):
        outcome = run_schedule(seed)
        if outcome.violations:
            failed.append(seed)
            print(f"schedule {seed}: {outcome.violations} in {outcome.scenario}", file=sys.stderr)
        if done % 1_000 == 0 or done == len(seeds):
            rate = done / (time.monotonic() - started)
            left = (len(seeds) - done) / rate
            print(f"{done:,} of {len(seeds):,}, {rate:.0f}/s, {left:.0f} s left, {len(failed)} failed", file=sys.stderr)
        yield outcome


if __name__ == "__main__":
    sys.exit(main())
