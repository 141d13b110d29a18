"""A whole swarm in one process: all real but the network, which is in memory, and the work, which is planted.

A `PlantedWorkshop` makes examples of known quality and rates them by it, so that a test knows what must come out. All
nodes share one `Truth`: which contents are good, and which probes hold.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

from consensus.draw import SlotContent
from consensus.genesis import Founder, Genesis
from consensus.params import MINIMAL, Preset
from consensus.types import CheckFact, Hash, JobId, NodeId, ProbeFinding, ProbeOpening, Rating, Shortfall, SlotOpening
from node.driver.driver import Driver, open_driver
from node.driver.member import FilledSlot
from node.identity import NodeKey
from node.identity.consent import give_consent
from node.network.memory import MemoryHub
from node.store import EXAMPLE, Store, open_store
from node.values.crate import CratePin
from node.values.example import CATEGORIES, body_hash, claim_in, content_hash
from node.values.job import JobSpec, Sampling
from node.wire import Domain, decode_message, seal_message


def key_of(number: int) -> NodeKey:
    return NodeKey(hashlib.sha256(b"test node %d" % number).digest())


COORDINATOR = key_of(1000)

# Five real stores in one process: a tenth of MAINNET's times where MINIMAL has a hundredth, and seconds for the dead.
PATIENT = replace(
    MINIMAL,
    times=replace(
        MINIMAL.times.scaled(10, 1), generate_ms=8_000, publish_ms=8_000, rate_ms=8_000, absent_ms=1_000, lag_ms=2_000
    ),
)

# The same with few tasks a round, so that a small job takes several rounds.
STEADY = replace(PATIENT, tasks_per_round=3)

# And with so much time for everything that only what is missing, never a slow machine, changes a round's course.
CALM = replace(PATIENT, times=MINIMAL.times.scaled(100, 1))


@dataclass
class Truth:
    """Quality of every content, in basis points, as planted by whoever made it."""

    quality: dict[bytes, int] = field(default_factory=dict)


class PlantedWorkshop:
    """Examples of planted quality, rated by it. `style` is how this node rates: honest, inverted, one, zero."""

    def __init__(self, key: NodeKey, store: Store, truth: Truth, style: str = "honest") -> None:
        self.key, self.store, self.truth, self.style = key, store, truth, style

    async def fill(self, order):
        filled = []
        for task, slot, rule in order.rules:
            spec = next(item for item in order.tasks if item.index == task)
            place = spec.generators.index(self.key.node)
            number = (spec.attempt * spec.slots + slot) * len(spec.generators) + place
            if number >= 12:
                continue
            filled.append(await self._slot(order.plan.height, spec, slot, rule, number))
        short = {task.index for task in order.tasks} - {item.opening.task for item in filled}
        return tuple(filled), tuple(Shortfall(task, "only twelve examples exist") for task in sorted(short))

    async def _slot(self, height, spec, slot, rule, number):
        bad = rule is SlotContent.BAD_PROBE or (rule is SlotContent.CANDIDATE and number % 4 == 3)
        text = f"{spec.crate}/{spec.category}/{number}/{rule.value}/{self.key.node.hex()}"
        content = self.content_of(spec, number, text)
        name = Hash(content_hash(content))
        self.truth.quality[name] = 1500 if bad else 8800 + number % 10 * 100
        await self.store.blobs.put(content, tag=EXAMPLE, expires=height)
        context = bytes([spec.index, slot]) + height.to_bytes(8, "big")
        probe = None
        if rule is not SlotContent.CANDIDATE:
            probe = ProbeOpening(good=rule is SlotContent.GOOD_PROBE, evidence=b"{}")
        pseudonym = self.key.derive_key("pseudonym", context)
        opening = SlotOpening(
            task=spec.index,
            slot=slot,
            pseudonym=pseudonym.node,
            content=name,
            body=body_hash(content),
            claim=claim_in(content),
            salt=self.key.derive_secret("slot-salt", context),
            probe=probe,
        )
        return FilledSlot(opening, pseudonym, content)

    def content_of(self, spec, number, text):
        """The candidate's bytes; here only its name."""
        return text.encode()

    async def rate(self, plan, candidates):
        await asyncio.sleep(0)
        return tuple(self._rating(task, content) for task, content in candidates)

    def _rating(self, task, content):
        quality = self.truth.quality[content]
        wobble = int.from_bytes(hashlib.sha256(self.key.node + content).digest()[:2], "big") % 600 - 300
        score = max(0, min(10_000, quality + wobble))
        score = {"honest": score, "inverted": 10_000 - score, "one": 10_000, "zero": 0}[self.style]
        return Rating(task, content, CheckFact.PASSED, (score, score, score, score))

    async def execute_probes(self, plan, openings):
        return tuple(
            ProbeFinding(opening.content, holds=(self.truth.quality[opening.content] > 5000) == opening.probe.good)
            for _, opening in openings
        )


