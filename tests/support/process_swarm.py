"""A swarm of real node processes over one small crate, and what their stores say after they were treated badly.

    async with ProcessSwarm(lay_swarm(folder)) as swarm:
        job = await swarm.submit(swarm.sign(order()))
        await swarm.until_ended(job)

The nodes are the demo's: `swarm-node start`, libp2p, gRPC, SQLite, cargo. No registry is asked: the crate is
`tests/support/crates/wordwise`. Every wait has a limit and a name; leaving the block kills whatever still runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

from consensus.encoding import decode
from consensus.params import LOCAL
from consensus.types import CandidateState, ChainState, Hash, JobId, JobStatus, Kind, NodeId
from node.checks import CheckSettings, open_engine
from node.cli.ordering import Order, compose_job, sign_job
from node.crates.store import CrateStore
from node.demo.ground import Ground, lay_ground
from node.demo.processes import NodeProcess, stop_all
from node.driver.courier import _slot_name
from node.errors import NodeError, TransientError
from node.home import NodeHome, load_genesis
from node.identity import IdentityStore
from node.rpc.client import NodeClient
from node.store import Store, open_store
from node.values.crate import CratePin
from node.values.views import JobView, NodeView
from node.wire import Domain, decode_message

T = TypeVar("T")

CRATE = Path(__file__).parent / "crates" / "wordwise"

NODES = 4
"""The fewest of which one may be missing: three of four are more than two thirds."""

CHEAP = ("docstring_generation", "code_search", "code_explanation", "function_naming")
"""Categories that need little or no compiling."""

LINKED_S = 300.0
JOB_S = 900.0
FOLLOW_S = 300.0
"""Limits that end a hang, not what a busy machine makes slow."""
LOOK_EVERY_S = 0.5
"""A look is a call to each node: at five a second they would be a good part of what an idle swarm does."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A swarm on disk, before anything was started."""

    folder: Path
    ground: Ground
    pins: tuple[CratePin, ...]
    kept: Path
    """Caches that the nodes share: crates and what was built of them."""
    start: Callable[[str, NodeHome], NodeProcess] = NodeProcess
    """Gives a node, by its name and folder, a process."""

    def copy(self, folder: Path) -> Layout:
        """The same nodes, with the same keys, genesis and ports, in another folder. Only one of both may run."""
        shutil.copytree(self.folder, folder)
        homes = tuple(NodeHome(folder / home.root.name) for home in self.ground.homes)
        for home in homes:
            home.config.write_text(home.config.read_text().replace(str(self.folder), str(folder)))
        kept = folder if self.kept == self.folder else self.kept
        return replace(self, folder=folder, kept=kept, ground=replace(self.ground, homes=homes))


async def build_crate(kept: Path) -> None:
    """What a node does with the crate when it first needs it, for all swarms that are given this folder."""
    store = CrateStore(kept / "crates")
    crate = store.prepare(store.acquire(str(CRATE)))
    engine = await open_engine(CheckSettings(folder=kept / "bench"))
    try:
        assert (await engine.baseline(crate)).builds
    finally:
        await engine.close()


def lay_swarm(
    folder: Path,
    count: int = NODES,
    *,
    shared: Path | None = None,
    start: Callable[[str, NodeHome], NodeProcess] = NodeProcess,
) -> Layout:
    """Keys, genesis, settings and the crate.

    Args:
        folder: Of this swarm.
        count: Nodes.
        shared: Where `build_crate` has been at work; None for a place of this one's own, where nothing is built yet.
        start: How nodes are started: as the demo does, or `tests.support.preloaded`.
    """
    kept = shared or folder
    store = CrateStore(kept / "crates")
    source = store.acquire(str(CRATE))
    store.prepare(source)
    ground = lay_ground(folder, count, liar=False, crates=kept / "crates", bench=kept / "bench")
    return Layout(folder, ground, (source.pin,), kept, start)


