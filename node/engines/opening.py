"""Opening an engine: settings to a `TextModel` that was seen to work, or an error that says what to change.

Everything an operator can get wrong ends here, before any job is taken.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TypeVar

from node.config import EngineSection
from node.engines.backend import Backend, Call, Completion, Served
from node.engines.chat_form import Dialect
from node.engines.faults import AttemptError
from node.engines.http_backend import HttpBackend
from node.engines.http_client import HttpClient
from node.engines.interface import (
    Capabilities,
    Failure,
    Health,
    ModelError,
    ModelInfo,
    ModelRefusedError,
    SchemaSupport,
    TextModel,
)
from node.engines.model import EngineModel
from node.engines.probing import PLAIN, probe
from node.engines.settings import Secret, load_key, parse_url, refuse_random
from node.engines.traffic import Traffic
from node.engines.watch import Watch
from node.errors import ExitCode, OperatorError

log = logging.getLogger(__name__)

T = TypeVar("T")

KINDS = ("openai", "vllm", "vllm-managed")
"""Engines that this room opens. A model lent by another node is opened by gRPC's client."""

CONTACT_S = 10.0
"""For the first answer of a server that should be running already."""

PROBES_S = 120.0
"""For all questions to it together."""

PROBE_PATIENCE_S = 60.0
"""For one: a server's first request may compile kernels."""

DIALECTS = (Dialect(), Dialect(extended=False), Dialect(extended=False, seed=False))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What opening an engine takes from the world; tests bring their own."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    dice: Callable[[], float] = random.random
    """Numbers in [0, 1), for jitter only."""
    random_weights_allowed: bool = False
    """For tests of the plumbing. No setting leads here."""


async def open_model(section: EngineSection, surroundings: Surroundings | None = None) -> TextModel:
    """Open and probe the engine that the settings name.

    Raises:
        OperatorError: It cannot work as set: unknown kind, no key, nobody answers, the model is not served or has
            random weights, schemas are refused, vLLM is not installed, or a managed server does not come up.
    """
    around = surroundings or Surroundings()
    if section.kind not in KINDS:
        raise OperatorError(
            f"{section.kind!r} opens no language model here", hint=f"`engine.kind`: {', '.join(KINDS)}."
        )
    if section.model and not around.random_weights_allowed:
        refuse_random(section.model)
    if section.kind == "openai":
        key = load_key(section, around.environment)
        return await open_http(section, parse_url(section.url, key), key, around, contact_s=CONTACT_S)
    if section.kind == "vllm-managed":
        from node.engines.managed import open_managed

        return await open_managed(section, around)
    from node.engines.vllm_backend import open_in_process

    return await open_in_process(section, around)


async def open_http(
    section: EngineSection,
    url: str,
    key: Secret,
    around: Surroundings,
    *,
    contact_s: float,
    condition: Callable[[], Health | None] | None = None,
    on_close: Callable[[], Awaitable[None]] | None = None,
) -> EngineModel:
    """Open a server that is running; `on_close` is called at the end of the model that is returned, and only then."""
    async with AsyncExitStack() as undo:
        client = HttpClient(url, key)
        undo.push_async_callback(client.close)
        models = await _contact(client, key, contact_s)
        served = choose_served(models, section.model, url)
        if not around.random_weights_allowed:
            refuse_random(served.model)
        backend = HttpBackend(client, served.model)
        served = replace(served, context_tokens=_context(served.context_tokens, section.context_tokens))
        capabilities = await probe_backend(
            backend, served, tuple(item.model for item in models), around, prepare=_find_dialect(backend)
        )
        traffic = Traffic(section.concurrency, around.dice)
        watch = Watch(traffic, backend.ping)

        async def stop() -> None:
            await watch.close()
            if on_close is not None:
                await on_close()

        undo.pop_all()
        info = ModelInfo(section.kind, served.model, url, capabilities)
        return EngineModel(info, backend, traffic, condition=condition, on_close=stop)


async def probe_backend(
    backend: Backend,
    served: Served,
    models: tuple[str, ...],
    around: Surroundings,
    *,
    prepare: Callable[[Callable[[Call], Awaitable[Completion]]], Awaitable[None]] | None = None,
) -> Capabilities:
    """Find out what it can do; through retries, because a flaky server may be asked at a bad moment.

    Raises:
        OperatorError: It does not answer, or refuses what no node can do without.
    """
    traffic = Traffic(1, around.dice)
    deadline = asyncio.get_running_loop().time() + PROBES_S

    async def complete(call: Call) -> Completion:
        asking = traffic.ask(
            lambda: backend.complete(call), label="probe", deadline_s=deadline, patience_s=PROBE_PATIENCE_S
        )
        return (await asking)[0]

    try:
        if prepare is not None:
            await prepare(complete)
        capabilities = await probe(complete, served, models, tokenizer=await _has_tokenizer(backend))
    except ModelError as error:
        raise _not_working(error) from error
    if capabilities.schema is SchemaSupport.REFUSED:
        raise OperatorError(
            f"the server of {served.model} refuses JSON schemas",
            hint="Serve it with structured output; for vLLM: --structured-outputs-config "
            '\'{"backend":"guidance","disable_any_whitespace":true}\'.',
        )
    log.info("engine %s: %s", served.model, capabilities)
    return capabilities


