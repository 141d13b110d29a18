"""The node itself, for its operator and the curious: how it is, whom it knows, how members stand."""

from __future__ import annotations

import importlib.metadata
import logging
import time
from collections.abc import Callable, Iterator

from consensus.types import JobStatus, NodeId
from node.checks import CheckEngine
from node.config import NodeConfig
from node.desks.chronicle import Chronicle
from node.desks.engine import EngineRoom
from node.desks.membership import membership_part
from node.desks.publisher import ShardPublisher
from node.desks.standing import History, standing_view
from node.driver.driver import Driver
from node.errors import ExitCode, OperatorError
from node.identity import peer_id
from node.values import views
from node.wire.envelope import PROTOCOL_VERSION

log = logging.getLogger(__name__)


ChainHealth = Callable[[], views.ComponentView]
"""How anchoring is just now."""


def software() -> str:
    """Name and version of what runs here."""
    return f"swarm-node {importlib.metadata.version('swarm-node')}"


class NodeFront:
    """Implements `NodeDesk` over a node's parts.

    Args:
        driver: The node's share in its swarm.
        chronicle: Its decided rounds.
        history: The ledger, to be asked about members.
        publisher: Of shard files.
        config: The operator's settings.
        checks: What executes; None where nothing does.
        why_no_checks: Why not.
        engine: What generates, and judges where it is a model.
        stop: Begins to stop the node.
        chain: See `ChainHealth`; None without a chain.
        started_unix_s: When it was started.
    """

    def __init__(
        self,
        *,
        driver: Driver,
        chronicle: Chronicle,
        history: History,
        publisher: ShardPublisher,
        config: NodeConfig,
        checks: CheckEngine | None,
        why_no_checks: str,
        engine: EngineRoom,
        stop: Callable[[], None],
        chain: ChainHealth | None = None,
        started_unix_s: int,
    ) -> None:
        self._driver, self._chronicle, self._history, self._publisher = driver, chronicle, history, publisher
        self._config, self._checks, self._why_no_checks = config, checks, why_no_checks
        self._engine, self._stop, self._chain = engine, stop, chain
        self._started = started_unix_s

    async def status(self) -> views.NodeView:
        """See `NodeDesk.status`."""
        driver = self._driver
        state = driver.member.state
        return views.NodeView(
            node=driver.key.node,
            owner=self._owner(),
            software=software(),
            protocol=PROTOCOL_VERSION,
            network=driver.genesis.network,
            preset=driver.preset.name,
            preset_hash=driver.preset.hash(),
            height=state.height,
            epoch=driver.preset.epoch_of(state.height + 1),
            started_unix_s=self._started,
            engine=self._engine.name,
            activity=self._activity(),
            components=tuple(self._components()),
            counters=tuple(views.Counter(name, value) for name, value in self._counters()),
        )

    async def peers(self) -> tuple[views.PeerView, ...]:
        """See `NodeDesk.peers`."""
        return tuple(
            views.PeerView(peer.node, peer.addresses, peer.connected, peer.via, peer.source)
            for peer in self._driver.network.peers()
        )

    async def shutdown(self, reason: str, by: NodeId) -> None:
        """See `NodeDesk.shutdown`."""
        log.info("told to stop by %s: %s", peer_id(by), reason or "no reason given")
        self._stop()

    async def reputation(self, node: NodeId | None, changes: int) -> tuple[views.ReputationView, ...]:
        """See `NodeDesk.reputation`."""
        await self._chronicle.catch_up()
        state = self._driver.member.state
        members = [member for member in state.members if node in {None, member.node}]
        if not members and node is not None:
            raise OperatorError(
                f"{peer_id(node)} is no member of this swarm",
                hint="List the members: `swarm-node reputation show`.",
                exit_code=ExitCode.NOT_SO,
            )
        events = await self._history.events([member.node for member in members], changes)
        return tuple(
            standing_view(
                state, member, self._driver.preset, tuple(self._history.change(event) for event in events[member.node])
            )
            for member in members
        )

    # Parts

    def _owner(self) -> str:
        members = self._driver.member.state.members
        own = [member.owner for member in members if member.node == self._driver.key.node]
        if own:
            return own[0]
        consent = self._driver.consent
        return self._config.node.owner if consent is None else peer_id(consent.owner)

    def _activity(self) -> str:
        progress = self._driver.member.pipeline.progress
        if not progress.rounds and progress.waits_for == "jobs":
            return "idle: no open jobs"
        more = [
            f"round {height} {waiting.phase.name.lower()} {waiting.have}/{waiting.need}"
            for height, waiting in progress.rounds
        ]
        began = self._driver.member.view_began
        if progress.is_agreeing and began is not None:
            more.insert(0, f"{time.monotonic() - began:.0f} s in this view")
        return f"waits for {progress.waits_for}" + (f" ({', '.join(more)})" if more else "")

    def _components(self) -> Iterator[views.ComponentView]:
        yield self._consensus()
        yield membership_part(self._driver)
        health = self._driver.network.health()
        linked = any(peer.connected for peer in self._driver.network.peers())
        alone = len(self._driver.member.state.members) == 1
        well = health.running and (linked or alone)
        yield views.ComponentView("network", well, health.summary, "" if well else "peers")
        yield self._checking()
        if self._engine.model is not None:
            yield self._engine.component()
        waits_for = self._publisher.waits_for
        text = f"{self._publisher.published} published" + (f"; waits for {waits_for}" if waits_for else "")
        yield views.ComponentView("shards", not waits_for, text, waits_for)
        if self._chain is not None:
            yield self._chain()
        yield views.ComponentView("store", well=True, text=self._driver.store.where, waits_for="")

    def _consensus(self) -> views.ComponentView:
        member = self._driver.member
        if member.pipeline.halted is not None:
            return views.ComponentView("consensus", well=False, text=member.pipeline.halted, waits_for="its operator")
        if member.failure is not None:
            text = f"work failed in a round: {member.failure}"
            return views.ComponentView("consensus", well=False, text=text, waits_for="a round that goes well")
        return views.ComponentView("consensus", well=True, text=self._activity(), waits_for="")

    def _checking(self) -> views.ComponentView:
        if self._checks is None:
            text = f"nothing is executed here: {self._why_no_checks}"
            return views.ComponentView("checks", well=False, text=text, waits_for="a toolchain and a sandbox")
        text = f"rustc {self._checks.toolchain.release}, sandbox {self._checks.level.value}"
        return views.ComponentView("checks", well=True, text=text, waits_for="")

    def _counters(self) -> Iterator[tuple[str, int]]:
        state = self._driver.member.state
        yield "members", len(state.members)
        yield "peers_connected", sum(peer.connected for peer in self._driver.network.peers())
        yield "jobs_open", sum(job.status is JobStatus.OPEN for job in state.jobs)
        yield "rows_certified", sum(task.accepted for job in state.jobs for task in job.tasks)
        yield "candidates_in_review", len(state.pending)
        yield "ledger_events", state.ledger_length
        yield "shards_published", self._publisher.published
        if self._checks is not None:
            commands, cpu_ms = self._checks.usage
            yield "check_commands", commands
            yield "check_cpu_ms", int(cpu_ms)
            looked, disagreed = self._checks.reverified
            yield "check_reverified", looked
            yield "check_disagreed", disagreed
        yield from self._engine.counters()
        yield "blob_bytes", self._driver.store.blobs.total_bytes
        health = self._driver.network.health()
        yield "network_restarts", health.restarts
        yield "gossip_sent", health.gossip_sent
        yield "gossip_received", health.gossip_received
        yield "gossip_dropped", health.gossip_dropped
        for reason, count in health.drops:
            yield f"dropped:{reason}", count
        for rule, count in sorted(self._driver.courier.faults.items()):
            yield f"refused:{rule}", count
