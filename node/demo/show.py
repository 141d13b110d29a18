"""What the demo does, in order, each step timed and bounded: start reading here.

crates     fetched once, through cargo
nodes      a data folder each, a process each; the last one lies about scores
job        signed by a coordinator, handed to the first node, watched to its end
shards     pulled from the second node, verified against the genesis

What came of it is a `Played`, which `tables.py` prints.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from consensus.types import NodeId
from node.cli import ordering
from node.cli.output import say
from node.cli.peer_source import GENESIS, PeerSource, pull_to_the_end
from node.cli.trust import Trust, load_trust_root
from node.cli.watching import watch_job
from node.demo.ground import Ground, fetch_crates, lay_ground, warm_up
from node.demo.processes import NodeProcess, cpu_seconds, start_all, stop_all, watch_over
from node.errors import ExitCode, NodeError, OperatorError, TransientError
from node.rpc.client import NodeClient
from node.shards import data_path, shard_names
from node.shards.names import CARD, CERTIFICATE_FOLDER, MANIFEST, certificate_path
from node.shards.row import ShardRow
from node.values.crate import CratePin
from node.values.example import CATEGORIES
from node.values.views import Explanation, JobView, NodeView, ReputationView

T = TypeVar("T")

CRATES = ("strsim@0.11.1", "semver@1.0.28", "shlex@2.0.1")
"""Small, documented, tested and without dependencies: there is something to say about them in every category."""

NODES = 5
LINKS_S = 90.0
"""For all nodes to be up and linked: each attacks its own sandbox first."""

SHARDS_S = 60.0
POLL_S = 0.3


@dataclass(frozen=True, slots=True)
class Order:
    """What the demo is asked for."""

    out: Path
    """Gets the verified shards, and the genesis they were verified from."""
    crates: tuple[str, ...] = CRATES
    categories: tuple[str, ...] = CATEGORIES
    nodes: int = NODES
    quota: int = 4
    generators: int = 2
    candidates: int = 3
    liar: bool = True
    keep: Path | None = None
    """Where the nodes' folders stay; None for a temporary place."""
    limit_s: float = 600.0
    """For the job."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it."""

    crates: tuple[str, ...]
    view: JobView
    rows: tuple[ShardRow, ...]
    """Of all shards, verified."""
    refused: tuple[str, ...]
    """Shards that did not verify, and why."""
    before: tuple[ReputationView, ...]
    after: tuple[ReputationView, ...]
    liar: NodeId | None
    explained: Explanation | None
    """Why one of the rows was accepted."""


@dataclass(slots=True)
class Stopwatch:
    """How long each step took, and all of them, in seconds."""

    steps: list[tuple[str, float]] = field(default_factory=list)
    nodes_cpu_s: float = 0.0
    """Of the nodes' own code."""
    checks_cpu_s: float = 0.0
    """Of the compilers and tests that they ran."""

    @contextlib.contextmanager
    def step(self, name: str, text: str) -> Iterator[None]:
        """Say what begins, and note how long it took."""
        say(f"[{name}] {text}")
        began = time.monotonic()
        try:
            yield
        finally:
            self.steps.append((name, time.monotonic() - began))


def play(order: Order, watch: Stopwatch) -> Played:
    """Run the demo. None of its processes is left when this returns or raises.

    Raises:
        OperatorError: A folder, crate or option that does not do, or a node that ended early.
        TransientError: The registry is not reachable, or a step took longer than it may.
    """
    _refuse_strange_folder(order.out)
    with _orderly_end(), _place(order.keep) as folder:
        crates = folder / "crates"
        # Not on an event loop: Ctrl-C would wait there for cargo's end.
        with watch.step("crates", f"bringing {', '.join(order.crates)} through cargo"):
            pins = fetch_crates(crates, order.crates, say)
        with watch.step("nodes", f"starting {order.nodes} node processes in {folder}"):
            warm_up(folder / "bench")
            ground = lay_ground(folder, order.nodes, liar=order.liar, crates=crates, bench=folder / "bench")
            processes = start_all(ground.homes)
        try:
            played = asyncio.run(_Stage(order, ground, processes, watch).play(pins))
        finally:
            with watch.step("stop", "stopping the nodes"):
                stop_all(processes)
    return played


