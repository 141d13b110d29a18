"""A language model that says what a test tells it to: `TextModel` without a server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from node.engines.interface import (
    Capabilities,
    ChoiceDistribution,
    ChoiceMethod,
    ChoiceRequest,
    Condition,
    Finish,
    Health,
    JsonAnswer,
    ModelInfo,
    SchemaSupport,
    Tally,
    TextRequest,
    TextResponse,
    TokenCount,
    Usage,
)
from node.prompts import PROMPTS
from node.values.example import Example

MODEL = "scripted-7b"

Reply = str | Exception | tuple[str, Finish]


def info_of(*, context_tokens: int | None = 16_384, logprobs: int = 20) -> ModelInfo:
    capabilities = Capabilities(
        schema=SchemaSupport.IGNORED,
        choices=True,
        logprobs=logprobs,
        context_tokens=context_tokens,
        tokenizer=False,
        models=(MODEL,),
    )
    return ModelInfo("openai", MODEL, "in the test", capabilities)


class ScriptedModel:
    """Answers text by `reply`, choices by `weights` (a weight per choice, made to sum to 1)."""

    def __init__(
        self,
        reply: Callable[[TextRequest], Reply] = lambda _: "{}",
        weights: Callable[[ChoiceRequest], Mapping[str, float] | Exception] = lambda _: {},
        info: ModelInfo | None = None,
    ) -> None:
        self._reply, self._weights = reply, weights
        self.info = info or info_of()
        self.asked: list[TextRequest] = []
        self.chosen: list[ChoiceRequest] = []
        self.closed = False

    async def generate(self, request: TextRequest) -> TextResponse:
        self.asked.append(request)
        reply = self._reply(request)
        if isinstance(reply, Exception):
            raise reply
        text, finish = reply if isinstance(reply, tuple) else (reply, Finish.STOP)
        usage = Usage(sum(len(m.text) for m in request.messages) // 3, len(text) // 3)
        return TextResponse(text, finish, usage, MODEL, _json(text) if request.schema else None)

    async def stream(self, request: TextRequest):
        response = await self.generate(request)
        for start in range(0, len(response.text), 8):
            yield response.text[start : start + 8]
        yield response

    async def choose(self, request: ChoiceRequest) -> ChoiceDistribution:
        self.chosen.append(request)
        weights = self._weights(request)
        if isinstance(weights, Exception):
            raise weights
        raw = [weights.get(choice, 1e-9) for choice in request.choices]
        probabilities = tuple(weight / sum(raw) for weight in raw)
        return ChoiceDistribution(request.choices, probabilities, 1.0, ChoiceMethod.LOGPROBS, Usage(), MODEL)

    async def count_tokens(self, text: str) -> TokenCount:
        return TokenCount(len(text.encode()) // 2, exact=False)

    def health(self) -> Health:
        return Health(Condition.WELL, "scripted")

    def tally(self) -> Tally:
        labels = Counter(request.label for request in self.asked)
        return Tally(asked=len(self.asked), answered=len(self.asked), by_label=labels)

    async def close(self) -> None:
        self.closed = True


def _json(text: str) -> JsonAnswer | None:
    try:
        return JsonAnswer(json.loads(text), salvaged=False)
    except ValueError:
        return None


KEYS = ("prefix", "code_to_test", "fixed_code", "code_after", "code_snippet", "code")
"""Fields that a prompt shows, by which a row is found again."""


def answers_from(rows: Iterable[Example]) -> Callable[[TextRequest], Reply]:
    """A model that answers as rows do which were made without one; broken JSON where there is no row."""
    known: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        fields = {**json.loads(row.input_data), **json.loads(row.output_data)}
        asks = PROMPTS.generate[row.task_category].asks
        key = next(fields[name] for name in KEYS if name in fields and name not in asks)
        answer = json.dumps({name: _without_signature(fields[name]) for name in asks})
        known.setdefault(row.task_category, []).append((key, answer))

    def reply(request: TextRequest) -> Reply:
        prompt = request.messages[-1].text
        found = [(key, answer) for key, answer in known.get(request.label, ()) if key in prompt]
        return max(found, key=lambda pair: len(pair[0]))[1] if found else '{"broken": '

    return reply


def _without_signature(value: str | list[str]) -> str | list[str]:
    return value.partition("\n\nSignature:")[0] if isinstance(value, str) else value
