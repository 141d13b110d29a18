"""A node: start reading here. Builds the parts from a data folder, connects them, runs them, stops them.

    key, genesis, settings      identity, home, config
    store                       what must not be forgotten
    network                     gossip over libp2p, and gRPC where that does not reach
    checks, crates, workshop    the work that takes long
    driver                      the pure machines, driven
    desks, rpc                  what others may ask
    anchoring                   the ledger on an EVM chain, where there is one

Started in this order, stopped in the reverse one. Every part can fail to start with an error that says whose turn it
is; nothing is half-started then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from consensus.genesis import Genesis
from consensus.params import Preset
from consensus.types import Hash, JobId, NodeId
from node.checks import CheckEngine, CheckSettings, Level, open_engine
from node.config import NodeConfig, load_config
from node.crates.store import CrateStore
from node.desks import open_desks
from node.desks.engine import EngineRoom
from node.driver.driver import Driver, open_driver
from node.errors import OperatorError
from node.home import NodeHome, load_genesis
from node.identity import DataDirLock, IdentityStore, NodeKey, parse_node_id, peer_id
from node.judge.calibration import load_calibration
from node.judge.judge import Judge
from node.network.fallback import FallbackNetwork
from node.network.libp2p_network import Libp2pConfig, Libp2pNetwork
from node.rating.checks import ChecksScorer
from node.rating.interface import Scorer
from node.rating.misbehaviour import misbehaving
from node.rpc.client import NodeClient
from node.rpc.peers import PeerLinks
from node.rpc.server import RpcServer, RpcSettings
from node.store import Store, open_store
from node.tasks.model.prompts import context_needs
from node.tasks.model.states import Account
from node.values.job import JobSpec, Sampling
from node.wire import Domain, decode_message
from node.workshop import Library, Shop, StoredVerdicts
from node.workshop.authors import Authors
from node.workshop.judging import OpinionRoom
from node.workshop.peer_model import open_peer_model

if TYPE_CHECKING:  # needs web3, which only those have who anchor
    from node.anchoring.service import Anchoring

log = logging.getLogger(__name__)

STOP_S = 10.0
"""For the parts to stop in; then the process ends anyway: everything that counts is on disk."""


@dataclass(frozen=True, slots=True)
class Node:
    """A running node's parts."""

    home: NodeHome
    config: NodeConfig
    key: NodeKey
    genesis: Genesis
    preset: Preset
    store: Store
    network: FallbackNetwork
    driver: Driver
    rpc: RpcServer
    checks: CheckEngine | None
    why_no_checks: str
    started_unix_s: int
    stopping: asyncio.Event


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
        log.info("node %s of swarm %s is up", peer_id(node.key.node), node.genesis.name)
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
    config = load_config(home.config)
    genesis, preset = load_genesis(home.genesis)
    async with contextlib.AsyncExitStack() as parts:
        parts.enter_context(DataDirLock(home.root))
        key = IdentityStore(home.root, passphrase=passphrase).load()
        store = await open_store(home.store, url=config.store.url or None)
        parts.push_async_callback(store.close)
        checks, why_not = await _open_checks(home, config, store)
        if checks is not None:
            parts.push_async_callback(checks.close)
        links = PeerLinks(key)
        parts.push_async_callback(links.close)
        engine = await _open_engine(home, config, key, preset)
        if engine.model is not None:
            parts.push_async_callback(engine.model.close)
        network = FallbackNetwork(_libp2p(key, config, genesis, preset, store), links)
        driver = await _open_driver(home, config, key, genesis, preset, store, network, checks, engine)
        anchoring = await _open_anchoring(parts, home, config, driver)
        stopping = asyncio.Event()
        desks, publisher = open_desks(
            driver=driver,
            home=home,
            config=config,
            checks=checks,
            why_no_checks=why_not,
            stop=stopping.set,
            exchange=network.exchange,
            engine=engine,
            chain=None if anchoring is None else anchoring.health,
        )
        rpc = RpcServer(
            key=key,
            domain=Domain(genesis.network),
            desks=desks,
            settings=RpcSettings(host=config.rpc.host, port=config.rpc.port, plain_port=config.rpc.health_port or None),
            is_operator=_operators(config),
            is_model_user=_model_users(config, genesis, key.node),
        )
        await rpc.start()
        parts.push_async_callback(rpc.stop)
        await network.start()
        parts.push_async_callback(network.stop)
        publishing = asyncio.create_task(publisher.run(), name="publisher")
        parts.callback(publishing.cancel)
        if anchoring is not None:
            parts.push_async_callback(_ended, asyncio.create_task(anchoring.run(), name="anchoring"))
        yield Node(
            home=home,
            config=config,
            key=key,
            genesis=genesis,
            preset=preset,
            store=store,
            network=network,
            driver=driver,
            rpc=rpc,
            checks=checks,
            why_no_checks=why_not,
            started_unix_s=int(time.time()),
            stopping=stopping,
        )


# The parts


async def _open_checks(home: NodeHome, config: NodeConfig, store: Store) -> tuple[CheckEngine | None, str]:
    """The engine that executes, or why this node has none: it still takes part in what needs no toolchain.

    Raises:
        OperatorError: A sandbox level was asked for and does not hold here. Nothing weaker is taken in its place.
    """
    level = None if config.work.sandbox == "auto" else Level(config.work.sandbox)
    settings = CheckSettings(folder=home.bench_of(config), cores=config.work.cores, level=level)
    try:
        return await open_engine(settings, StoredVerdicts(store)), ""
    except OperatorError as error:
        if level is not None:
            raise
        log.warning("nothing will be executed here: %s (%s)", error, error.hint)
        return None, str(error)


