"""What a server can do, found out by asking it: nothing is assumed from its name.

Each question is one small completion whose answer cannot come about by accident.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from node.engines.backend import Call, Completion, Served
from node.engines.interface import (
    LOGPROBS_MAX,
    Capabilities,
    Failure,
    Finish,
    Message,
    ModelRefusedError,
    SchemaSupport,
)

Complete = Callable[[Call], Awaitable[Completion]]

SCHEMA = (
    '{"type":"object","properties":{"mark":{"type":"string","enum":["zq7"]}},'
    '"required":["mark"],"additionalProperties":false}'
)
OBEYED = '{"mark":"zq7"}'
CHOICES = ("zq7", "zq8")
DEPTHS = (LOGPROBS_MAX, 5, 1)
"""Alternatives per token to ask for, until one depth is granted."""

PLAIN = Call((Message("user", "Say hello."),), temperature=0.0, top_p=1.0, max_tokens=4, seed=0)


async def probe(complete: Complete, served: Served, models: tuple[str, ...], *, tokenizer: bool) -> Capabilities:
    """Ask about schemas, choices and log-probabilities.

    Raises:
        ModelError: The server did not answer, or refused something that no server may refuse.
    """
    return Capabilities(
        schema=await probe_schema(complete),
        choices=await _probe_choices(complete),
        logprobs=await _probe_logprobs(complete),
        context_tokens=served.context_tokens,
        tokenizer=tokenizer,
        models=models,
    )


async def probe_schema(complete: Complete) -> SchemaSupport:
    """Whether a nonsense constant, of which the prompt says nothing, comes back."""
    answer = await unless_refused(complete(replace(PLAIN, schema=SCHEMA, max_tokens=64)))
    if answer is None:
        return SchemaSupport.REFUSED
    squeezed = "".join(answer.text.split())
    # Some grammars allow white space without end, and a weak model goes on with it until it is cut off.
    begun = answer.finish is Finish.LENGTH and len(squeezed) >= 2 and OBEYED.startswith(squeezed)
    return SchemaSupport.ENFORCED if squeezed == OBEYED or begun else SchemaSupport.IGNORED


async def unless_refused(asking: Awaitable[Completion]) -> Completion | None:
    """The answer; None where the server will not do it."""
    try:
        return await asking
    except ModelRefusedError as error:
        if error.failure is not Failure.REFUSED:
            raise
        return None


async def _probe_choices(complete: Complete) -> bool:
    answer = await unless_refused(complete(replace(PLAIN, choices=CHOICES, max_tokens=8)))
    return answer is not None and answer.text.strip() in CHOICES


async def _probe_logprobs(complete: Complete) -> int:
    for depth in DEPTHS:
        answer = await unless_refused(complete(replace(PLAIN, logprobs=depth, max_tokens=1, temperature=1.0)))
        if answer is not None:
            return min(depth, len(answer.tokens[0].alternatives)) if answer.tokens else 0
    return 0
