"""Short ways to say who rated what, for tests of aggregation and reputation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from consensus.aggregation import RatedCandidate, aggregate
from consensus.params import MAINNET
from consensus.rater_tables import EMPTY_TABLE
from consensus.types import GivenRating, Hash, NodeId, RaterTable

PARAMS = MAINNET.aggregation


def node(name: str | int) -> NodeId:
    """A node id that says who it is."""
    return NodeId(str(name).encode().rjust(32, b"."))


def content(name: str | int) -> Hash:
    """A content hash that says which content it names."""
    return Hash(str(name).encode().rjust(32, b"."))


def candidate(
    name: str | int,
    scores_bp: Mapping[str, int | tuple[int, int, int, int]],
    *,
    generator: str = "generator",
    task: int = 0,
    category: str = "code_generation",
    raters: int = 5,
    probe: bool | None = None,
    reviewable: bool = True,
    observers: Iterable[str] = (),
    accept_bp: int = 7000,
    review_bp: int = 5000,
) -> RatedCandidate:
    """A candidate whose raters gave these scores: one number for all four criteria, or the four."""
    return RatedCandidate(
        content=content(name),
        task=task,
        category=category,
        generator=node(generator),
        ratings=tuple(
            GivenRating(rater=node(rater), scores=(score,) * 4 if isinstance(score, int) else score)
            for rater, score in scores_bp.items()
        ),
        raters=raters,
        accept_bp=accept_bp,
        review_bp=review_bp,
        probe=probe,
        reviewable=reviewable,
        observers=frozenset(map(node, observers)),
    )


def newcomers(*names: str) -> dict[NodeId, RaterTable]:
    """Members of whom nothing is known yet."""
    return {node(name): EMPTY_TABLE for name in names}


@cache
def practised() -> RaterTable:
    """The table of a rater that has answered eighteen probes well."""
    tables: Mapping[NodeId, RaterTable] = newcomers("ada")
    for number in range(9):
        probes = [
            candidate(f"good-{number}", {"ada": 8600 + 20 * number}, generator="prober", probe=True),
            candidate(f"bad-{number}", {"ada": 3000 + 90 * number}, generator="prober", probe=False),
        ]
        tables = aggregate(tables, probes, PARAMS).tables
    return tables[node("ada")]
