"""From a number to a schedule, and from schedules to a table. Run it for the long search:

python -m tests.simulation.agreement_schedules --schedules 100000 --report docs/agreement-schedules.md
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from random import Random

from tests.simulation.agreement_adversaries import BEHAVIOURS
from tests.simulation.agreement_swarm import HonestMember, Outcome, Scenario, Swarm

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


def run_schedule(seed: int) -> Outcome:
    """Play one schedule to its end."""
    scenario = draw_scenario(seed)
    swarm = Swarm(scenario)
    for index in range(len(scenario.weights)):
        behaviour = BEHAVIOURS.get(scenario.faulty.get(index, ""), HonestMember)
        swarm.members.append(behaviour(swarm, index))
    return swarm.run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    arguments = parser.parse_args()
    bad = 0
    for seed in range(arguments.first, arguments.first + arguments.schedules):
        outcome = run_schedule(seed)
        if outcome.violations:
            bad += 1
            print(outcome.scenario, outcome.violations)
    print(bad)
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
