"""This node's language model, for its operator's keys and for the nodes that its operator lets use it.

Who may call is settled at the door (`node.rpc.gate`). Here a request is bounded by what the model can do, ends with the
call (a caller that is gone stops the server's work), and queues behind this node's own like any other: the engine
takes as many at once as its server bears.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
from collections.abc import AsyncGenerator

from node.engines.interface import (
    CHOICES_MAX,
    ChoiceMethod,
    ChoiceRequest,
    Message,
    SchemaSupport,
    TextModel,
    TextRequest,
    TextResponse,
)
from node.errors import OperatorError
from node.rpc.methods import GENERATE, SCORE
from node.values import views
from node.values.job import Sampling

LOG_ZERO = -1e4
"""Stands for the logarithm of no probability at all; what is sent has to be finite."""

SCHEMA_DEPTH_MAX = 64
"""vLLM's own bound; brackets in texts count, too."""

GUESTS_MAX = 32
"""Requests of others at once; more wait their turn, within their own time."""


class ModelDesk:
    """Implements `InferenceDesk` over an opened model."""

    def __init__(self, model: TextModel) -> None:
        self._model = model
        self._room = asyncio.Semaphore(GUESTS_MAX)

    async def describe(self) -> views.ModelView:
        """See `InferenceDesk.describe`."""
        info = self._model.info
        return views.ModelView(
            model=info.model,
            backend=info.backend,
            context_tokens=info.capabilities.context_tokens or 0,
            schema_enforced=info.capabilities.schema is SchemaSupport.ENFORCED,
        )

    async def generate(self, prompt: views.Prompt, settings: views.GenerationSettings) -> views.Generation:
        """See `InferenceDesk.generate`."""
        async with self._room:
            return _told(await self._model.generate(self._request(prompt, settings)))

    async def generate_stream(
        self, prompt: views.Prompt, settings: views.GenerationSettings
    ) -> AsyncGenerator[str | views.Generation, None]:
        """See `InferenceDesk.generate_stream`."""
        async with self._room, contextlib.aclosing(self._model.stream(self._request(prompt, settings))) as parts:
            async for part in parts:
                yield part if isinstance(part, str) else _told(part)

    async def score(self, prompt: views.Prompt, choices: tuple[str, ...]) -> views.ChoiceScores:
        """See `InferenceDesk.score`: how likely each choice is as the answer's first token."""
        _refuse_choices(choices)
        deadline_s = asyncio.get_running_loop().time() + SCORE.limit_s
        async with self._room:
            found = await self._model.choose(ChoiceRequest(_messages(prompt), choices, deadline_s, label="guest score"))
        mass = 1.0 if found.mass is None or found.method is ChoiceMethod.CONSTRAINED else found.mass
        logs = tuple(math.log(p * mass) if p * mass > 0 else LOG_ZERO for p in found.probabilities)
        return views.ChoiceScores(logs, found.model, found.method.value)

    def _request(self, prompt: views.Prompt, settings: views.GenerationSettings) -> TextRequest:
        _refuse_schema(settings.json_schema)
        context = self._model.info.capabilities.context_tokens
        if context is not None and settings.max_tokens >= context:
            raise OperatorError(
                f"{settings.max_tokens} tokens are asked for, {self._model.info.model} reads and writes {context}",
                hint="Ask for a shorter answer.",
            )
        return TextRequest(
            messages=_messages(prompt),
            sampling=Sampling(
                temperature_milli=settings.temperature_milli,
                top_p_milli=settings.top_p_milli,
                max_tokens=settings.max_tokens,
                seed=settings.seed,
            ),
            deadline_s=asyncio.get_running_loop().time() + GENERATE.limit_s,
            schema=settings.json_schema or None,
            label="guest",
        )


def _messages(prompt: views.Prompt) -> tuple[Message, ...]:
    system = (Message("system", prompt.system),) if prompt.system else ()
    return (*system, Message("user", prompt.user))


def _refuse_schema(text: str) -> None:
    """See to it that what a guest sends on to the model's server is a schema of bearable depth.

    Raises:
        OperatorError: No JSON object, or nested deeper than servers take.
    """
    if not text:
        return
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        schema = None
    depth = max(itertools.accumulate((char in "{[") - (char in "}]") for char in text), default=0)
    if not isinstance(schema, dict) or depth > SCHEMA_DEPTH_MAX:
        raise OperatorError(
            "the JSON schema is none, or nested too deeply",
            hint=f"Send a JSON object nested at most {SCHEMA_DEPTH_MAX} deep.",
        )


def _refuse_choices(choices: tuple[str, ...]) -> None:
    """Hold what a guest asks against what `ChoiceRequest` promises.

    Raises:
        OperatorError: Fewer than two, too many, or one that begins another.
    """
    tangled = any(one != other and other.startswith(one) for one in choices for other in choices)
    if not 2 <= len(choices) <= CHOICES_MAX or len(set(choices)) < len(choices) or tangled:
        raise OperatorError(
            f"{len(choices)} choices cannot be scored",
            hint=f"Give 2 to {CHOICES_MAX} different ones, none the beginning of another.",
        )


def _told(response: TextResponse) -> views.Generation:
    return views.Generation(
        text=response.text,
        finish=response.finish.value,
        prompt_tokens=response.usage.prompt_tokens,
        completion_tokens=response.usage.completion_tokens,
        model=response.model,
    )
