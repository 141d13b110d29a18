"""What generates at this node, and judges where it is a model: as status shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from node.engines.interface import Condition, TextModel
from node.judge.judge import Judge
from node.tasks.model.states import Account
from node.values import views

SOURCE = "source"


@dataclass(frozen=True, slots=True)
class EngineRoom:
    """A node's engine."""

    model: TextModel | None = None
    """None: the source engine, which needs none."""
    account: Account | None = None
    """What became of the candidates that the model was asked for."""
    judge: Judge | None = None
    lends: bool = False
    """Whether nodes that the operator lets in may use it: a model that is lent to this node is not lent on."""

    @property
    def name(self) -> str:
        """`source`, or backend and model."""
        return SOURCE if self.model is None else f"{self.model.info.backend}: {self.model.info.model}"

    def component(self) -> views.ComponentView:
        """How the model does, and whether its opinion counts."""
        assert self.model is not None, "the source engine is no component"
        health = self.model.health()
        well = health.condition is Condition.WELL
        text = f"{health.condition.value}: {health.text}; {self._judging()}"
        return views.ComponentView("engine", well, text, "" if well else "the language model")

    def _judging(self) -> str:
        if self.judge is None or not self.judge.is_calibrated:
            return "judge uncalibrated: checks alone rate"
        voices = "/".join(f"{voice / 10_000:.2f}" for voice in self.judge.voices)
        return f"judge calibrated, voices {voices}"

    def counters(self) -> Iterator[tuple[str, int]]:
        """Candidates by how they ended, requests and tokens, questions to the judge; each sums to what was asked."""
        if self.account is not None:
            yield "candidates_asked", self.account.asked
            for end, count in self.account.by_name().items():
                if count:
                    yield f"candidates:{end}", count
            for kind, count in sorted(self.account.probes.items()):
                yield f"probes:{kind.value}", count
        if self.model is not None:
            tally = self.model.tally()
            yield "model_requests", tally.asked
            yield "model_answers", tally.answered
            yield "model_in_flight", tally.in_flight
            for failure, count in sorted(tally.failed.items()):
                yield f"model_failed:{failure.value}", count
            yield "model_prompt_tokens", tally.prompt_tokens
            yield "model_completion_tokens", tally.completion_tokens
        if self.judge is not None:
            yield "judge_questions", self.judge.tally.asked
            for end, count in sorted(self.judge.tally.ended.items()):
                yield f"judge:{end}", count
