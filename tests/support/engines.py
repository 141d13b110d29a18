"""Opening engines against the scripted server, and what to ask them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from node.config import EngineSection
from node.engines.interface import Message, TextRequest
from node.engines.opening import open_model
from node.engines.surroundings import Surroundings
from node.values.job import Sampling
from tests.support.scripted_server import ScriptedServer


@asynccontextmanager
async def opened(server: ScriptedServer, **settings):
    section = EngineSection(kind="openai", url=server.url, **settings)
    model = await open_model(section, Surroundings(environment={"SWARM_NODE_ENGINE_KEY": server.key}, dice=lambda: 0.5))
    server.bodies.clear()
    try:
        yield model
    finally:
        await model.close()
        assert model.tally().adds_up
        assert model.tally().in_flight == 0


def now() -> float:
    return asyncio.get_running_loop().time()


def request(within_s: float = 60.0, **changes) -> TextRequest:
    return TextRequest(
        (Message("system", "You write Rust."), Message("user", "Write main.")),
        Sampling(max_tokens=64),
        now() + within_s,
        **changes,
    )
