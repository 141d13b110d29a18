"""The found concurrency beside the best fixed one, on the same server in the same run, in simulated time.

`swarm-node bench engine --adaptive` measures the same on a real clock.
"""

from __future__ import annotations

import asyncio

import pytest

from node.engines.limiter import Limiter
from node.engines.traffic import Traffic
from tests.support.engines import now, opened, request
from tests.support.scripted_server import Say, serving
from tests.support.socket_time import run

REQUESTS = 600


class FixedLimiter(Limiter):
    """What an operator would set by hand, having tried everything."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._limit = float(count)

    def _shrink(self, *_: object) -> None:
        pass


async def seconds_for(model, count: int) -> float:
    begun = now()
    await asyncio.gather(*(model.generate(request(3600.0)) for _ in range(count)))
    return now() - begun


async def seconds_at_fixed(server, concurrency: int) -> float:
    async with opened(server, concurrency=concurrency) as model:
        traffic: Traffic = model._traffic
        traffic._limiter = FixedLimiter(concurrency)
        return await seconds_for(model, REQUESTS)


@pytest.mark.parametrize(
    ("capacity", "queues", "retry_after"),
    [(8, False, "1"), (3, False, ""), (24, False, "1"), (8, True, "")],
)
def test_the_found_concurrency_is_within_a_tenth_of_the_best_fixed_one(capacity, queues, retry_after):
    async def scene():
        settings = {"capacity": capacity, "queues": queues, "retry_after": retry_after}
        async with serving(usual=Say(seconds=0.5), **settings) as server:
            fixed = [await seconds_at_fixed(server, count) for count in (capacity // 2 + 1, capacity, 2 * capacity)]
            async with opened(server) as model:
                found = await seconds_for(model, REQUESTS)
                assert model.tally().answered == REQUESTS
            assert found <= min(fixed) / 0.9, (found, fixed)

    run(scene())
