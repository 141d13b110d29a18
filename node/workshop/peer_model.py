"""A language model on another node of the same owner, used as if it were here.

For nodes without a GPU: `engine.kind = "peer"` with the other node's address in `engine.url`. That node's operator lets
this one in by its peer id (`rpc.model_users`). Everything travels over the nodes' own authenticated connection; every
request carries its deadline, and one that is given up here is stopped there.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol

from node.engines.answers import read_json
from node.engines.interface import (
    Capabilities,
    ChoiceDistribution,
    ChoiceMethod,
    ChoiceRequest,
    Condition,
    Failure,
    Finish,
    Health,
    Message,
    ModelError,
    ModelInfo,
    ModelRefusedError,
    ModelUnavailableError,
    SchemaSupport,
    Tally,
    TextModel,
    TextRequest,
    TextResponse,
    TokenCount,
    Usage,
)
from node.errors import ExitCode, NodeError, OperatorError, PeerFaultError, TransientError
from node.rpc.client import NodeClient
from node.values import views

BACKEND = "peer"
AT_ONCE_MAX = 32
"""Requests in flight at the other node: it lets one key have twice as many, and has work of its own."""

BYTES_PER_TOKEN = 2
"""For the upper estimate of a text's length: the other node's tokenizer is not asked."""


class _Client(Protocol):
    """What of `NodeClient` is used."""

    async def describe_model(self) -> views.ModelView: ...
    async def generate(
        self, prompt: views.Prompt, settings: views.GenerationSettings, *, timeout_s: float
    ) -> views.Generation: ...
    def generate_stream(
        self, prompt: views.Prompt, settings: views.GenerationSettings, *, timeout_s: float
    ) -> AsyncGenerator[str | views.Generation, None]: ...
    async def score(
        self, prompt: views.Prompt, choices: tuple[str, ...], *, timeout_s: float
    ) -> views.ChoiceScores: ...
    async def close(self) -> None: ...


async def open_peer_model(client: NodeClient, where: str) -> TextModel:
    """Ask a node which model it lets us use.

    Args:
        client: Of that node; closed with the model, or here where it cannot be used.
        where: Its address, for people.

    Raises:
        OperatorError: It does not answer, has no model, or does not let this node use it.
    """
    try:
        view = await client.describe_model()
    except NodeError as error:
        await client.close()
        raise _unusable(error, where) from error
    return PeerModel(client, view, where)


def _unusable(error: NodeError, where: str) -> OperatorError:
    if isinstance(error, PeerFaultError):
        return OperatorError(
            f"the node at {where} does not let this one use its model: {error}",
            hint="Put this node's peer id (`swarm-node identity show`) into `rpc.model_users` of that node.",
        )
    if isinstance(error, OperatorError):
        return OperatorError(f"the node at {where} has no model for us: {error}", hint=error.hint)
    return OperatorError(
        f"the node at {where} does not answer: {error}",
        hint="Start it, or correct `engine.url` (host:port of its gRPC).",
        exit_code=ExitCode.UNAVAILABLE,
    )


class PeerModel:
    """Implements `TextModel` over another node's inference service."""

    def __init__(self, client: _Client, view: views.ModelView, where: str) -> None:
        self._client, self._view, self._where = client, view, where
        self._room = asyncio.Semaphore(AT_ONCE_MAX)
        self._asked = self._answered = 0
        self._failed: Counter[Failure] = Counter()
        self._labels: Counter[str] = Counter()
        self._tokens = Usage()
        self._trouble = ""
        self._closed = False

    @property
    def info(self) -> ModelInfo:
        """See `TextModel.info`."""
        schema = SchemaSupport.ENFORCED if self._view.schema_enforced else SchemaSupport.IGNORED
        capabilities = Capabilities(
            schema=schema,
            choices=True,
            logprobs=0,
            context_tokens=self._view.context_tokens or None,
            tokenizer=False,
            models=(self._view.model,),
        )
        return ModelInfo(BACKEND, self._view.model, self._where, capabilities)

    async def generate(self, request: TextRequest) -> TextResponse:
        """See `TextModel.generate`. Stop texts are applied here, to the whole answer."""
        async with self._counted(request.label, request.deadline_s) as timeout_s:
            found = await self._client.generate(_prompt(request.messages), _settings(request), timeout_s=timeout_s)
            return self._response(request, found)

    async def stream(self, request: TextRequest) -> AsyncGenerator[str | TextResponse, None]:
        """See `TextModel.stream`. Stop texts are applied to the whole answer only."""
        async with self._counted(request.label, request.deadline_s) as timeout_s:
            parts = self._client.generate_stream(_prompt(request.messages), _settings(request), timeout_s=timeout_s)
            async with contextlib.aclosing(parts) as found:
                async for part in found:
                    yield part if isinstance(part, str) else self._response(request, part)

    async def choose(self, request: ChoiceRequest) -> ChoiceDistribution:
        """See `TextModel.choose`."""
        async with self._counted(request.label, request.deadline_s) as timeout_s:
            found = await self._client.score(_prompt(request.messages), request.choices, timeout_s=timeout_s)
            return _distribution(request, found)

    async def count_tokens(self, text: str) -> TokenCount:
        """See `TextModel.count_tokens`: an upper estimate."""
        return TokenCount(-(-len(text.encode()) // BYTES_PER_TOKEN), exact=False)

    def health(self) -> Health:
        """See `TextModel.health`."""
        if self._closed:
            return Health(Condition.STOPPED, "closed")
        if self._trouble:
            return Health(Condition.DEGRADED, self._trouble)
        return Health(Condition.WELL, f"{self._view.model} at {self._where}")

    def tally(self) -> Tally:
        """See `TextModel.tally`."""
        failed = sum(self._failed.values())
        return Tally(
            asked=self._asked,
            answered=self._answered,
            in_flight=self._asked - self._answered - failed,
            failed=dict(self._failed),
            attempts=self._asked,
            prompt_tokens=self._tokens.prompt_tokens,
            completion_tokens=self._tokens.completion_tokens,
            by_label=dict(self._labels),
        )

    async def close(self) -> None:
        """See `TextModel.close`."""
        self._closed = True
        await self._client.close()

    @contextlib.asynccontextmanager
    async def _counted(self, label: str, deadline_s: float) -> AsyncIterator[float]:
        """Room for one request; hands out the seconds that it has, and accounts for how it ends."""
        self._asked += 1
        self._labels[label] += 1
        try:
            async with asyncio.timeout_at(deadline_s), self._room:
                yield self._time_left(deadline_s)
        except BaseException as error:
            raised = self._failure(error)
            if raised is error:
                raise
            raise raised from error
        self._answered += 1
        self._trouble = ""

    def _time_left(self, deadline_s: float) -> float:
        if self._closed:
            raise ModelUnavailableError(Failure.CLOSED, "the engine is closed")
        left = deadline_s - asyncio.get_running_loop().time()
        if left <= 0:
            raise ModelUnavailableError(Failure.DEADLINE, "no time is left for the request")
        return left

    def _failure(self, error: BaseException) -> BaseException:
        """Count an end without an answer, and say it as engines do."""
        if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            self._failed[Failure.CANCELLED] += 1
            return error
        raised = _as_model_error(error, self._where)
        if not isinstance(raised, ModelError):
            self._failed[Failure.UNAVAILABLE] += 1  # our own bug, and still accounted for
            return error
        self._failed[raised.failure] += 1
        self._trouble = str(raised)
        return raised

    def _response(self, request: TextRequest, found: views.Generation) -> TextResponse:
        usage = Usage(found.prompt_tokens, found.completion_tokens)
        self._tokens = Usage(
            self._tokens.prompt_tokens + usage.prompt_tokens, self._tokens.completion_tokens + usage.completion_tokens
        )
        text = found.text
        for stop in request.stop:
            text = text.partition(stop)[0]
        finish = Finish.LENGTH if found.finish == Finish.LENGTH.value else Finish.STOP
        return TextResponse(text, finish, usage, found.model, read_json(text) if request.schema else None)


def _as_model_error(error: BaseException, where: str) -> BaseException:
    """What the connection raised, as the engine's two errors; a bug of ours stays what it is."""
    if isinstance(error, ModelError):
        return error
    if isinstance(error, TimeoutError):
        return ModelUnavailableError(Failure.DEADLINE, f"the node at {where} did not answer in time")
    if isinstance(error, TransientError):
        return ModelUnavailableError(Failure.UNAVAILABLE, str(error))
    if isinstance(error, OperatorError):
        return ModelRefusedError(Failure.REFUSED, str(error), hint=error.hint)
    if isinstance(error, PeerFaultError):
        if error.rule == "not-allowed":
            hint = "Put this node's peer id into `rpc.model_users` of that node."
            return ModelRefusedError(Failure.UNAUTHORISED, str(error), hint=hint)
        return ModelUnavailableError(Failure.GARBLED, str(error))
    return error


def _prompt(messages: tuple[Message, ...]) -> views.Prompt:
    """Messages as the service takes them: all system messages, then all others one below the other."""
    system = "\n\n".join(message.text for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    user = rest[0].text if len(rest) == 1 else "\n\n".join(f"[{message.role}]\n{message.text}" for message in rest)
    return views.Prompt(system, user)


def _settings(request: TextRequest) -> views.GenerationSettings:
    sampling = request.sampling
    return views.GenerationSettings(
        max_tokens=sampling.max_tokens,
        temperature_milli=sampling.temperature_milli,
        top_p_milli=sampling.top_p_milli,
        seed=sampling.seed,
        json_schema=request.schema or "",
    )


def _distribution(request: ChoiceRequest, found: views.ChoiceScores) -> ChoiceDistribution:
    """The other node's logarithms, strictly: what is no distribution is no answer.

    Raises:
        ModelUnavailableError: `GARBLED`.
    """
    try:
        method = ChoiceMethod(found.method)
    except ValueError as error:
        raise ModelUnavailableError(Failure.GARBLED, f"no method is called {found.method[:40]!r}") from error
    raw = [math.exp(min(value, 1.0)) for value in found.log_probabilities]
    total = sum(raw)
    if not 0 < total < 1 + 1e-6 or len(raw) != len(request.choices):
        raise ModelUnavailableError(Failure.GARBLED, f"{len(raw)} probabilities that add up to {total:.3f}")
    mass = None if method is ChoiceMethod.CONSTRAINED else total
    probabilities = tuple(value / total for value in raw)
    return ChoiceDistribution(request.choices, probabilities, mass, method, Usage(), found.model)
