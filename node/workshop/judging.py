"""A model's opinion in a node's ratings: asked beside the checks, weighed by its calibration, pairs break near-ties.

Only candidates that no check has ended are shown, only the prompts that the job has signed are used, and nothing that
the judge's own model wrote is judged by it: a model prefers its own words.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from consensus.types import CheckFact, Scores
from node.judge.judge import Judge
from node.judge.ranking import nudges, pairs_to_compare
from node.prompts import PROMPTS
from node.rating.interface import FULL, OPEN, ZERO, Evidence, Scorer, fact_of, rate
from node.rating.judged import JudgedScorer
from node.tasks.judging import case_of
from node.values.job import JobSpec
from node.values.judging import Case

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rated:
    """A candidate that no check has ended, with its scores so far."""

    task: int
    model: str | None
    """That wrote it."""
    case: Case
    scores: Scores


async def rate_all(
    spec: JobSpec, tasks: Sequence[int], evidences: Sequence[Evidence], scorer: Scorer, opinions: OpinionRoom | None
) -> list[tuple[CheckFact, Scores]]:
    """A rater's fact and scores for candidates of one job, given with the numbers of their tasks.

    Facts are settled first, by the checks alone; a judge is asked only about candidates that are left.
    """
    facts = [fact_of(evidence) for evidence in evidences]
    open_places = [place for place, fact in enumerate(facts) if fact in OPEN]
    if opinions is None or not opinions.takes_part(spec):
        return [rate(evidence, scorer) for evidence in evidences]
    judged = await opinions.judged([evidences[place] for place in open_places])
    rated = [
        Rated(tasks[place], evidence.example.model, case_of(evidence.example), rate(evidence, opinions.scorer)[1])
        for place, evidence in zip(open_places, judged, strict=True)
    ]
    scores = dict(zip(open_places, await opinions.ordered(rated), strict=True))
    return [(fact, scores.get(place, ZERO)) for place, fact in enumerate(facts)]


class OpinionRoom:
    """Lets a judge take part in ratings.

    Args:
        judge: May be uncalibrated: then nothing is asked, and the checks decide alone.
        checks: The scorer that it adds to.
        within_s: For all opinions on the candidates of one call; what is not judged by then is rated by checks alone.
    """

    def __init__(self, judge: Judge, checks: Scorer, *, within_s: float) -> None:
        self._judge, self._checks, self._within_s = judge, checks, within_s

    def takes_part(self, spec: JobSpec) -> bool:
        """Whether opinions count in a job: its prompts are ours, and the judge has a calibration and some voice."""
        same = spec.prompt_set_digest == PROMPTS.digest
        return same and self._judge.is_calibrated and any(self._judge.voices)

    @property
    def scorer(self) -> Scorer:
        """From evidence with a judgement to scores."""
        return JudgedScorer(self._checks, self._judge.voices)

    async def judged(self, evidences: Sequence[Evidence]) -> list[Evidence]:
        """Evidence with the judge's calibrated scores, where it has any; of its own model's work it has none."""
        own, by_s = self._judge.model, self._by_s()
        found = await asyncio.gather(*(self._scores(item, by_s) for item in evidences if item.example.model != own))
        answers = iter(found)
        return [item if item.example.model == own else replace(item, judged=next(answers)) for item in evidences]

    async def _scores(self, evidence: Evidence, by_s: float) -> Scores | None:
        return (await self._judge.judge(case_of(evidence.example), by_s)).scores

    def _by_s(self) -> float:
        return asyncio.get_running_loop().time() + self._within_s

    async def ordered(self, rated: Sequence[Rated]) -> list[Scores]:
        """Scores with near-ties within each task broken by comparing pairs, each in both orders."""
        moved = {place: item.scores for place, item in enumerate(rated)}
        free = [place for place, item in enumerate(rated) if item.model != self._judge.model]
        for _, group in groupby(sorted(free, key=lambda place: rated[place].task), key=lambda place: rated[place].task):
            places = list(group)
            added = await self._compared([rated[place] for place in places])
            moved |= {place: _moved(rated[place].scores, by) for place, by in zip(places, added, strict=True)}
        return [moved[place] for place in range(len(rated))]

    async def _compared(self, items: Sequence[Rated]) -> tuple[int, ...]:
        by_s = self._by_s()
        pairs = pairs_to_compare([sum(item.scores) // len(item.scores) for item in items])
        found = await asyncio.gather(*(self._judge.prefer(items[a].case, items[b].case, by_s) for a, b in pairs))
        said = {pair: preference.first for pair, preference in zip(pairs, found, strict=True) if preference is not None}
        return nudges(len(items), said) if said else (0,) * len(items)


def _moved(scores: Scores, by: int) -> Scores:
    one, two, three, four = (max(0, min(FULL, score + by)) for score in scores)
    return (one, two, three, four)
