"""All desks of a node, put together."""

from __future__ import annotations

import time
from collections.abc import Callable

from node.checks import CheckEngine
from node.config import NodeConfig
from node.desks.chronicle import Chronicle
from node.desks.engine import EngineRoom
from node.desks.explain import Explainer
from node.desks.inference import ModelDesk
from node.desks.jobs import NodeJobs
from node.desks.publisher import ShardPublisher
from node.desks.shards import NodeShards
from node.desks.standing import History
from node.desks.status import ChainHealth, NodeFront
from node.driver.driver import Driver
from node.home import NodeHome
from node.rpc.desks import Desks, ExchangeDesk


def open_desks(
    *,
    driver: Driver,
    home: NodeHome,
    config: NodeConfig,
    checks: CheckEngine | None,
    why_no_checks: str,
    stop: Callable[[], None],
    exchange: ExchangeDesk,
    engine: EngineRoom,
    chain: ChainHealth | None = None,
    clock: Callable[[], float] = time.time,
) -> tuple[Desks, ShardPublisher]:
    """Build what answers a node's callers, and what publishes its shards: run the latter beside the driver.

    Args:
        driver: The node's share in its swarm.
        home: Its data folder.
        config: Its operator's settings.
        checks: What executes; None where nothing does.
        why_no_checks: Why not.
        stop: Begins to stop the node.
        exchange: Takes what peers bring by gRPC because gossip does not reach.
        engine: What generates, and judges where it is a model.
        chain: Tells how anchoring is; None without a chain.
        clock: Unix seconds.
    """
    chronicle = Chronicle(driver.store)
    history = History(driver.store, chronicle)
    publisher = ShardPublisher(driver, chronicle, home.shards)
    front = NodeFront(
        driver=driver,
        chronicle=chronicle,
        history=history,
        publisher=publisher,
        config=config,
        checks=checks,
        why_no_checks=why_no_checks,
        engine=engine,
        stop=stop,
        chain=chain,
        started_unix_s=int(clock()),
    )
    desks = Desks(
        jobs=NodeJobs(driver, chronicle, Explainer(driver, chronicle, history), clock),
        shards=NodeShards(driver, chronicle, home),
        node=front,
        exchange=exchange,
        inference=ModelDesk(engine.model) if engine.lends and engine.model is not None else None,
    )
    return desks, publisher
