"""A managed server as a real process: started, watched, started again, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node.config import EngineSection
from node.engines.interface import Condition
from node.engines.managed import LEASH, build_command, open_managed
from node.engines.surroundings import Surroundings
from node.errors import OperatorError
from tests.support.engines import request
from tests.support.process_tree import children_of, is_alive

pytestmark = pytest.mark.processes

STAND_IN = Path(__file__).parents[1] / "support" / "stand_in_server.py"
SECTION = EngineSection(kind="vllm-managed", model="stand-in", start_s=120)


def command(*how: str) -> list[str]:
    return [sys.executable, str(STAND_IN), "{port}", *how]


@asynccontextmanager
async def managed(*how: str):
    model = await open_managed(SECTION, Surroundings(), command=command(*how))
    try:
        yield model
    finally:
        await model.close()


async def until(holds, within_s: float = 120.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is waited for is a process, which sets no event
            await asyncio.sleep(0.05)


def test_a_killed_server_is_degraded_then_back_and_no_request_is_lost():
    async def scene():
        async with managed() as model:
            first = int((await model.generate(request())).text)
            os.kill(first, signal.SIGKILL)
            await until(lambda: model.health().condition is Condition.DEGRADED)
            answers = await asyncio.gather(*(model.generate(request()) for _ in range(8)))
            pids = {int(answer.text) for answer in answers}
            assert len(pids) == 1
            assert first not in pids
            await until(lambda: model.health().condition is Condition.WELL)
            assert model.tally().adds_up
            return pids.pop()

    assert not is_alive(asyncio.run(scene()))


def test_a_server_that_does_not_come_up_is_the_operators_turn_with_its_last_words():
    with pytest.raises(OperatorError, match="exit code 3") as caught:
        asyncio.run(open_managed(SECTION, Surroundings(), command=command("dies")))
    assert "CUDA error: out of memory" in str(caught.value)


def test_a_server_that_cannot_be_found_is_the_operators_turn():
    with pytest.raises(OperatorError, match="does not come up"):
        asyncio.run(open_managed(SECTION, Surroundings(), command=["/nowhere/python"]))


def test_closing_leaves_no_process_behind_children_included():
    async def scene():
        async with managed("child") as model:
            server = int((await model.generate(request())).text)
            return [server, *children_of(server)]

    pids = asyncio.run(scene())
    assert len(pids) > 1
    asyncio.run(until(lambda: not any(is_alive(pid) for pid in pids)))  # what was told to end takes a moment to


def test_a_server_ends_with_a_node_that_is_killed():
    keeper = subprocess.Popen(
        [sys.executable, str(LEASH), sys.executable, str(STAND_IN), "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "VLLM_API_KEY": "x"},
    )
    server = int(keeper.stdout.readline().split()[1])
    assert is_alive(server)
    keeper.stdin.close()  # as when the node is gone
    keeper.wait(120)
    keeper.stdout.close()
    assert not is_alive(server)


def test_the_command_line_holds_no_key_and_the_enforcer_that_takes_our_schemas():
    section = EngineSection(
        kind="vllm-managed", model="qwen", python="/opt/vllm/bin/python", context_tokens=8192, args=("--seed=1",)
    )
    words = build_command(section, 4711)
    assert words[0] == "/opt/vllm/bin/python"
    assert words[-1] == "--seed=1"
    assert "--max-model-len 8192" in " ".join(words)
    assert '"backend":"guidance"' in " ".join(words)
    assert not any("key" in word for word in words)


def test_random_weights_cannot_be_asked_for():
    section = EngineSection(kind="vllm-managed", model="qwen", args=("--load-format=dummy",))
    with pytest.raises(OperatorError, match="random weights"):
        asyncio.run(open_managed(section, Surroundings()))
