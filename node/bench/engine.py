"""What the node's way to a model server costs beside a bare client, and whether the concurrency it finds is good.

Both clients send the same requests to the same server in turns within one run, so that whatever else the machine does
hits both. The bare client is nothing but an HTTP session and a queue: no deadlines, no retries, no accounts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import aiohttp

from node.config import EngineSection
from node.engines.backend import Call
from node.engines.chat_form import Dialect, build_body
from node.engines.interface import Message, ModelError, TextModel, TextRequest
from node.engines.opening import open_model
from node.engines.server import DIALECTS
from node.engines.settings import load_key, parse_url
from node.engines.surroundings import Surroundings
from node.values.job import Sampling

T = TypeVar("T")

REQUEST_S = 600.0
SWEEP = (2, 4, 8, 16, 32, 64)
"""Fixed concurrencies among which the best is looked for."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How one client fared in one turn."""

    tokens: int
    failed: int
    seconds: float

    @property
    def tokens_per_s(self) -> float:
        """Of completions."""
        return self.tokens / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Overhead:
    """The node's way beside the bare client's, at one concurrency."""

    concurrency: int
    requests: int
    """Per turn."""
    bare: tuple[float, ...]
    """Tokens per second, turn by turn."""
    node: tuple[float, ...]
    failed: int

    @property
    def ratio(self) -> float:
        """Node over bare: the median of the turns' ratios. 1 is no cost at all."""
        return statistics.median(node / bare if bare else 0.0 for node, bare in zip(self.node, self.bare, strict=True))


@dataclass(frozen=True, slots=True)
class Found:
    """The concurrency found from answers beside fixed ones."""

    fixed: tuple[tuple[int, float], ...]
    """Concurrency and the bare client's tokens per second at it."""
    adaptive: float
    """Tokens per second of the node, left to itself."""

    @property
    def ratio(self) -> float:
        """Node over the best fixed one."""
        best = max((rate for _, rate in self.fixed), default=0.0)
        return self.adaptive / best if best else 0.0


async def measure_overhead(
    section: EngineSection, around: Surroundings, *, concurrency: int, requests: int, turns: int, max_tokens: int
) -> Overhead:
    """Both clients in turns at the same concurrency.

    Raises:
        OperatorError: The engine cannot be opened.
    """
    calls = _calls(requests, max_tokens)
    model = await open_model(replace(section, concurrency=concurrency), around)
    try:
        bare, node, failed = [], [], 0
        await _through_node(model, calls, concurrency)  # the server warm, the concurrency found
        async with _bare_client(section, around) as send:
            bodies = await _bodies(send, model, calls)
            for turn in range(turns):
                if turn % 2:  # who begins changes
                    theirs = await _pace(send, bodies, concurrency)
                    ours = await _through_node(model, calls, concurrency)
                else:
                    ours = await _through_node(model, calls, concurrency)
                    theirs = await _pace(send, bodies, concurrency)
                node.append(ours.tokens_per_s)
                bare.append(theirs.tokens_per_s)
                failed += ours.failed + theirs.failed
    finally:
        await model.close()
    return Overhead(concurrency, requests, tuple(bare), tuple(node), failed)


async def measure_found(
    section: EngineSection,
    around: Surroundings,
    *,
    requests: int,
    max_tokens: int,
    fixed: Sequence[int] = SWEEP,
) -> Found:
    """The bare client at fixed concurrencies, then the node, which had one turn before to find its own.

    Raises:
        OperatorError: The engine cannot be opened.
    """
    calls = _calls(requests, max_tokens)
    model = await open_model(section, around)
    try:
        await _through_node(model, calls, requests)
        rates = []
        async with _bare_client(section, around) as send:
            bodies = await _bodies(send, model, calls)
            for concurrency in fixed:
                pace = await _pace(send, bodies, concurrency)
                rates.append((concurrency, pace.tokens_per_s))
        return Found(tuple(rates), (await _through_node(model, calls, requests)).tokens_per_s)
    finally:
        await model.close()


def _calls(count: int, max_tokens: int) -> list[TextRequest]:
    """Requests of different texts and seeds; their deadline is set when they are sent."""
    rubric = Message("system", "You are an experienced Rust engineer.")
    return [
        TextRequest(
            (rubric, Message("user", f"Write function number {number} of a parser.")),
            Sampling(temperature_milli=1000, top_p_milli=1000, max_tokens=max_tokens, seed=number),
            deadline_s=0.0,
            label="bench",
        )
        for number in range(count)
    ]


async def _through_node(model: TextModel, calls: Sequence[TextRequest], concurrency: int) -> Pace:
    async def send(request: TextRequest) -> int:
        deadline_s = asyncio.get_running_loop().time() + REQUEST_S
        return (await model.generate(replace(request, deadline_s=deadline_s))).usage.completion_tokens

    return await _pace(send, calls, concurrency)


async def _pace(send: Callable[[T], Awaitable[int]], items: Sequence[T], concurrency: int) -> Pace:
    """As many at once as told, until all are through."""
    loop = asyncio.get_running_loop()
    waiting = iter(items)
    tokens = failed = 0

    async def worker() -> None:
        nonlocal tokens, failed
        for item in waiting:
            try:
                count = await send(item)
            except (ModelError, aiohttp.ClientError):
                failed += 1
            else:
                tokens += count

    begun = loop.time()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return Pace(tokens, failed, loop.time() - begun)


@contextlib.asynccontextmanager
async def _bare_client(
    section: EngineSection, around: Surroundings
) -> AsyncIterator[Callable[[bytes], Awaitable[int]]]:
    """The least that speaks the protocol: sends a body, tells how many tokens came back."""
    key = load_key(section, around.environment)
    url = parse_url(section.url, key) + "/chat/completions"
    headers = {"Content-Type": "application/json", **key.header()}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def send(body: bytes) -> int:
            async with session.post(url, data=body) as response:
                response.raise_for_status()
                value = json.loads(await response.read())
            count: int = value["usage"]["completion_tokens"]
            return count

        yield send


async def _bodies(
    send: Callable[[bytes], Awaitable[int]], model: TextModel, calls: Sequence[TextRequest]
) -> list[bytes]:
    """The same requests as the node sends, in the fullest dialect that the server takes."""
    for dialect in DIALECTS[:-1]:
        try:
            await send(_body(model, calls[0], dialect))
        except aiohttp.ClientResponseError:
            continue
        return [_body(model, request, dialect) for request in calls]
    return [_body(model, request, DIALECTS[-1]) for request in calls]


def _body(model: TextModel, request: TextRequest, dialect: Dialect) -> bytes:
    sampling = request.sampling
    call = Call(
        messages=request.messages,
        temperature=sampling.temperature_milli / 1000,
        top_p=sampling.top_p_milli / 1000,
        max_tokens=sampling.max_tokens,
        seed=sampling.seed,
    )
    return build_body(call, model.info.model, dialect)
