"""The questions of `probing`, put through retries and bounds: a flaky server may be asked at a bad moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from node.engines.backend import Backend, Call, Completion, Served
from node.engines.faults import AttemptError
from node.engines.interface import Capabilities, ModelError, ModelRefusedError, SchemaSupport
from node.engines.probing import probe
from node.engines.surroundings import Surroundings
from node.engines.traffic import Traffic
from node.errors import ExitCode, OperatorError

log = logging.getLogger(__name__)

PROBES_S = 120.0
"""For all questions to it together."""

PROBE_PATIENCE_S = 60.0
"""For one: a server's first request may compile kernels."""


async def probe_backend(
    backend: Backend,
    served: Served,
    models: tuple[str, ...],
    around: Surroundings,
    *,
    prepare: Callable[[Callable[[Call], Awaitable[Completion]]], Awaitable[None]] | None = None,
) -> Capabilities:
    """Find out what a backend can do.

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


def _not_working(error: ModelError) -> OperatorError:
    if isinstance(error, ModelRefusedError):
        return error
    return OperatorError(
        f"the engine does not complete a few words: {error}",
        hint="Look at its log; then run `swarm-node engine test`.",
        exit_code=ExitCode.UNAVAILABLE,
    )


async def _has_tokenizer(backend: Backend) -> bool:
    try:
        async with asyncio.timeout(5.0):
            return await backend.count_tokens("fn main() {}") > 0
    except (AttemptError, TimeoutError):
        return False
