"""What a rating is made from, and the rule that no scorer can break: executed truth comes first.

A rater first settles the *fact* (R17), which every node finds alike, and only then asks a scorer for its opinion. A
negative fact is zero on every criterion whatever any scorer says, a language model's included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from consensus.types import CheckFact, Scores
from node.values.example import Example
from node.values.verdict import Inspection, PlanResult, ProblemKind

FULL = 10_000
"""A whole score, basis points."""

OPEN = frozenset({CheckFact.PASSED, CheckFact.NOT_CHECKABLE})
"""Facts that leave room for an opinion."""

ZERO: Scores = (0, 0, 0, 0)

Measure = tuple[str, int]
"""A quantity named `<criterion>/<what>` after one of `consensus.types.CRITERIA`, basis points, higher is better."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that is known of one candidate when it is rated. Holds no times and no author."""

    example: Example
    inspection: Inspection
    """What reading it beside the crate's source says."""
    result: PlanResult | None
    """What executing its claim says; None when nothing was to be executed."""
    beyond: tuple[Measure, ...] = ()
    """What executing more than the claim says (more tests, more mutants, lints), as measures."""
    judged: Scores | None = None
    """What a language model said of it, calibrated; None where there is none. Its prompt never shows this evidence's
    author, and scorers that use it say so in their name."""


class Scorer(Protocol):
    """An opinion on candidates that no check has ended: pure, the same evidence gives the same scores.

    A language model's judgement is asked for beforehand and comes as part of the evidence, so that scoring stays a
    function of values and a rating can be explained from what was stored.
    """

    @property
    def name(self) -> str:
        """How ratings name the method, e.g. `checks`."""
        ...

    def score(self, evidence: Evidence) -> Scores:
        """The four criteria in basis points, in the order of `consensus.types.CRITERIA`."""
        ...


def fact_of(evidence: Evidence) -> CheckFact:
    """What was found of the candidate, by inspection and execution alone.

    A candidate whose text is not of its form has no claim that could be false, and one with a false claim is wrong
    whether or not its answer was copied: hence this order.
    """
    kinds = {problem.kind for problem in evidence.inspection.problems}
    if ProblemKind.MALFORMED in kinds:
        return CheckFact.MALFORMED
    if ProblemKind.FALSE_CLAIM in kinds:
        return CheckFact.FAILED
    if ProblemKind.CONTAMINATED in kinds:
        return CheckFact.CONTAMINATED
    if evidence.result is None or not evidence.result.steps or not evidence.result.checked:
        return CheckFact.NOT_CHECKABLE
    return CheckFact.PASSED if evidence.result.holds else CheckFact.FAILED


def rate(evidence: Evidence, scorer: Scorer) -> tuple[CheckFact, Scores]:
    """A rater's fact and scores for one candidate; the scorer is not even asked when the fact is negative."""
    fact = fact_of(evidence)
    if fact not in OPEN:
        return fact, ZERO
    scores = scorer.score(evidence)
    assert all(0 <= score <= FULL for score in scores), f"{scorer.name} scored outside 0..{FULL}: {scores}"
    return fact, scores