async def _open_engine(home: NodeHome, config: NodeConfig, key: NodeKey, preset: Preset) -> EngineRoom:
    """The engine that the settings name, seen to work, with room for every category.

    Raises:
        OperatorError: It cannot work as set; see `open_model` and `open_peer_model`.
    """
    if config.engine.kind == "source":
        return EngineRoom()
    from node.engines.opening import open_model, require_context

    if config.engine.kind == "peer":
        model = await open_peer_model(NodeClient.connect(config.engine.url, key), config.engine.url)
    else:
        model = await open_model(config.engine)
    try:
        require_context(model.info, context_needs(Sampling()))
        judge = Judge(model, load_calibration(home.judge), answer_s=preset.times.rate_ms / 1000 / 4)
    except OperatorError:
        await model.close()
        raise
    if not judge.is_calibrated:
        log.info("%s rates nothing yet: calibrate it (`swarm-node engine calibrate`)", model.info.model)
    return EngineRoom(model, Account(), judge, lends=config.engine.kind != "peer")


async def _open_anchoring(
    parts: contextlib.AsyncExitStack, home: NodeHome, config: NodeConfig, driver: Driver
) -> Anchoring | None:
    """What anchors the ledger; None without a chain, and then nothing of it is imported.

    Raises:
        OperatorError: The settings ask for a chain, and account, deployment or packages are not as it needs them.
    """
    if not config.chain.endpoint:
        return None
    try:
        from node.anchoring.setup import Swarm, open_anchoring
    except ImportError as error:
        raise OperatorError(
            f"`chain.endpoint` is set, and what anchoring needs is not installed: {error.name}",
            hint="Run `make setup-chain`, or pip install 'swarm-node[chain]'; or leave chain.endpoint empty.",
        ) from error
    swarm = Swarm(driver.genesis, driver.preset, driver.store)
    return await parts.enter_async_context(
        open_anchoring(home=home, config=config.chain, key=driver.key, swarm=swarm, network=driver.network)
    )


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it is gone: what it uses is closed next."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _libp2p(key: NodeKey, config: NodeConfig, genesis: Genesis, preset: Preset, store: Store) -> Libp2pNetwork:
    settings = Libp2pConfig(
        seed=key.seed,
        network_id=genesis.network.hex(),
        preset_hash=preset.hash(),
        listen_host=config.network.host,
        listen_port=config.network.port,
        bootstrap=config.network.bootstrap,
        grpc_port=config.rpc.port,
        mdns=config.network.mdns,
    )
    return Libp2pNetwork(settings, cache=store.peers)


async def _open_driver(
    home: NodeHome,
    config: NodeConfig,
    key: NodeKey,
    genesis: Genesis,
    preset: Preset,
    store: Store,
    network: FallbackNetwork,
    checks: CheckEngine | None,
    engine: EngineRoom,
) -> Driver:
    library = Library(CrateStore(home.crates_of(config)), network, checks)
    library.attach()
    domain = Domain(genesis.network)

    async def spec_of(job: JobId) -> JobSpec | None:
        row = await store.jobs.get(job)
        body = decode_message(domain, row.envelope).body if row is not None else None
        return body if isinstance(body, JobSpec) else None

    async def obtain(name: Hash) -> bytes | None:
        return await driver.contents.obtain(name)

    scorer = _scorer(config, key)
    shop = Shop(
        key=key,
        store=store,
        library=library,
        checker=checks,
        scorer=scorer,
        authors=Authors(
            engine.model, checks, answer_s=preset.times.generate_ms / 1000 / 2, account=engine.account or Account()
        ),
        opinions=_opinions(config, preset, engine, scorer),
        specs=spec_of,
        obtain=obtain,
        example_bytes_max=preset.example_bytes_max,
    )
    driver = await open_driver(key=key, genesis=genesis, preset=preset, store=store, network=network, workshop=shop)
    return driver


def _scorer(config: NodeConfig, key: NodeKey) -> Scorer:
    honest = ChecksScorer()
    if not config.work.misbehave:
        return honest
    log.warning("this node MISBEHAVES on purpose: %s", config.work.misbehave)
    return misbehaving(config.work.misbehave, honest, seed=key.derive_secret("dice"))


def _opinions(config: NodeConfig, preset: Preset, engine: EngineRoom, scorer: Scorer) -> OpinionRoom | None:
    """A judge beside the checks; none for a node that misbehaves on purpose, which is to do only that."""
    if engine.judge is None or config.work.misbehave:
        return None
    return OpinionRoom(engine.judge, scorer, within_s=preset.times.rate_ms / 1000 / 3)


def _model_users(config: NodeConfig, genesis: Genesis, own: NodeId) -> Callable[[NodeId], bool]:
    """Who may use this node's model: whom its operator names, and founders whom the genesis gives the same owner.

    Not members that joined later: their owner is what they say themselves.
    """
    named = frozenset(parse_node_id(text) for text in config.rpc.model_users)
    owners = {founder.owner for founder in genesis.founders if founder.node == own and founder.owner}
    kin = frozenset(founder.node for founder in genesis.founders if founder.owner in owners)
    return (named | kin).__contains__


def _operators(config: NodeConfig) -> Callable[[NodeId], bool]:
    keys = frozenset(parse_node_id(text) for text in config.rpc.operators)
    return keys.__contains__
