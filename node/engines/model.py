"""`TextModel` over any backend: deadlines, retries and counting from `Traffic`, scores from log-probabilities."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from node.engines.answers import read_json
from node.engines.backend import Backend, Call, Completion
from node.engines.choosing import compute_masses, count_samples, normalise
from node.engines.faults import AttemptError, Circumstances
from node.engines.interface import (
    CHOICES_MAX,
    MASS_ENOUGH,
    ChoiceDistribution,
    ChoiceMethod,
    ChoiceRequest,
    Condition,
    Failure,
    Health,
    ModelInfo,
    Tally,
    TextRequest,
    TextResponse,
    TokenCount,
    Usage,
)
from node.engines.traffic import Traffic

T = TypeVar("T")

PATIENCE_S = 30.0
SLOWEST_TOKENS_PER_S = 5.0
"""One attempt may take `PATIENCE_S` and its tokens at this pace, within the deadline; then the server is stuck."""

SEEDS = 1 << 31
"""Seeds are sent modulo this: the range that every server takes."""

BYTES_PER_TOKEN = 2.0
"""For estimates on the safe side: Rust code has 3 to 4 bytes per token with the usual vocabularies."""

COUNT_S = 5.0

SAMPLING_TEMPERATURE = 0.7
"""When a distribution has to be sampled."""


class EngineModel:
    """A model that was opened and probed.

    Args:
        info: What it is.
        backend: Does single attempts; closed with this.
        traffic: The way to it.
        condition: How its server does, where somebody watches that; None where there is nothing to say.
        on_close: Stops what was started for it, after the backend is closed.
    """

    def __init__(
        self,
        info: ModelInfo,
        backend: Backend,
        traffic: Traffic,
        *,
        condition: Callable[[], Health | None] | None = None,
        on_close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._info, self._backend, self._traffic = info, backend, traffic
        self._condition, self._on_close = condition, on_close
        self._closed = False

    @property
    def info(self) -> ModelInfo:
        """See `TextModel.info`."""
        return self._info

    async def generate(self, request: TextRequest) -> TextResponse:
        """See `TextModel.generate`."""
        call = _call(request)
        completion, attempts = await self._ask(lambda: self._backend.complete(call), request)
        return _response(request, completion, attempts)

    async def stream(self, request: TextRequest) -> AsyncGenerator[str | TextResponse, None]:
        """See `TextModel.stream`."""
        call = _call(request)
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        handed_out = False

        async def send() -> Completion:
            nonlocal handed_out
            if handed_out:  # what was handed out cannot be taken back
                raise AttemptError(
                    Failure.UNAVAILABLE, "it broke off within the answer", Circumstances(repeatable=False)
                )
            async with contextlib.aclosing(self._backend.stream(call)) as parts:
                async for part in parts:
                    if isinstance(part, Completion):
                        return part
                    handed_out = True
                    pieces.put_nowait(part)
            raise AssertionError("a backend's stream ends with the whole answer")

        asking = asyncio.create_task(self._ask(send, request))
        asking.add_done_callback(lambda _: pieces.put_nowait(None))
        try:
            while (piece := await pieces.get()) is not None:
                yield piece
            completion, attempts = await asking
            yield _response(request, completion, attempts)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)  # until its connection is closed

    async def choose(self, request: ChoiceRequest) -> ChoiceDistribution:
        """See `TextModel.choose`."""
        assert 2 <= len(request.choices) <= CHOICES_MAX, f"{len(request.choices)} choices"
        return (await self._ask(lambda: self._choose(request), request))[0]

    async def count_tokens(self, text: str) -> TokenCount:
        """See `TextModel.count_tokens`."""
        estimate = TokenCount(math.ceil(len(text.encode(errors="replace")) / BYTES_PER_TOKEN), exact=False)
        if not self._info.capabilities.tokenizer or self._closed:
            return estimate
        try:
            async with asyncio.timeout(COUNT_S):
                return TokenCount(await self._backend.count_tokens(text), exact=True)
        except (AttemptError, TimeoutError):
            return estimate

    def health(self) -> Health:
        """See `TextModel.health`."""
        if self._closed:
            return Health(Condition.STOPPED, "closed")
        watched = self._condition() if self._condition is not None else None
        if watched is not None and watched.condition is not Condition.WELL:
            return watched
        if self._traffic.trouble:
            return Health(Condition.DEGRADED, self._traffic.trouble)
        where = f"{self._info.model} at {self._info.endpoint}"
        return Health(Condition.WELL, f"{where}, up to {self._traffic.limit} requests at once")

    def tally(self) -> Tally:
        """See `TextModel.tally`."""
        return self._traffic.tally()

    async def close(self) -> None:
        """See `TextModel.close`."""
        if self._closed:
            return
        self._closed = True
        self._traffic.close("the engine was closed")
        await self._backend.close()
        if self._on_close is not None:
            await self._on_close()

    async def _ask(self, send: Callable[[], Awaitable[T]], request: TextRequest | ChoiceRequest) -> tuple[T, int]:
        max_tokens = request.sampling.max_tokens if isinstance(request, TextRequest) else 1
        patience = PATIENCE_S + max_tokens / SLOWEST_TOKENS_PER_S
        answer, attempts = await self._traffic.ask(
            send, label=request.label, deadline_s=request.deadline_s, patience_s=patience
        )
        if isinstance(answer, Completion | ChoiceDistribution):
            self._traffic.used(answer.usage)
        return answer, attempts

    # Choices

    async def _choose(self, request: ChoiceRequest) -> ChoiceDistribution:
        """By log-probabilities; within the choices only where the model wants to say something else."""
        depth = self._info.capabilities.logprobs
        if depth < 2:
            return await self._choose_by_samples(request)
        free = await self._backend.complete(_token_call(request, logprobs=depth))
        masses = compute_masses(free, request.choices)
        mass = min(1.0, math.fsum(masses))
        if mass < MASS_ENOUGH and self._info.capabilities.choices:
            held = await self._backend.complete(_token_call(request, logprobs=depth, choices=request.choices))
            within = compute_masses(held, request.choices)
            if math.fsum(within) > 0:
                usage = _sum([free.usage, held.usage])
                return _distribution(request, normalise(within), mass, ChoiceMethod.CONSTRAINED, usage, free.model)
        if mass > 0:
            return _distribution(request, normalise(masses), mass, ChoiceMethod.LOGPROBS, free.usage, free.model)
        return await self._choose_by_samples(request)

    async def _choose_by_samples(self, request: ChoiceRequest) -> ChoiceDistribution:
        """One after the other: they share the one place in the traffic that this request holds."""
        choices = request.choices if self._info.capabilities.choices else ()
        answers = [
            await self._backend.complete(
                _token_call(request, choices=choices, temperature=SAMPLING_TEMPERATURE, seed=request.seed + n)
            )
            for n in range(max(1, request.samples))
        ]
        probabilities, hits = count_samples([answer.text for answer in answers], request.choices)
        usage = _sum([answer.usage for answer in answers])
        return _distribution(request, probabilities, hits, ChoiceMethod.SAMPLED, usage, answers[0].model)


def _call(request: TextRequest) -> Call:
    sampling = request.sampling
    return Call(
        messages=request.messages,
        temperature=sampling.temperature_milli / 1000,
        top_p=sampling.top_p_milli / 1000,
        max_tokens=sampling.max_tokens,
        seed=sampling.seed % SEEDS,
        schema=request.schema,
        stop=request.stop,
        logprobs=request.logprobs,
    )


def _token_call(
    request: ChoiceRequest,
    *,
    logprobs: int = 0,
    choices: tuple[str, ...] = (),
    temperature: float = 1.0,
    seed: int | None = None,
) -> Call:
    """One token. At temperature 1 servers that report probabilities after sampling settings report the real ones."""
    longest = max(len(choice.encode()) for choice in request.choices)
    return Call(
        messages=request.messages,
        temperature=temperature,
        top_p=1.0,
        max_tokens=1 if logprobs else longest + 1,
        seed=None if seed is None else seed % SEEDS,
        choices=choices,
        logprobs=logprobs,
    )


def _response(request: TextRequest, completion: Completion, attempts: int) -> TextResponse:
    return TextResponse(
        text=completion.text,
        finish=completion.finish,
        usage=completion.usage,
        model=completion.model,
        json=read_json(completion.text) if request.schema is not None else None,
        tokens=completion.tokens,
        attempts=attempts,
    )


def _distribution(
    request: ChoiceRequest,
    probabilities: tuple[float, ...],
    mass: float | None,
    method: ChoiceMethod,
    usage: Usage,
    model: str,
) -> ChoiceDistribution:
    return ChoiceDistribution(request.choices, probabilities, mass, method, usage, model)


def _sum(usages: list[Usage]) -> Usage:
    return Usage(sum(item.prompt_tokens for item in usages), sum(item.completion_tokens for item in usages))
