"""Asks a model for its opinion: one score token per criterion and candidate, one letter per pair and order."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from consensus.types import CRITERIA, Scores
from node.engines.interface import (
    ChoiceDistribution,
    ChoiceRequest,
    Failure,
    Message,
    ModelError,
    ModelUnavailableError,
    TextModel,
)
from node.judge.calibration import Calibration
from node.judge.scale import SCORES, Opinion, opinion_of
from node.judge.wording import PAIR, criterion_messages, pair_messages
from node.prompts import PROMPTS
from node.values.judging import Case

FIRST, SECOND = "A", "B"
EVEN = 0.5

AT_ONCE_MAX = 32
"""Questions at once: a question's time runs from when it is asked, and slow engines are to answer in it."""

NEVER_S = float("inf")
FULL = 10_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a model says of one candidate."""

    opinions: Mapping[str, Opinion]
    """By criterion; one that the model did not answer is absent."""
    scores: Scores | None
    """Calibrated probabilities in basis points, in the order of `CRITERIA`; None unless every criterion has an opinion
    with enough mass and a calibration of this model and prompt."""

    @property
    def method(self) -> str:
        """What the opinion is to be called: `judge`, or `judge-uncalibrated`, which is no probability."""
        return "judge" if self.scores is not None else "judge-uncalibrated"


@dataclass(frozen=True, slots=True)
class Preference:
    """Which of two candidates a model prefers, asked in both orders."""

    first: float
    """Probability that the first is better: the mean of both orders; one half where the two contradict each other."""
    consistent: bool
    """Whether both orders named the same one."""


@dataclass(slots=True)
class JudgeTally:
    """What became of everything a judge was asked; for `status`."""

    asked: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    """`answered`, `low-mass`, or the name of the failure."""

    @property
    def adds_up(self) -> bool:
        """Whether every question ended exactly once."""
        return self.asked == self.ended.total()


class Judge:
    """One model as a judge.

    Attributes:
        tally: What became of every question so far.
    """

    def __init__(self, model: TextModel, calibration: Calibration, *, answer_s: float) -> None:
        """Set up a judge.

        Args:
            model: Opened and probed.
            calibration: What this node knows of models' scores; may be empty.
            answer_s: For one question, in seconds; what takes longer is left out.
        """
        self._room = asyncio.Semaphore(AT_ONCE_MAX)
        self._model, self._calibration, self._answer_s = model, calibration, answer_s
        self.tally = JudgeTally()

    @property
    def model(self) -> str:
        """Its name. What a model wrote it does not judge alone."""
        return self._model.info.model

    @property
    def voices(self) -> tuple[int, int, int, int]:
        """How much each criterion's opinion is worth beside the checks, basis points; 0 where nothing was proven."""
        one, two, three, four = (
            self._calibration.voice(self.model, PROMPTS.judge[criterion].digest, criterion) for criterion in CRITERIA
        )
        return (one, two, three, four)

    @property
    def is_calibrated(self) -> bool:
        """Whether there is a calibration of every criterion."""
        return all(self._calibration.find(self.model, PROMPTS.judge[name].digest, name) for name in CRITERIA)

    async def judge(self, case: Case, by_s: float = NEVER_S) -> Judgement:
        """All four criteria, side by side. Never raises for what the model does: an opinion may be missing.

        Args:
            case: What is judged.
            by_s: On the event loop's clock, when the opinion is of no use any more; questions not asked by then are not
                asked.
        """
        found = await asyncio.gather(*(self.opinion(case, criterion, by_s) for criterion in CRITERIA))
        opinions = {name: opinion for name, opinion in zip(CRITERIA, found, strict=True) if opinion is not None}
        return Judgement(opinions, self._scores(opinions))

    async def prefer(self, first: Case, second: Case, by_s: float = NEVER_S) -> Preference | None:
        """Which is better, asked in both orders; None where the model did not answer one of them."""
        straight, turned = await asyncio.gather(
            self._ask(pair_messages(first, second), (FIRST, SECOND), PAIR, by_s),
            self._ask(pair_messages(second, first), (FIRST, SECOND), PAIR, by_s),
        )
        if straight is None or turned is None or straight.low_mass or turned.low_mass:
            return None
        one, other = straight.probabilities[0], turned.probabilities[1]
        consistent = (one > EVEN) == (other > EVEN)
        return Preference((one + other) / 2 if consistent else EVEN, consistent)

    async def opinion(self, case: Case, criterion: str, by_s: float = NEVER_S) -> Opinion | None:
        """One criterion; None where the model did not answer, or mostly wanted to say something else."""
        found = await self._ask(criterion_messages(case, criterion), SCORES, criterion, by_s)
        return None if found is None or found.low_mass else opinion_of(found)

    async def _ask(
        self, messages: tuple[Message, ...], choices: tuple[str, ...], label: str, by_s: float
    ) -> ChoiceDistribution | None:
        self.tally.asked += 1
        try:
            async with self._room:
                now_s = asyncio.get_running_loop().time()
                if now_s >= by_s:
                    raise ModelUnavailableError(Failure.DEADLINE, "no time is left to judge in")
                deadline_s = min(now_s + self._answer_s, by_s)
                found = await self._model.choose(ChoiceRequest(messages, choices, deadline_s, label=f"judge {label}"))
        except ModelError as error:
            self.tally.ended[error.failure.value] += 1
            return None
        except asyncio.CancelledError:
            self.tally.ended["cancelled"] += 1
            raise
        self.tally.ended["low-mass" if found.low_mass else "answered"] += 1
        return found

    def _scores(self, opinions: Mapping[str, Opinion]) -> Scores | None:
        values = []
        for criterion in CRITERIA:
            entry = self._calibration.find(self.model, PROMPTS.judge[criterion].digest, criterion)
            if entry is None or criterion not in opinions:
                return None
            values.append(round(FULL * entry.curve(opinions[criterion].expected)))
        one, two, three, four = values
        return (one, two, three, four)
