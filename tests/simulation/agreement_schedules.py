"""From a number to a schedule, and from schedules to a table. Run it for the long search:

python -m tests.simulation.agreement_schedules --schedules 100000 --report docs/agreement-schedules.md
"""

from __future__ import annotations

import argparse
import sys
from random import Random

from tests.simulation.agreement_adversaries import BEHAVIOURS
from tests.simulation.agreement_swarm import HonestMember, Outcome, Scenario, Swarm

SIZES = (4, 7, 10, 13)
NETWORKS = ("calm", "lossy", "partition")


def draw_scenario(seed: int) -> Scenario:
    """The schedule with this number. Sizes, networks and weights take turns; the rest is drawn."""
    random = Random(seed)
    count = SIZES[seed % 4]
    network = NETWORKS[seed // 4 % 3]
    weights = tuple(random.randrange(1, 100) for _ in range(count)) if seed // 12 % 2 else (10,) * count
    faulty: dict[int, str] = {}
    one_kind = random.choice([None, None, *BEHAVIOURS])
    if random.random() < 0.9:
        for index in random.sample(range(count), count):
            weight = sum(weights[other] for other in (*faulty, index))
            if 3 * weight < sum(weights):
                faulty[index] = one_kind or random.choice(list(BEHAVIOURS))
    return Scenario(
        seed=seed,
        weights=weights,
        faulty=faulty,
        network=network,
        gst_ms=0 if network == "calm" else random.choice((5_000, 20_000, 60_000)),
        loss=0.0 if network == "calm" else random.choice((0.0, 0.1, 0.4)),
        delay_ms_max=random.choice((50, 300, 1_500)),
        crashes=random.random() < 0.4,
    )


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
