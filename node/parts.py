"""How each part of a node is made from its data folder; `app.py` connects them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from consensus.genesis import Genesis
from consensus.params import Preset
from consensus.types import Hash, JobId, NodeId
from node.checks import CheckEngine, CheckSettings, Level, open_engine
from node.config import NodeConfig, load_config
from node.crates.store import CrateStore
from node.desks.engine import EngineRoom
from node.driver.driver import Driver, open_driver
from node.errors import OperatorError
from node.home import NodeHome, load_genesis
from node.identity import IdentityStore, NodeKey, parse_node_id
from node.joining import consent_of
from node.judge.calibration import load_calibration
from node.judge.judge import Judge
from node.network.fallback import FallbackNetwork
from node.network.libp2p_network import Libp2pConfig, Libp2pNetwork
from node.rating.checks import ChecksScorer
from node.rating.interface import Scorer
from node.rating.misbehaviour import misbehaving
from node.rpc.client import NodeClient
from node.rpc.desks import Desks
from node.rpc.server import RpcServer, RpcSettings
from node.store import Store
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


@dataclass(frozen=True, slots=True)
class Ground:
    """What a node is before any part of it runs."""

    home: NodeHome
    config: NodeConfig
    key: NodeKey
    genesis: Genesis
    preset: Preset


@dataclass(frozen=True, slots=True)
class Tools:
    """What a node works with."""

    checks: CheckEngine | None
    why_no_checks: str
    engine: EngineRoom


def load_ground(home: NodeHome, passphrase: bytes | None = None) -> Ground:
    """Read a data folder: settings, swarm, identity.

    Args:
        home: The folder, held by this process.
        passphrase: Opens the identity, where it is protected by one.

    Raises:
        OperatorError: Something is missing or wrong there; names the file.
    """
    config = load_config(home.config)
    genesis, preset = load_genesis(home.genesis)
    return Ground(home, config, IdentityStore(home.root, passphrase=passphrase).load(), genesis, preset)


async def open_tools(ground: Ground, store: Store, parts: contextlib.AsyncExitStack) -> Tools:
    """What executes and what generates, closed with `parts`.

    Raises:
        OperatorError: The settings ask for something that does not work here.
    """
    checks, why_not = await _open_checks(ground, store)
    if checks is not None:
        parts.push_async_callback(checks.close)
    engine = await _open_engine(ground)
    if engine.model is not None:
        parts.push_async_callback(engine.model.close)
    return Tools(checks, why_not, engine)


def open_libp2p(ground: Ground, store: Store) -> Libp2pNetwork:
    """The network, not started yet."""
    config = ground.config
    settings = Libp2pConfig(
        seed=ground.key.seed,
        network_id=ground.genesis.network.hex(),
        preset_hash=ground.preset.hash(),
        listen_host=config.network.host,
        listen_port=config.network.port,
        bootstrap=config.network.bootstrap,
        grpc_port=config.rpc.port,
        mdns=config.network.mdns,
    )
    return Libp2pNetwork(settings, cache=store.peers)


async def open_driver_of(ground: Ground, store: Store, network: FallbackNetwork, tools: Tools) -> Driver:
    """The driver with all that works for it.

    Raises:
        OperatorError: The store holds another identity's or another swarm's past.
    """
    config, key, times = ground.config, ground.key, ground.preset.times
    library = Library(CrateStore(ground.home.crates_of(config)), network, tools.checks)
    library.attach()
    domain = Domain(ground.genesis.network)

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
        checker=tools.checks,
        scorer=scorer,
        authors=Authors(
            tools.engine.model,
            tools.checks,
            answer_s=times.generate_ms / 1000 / 2,
            account=tools.engine.account or Account(),
        ),
        opinions=_opinions(ground, tools.engine, scorer),
        specs=spec_of,
        obtain=obtain,
        example_bytes_max=ground.preset.example_bytes_max,
    )
    driver = await open_driver(
        key=key,
        genesis=ground.genesis,
        preset=ground.preset,
        store=store,
        network=network,
        workshop=shop,
        consent=consent_of(ground.home, key, ground.genesis, ground.preset),
    )
    return driver


def open_rpc(ground: Ground, desks: Desks, driver: Driver) -> RpcServer:
    """What answers other programs, not started yet."""
    config = ground.config
    return RpcServer(
        key=ground.key,
        domain=Domain(ground.genesis.network),
        desks=desks,
        settings=RpcSettings(host=config.rpc.host, port=config.rpc.port, plain_port=config.rpc.health_port or None),
        is_operator=_operators(config),
        is_model_user=_model_users(config, driver),
    )


async def open_anchoring_of(ground: Ground, driver: Driver, parts: contextlib.AsyncExitStack) -> Anchoring | None:
    """What anchors the ledger, closed with `parts`; None without a chain, and then nothing of it is imported.

    Raises:
        OperatorError: The settings ask for a chain, and account, deployment or packages are not as it needs them.
    """
    if not ground.config.chain.endpoint:
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
        open_anchoring(
            home=ground.home, config=ground.config.chain, key=driver.key, swarm=swarm, network=driver.network
        )
    )


async def _open_checks(ground: Ground, store: Store) -> tuple[CheckEngine | None, str]:
    """The engine that executes, or why this node has none: it still takes part in what needs no toolchain.

    Raises:
        OperatorError: A sandbox level was asked for and does not hold here. Nothing weaker is taken in its place.
    """
    config = ground.config
    level = None if config.work.sandbox == "auto" else Level(config.work.sandbox)
    settings = CheckSettings(folder=ground.home.bench_of(config), cores=config.work.cores, level=level)
    try:
        return await open_engine(settings, StoredVerdicts(store)), ""
    except OperatorError as error:
        if level is not None:
            raise
        log.warning("nothing will be executed here: %s (%s)", error, error.hint)
        return None, str(error)


async def _open_engine(ground: Ground) -> EngineRoom:
    """The engine that the settings name, seen to work, with room for every category.

    Raises:
        OperatorError: It cannot work as set; see `open_model` and `open_peer_model`.
    """
    settings = ground.config.engine
    if settings.kind == "source":
        return EngineRoom()
    from node.engines.opening import open_model, require_context

    if settings.kind == "peer":
        model = await open_peer_model(NodeClient.connect(settings.url, ground.key), settings.url)
    else:
        model = await open_model(settings)
    try:
        require_context(model.info, context_needs(Sampling()))
        judge = Judge(model, load_calibration(ground.home.judge), answer_s=ground.preset.times.rate_ms / 1000 / 4)
    except OperatorError:
        await model.close()
        raise
    if not judge.is_calibrated:
        log.info("%s rates nothing yet: calibrate it (`swarm-node engine calibrate`)", model.info.model)
    return EngineRoom(model, Account(), judge, lends=settings.kind != "peer")


def _scorer(config: NodeConfig, key: NodeKey) -> Scorer:
    honest = ChecksScorer()
    if not config.work.misbehave:
        return honest
    log.warning("this node MISBEHAVES on purpose: %s", config.work.misbehave)
    return misbehaving(config.work.misbehave, honest, seed=key.derive_secret("dice"))


def _opinions(ground: Ground, engine: EngineRoom, scorer: Scorer) -> OpinionRoom | None:
    """A judge beside the checks; none for a node that misbehaves on purpose, which is to do only that."""
    if engine.judge is None or ground.config.work.misbehave:
        return None
    return OpinionRoom(engine.judge, scorer, within_s=ground.preset.times.rate_ms / 1000 / 3)


def _model_users(config: NodeConfig, driver: Driver) -> Callable[[NodeId], bool]:
    """Who may use this node's model: whom its operator names, and the members of the same owner.

    A founder's owner stands in the genesis; who joined later has its owner's signature.
    """
    named = frozenset(parse_node_id(text) for text in config.rpc.model_users)

    def may_use(node: NodeId) -> bool:
        owners = {member.node: member.owner for member in driver.member.state.members}
        own = owners.get(driver.key.node)
        return node in named or (bool(own) and owners.get(node) == own)

    return may_use


def _operators(config: NodeConfig) -> Callable[[NodeId], bool]:
    keys = frozenset(parse_node_id(text) for text in config.rpc.operators)
    return keys.__contains__