def order(categories: Sequence[str] = CHEAP, *, quota: int = 2) -> Order:
    """What the tests ask for."""
    return Order(
        crates=("wordwise",),
        categories=tuple(categories),
        quota=quota,
        generators=2,
        candidates=3,
        raters=3,
        accept=0.7,
        review=0.5,
        budget=None,
        deadline_s=3600,
        title="process test",
    )


class ProcessSwarm:
    """Running node processes. Use as an async context manager; node numbers count from 0.

    Args:
        layout: The nodes on disk.
        linked_s: For all of them to be up and linked.
        absent: Nodes that are not started with the others.
    """

    def __init__(self, layout: Layout, *, linked_s: float = LINKED_S, absent: Collection[int] = ()) -> None:
        self.layout, self._linked_s, self._absent = layout, linked_s, set(absent)
        self.ground = layout.ground
        self.genesis = load_genesis(self.ground.homes[0].genesis)[0]
        self.domain = Domain(self.genesis.network)
        self.processes: list[NodeProcess | None] = [None] * len(self.ground.homes)
        self.killed: list[NodeProcess] = []
        self.clients: tuple[NodeClient, ...] = ()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            for number in set(range(len(self.processes))) - self._absent:
                self.start(number)
            connecting = [NodeClient.connect(address, self.ground.coordinator) for address in self.ground.addresses]
            self.clients = tuple([await self._stack.enter_async_context(client) for client in connecting])
            await self.until_linked()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(NodeError):
            await self._stack.aclose()
        await asyncio.to_thread(self.stop)

    # Processes

    def start(self, number: int) -> None:
        """Start one node, under the identity it has."""
        assert self.processes[number] is None, "it runs"
        self._absent.discard(number)
        home = self.ground.homes[number]
        self.processes[number] = self.layout.start(home.root.name, home)

    def kill(self, number: int) -> None:
        """kill -9 of the node's process alone: what it started has to notice by itself."""
        process = self.process(number)
        os.kill(process.pid, signal.SIGKILL)
        process.end(0.0)
        self.processes[number] = None
        self.killed.append(process)

    def signal(self, number: int, signal_number: int) -> None:
        """Send a node's process a signal that does not end it."""
        os.kill(self.process(number).pid, signal_number)

    def process(self, number: int) -> NodeProcess:
        """A node's process, which runs."""
        process = self.processes[number]
        assert process is not None, f"node {number} is not running"
        assert process.code is None, f"node {number} ended with {process.code}: {process.last_words()}"
        return process

    def running(self) -> list[int]:
        """Numbers of the nodes that should run."""
        return [number for number, process in enumerate(self.processes) if process is not None]

    def stop(self) -> None:
        """End all in good order, those that were stopped by a signal too; kill what is left of the killed."""
        running = [process for process in self.processes if process is not None]
        self.processes = [None] * len(self.processes)
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
        stop_all(running)
        for process in self.killed:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def orphans(self) -> list[str]:
        """Command lines of what killed nodes had started and what runs on without them."""
        sessions = {process.pid for process in self.killed}
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[3]) in sessions and fields[0] != "Z":
                    found.append(stat.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        return found

    async def no_orphans(self) -> bool:
        """Whether nothing runs on."""
        return not self.orphans()

    def rss_mb(self, number: int) -> float:
        """Resident memory of a node's process, without what it started."""
        pages = int(Path(f"/proc/{self.process(number).pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    # What they say

    async def status(self, number: int) -> NodeView | None:
        """A node's own account; None while it does not answer."""
        try:
            return await self.clients[number].status(timeout_s=5)
        except TransientError:
            return None

    async def statuses(self) -> list[NodeView]:
        """Every running node's own account."""
        return [await self.answer(self.clients[number].status) for number in self.running()]

    async def answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What a node says; asked again where it has been too busy to answer in time, so only what changes nothing."""
        found: list[T] = []

        async def told() -> bool:
            with contextlib.suppress(TransientError):
                found.append(await ask())
            return bool(found)

        await self.until(told, FOLLOW_S, "a node's answer")
        return found[0]

    async def until_linked(self) -> None:
        """Wait until each running node has a connection to every other."""
        wanted = self.running()

        async def linked() -> bool:
            for number in wanted:
                view = await self.status(number)
                counters = {counter.name: counter.value for counter in view.counters} if view else {}
                if counters.get("peers_connected", 0) < len(wanted) - 1:
                    return False
            return True

        await self.until(linked, self._linked_s, "links between all nodes")

    async def submit(self, envelope: bytes, number: int = 0) -> JobId:
        """Hand in a signed job."""
        return (await self.answer(lambda: self.clients[number].submit_job(envelope))).job

    def sign(self, wanted: Order) -> bytes:
        """A signed job for this swarm."""
        key = self.ground.coordinator
        return sign_job(compose_job(wanted, self.layout.pins, LOCAL, key.node), self.genesis.network, key)

    async def job(self, job: JobId, number: int = 0) -> JobView | None:
        """The job as a node knows it; None while it does not, or does not answer."""
        try:
            return await self.clients[number].get_job(job, timeout_s=5)
        except NodeError:
            return None

    async def has_ended(self, job: JobId, number: int = 0) -> bool:
        """Whether a node knows that the job is over."""
        view = await self.job(job, number)
        return view is not None and view.status is not JobStatus.OPEN

    async def until_ended(self, job: JobId, numbers: Sequence[int] | None = None, within_s: float = JOB_S) -> JobView:
        """Wait until the job is over for all these nodes (all that run), and return it as the first one sees it."""
        wanted = self.running() if numbers is None else list(numbers)

        async def ended() -> bool:
            return all([await self.has_ended(job, number) for number in wanted])

        await self.until(ended, within_s, f"the job's end on nodes {wanted}")
        return await self.answer(lambda: self.clients[wanted[0]].get_job(job))

    async def until_level(self, within_s: float = FOLLOW_S) -> None:
        """Wait until all running nodes have certified the same height."""

        async def level() -> bool:
            views = [await self.status(number) for number in self.running()]
            return None not in views and len({view.height for view in views}) == 1

        await self.until(level, within_s, "equal heights of all nodes")

    async def until(self, holds: Callable[[], Awaitable[bool]], within_s: float, what: str) -> None:
        """Wait for something that happens in other processes; a node that ended meanwhile is a failure at once."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        while not await holds():
            for number in self.running():
                self.process(number)
            assert loop.time() < end, f"{what} did not come within {within_s:g} s: {await self.activities()}"
            await asyncio.sleep(LOOK_EVERY_S)

    async def activities(self) -> str:
        """What every node says it is doing."""
        views = {number: await self.status(number) for number in range(len(self.processes))}
        return "; ".join(f"node {n}: {v.height}, {v.activity}" if v else f"node {n}: silent" for n, v in views.items())

    # What they have kept

    async def chains(self) -> list[Chain]:
        """What every node's store holds, running or not."""
        homes = [home for number, home in enumerate(self.ground.homes) if number not in self._absent]
        return [await read_chain(home, self.domain) for home in homes]


@dataclass(frozen=True, slots=True)
class Round:
    """What a node keeps of one certified round."""

    header: Hash
    certificate: bytes
    rows: tuple[Hash, ...]
    """Contents it accepted, in order."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What a node's store says."""

    node: str
    rounds: dict[int, Round]
    signed: dict[tuple[NodeId, str], set[Hash]]
    """Messages at hand by sender and slot."""
    envelopes: tuple[bytes, ...]
    """All messages at hand, as they crossed the wire."""
    evidence: int
    offences: dict[NodeId, int]
    """Of those who have any."""

    @property
    def head(self) -> tuple[int, Hash]:
        """Height and header hash of the last round."""
        height = max(self.rounds)
        return height, self.rounds[height].header

    @property
    def rows(self) -> list[Hash]:
        """All accepted contents, in order."""
        return [content for height in sorted(self.rounds) for content in self.rounds[height].rows]

    def holds(self, earlier: Chain) -> bool:
        """Whether everything that was certified then stands now as it did."""
        return all(self.rounds.get(height) == kept for height, kept in earlier.rounds.items())


async def read_chain(home: NodeHome, domain: Domain) -> Chain:
    """Read a node's store beside the node, or after it."""
    store = await open_store(home.store, read_only=True)
    async with store:
        tip = await store.rounds.tip()
        last = 0 if tip is None else tip.height
        rounds = {row.height: await _round(store, row) for row in await _all_rounds(store, last)}
        signed: dict[tuple[NodeId, str], set[Hash]] = {}
        rows = [row for height in range(last + 3) for row in await _all_envelopes(store, height)]
        for row in rows:
            slot, _ = _slot_name(decode_message(domain, row.envelope))
            if slot is not None:
                signed.setdefault((row.sender, slot), set()).add(row.digest)
        evidence = len(await store.envelopes.at(0, Kind.EVIDENCE))
        state = None if tip is None or tip.state is None else decode(ChainState, tip.state)
        offences = {member.node: member.offences for member in state.members if member.offences} if state else {}
    return Chain(home.root.name, rounds, signed, tuple(row.envelope for row in rows), evidence, offences)


async def _all_rounds(store: Store, last: int) -> list:
    rows: list = []
    while not rows or rows[-1].height < last:
        found = await store.rounds.between(len(rows) + 1, last, states=False)
        if not found:
            break
        rows += found
    return rows


async def _all_envelopes(store: Store, height: int) -> list:
    rows: list = []
    while True:
        found = await store.envelopes.at(height, after=rows[-1].digest if rows else None)
        if not found:
            return rows
        rows += found


async def _round(store: Store, row) -> Round:
    found = await store.decisions.find(height=row.height, state=CandidateState.ACCEPTED)
    return Round(row.header_hash, row.certificate, tuple(item.decision.content for item in found))


def assert_no_slot_was_signed_twice(chains: Sequence[Chain]) -> None:
    """Over everything that any node holds, each sender has filled each slot with one message."""
    digests: dict[tuple[NodeId, str], set[Hash]] = {}
    for chain in chains:
        for slot, found in chain.signed.items():
            digests.setdefault(slot, set()).update(found)
    assert digests, "no message was found, so nothing was shown"
    twice = {slot: found for (_, slot), found in digests.items() if len(found) > 1}
    assert not twice
    assert [chain.evidence for chain in chains] == [0] * len(chains)
    assert [chain.offences for chain in chains] == [{}] * len(chains)


def assert_one_history(chains: Sequence[Chain]) -> None:
    """All nodes have certified the same rounds with the same rows.

    Nodes that are stopped, or read, one after the other may differ by the one round that became final meanwhile:
    a round goes on while evidence waits, also when every job has ended.
    """
    heads = [chain.head[0] for chain in chains]
    assert max(heads) - min(heads) <= 1, [(chain.node, chain.head) for chain in chains]
    for chain in chains:
        assert sorted(chain.rounds) == list(range(1, chain.head[0] + 1)), "heights without gaps"
    common = range(1, min(heads) + 1)
    histories = [[(chain.rounds[height].header, chain.rounds[height].rows) for height in common] for chain in chains]
    assert histories[0], "nothing was certified, so nothing was shown"
    for chain, history in zip(chains, histories, strict=True):
        assert history == histories[0], f"{chain.node} has certified other rounds than {chains[0].node}"


def identities(ground: Ground) -> list[NodeId]:
    """Who the nodes are by their folders."""
    return [IdentityStore(home.root).load().node for home in ground.homes]
