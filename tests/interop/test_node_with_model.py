"""Whole nodes with a model: one that has a server, one that borrows it, and what keeps either from starting."""

import asyncio
import contextlib
import dataclasses

import pytest

from node.app import open_node
from node.config import EngineSection, load_config, render_config
from node.demo.ground import find_ports
from node.errors import OperatorError
from node.home import NodeHome
from node.identity import IdentityStore, peer_id
from node.rpc.client import NodeClient
from tests.support.scripted_server import serving
from tests.unit.cli.conftest import run

pytestmark = pytest.mark.slow

CONTEXT = 16_384


def make_home(folder, **settings):
    """A data folder as `init` makes it, with settings of its own."""
    gossip, rpc = find_ports(2)
    assert run("init", "--data", folder, "--port", gossip, "--rpc-port", rpc).code == 0
    home = NodeHome(folder)
    config = load_config(home.config)
    home.config.write_text(render_config(dataclasses.replace(config, engine=EngineSection(**settings))))
    return home


def lend(home, user):
    """What an operator writes who lets another node use the model."""
    config = load_config(home.config)
    rpc = dataclasses.replace(config.rpc, model_users=(user,))
    home.config.write_text(render_config(dataclasses.replace(config, rpc=rpc)))


async def status_of(home):
    key = IdentityStore(home.root).load()
    async with NodeClient.connect(f"127.0.0.1:{load_config(home.config).rpc.port}", key) as client:
        return await client.status()


def engine_component(view):
    return next(part for part in view.components if part.name == "engine")


def test_a_node_with_a_model_lends_it_to_whom_its_operator_names_and_to_nobody_else(tmp_path):
    async def scenario():
        async with serving(context=CONTEXT) as server:
            box = make_home(tmp_path / "box", kind="openai", url=server.url)
            address = f"127.0.0.1:{load_config(box.config).rpc.port}"
            borrower = make_home(tmp_path / "borrower", kind="peer", url=address)
            stranger = make_home(tmp_path / "stranger", kind="peer", url=address)
            lend(box, peer_id(IdentityStore(borrower.root).load().node))
            async with open_node(box):
                view = await status_of(box)
                assert view.engine == "openai: tiny"
                assert engine_component(view).well
                assert "judge uncalibrated: checks alone rate" in engine_component(view).text
                assert "model_requests" in {counter.name for counter in view.counters}
                async with open_node(borrower):
                    view = await status_of(borrower)
                    assert view.engine == "peer: tiny"
                    assert engine_component(view).well
                with pytest.raises(OperatorError) as caught:
                    await opened(stranger)
                assert "rpc.model_users" in caught.value.hint

    asyncio.run(scenario())


async def opened(home):
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(open_node(home))


def test_a_context_too_small_for_a_category_ends_the_start(tmp_path):
    async def scenario():
        async with serving(context=1024) as server:
            home = make_home(tmp_path / "node", kind="openai", url=server.url)
            with pytest.raises(OperatorError, match="1024 tokens: too small for") as caught:
                await opened(home)
            assert "--max-model-len" in caught.value.hint

    asyncio.run(scenario())


def test_a_broken_calibration_ends_the_start(tmp_path):
    async def scenario():
        async with serving(context=CONTEXT) as server:
            home = make_home(tmp_path / "node", kind="openai", url=server.url)
            home.judge.write_text("{}")
            with pytest.raises(OperatorError, match="no calibration of a judge"):
                await opened(home)

    asyncio.run(scenario())
