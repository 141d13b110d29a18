"""A fifth node joins a running swarm of four: from nothing to a seat and a vote, with a death on the way."""

import asyncio
from dataclasses import replace

import pytest
from click.testing import CliRunner

from consensus.types import Kind
from node.cli import main
from node.demo.ground import HOST, find_ports
from node.home import NodeHome
from node.identity import IdentityStore, peer_id
from tests.support.process_swarm import FOLLOW_S, ProcessSwarm, assert_one_history, lay_swarm, order

pytestmark = [pytest.mark.processes, pytest.mark.cargo, pytest.mark.slow]

NEW = 4
JOBS_MAX = 12
NAMED = ("code_search", "code_explanation", "function_naming")
"""Categories that need no compiling."""


def type_in(*words):
    ended = CliRunner().invoke(main, [str(word) for word in words], prog_name="swarm-node")
    assert ended.exit_code == 0, ended.output
    return ended.output


def with_newcomer(layout):
    """The layout with a data folder that an operator made who got nothing but the genesis and an address."""
    gossip, rpc = find_ports(2)
    founder = layout.ground.homes[0]
    bootstrap = next(line for line in founder.config.read_text().splitlines() if line.startswith("bootstrap"))
    home = NodeHome(layout.folder / "node5")
    words = ("--data", home.root, "--genesis", founder.genesis, "--port", gossip, "--rpc-port", rpc)
    told = type_in("init", *words, "--bootstrap", bootstrap.split('"')[1])
    assert "`swarm-node join` asks to become a member" in told
    assert "its own" in type_in("join", "--data", home.root)
    settings = home.config.read_text().replace('crates = ""', f'crates = "{layout.folder / "crates"}"')
    home.config.write_text(settings.replace('bench = ""', f'bench = "{layout.folder / "bench"}"'))
    homes, addresses = (*layout.ground.homes, home), (*layout.ground.addresses, f"{HOST}:{rpc}")
    return replace(layout, ground=replace(layout.ground, homes=homes, addresses=addresses))


async def part(swarm, number):
    view = await swarm.status(number)
    found = [item.text for item in view.components if item.name == "member"] if view else []
    return found[0] if found else ""


async def standing(swarm, node):
    views = await swarm.answer(lambda: swarm.clients[0].reputation(None, 100))
    return next((view for view in views if view.node == node), None)


def test_a_fifth_node_joins_a_running_swarm_of_four(tmp_path, start):
    asyncio.run(scenario(with_newcomer(lay_swarm(tmp_path / "swarm", start=start))))


async def scenario(layout):
    node = IdentityStore(layout.ground.homes[NEW].root).load().node
    async with ProcessSwarm(layout, absent={NEW}) as swarm:
        await swarm.until_ended(await swarm.submit(swarm.sign(order(NAMED[:1]))))
        swarm.start(NEW)

        async def examined():
            return "it is examined" in await part(swarm, NEW)

        await swarm.until(examined, FOLLOW_S, "the beginning of the examination")  # an idle swarm works a round for it
        swarm.kill(NEW)  # a node that dies goes on with its examination
        swarm.start(NEW)
        await swarm.until(examined, FOLLOW_S, "the examination after a death")
        await swarm.until_linked()
        view = await standing(swarm, node)
        assert (view.owner, view.weight, view.coming_weight) == (peer_id(node), 0, 0)
        await work_until_admitted(swarm, node)
        await swarm.until_level()
    chains = await swarm.chains()
    assert_one_history(chains)
    kinds = {Kind(int(slot.split("/")[0])) for sender, slot in chains[NEW].signed if sender == node}
    assert {Kind.APPLICATION, Kind.RATING_COMMIT, Kind.RATING_REVEAL} <= kinds
    assert all(not chain.offences for chain in chains)


async def work_until_admitted(swarm, node):
    """Jobs, one after the other, until the newcomer has a vote to come."""
    for number in range(JOBS_MAX):
        # It has seats from the third round on; then comes enough work for its probes, then some to earn a voice with.
        much = number > 0 and "it is examined" in await part(swarm, NEW)
        wanted = replace(order(NAMED, quota=30), candidates=12) if much else order(NAMED)
        job = await swarm.submit(swarm.sign(replace(wanted, title=f"job {number}")))
        await swarm.until_ended(job, range(NEW))
        view = await standing(swarm, node)
        print(number, await part(swarm, NEW), view and [change.reason for change in view.changes])
        if view is not None and view.coming_weight > 0:
            return
    raise AssertionError(f"not admitted after {JOBS_MAX} jobs: {await part(swarm, NEW)}")
