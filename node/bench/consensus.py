"""How fast the aggregation is beside others on the same ratings, and what agreement costs.

The others are optional: `evalica` (Bradley-Terry, in Rust) and `crowd-kit` (Dawid-Skene). Each is given the same
ratings in the form it takes, and only its own work is timed, not the conversion. Everything runs on one core.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from consensus.aggregation import RatedCandidate, reference
from consensus.aggregation.values import Counted
from consensus.aggregation.vectorised import COUNTED_CODES, RaterColumns, RatingColumns, aggregate_columns
from consensus.encoding import hash_bytes
from consensus.params import MAINNET
from consensus.rater_tables import EMPTY_TABLE
from consensus.types import Hash, Kind, NodeId
from node.simulate.attacks import Floats
from node.simulate.protocol import Setting, Swarm
from node.simulate.worlds import Ints

PARAMS = MAINNET.aggregation
NODES = 100
RATERS = 5
PER_TASK = 4
ROUND_RATINGS = 2_000
LABELS = 5
"""Classes that Dawid-Skene is given: scores cut into fifths."""
COMMITTEES = (4, 7, 13, 25)
AGREEMENT_KINDS = (Kind.PROPOSAL, Kind.PREVOTE, Kind.PRECOMMIT, Kind.CERTIFICATE)


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast something was."""

    name: str
    ratings: int
    """In one call."""
    seconds: float
    """CPU time of the fastest call."""
    missing: str = ""
    """Why it was not measured."""

    @property
    def per_second(self) -> float:
        """Ratings."""
        return self.ratings / self.seconds if self.seconds else 0.0


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
    """Of one member in one round, all phases, signatures and recomputation included."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings of C candidates by K raters each, in arrays."""

    rater: Ints
    """[C, K]"""
    generator: Ints
    """[C]"""
    scores: Ints
    """[C, K, 4] Basis points."""