class _Stage:
    """The running swarm and what is done with it."""

    def __init__(self, order: Order, ground: Ground, processes: Sequence[NodeProcess], watch: Stopwatch) -> None:
        self._order, self._ground, self._processes, self._watch = order, ground, processes, watch
        self._trust = load_trust_root(None, ground.homes[0])

    async def play(self, pins: tuple[CratePin, ...]) -> Played:
        """Everything that is done with running nodes."""
        async with self._clients() as nodes:
            with self._watch.step("links", "waiting until every node has found every other"):
                await self._bounded(self._linked(nodes), LINKS_S, "links between the nodes")
            before = await nodes[0].reputation()
            with self._watch.step("job", self._job_text(pins)):
                view = await self._bounded(self._work(nodes[0], pins), self._order.limit_s, "the job's end")
            with self._watch.step("shards", f"pulling from node2 into {self._order.out} and verifying"):
                rows, refused = await self._bounded(self._pull(nodes[1], view), SHARDS_S, "shards to pull")
            self._watch.nodes_cpu_s = cpu_seconds(self._processes)
            self._watch.checks_cpu_s = sum([await _counter(node, "check_cpu_ms") for node in nodes]) / 1000
            return Played(
                crates=tuple(pin.label for pin in pins),
                view=view,
                rows=rows,
                refused=refused,
                before=before,
                after=await nodes[0].reputation(),
                liar=self._ground.liar,
                explained=await nodes[0].explain(rows[0].leaf.content.hex()) if rows else None,
            )

    async def _linked(self, nodes: Sequence[NodeClient]) -> None:
        for node in nodes:
            while not await self._is_linked(node):  # noqa: ASYNC110  (it happens in another process)
                await asyncio.sleep(POLL_S)

    async def _is_linked(self, node: NodeClient) -> bool:
        try:
            return await _counter(node, "peers_connected") >= self._order.nodes - 1
        except TransientError:
            return False  # not up yet

    async def _work(self, node: NodeClient, pins: tuple[CratePin, ...]) -> JobView:
        envelope = self._sign(await node.status(), pins)
        receipt = await node.submit_job(envelope)
        say(f"job {receipt.job.hex()} signed and submitted")
        return await watch_job(node, receipt.job)

    def _sign(self, view: NodeView, pins: tuple[CratePin, ...]) -> bytes:
        order = self._order
        words = ordering.Order(
            crates=order.crates,
            categories=order.categories,
            quota=order.quota,
            generators=order.generators,
            candidates=order.candidates,
            raters=order.nodes,
            accept=0.7,
            review=0.5,
            budget=None,
            deadline_s=3600,
            title="demo",
        )
        key = self._ground.coordinator
        return ordering.sign_job(
            ordering.compose_job(words, pins, ordering.preset_of(view), key.node), view.network, key
        )

    def _job_text(self, pins: tuple[CratePin, ...]) -> str:
        order = self._order
        return f"{len(order.categories)} categories x {len(pins)} crates, up to {order.quota} rows each"

    async def _pull(self, node: NodeClient, view: JobView) -> tuple[tuple[ShardRow, ...], tuple[str, ...]]:
        # The second node may be a moment behind the first.
        while sum(shard.rows for shard in await node.list_shards(view.job)) < view.rows:  # noqa: ASYNC110  (as above)
            await asyncio.sleep(POLL_S)
        await asyncio.to_thread(_clear, self._order.out)
        report = await pull_to_the_end(PeerSource(node), self._trust, self._order.out, view.job)
        refused = tuple(f"{item.name}: {item.failure}" for item in report.refused)
        return await asyncio.to_thread(_read_rows, self._order.out, self._trust), refused

    # Bounds

    async def _bounded(self, doing: Coroutine[Any, Any, T], limit_s: float, waits_for: str) -> T:
        """Do something within a time, and only as long as all nodes run.

        Raises:
            OperatorError: A node has ended.
            TransientError: It took too long; says what each node waits for.
        """
        task = asyncio.create_task(doing)
        guard = asyncio.create_task(watch_over(self._processes))
        try:
            await asyncio.wait({task, guard}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if guard.done():
                guard.result()
            activities = await self._activities()
            raise TransientError(f"{waits_for} did not come within {limit_s:g} s: {activities}", waits_for=waits_for)
        finally:
            for each in (task, guard):
                each.cancel()
            await asyncio.gather(task, guard, return_exceptions=True)

    async def _activities(self) -> str:
        told = []
        async with self._clients() as nodes:
            for process, node in zip(self._processes, nodes, strict=True):
                try:
                    told.append(f"{process.name} {(await node.status(timeout_s=2)).activity}")
                except NodeError as error:
                    told.append(f"{process.name} {error}")
        return "; ".join(told)

    @contextlib.asynccontextmanager
    async def _clients(self) -> AsyncIterator[tuple[NodeClient, ...]]:
        """A connection to each node, under the coordinator's key."""
        async with contextlib.AsyncExitStack() as stack:
            yield tuple(
                [
                    await stack.enter_async_context(NodeClient.connect(address, self._ground.coordinator))
                    for address in self._ground.addresses
                ]
            )


async def _counter(node: NodeClient, name: str) -> int:
    """One of the numbers that a node tells of itself."""
    return sum(counter.value for counter in (await node.status()).counters if counter.name == name)


# The folder of results


def _read_rows(out: Path, trust: Trust) -> tuple[ShardRow, ...]:
    """All rows, verified once more from the files as they lie there, by a verifier that has seen nothing before."""
    verifier = trust.verifier()
    rows: list[ShardRow] = []
    for name in shard_names(out):
        report, found = verifier.verify(data_path(out, name).read_bytes(), name=str(name))
        if not report.holds:
            raise OperatorError(
                f"{name}: {report.failure}", hint="This is a bug: please report it.", exit_code=ExitCode.NOT_SO
            )
        rows += found
    return tuple(rows)


def _refuse_strange_folder(out: Path) -> None:
    """Refuse a folder with files that are not an earlier run's.

    Raises:
        OperatorError: It has.
    """
    if not out.exists():
        return
    ours = {CARD, MANIFEST, GENESIS, "data", CERTIFICATE_FOLDER, ".partial"}
    strange = sorted(path.name for path in out.iterdir() if path.name not in ours) if out.is_dir() else [out.name]
    if strange or (any(out.iterdir()) and not (out / GENESIS).is_file()):
        what = f" ({strange[0]})" if strange else ""
        raise OperatorError(
            f"{out} holds something else than an earlier demo's shards{what}", hint="Give another --out."
        )


def _clear(out: Path) -> None:
    """Take an earlier run's shards away, and nothing else: they are another swarm's."""
    for name in shard_names(out):
        data_path(out, name).unlink()
        certificate_path(out, name).unlink(missing_ok=True)
    for file in (MANIFEST, CARD, GENESIS):
        (out / file).unlink(missing_ok=True)


# The end, however it comes


@contextlib.contextmanager
def _place(keep: Path | None) -> Iterator[Path]:
    """Where the nodes' folders lie."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="swarm-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextlib.contextmanager
def _orderly_end() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end us as Ctrl-C does, so that the nodes are stopped then, too."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = [(number, signal.signal(number, interrupt)) for number in (signal.SIGTERM, signal.SIGHUP)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