def choose_served(models: Sequence[Served], wanted: str, where: str) -> Served:
    """The model meant.

    Raises:
        OperatorError: It is not served, or none is named and there are several.
    """
    names = ", ".join(item.model for item in models[:8]) or "none"
    if not wanted and len(models) == 1:
        return models[0]
    for item in models:
        if item.model == wanted:
            return item
    said = f"{where} does not serve {wanted!r}" if wanted else f"{where} serves {len(models)} models"
    raise OperatorError(f"{said}; it serves: {names}", hint="Set `engine.model` (or --model) to one of them.")


def require_context(info: ModelInfo, needed_tokens: Mapping[str, int]) -> None:
    """Refuse a model that is too short for a category.

    Args:
        info: The opened model. One that does not tell its context is believed.
        needed_tokens: Per category, prompt and answer together.

    Raises:
        OperatorError: Names the categories.
    """
    context = info.capabilities.context_tokens
    short = [name for name, tokens in needed_tokens.items() if context is not None and tokens > context]
    if short:
        most = max(needed_tokens[name] for name in short)
        raise OperatorError(
            f"the context of {info.model} has {context} tokens: too small for {', '.join(short)} (up to {most})",
            hint=f"Serve it with a context of at least {most} tokens (--max-model-len), or take another model.",
        )


async def _contact(client: HttpClient, key: Secret, contact_s: float) -> tuple[Served, ...]:
    """The first answer; tried for a while, so that node and server may be started together."""
    loop = asyncio.get_running_loop()
    until = loop.time() + contact_s
    backend = HttpBackend(client, "")
    while True:
        try:
            async with asyncio.timeout_at(until):
                return await backend.models()
        except TimeoutError as error:
            raise _unreachable(client.url, f"no answer within {contact_s:.0f} s") from error
        except AttemptError as error:
            if error.failure is Failure.UNAUTHORISED:
                raise _unauthorised(client.url, str(error), key) from error
            if error.failure is Failure.MODEL_MISSING or not error.circumstances.sick:
                raise _no_such_service(client.url, str(error)) from error
            if loop.time() + 0.5 >= until:
                raise _unreachable(client.url, str(error)) from error
        await asyncio.sleep(0.5)


def _unreachable(url: str, reason: str) -> OperatorError:
    return OperatorError(
        f"no engine answers at {url}: {reason}",
        hint=f"Start it, or correct `engine.url`. This must work: curl {url}/models",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _unauthorised(url: str, reason: str, key: Secret) -> OperatorError:
    said = "the key it was given" if key else "requests without a key, and none is set"
    return OperatorError(
        f"the engine at {url} refuses {said} ({reason})",
        hint="Put the key into the file that `engine.key_file` names, or into the variable of `engine.key_env`.",
    )


def _no_such_service(url: str, reason: str) -> OperatorError:
    return OperatorError(
        f"what answers at {url} is no engine we know: {reason}",
        hint="The address usually ends in /v1; this must list the models: " + f"curl {url}/models",
    )


def _not_working(error: ModelError) -> OperatorError:
    if isinstance(error, ModelRefusedError):
        return error
    return OperatorError(
        f"the engine does not complete a few words: {error}",
        hint="Look at its log; then run `swarm-node engine test`.",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _find_dialect(backend: HttpBackend) -> Callable[[Callable[[Call], Awaitable[Completion]]], Awaitable[None]]:
    """Try the fullest dialect first; the last one's refusal stands."""

    async def find(complete: Callable[[Call], Awaitable[Completion]]) -> None:
        for dialect in DIALECTS:
            backend.dialect = dialect
            try:
                await complete(PLAIN)
            except ModelRefusedError as error:
                if error.failure is not Failure.REFUSED or dialect is DIALECTS[-1]:
                    raise
            else:
                return

    return find


async def _has_tokenizer(backend: Backend) -> bool:
    try:
        async with asyncio.timeout(5.0):
            return await backend.count_tokens("fn main() {}") > 0
    except (AttemptError, TimeoutError):
        return False


def _context(served: int | None, wanted: int) -> int | None:
    """The smaller of what the server says and what the operator set; either may be silent."""
    known = [tokens for tokens in (served, wanted or None) if tokens is not None]
    return min(known, default=None)
