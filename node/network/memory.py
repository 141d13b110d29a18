"""A network inside one process, as good or as bad as a test wants it: the simulation's wire.

A `MemoryHub` joins any number of nodes. Loss, delay, duplication and reordering come from one seeded generator, time
from the running event loop; under `virtual_time.run` the same seed gives the same run, to the last message, and takes
no wall-clock time. Partitions and crashes are orders to the hub.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection
from dataclasses import dataclass

from consensus.types import NodeId
from node.network.handlers import Handlers, Tally, check_request
from node.network.interface import (
    GossipHandler,
    Network,
    NetworkHealth,
    NoAnswerError,
    PeerInfo,
    RequestHandler,
    UnreachableError,
)


@dataclass(frozen=True, slots=True)
class LinkConditions:
    """How badly messages travel. Probabilities in [0, 1], times in seconds."""

    loss: float = 0.0
    """That a gossip message does not reach one of its receivers, or that one direction of a request is lost."""
    delay_min_s: float = 0.0
    delay_max_s: float = 0.0
    """Each message takes a time drawn evenly between the two; unequal times alone already reorder."""
    duplication: float = 0.0
    """That a gossip message arrives a second time."""
    reordering: float = 0.0
    """That a gossip message is held back for `reordering_s` more, so that later ones overtake it."""
    reordering_s: float = 1.0

    def __post_init__(self) -> None:
        shares = (self.loss, self.duplication, self.reordering)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"probabilities lie in [0, 1]: {shares}")
        if not 0 <= self.delay_min_s <= self.delay_max_s or self.reordering_s < 0:
            raise ValueError("delays are not negative and the smallest comes first")


PERFECT = LinkConditions()
"""Everything arrives at once, once and in order."""


class MemoryHub:
    """Joins nodes. Belongs to one event loop."""

    def __init__(self, *, seed: int = 0, conditions: LinkConditions = PERFECT) -> None:
        """Create an empty hub whose chances all follow from `seed`."""
        self.conditions = conditions
        self._random = random.Random(seed)  # noqa: S311 - a simulation repeats itself; nothing secret hangs on it
        self._nodes: dict[NodeId, MemoryNetwork] = {}
        self._side: dict[NodeId, int] = {}
        self._cut: set[frozenset[NodeId]] = set()

    def network(self, node: NodeId) -> MemoryNetwork:
        """A network for `node`; a node that comes back after a crash asks again and takes its own place."""
        earlier = self._nodes.get(node)
        if earlier is not None and earlier.running:
            raise ValueError(f"node {node.hex()[:8]} is already on this hub")
        self._nodes[node] = network = MemoryNetwork(self, node)
        return network

    def partition(self, *groups: Collection[NodeId]) -> None:
        """Split: only members of one group reach each other; nodes in no group form one more. Replaces the last."""
        self._side = {node: number for number, group in enumerate(groups, start=1) for node in group}

    def cut(self, one: NodeId, other: NodeId) -> None:
        """Break the link between two nodes until `heal`."""
        self._cut.add(frozenset((one, other)))

    def heal(self) -> None:
        """Undo every `partition` and `cut`."""
        self._side.clear()
        self._cut.clear()

    def crash(self, node: NodeId) -> None:
        """Kill -9: handlers stop in mid-word, nothing is said to anybody, what is under way to it is lost."""
        self._nodes[node].crash()

    def reaches(self, sender: NodeId, receiver: NodeId) -> bool:
        """Whether a message sent now would find its way, loss aside."""
        return (
            receiver in self._nodes
            and self._nodes[receiver].running
            and self._side.get(sender, 0) == self._side.get(receiver, 0)
            and frozenset((sender, receiver)) not in self._cut
        )

    def spread(self, sender: NodeId, topic: str, data: bytes) -> None:
        """Put a gossip message on its way to every other node."""
        for receiver in tuple(self._nodes):
            if receiver == sender or not self.reaches(sender, receiver):
                continue
            copies = 1 + self._chance(self.conditions.duplication)
            for _ in range(copies):
                if not self._chance(self.conditions.loss):
                    self._send(sender, self._nodes[receiver], topic, data)

    def _send(self, sender: NodeId, receiver: MemoryNetwork, topic: str, data: bytes) -> None:
        delay_s = self._delay_s()
        if self._chance(self.conditions.reordering):
            delay_s += self.conditions.reordering_s

        def arrive() -> None:
            # Asked again on arrival: a link that was cut meanwhile delivers nothing.
            if self.reaches(sender, receiver.node):
                receiver.arrive(sender, topic, data)

        asyncio.get_running_loop().call_later(delay_s, arrive)

    async def carry(self, asker: NodeId, peer: NodeId, protocol: str, data: bytes) -> bytes:
        """One request and its answer, as far as they get.

        Raises:
            UnreachableError: There is no way to the peer, or it crashed before it answered.
            RefusedError: Its handler refused.
        """
        if not self.reaches(asker, peer):
            raise UnreachableError(f"no way to node {peer.hex()[:8]}")
        server = self._nodes[peer]
        await self._travel(asker, peer)
        answer = await server.answer(asker, protocol, data)
        await self._travel(peer, asker)
        return answer

    async def _travel(self, sender: NodeId, receiver: NodeId) -> None:
        lost = self._chance(self.conditions.loss)
        await asyncio.sleep(self._delay_s())
        if lost or not self.reaches(sender, receiver):
            await asyncio.get_running_loop().create_future()  # silence; the asker's own limit ends it

    def _chance(self, share: float) -> bool:
        # Nothing is drawn for what cannot happen, so that perfect links share their runs whatever else is tried.
        return share > 0 and self._random.random() < share

    def _delay_s(self) -> float:
        low, high = self.conditions.delay_min_s, self.conditions.delay_max_s
        return low if low == high else self._random.uniform(low, high)

    def members(self) -> tuple[NodeId, ...]:
        """Every node that ever joined, sorted."""
        return tuple(sorted(self._nodes))


class MemoryNetwork(Network):
    """One node's `Network` on a `MemoryHub`."""

    def __init__(self, hub: MemoryHub, node: NodeId) -> None:
        """Made by `MemoryHub.network`."""
        self.node = node
        self.running = False
        self._hub = hub
        self._tally = Tally()
        self._handlers = Handlers(self._tally)
        self._answers: dict[asyncio.Task[bytes], asyncio.Future[bytes]] = {}

    async def start(self) -> None:
        """Join the hub."""
        self.running = True

    async def stop(self) -> None:
        """Leave the hub; requests being answered end unanswered."""
        self.crash()

    def crash(self) -> None:
        """Stop without a word."""
        self.running = False
        for task, waiting in tuple(self._answers.items()):
            task.cancel()
            if not waiting.done():
                waiting.set_exception(UnreachableError(f"node {self.node.hex()[:8]} went away"))

    def subscribe(self, topic: str, handler: GossipHandler) -> None:
        """See `Network.subscribe`."""
        self._handlers.subscribe(topic, handler)

    def serve(self, protocol: str, handler: RequestHandler) -> None:
        """See `Network.serve`."""
        self._handlers.serve(protocol, handler)

    async def publish(self, topic: str, data: bytes) -> None:
        """See `Network.publish`."""
        self._handlers.check_gossip(topic, data)
        if not self.running:
            self._tally.drop("gossip-not-running")
            return
        self._tally.gossip_sent += 1
        self._hub.spread(self.node, topic, data)

    def arrive(self, sender: NodeId, topic: str, data: bytes) -> None:
        """A gossip message has come; what nobody here subscribed to is no fault."""
        if topic in self._handlers.topics:
            self._handlers.deliver(sender, topic, data)

    async def request(self, peer: NodeId, protocol: str, data: bytes, *, timeout_s: float) -> bytes:
        """See `Network.request`."""
        check_request(protocol, data, timeout_s)
        if not self.running:
            raise UnreachableError("this node's network is not running")
        try:
            async with asyncio.timeout(timeout_s):
                return await self._hub.carry(self.node, peer, protocol, data)
        except TimeoutError:
            raise NoAnswerError(f"no answer to {protocol} from {peer.hex()[:8]} within {timeout_s} s") from None

    async def answer(self, asker: NodeId, protocol: str, data: bytes) -> bytes:
        """Answer in a task of this node's own, so that an impatient asker does not stop the work.

        Raises:
            UnreachableError: This node crashed before it was done.
            RefusedError: See `Handlers.answer`.
        """
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(self._handlers.answer(asker, protocol, data))
        self._answers[task] = waiting
        task.add_done_callback(self._hand_over)
        return await waiting

    def _hand_over(self, task: asyncio.Task[bytes]) -> None:
        waiting = self._answers.pop(task)
        if task.cancelled():
            return
        error = task.exception()
        if waiting.done():
            return
        if error is None:
            waiting.set_result(task.result())
        else:
            waiting.set_exception(error)

    def add_address(self, node: NodeId, address: str, *, source: str) -> None:
        """Nothing to learn: everybody on a hub is known to everybody."""

    def peers(self) -> tuple[PeerInfo, ...]:
        """See `Network.peers`."""
        return tuple(self._info(node) for node in self._hub.members() if node != self.node)

    def _info(self, node: NodeId) -> PeerInfo:
        connected = self.running and self._hub.reaches(self.node, node)
        return PeerInfo(node, (), connected, via="memory" if connected else "", source="memory")

    def health(self) -> NetworkHealth:
        """See `Network.health`."""
        linked = sum(peer.connected for peer in self.peers())
        summary = f"in memory, {linked} of {len(self.peers())} peers reached" if self.running else "not running"
        return self._tally.health(running=self.running, summary=summary)
