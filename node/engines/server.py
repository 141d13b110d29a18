"""Opening a server that is running: the first contact, the dialect it understands, what it can do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from node.config import EngineSection
from node.engines.backend import Call, Completion, Served
from node.engines.chat_form import Dialect
from node.engines.faults import AttemptError
from node.engines.http_backend import HttpBackend
from node.engines.http_client import HttpClient
from node.engines.interface import Failure, Health, ModelInfo, ModelRefusedError
from node.engines.model import EngineModel
from node.engines.probing import PLAIN
from node.engines.settings import Secret, refuse_random
from node.engines.surroundings import Surroundings
from node.engines.survey import probe_backend
from node.engines.traffic import Traffic
from node.engines.watch import Watch
from node.errors import ExitCode, OperatorError

DIALECTS = (Dialect(), Dialect(extended=False), Dialect(extended=False, seed=False))


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


def _context(served: int | None, wanted: int) -> int | None:
    """The smaller of what the server says and what the operator set; either may be silent."""
    known = [tokens for tokens in (served, wanted or None) if tokens is not None]
    return min(known, default=None)