def make_genesis(count: int, preset: Preset = MINIMAL, seed: bytes = b"\x07" * 32) -> Genesis:
    founders = sorted((Founder(key_of(n).node, f"owner-{n}") for n in range(count)), key=lambda item: item.node)
    return Genesis("test", preset.hash(), Hash(seed), tuple(founders), (COORDINATOR.node,))


def make_job(
    preset: Preset = MINIMAL, *, crates: int = 1, categories: int = 2, quota: int = 4, deadline: int = 1 << 40
) -> JobSpec:
    pins = tuple(
        CratePin(f"crate-{n}", "1.0.0", bytes([n + 1]) * 32, bytes([n + 101]) * 32, "MIT", "2021")
        for n in range(crates)
    )
    return JobSpec(
        title="test job",
        crates=pins,
        categories=CATEGORIES[:categories],
        quota=quota,
        generators=2,
        candidates=4,
        raters=5,
        accept_bp=7000,
        review_bp=5000,
        budget=10_000,
        deadline_unix_s=deadline,
        preset_hash=preset.hash(),
        sampling=Sampling(),
        prompt_set_digest=bytes(32),
    )


@dataclass
class SwarmNode:
    number: int
    key: NodeKey
    folder: Path
    owner: NodeKey | None = None
    """Of a newcomer that asks to become a member."""
    driver: Driver | None = None
    store: Store | None = None
    task: asyncio.Task | None = None


class Swarm:
    """`count` nodes on one hub. Use as an async context manager."""

    def __init__(
        self,
        folder: Path,
        count: int,
        *,
        hub: MemoryHub | None = None,
        preset: Preset = MINIMAL,
        styles=(),
        workshop=PlantedWorkshop,
        founders: int | None = None,
        owners: tuple[NodeId, ...] | None = None,
    ):
        """All of the nodes are founders, or the first `founders`: the others are not started by themselves."""
        self.workshop = workshop
        self.founders = count if founders is None else founders
        self.preset, self.genesis = preset, replace(make_genesis(self.founders, preset), owners=owners)
        self.hub = hub or MemoryHub(seed=1)
        self.truth = Truth()
        self.now_s = 1_000_000.0
        self.styles = dict(styles)
        self.nodes = [SwarmNode(n, key_of(n), folder / f"node-{n}") for n in range(count)]
        self.domain = Domain(self.genesis.network)

    async def __aenter__(self):
        for node in self.nodes[: self.founders]:
            await self.start(node)
        return self

    async def join(self, number: int, owner: NodeKey | None = None) -> SwarmNode:
        """Start a node that is no founder and asks to become a member, as its own owner or as another one's."""
        node = self.nodes[number]
        node.owner = owner or node.key
        await self.start(node)
        return node

    async def __aexit__(self, *_):
        for node in self.nodes:
            await self.stop(node)

    async def start(self, node: SwarmNode) -> None:
        node.store = await open_store(node.folder)
        network = self.hub.network(node.key.node)
        workshop = self.workshop(node.key, node.store, self.truth, self.styles.get(node.number, "honest"))
        node.driver = await open_driver(
            key=node.key,
            genesis=self.genesis,
            preset=self.preset,
            store=node.store,
            network=network,
            workshop=workshop,
            clock=lambda: self.now_s,
            consent=node.owner and give_consent(node.owner, node.key.node, self.genesis.network),
        )
        await network.start()
        node.task = asyncio.create_task(node.driver.run(), name=f"node-{node.number}")

    async def stop(self, node: SwarmNode) -> None:
        if node.task is None:
            return
        await node.driver.network.stop()
        node.task.cancel()
        await asyncio.gather(node.task, return_exceptions=True)
        await node.store.close()
        node.task = None

    async def submit(self, spec: JobSpec, node: int = 0) -> JobId:
        envelope = seal_message(self.domain, spec, COORDINATOR)
        return JobId((await self.nodes[node].driver.publish(envelope)).digest)

    def open(self, envelope: bytes):
        return decode_message(self.domain, envelope)

    def state(self, node: int = 0):
        return self.nodes[node].driver.member.state

    def job(self, job: JobId, node: int = 0):
        return next((item for item in self.state(node).jobs if item.terms.job == job), None)

    async def until(self, holds, *, within_s: float = 300.0) -> None:
        """Wait until it holds; the limit ends a hang."""
        async with asyncio.timeout(within_s):
            while not holds():  # noqa: ASYNC110 -- what holds is read from several nodes' states, none of which says so
                await asyncio.sleep(0.02)


def member_of(state, node: NodeId):
    return next(member for member in state.members if member.node == node)
