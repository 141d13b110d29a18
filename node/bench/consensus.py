"""How fast the aggregation is beside others on the same ratings, and what agreement costs.

Everything runs on one core and is measured in its CPU time, the best of several calls. What others than ours take and
why: `rivals`. Ratings are kept as every method takes them: conversions are nobody's work and are not timed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from consensus.aggregation import aggregate, reference
from consensus.aggregation.vectorised import RaterColumns, aggregate_columns
from consensus.params import MAINNET
from consensus.rater_tables import EMPTY_TABLE
from consensus.types import Kind
from node.bench.ratings import as_candidates, in_columns, make_ratings, node_ids
from node.bench.speed import Speed, fastest
from node.simulate.protocol import Setting, Swarm

PARAMS = MAINNET.aggregation
ROUND_RATINGS = 2_000
COMMITTEES = (4, 7, 13, 25)
AGREEMENT_KINDS = (Kind.PROPOSAL, Kind.PREVOTE, Kind.PRECOMMIT, Kind.CERTIFICATE)


@dataclass(frozen=True, slots=True)
class AgreementCost:
    """What one round costs a committee."""

    committee: int
    latency_ms: float
    """From the first proposal until the last member has decided; mean over rounds, one way taking 1 to 100 ms."""
    agreement_bytes: int
    """Proposals, votes and certificates that one member sends in a round, every copy counted."""
    round_bytes: int
    """All signed messages."""
    cpu_ms: float
    """Of one member in one round, all phases and recomputation included; signatures are verified once for all."""


def measure_columns(name: str, count: int, *, repeat: int) -> Speed:
    """The shipped aggregation, its tables kept in columns from call to call as a simulation's are."""
    columns = [in_columns(make_ratings(count, seed)) for seed in range(min(repeat, 8))]
    raters = RaterColumns.empty(node_ids(), PARAMS)
    turn = iter(range(1 << 30))
    best = fastest(lambda: aggregate_columns(raters, columns[next(turn) % len(columns)], PARAMS), repeat)
    return Speed(name, len(columns[0].rater), best)


def measure_objects(name: str, count: int, *, repeat: int) -> Speed:
    """The same as a node calls it in a round: from tables and ratings as objects to tables and explanations."""
    ratings = make_ratings(count, 0)
    nodes = node_ids()
    candidates = as_candidates(ratings, nodes)
    tables = aggregate(dict.fromkeys(nodes, EMPTY_TABLE), candidates, PARAMS).tables
    best = fastest(lambda: aggregate(tables, candidates, PARAMS), repeat)
    return Speed(name, ratings.rater.size, best)


def measure_reference(count: int) -> Speed:
    """The plain form of the same rules."""
    ratings = make_ratings(count, 0)
    nodes = node_ids()
    candidates = as_candidates(ratings, nodes)
    tables = dict.fromkeys(nodes, EMPTY_TABLE)
    best = fastest(lambda: reference.aggregate(tables, candidates, PARAMS), 2)
    return Speed("our reference, plain Python", ratings.rater.size, best)


def measure_agreement(committee: int, rounds: int) -> AgreementCost:
    """A committee of honest members, real messages, a calm simulated network."""
    setting = Setting(nodes=committee, rounds=rounds, tasks=1)
    swarm = Swarm(setting, seed=1)
    swarm.transitions.checked_one_in = 1  # every member does its own work
    started = time.process_time()
    swarm.run()
    cpu = time.process_time() - started
    latencies = [swarm.decided_ms[height] - swarm.proposed_ms[height] for height in range(1, rounds + 1)]
    voted = sum(swarm.sent_bytes[kind] for kind in AGREEMENT_KINDS)
    share = committee * rounds
    return AgreementCost(
        committee=committee,
        latency_ms=sum(latencies) / len(latencies),
        agreement_bytes=voted // share,
        round_bytes=sum(swarm.sent_bytes.values()) // share,
        cpu_ms=1000 * cpu / share,
    )