def make_ratings(count: int, seed: int) -> Ratings:
    """Honest ratings of candidates in tasks of four; the raters of a task rate all of it."""
    rng = np.random.default_rng(seed)
    tasks = max(1, count // (RATERS * PER_TASK))
    seats = np.argsort(rng.random((tasks, NODES)), axis=1)[:, : RATERS + 1]
    quality = np.where(rng.random((tasks, PER_TASK)) < 0.73, rng.uniform(0.7, 1, (tasks, PER_TASK)), 0.35)
    seen = quality[:, :, None, None] + rng.normal(0, 0.15, (tasks, PER_TASK, RATERS, 4))
    return Ratings(
        rater=np.repeat(seats[:, :RATERS], PER_TASK, axis=0),
        generator=np.repeat(seats[:, RATERS], PER_TASK),
        scores=np.rint(np.clip(seen, 0, 1) * 10_000).astype(np.int64).reshape(-1, RATERS, 4),
    )


def in_columns(ratings: Ratings) -> RatingColumns:
    """As the aggregation takes them."""
    count = len(ratings.generator)

    def same(value: int) -> Ints:
        return np.full(count, value, dtype=np.int64)

    return RatingColumns(
        starts=np.arange(count + 1, dtype=np.int64) * RATERS,
        generator=ratings.generator,
        raters=same(RATERS),
        accept_bp=same(7000),
        review_bp=same(5000),
        probe=same(-1),
        reviewable=np.ones(count, dtype=np.bool_),
        rater=ratings.rater.ravel(),
        scores=ratings.scores.reshape(-1, 4),
        counted=np.full(count * RATERS, COUNTED_CODES.index(Counted.COUNTED), dtype=np.int64),
    )


def _nodes() -> list[NodeId]:
    return [NodeId(hash_bytes("bench-node", str(number).encode())) for number in range(NODES)]


def _fastest(work: Callable[[], object], repeat: int) -> float:
    """CPU seconds of the fastest call: what else the machine does can only add to it."""
    best = float("inf")
    for _ in range(repeat):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def measure_columns(name: str, count: int, *, repeat: int) -> Speed:
    """The shipped aggregation, its tables kept from call to call as a node's are."""
    columns = [in_columns(make_ratings(count, seed)) for seed in range(min(repeat, 8))]
    raters = RaterColumns.empty(_nodes(), PARAMS)
    turn = iter(range(1 << 30))
    best = _fastest(lambda: aggregate_columns(raters, columns[next(turn) % len(columns)], PARAMS), repeat)
    return Speed(name, len(columns[0].rater), best)


def measure_reference(count: int) -> Speed:
    """The plain form of the same rules."""
    ratings = make_ratings(count, 0)
    nodes = _nodes()
    candidates = _as_candidates(ratings, nodes)
    tables = dict.fromkeys(nodes, EMPTY_TABLE)
    return Speed(
        "our reference, plain Python",
        ratings.rater.size,
        _fastest(lambda: reference.aggregate(tables, candidates, PARAMS), 2),
    )


def _as_candidates(ratings: Ratings, nodes: list[NodeId]) -> list[RatedCandidate]:
    from consensus.types import GivenRating

    return [
        RatedCandidate(
            content=Hash(hash_bytes("bench-content", str(row).encode())),
            task=row // PER_TASK,
            generator=nodes[ratings.generator[row]],
            ratings=tuple(
                GivenRating(nodes[rater], (scores[0], scores[1], scores[2], scores[3]))
                for rater, scores in zip(ratings.rater[row], ratings.scores[row].tolist(), strict=True)
            ),
            raters=RATERS,
            accept_bp=7000,
            review_bp=5000,
        )
        for row in range(len(ratings.generator))
    ]


def measure_bradley_terry(count: int) -> Speed:
    """evalica: every rater's order of each task's candidates, as pairwise comparisons."""
    name = "evalica, Bradley-Terry"
    try:
        evalica = importlib.import_module("evalica")
    except ImportError as error:
        return Speed(name, count, 0.0, missing=f"not installed ({error.name})")
    ratings = make_ratings(count, 0)
    left, right, winners = _pairs(ratings, evalica.Winner)
    best = _fastest(lambda: evalica.bradley_terry(left, right, winners), 3)
    return Speed(name, ratings.rater.size, best)


def _pairs(ratings: Ratings, winner: Any) -> tuple[list[str], list[str], list[Any]]:
    composite: Floats = ratings.scores.mean(axis=2).reshape(-1, PER_TASK, RATERS)
    left: list[str] = []
    right: list[str] = []
    winners: list[Any] = []
    for task, scores in enumerate(composite):
        for one in range(PER_TASK):
            for other in range(one + 1, PER_TASK):
                for better in (scores[one] - scores[other]).tolist():
                    left.append(f"{task}-{one}")
                    right.append(f"{task}-{other}")
                    winners.append(winner.X if better > 0 else winner.Y if better < 0 else winner.Draw)
    return left, right, winners


def measure_dawid_skene(count: int) -> Speed:
    """crowd-kit: scores cut into five labels, its own default settings."""
    name = "crowd-kit, Dawid-Skene"
    try:
        pandas = importlib.import_module("pandas")
        dawid_skene = importlib.import_module("crowdkit.aggregation").DawidSkene
    except ImportError as error:
        return Speed(name, count, 0.0, missing=f"not installed ({error.name})")
    ratings = make_ratings(count, 0)
    labels = np.minimum(LABELS - 1, ratings.scores.mean(axis=2) * LABELS // 10_000).astype(int)
    frame = pandas.DataFrame(
        {
            "task": np.repeat(np.arange(len(labels)), RATERS),
            "worker": ratings.rater.ravel(),
            "label": labels.ravel(),
        }
    )
    return Speed(name, ratings.rater.size, _fastest(lambda: dawid_skene().fit_predict(frame), 2))


def measure_agreement(committee: int, rounds: int) -> AgreementCost:
    """A committee of honest members, real messages, a calm simulated network."""
    setting = Setting(nodes=committee, rounds=rounds, tasks=1)
    swarm = Swarm(setting, seed=1)
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
