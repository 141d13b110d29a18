"""A node: start reading here. Builds the parts from a data folder, connects them, runs them, stops them.

    key, genesis, settings      identity, home, config
    store                       what must not be forgotten
    network                     gossip over libp2p, and gRPC where that does not reach
    checks, crates, workshop    the work that takes long
    driver                      the pure machines, driven
    desks, rpc                  what others may ask
    anchoring                   the ledger on an EVM chain, where there is one

Started in this order, stopped in the reverse one (`parts.py` has how each is made). Every part can fail to start with
an error that says whose turn it is; nothing is half-started then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

from node.desks import open_desks
from node.driver.driver import Driver
from node.home import NodeHome
from node.identity import DataDirLock, peer_id
from node.network.fallback import FallbackNetwork
from node.parts import (
    Ground,
    load_ground,
    open_anchoring_of,
    open_driver_of,
    open_libp2p,
    open_rpc,
    open_tools,
)
from node.rpc.peers import PeerLinks
from node.rpc.server import RpcServer
from node.store import open_store

log = logging.getLogger(__name__)

STOP_S = 10.0
"""For the parts to stop in; then the process ends anyway: everything that counts is on disk."""


@dataclass(frozen=True, slots=True)
class Node:
    """A running node."""

    ground: Ground
    driver: Driver
    rpc: RpcServer
    stopping: asyncio.Event
    """Set by whoever wants it to stop."""


async def run_node(home: NodeHome, *, passphrase: bytes | None = None) -> None:
    """Run a node until it is told to stop (SIGTERM, SIGINT, `Shutdown`).

    Args:
        home: Its data folder.
        passphrase: Opens the identity, where it is protected by one.

    Raises:
        OperatorError: Something its operator has to change: settings, folder, port, identity in use.
    """
    async with open_node(home, passphrase=passphrase) as node:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, node.stopping.set)
        log.info("node %s of swarm %s is up", peer_id(node.ground.key.node), node.ground.genesis.name)
        await node.rpc.report_health(serving=True)
        await _until_stopped(node)


async def _until_stopped(node: Node) -> None:
    """Run the driver until the node is told to stop; a driver that ends by itself is a failure."""
    running = asyncio.create_task(node.driver.run(), name="driver")
    stopping = asyncio.create_task(node.stopping.wait(), name="stop")
    done, _ = await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if running in done:
        stopping.cancel()
        running.result()
    running.cancel()
    for ended in (await asyncio.wait({running}, timeout=STOP_S))[0]:
        if not ended.cancelled():
            ended.result()


@contextlib.asynccontextmanager
async def open_node(home: NodeHome, *, passphrase: bytes | None = None) -> AsyncIterator[Node]:
    """Build and start a node's parts; stop them on the way out."""
    async with contextlib.AsyncExitStack() as parts:
        parts.enter_context(DataDirLock(home.root))
        ground = load_ground(home, passphrase)
        store = await open_store(home.store, url=ground.config.store.url or None)
        parts.push_async_callback(store.close)
        tools = await open_tools(ground, store, parts)
        links = PeerLinks(ground.key)
        parts.push_async_callback(links.close)
        network = FallbackNetwork(open_libp2p(ground, store), links)
        driver = await open_driver_of(ground, store, network, tools)
        anchoring = await open_anchoring_of(ground, driver, parts)
        stopping = asyncio.Event()
        desks, publisher = open_desks(
            driver=driver,
            home=home,
            config=ground.config,
            checks=tools.checks,
            why_no_checks=tools.why_no_checks,
            stop=stopping.set,
            exchange=network.exchange,
            engine=tools.engine,
            chain=None if anchoring is None else anchoring.health,
        )
        rpc = open_rpc(ground, desks, driver)
        await rpc.start()
        parts.push_async_callback(rpc.stop)
        await network.start()
        parts.push_async_callback(network.stop)
        publishing = asyncio.create_task(publisher.run(), name="publisher")
        parts.callback(publishing.cancel)
        if anchoring is not None:
            parts.push_async_callback(_ended, asyncio.create_task(anchoring.run(), name="anchoring"))
        yield Node(ground, driver, rpc, stopping)


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it is gone: what it uses is closed next."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
