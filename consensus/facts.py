"""What a candidate's raters found by execution, put together (R17, R18).

Facts are reproducible, so honest raters find the same, and one candidate's few raters are enough to settle them, unless
some of these lie. Lies about facts, or about what could be fetched, need no record of being right to weigh in. So
what a bare majority says is not believed as long as others can be asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from consensus.types import CandidateState, CheckFact, NodeId

_NEGATIVE = {
    CheckFact.FAILED: CandidateState.REJECTED_CHECK,
    CheckFact.MALFORMED: CandidateState.MALFORMED,
    CheckFact.CONTAMINATED: CandidateState.CONTAMINATED,
}
"""Facts that end a candidate, and the state each ends it in."""


DOUBTED_BP = (10_000, -1)
"""For what is in doubt, instead of its job's thresholds for acceptance and review: no score is above the first, and
every one above the second."""


@dataclass(frozen=True, slots=True)
class FalseFact:
    """A rater stated a fact that more than two thirds contradict (R17)."""

    rater: NodeId
    claimed_good: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What follows of a candidate from its raters' facts alone."""

    state: CandidateState | None
    """What it ends in; None where it goes on to be scored."""
    doubted: bool
    """It goes on, and its first score is not to decide: fresh raters are."""


def settle(found: Mapping[NodeId, CheckFact], *, revealed: int, seated: int, askable: bool) -> Settled:
    """Settle a candidate's facts.

    Args:
        found: By rater, what it found; who could not fetch the content is not among them, nor are observers.
        revealed: Raters that opened their ratings, of the task.
        seated: Raters that the plan gave the task.
        askable: Whether fresh raters could be asked.
    """
    holders, negative = len(found), [fact for fact in found.values() if fact in _NEGATIVE]
    if 3 * holders < max(1, revealed) or (2 * holders < revealed and not askable):
        return Settled(CandidateState.LATE, doubted=False)
    most, half = 3 * len(negative) > 2 * holders, 2 * len(negative) > holders
    if most or (half and not askable):
        return Settled(_NEGATIVE[max(negative, key=lambda fact: (negative.count(fact), -fact))], doubted=False)
    return Settled(None, doubted=askable and (half or 2 * holders < seated))


def false_facts(found: Mapping[NodeId, CheckFact]) -> list[FalseFact]:
    """Who stated what more than two thirds contradict; NOT_CHECKABLE never contradicts (R17)."""
    negative = sum(fact in _NEGATIVE for fact in found.values())
    positive = sum(fact is CheckFact.PASSED for fact in found.values())
    against = {fact: positive if fact in _NEGATIVE else negative for fact in (*_NEGATIVE, CheckFact.PASSED)}
    return [
        FalseFact(rater, claimed_good=fact is CheckFact.PASSED)
        for rater, fact in found.items()
        if 3 * against.get(fact, 0) > 2 * len(found)
    ]
