"""A seeded swarm of agreement machines: one height, a bad network, faulty and hostile members.

Everything that happens comes off one event queue, and every choice from one generator seeded by the schedule's
number, so a number names a schedule for good. Times are whole milliseconds of the queue's own clock.

Members are honest drivers around the shipped machine (`agreement_member`: they die in the middle of their acts and come
back from their disk) or adversaries (`agreement_adversaries`). The network loses, delays, reorders, doubles and splits
until `gst_ms`, and delivers within `delay_ms_max` from then on. What got lost is had again by asking a random peer.
"""

from __future__ import annotations

import heapq
import zlib
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from consensus.agreement import (
    Agreement,
    CertificateReceived,
    Event,
    ProposalReceived,
    VoteReceived,
)
from consensus.committee import Committee
from consensus.draw import proposer
from consensus.types import Hash, Kind, NodeId, Proposal, Signed
from tests.support.agreement import (
    make_plan,
)

HORIZON_MS = 3_600_000
"""A schedule that is not decided by then counts as not terminated; the slowest seen take a few minutes."""

ASK_EVERY_MS = 2_000
"""How often an undecided member asks a random peer for what it lacks."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is drawn for one schedule before it starts."""

    seed: int
    weights: tuple[int, ...]
    faulty: dict[int, str]
    """Behaviour by member; all others are honest. Their weight is below one third."""
    network: str
    gst_ms: int
    loss: float
    delay_ms_max: int
    crashes: str
    """`none`; `single`, honest members die one by one; or `power cut`, all at once; they come back."""


@dataclass(slots=True)
class Outcome:
    """What one schedule showed."""

    scenario: Scenario
    decided: dict[int, Hash] = field(default_factory=dict)
    """Header hash by honest member."""
    decided_ms: int = 0
    views: int = 0
    """Views that the decision took."""
    messages: int = 0
    accused: set[int] = field(default_factory=set)
    """Members that somebody accused with proof."""
    exposed: set[int] = field(default_factory=set)
    """Members of which honest members hold two messages for one slot."""
    restarts: int = 0
    violations: list[str] = field(default_factory=list)
    fingerprint: int = 0
    """Checksum of everything that happened, in order."""


class Member(Protocol):
    """Somebody with a seat, as the swarm sees it."""

    hears_all: bool
    """Whether messages to it are never lost or late."""

    def start(self) -> None: ...

    def receive(self, event: Event) -> None: ...


class Swarm:
    """The queue, the network, and what every member can see of the world."""

    def __init__(self, scenario: Scenario, machine: type[Agreement] = Agreement) -> None:
        self.scenario = scenario
        self.machine = machine
        self.random = Random(scenario.seed)
        self.plan = make_plan(scenario.weights, seed=scenario.seed)
        self.nodes = [seat.node for seat in self.plan.committee]
        self.index = {node: index for index, node in enumerate(self.nodes)}
        self.outcome = Outcome(scenario)
        self.members: list[Any] = []
        self.invalid: set[Hash] = set()
        self.now_ms = 0
        self._queue: list[tuple[int, int, Any, Any]] = []
        self._count = 0
        self._guesses = Random(f"absences {scenario.seed}")
        self._proposers: dict[int, NodeId] = {}
        self._coins: dict[tuple[int, ...], bool] = {}
        self._spited: dict[int, Kind | None] = {}
        self._side = [self.random.random() < 0.5 for _ in self.nodes]

    def proposer(self, view: int) -> NodeId:
        """Whose turn a view is; adversaries can compute it too."""
        if view not in self._proposers:
            self._proposers[view] = proposer(Committee(self.plan.committee), self.plan.seed, view)
        return self._proposers[view]

    def absent(self, of: int) -> frozenset[NodeId]:
        """Who seems away to a member: until the network heals anybody, then who is down; of the faulty anybody."""
        healed = self.now_ms >= self.scenario.gst_ms

        def seems_away(index: int) -> bool:
            if healed and index not in self.scenario.faulty:
                return not self.members[index].up
            return self._guesses.random() < 0.4

        return frozenset(node for index, node in enumerate(self.nodes) if index != of and seems_away(index))

    def at(self, delay_ms: int, act: Any, argument: Any) -> None:
        """Call `act(argument)` after a while."""
        self._count += 1
        heapq.heappush(self._queue, (self.now_ms + delay_ms, self._count, act, argument))

    def send(self, sender: int, receiver: int, event: Event) -> None:
        """Try to deliver a message: not at all, once or twice, some time."""
        self.outcome.messages += 1
        scenario, random = self.scenario, self.random
        deliver = self.members[receiver].receive
        if self.members[receiver].hears_all:
            self.at(1, deliver, event)
            return
        if self.now_ms < scenario.gst_ms and (random.random() < scenario.loss or self._cuts(sender, receiver, event)):
            return
        self.at(1 + int(random.random() * scenario.delay_ms_max), deliver, event)
        if random.random() < 0.05:
            self.at(1 + int(random.random() * 10 * scenario.delay_ms_max), deliver, event)

    def _cuts(self, sender: int, receiver: int, event: Event) -> bool:
        """Whether the network, before it heals, keeps this message from this receiver."""
        kind = self.scenario.network
        if kind == "partition":
            return self._side[sender] != self._side[receiver]
        if kind == "shifting":
            era = self.now_ms // 7_000
            return self._draw(era, sender) != self._draw(era, receiver)
        if kind == "spiteful":
            return self._is_spited(sender, receiver, event)
        return False

    def _is_spited(self, sender: int, receiver: int, event: Event) -> bool:
        """The network reads along: who has decided is cut off, and of some views one kind reaches one member only."""
        if sender in self.outcome.decided or isinstance(event, CertificateReceived):
            return True
        assert isinstance(event, (ProposalReceived, VoteReceived))
        kind, view = event.message.kind, event.message.body.view
        if view not in self._spited:
            self._spited[view] = self.random.choice((None, Kind.PROPOSAL, Kind.PREVOTE, Kind.PRECOMMIT))
        if kind is not self._spited[view] or self.favours(view, receiver):
            return False
        return self._draw(view, sender, receiver)

    def favours(self, view: int, receiver: int) -> bool:
        """Whether a spiteful network lets this member, and hardly another, hear all of this view."""
        return receiver == (self.scenario.seed + view) % len(self.nodes)

    def side(self, member: int) -> bool:
        """On which side of a partition a member is."""
        return self._side[member]

    def _draw(self, *what: int) -> bool:
        """A coin for each thing, thrown once."""
        if what not in self._coins:
            self._coins[what] = self.random.random() < 0.5
        return self._coins[what]

    def broadcast(self, sender: int, event: Event) -> None:
        for receiver in range(len(self.nodes)):
            if receiver != sender:
                self.send(sender, receiver, event)

    def mark(self, *facts: object) -> None:
        """Add something that happened to the fingerprint."""
        self.outcome.fingerprint = zlib.crc32(repr((self.now_ms, facts)).encode(), self.outcome.fingerprint)

    def violate(self, what: str) -> None:
        self.outcome.violations.append(f"{what} at {self.now_ms} ms")

    def run(self) -> Outcome:
        for member in self.members:
            member.start()
        if self.scenario.crashes == "power cut":
            for _ in range(self.random.randrange(1, 4)):
                self.at(self.random.randrange(1, 30_000), self._cut_power, None)
        waiting = {index for index in range(len(self.nodes)) if index not in self.scenario.faulty}
        while self._queue and not waiting <= self.outcome.decided.keys():
            self.now_ms, _, act, argument = heapq.heappop(self._queue)
            if self.now_ms > HORIZON_MS:
                self.violate(f"not terminated: {sorted(waiting - self.outcome.decided.keys())}")
                break
            act(argument)
        self._judge()
        return self.outcome

    def _cut_power(self, _: None) -> None:
        for index, member in enumerate(self.members):
            if index not in self.scenario.faulty and member.up:
                member.kill(2_000)

    def _judge(self) -> None:
        """Exchange all that honest members hold, then look at what they decided and whom they accused."""
        outcome, faulty = self.outcome, self.scenario.faulty.keys()
        honest = [member for index, member in enumerate(self.members) if index not in faulty]
        held = {message.digest: message for member in honest for message in member.machine.messages()}
        for member in honest:
            if not member.up:
                member.start()
            for digest in sorted(held.keys() - {message.digest for message in member.machine.messages()}):
                member.handle(received(held[digest]))
        slots: dict[object, Hash] = {}
        for message in held.values():
            slot = (message.sender, message.kind, message.body.view)
            if slots.setdefault(slot, message.digest) != message.digest:
                outcome.exposed.add(self.index[message.sender])
        if len(set(outcome.decided.values())) > 1:
            self.violate("agreement: two headers decided")
        if self.invalid.intersection(outcome.decided.values()):
            self.violate("validity: an invalid header decided")
        if outcome.exposed - faulty:
            self.violate(f"honest members signed twice: {sorted(outcome.exposed - faulty)}")
        if outcome.accused - faulty:
            self.violate(f"honest members framed: {sorted(outcome.accused - faulty)}")
        if outcome.exposed - outcome.accused:
            self.violate(f"signed twice and not accused: {sorted(outcome.exposed - outcome.accused)}")


def received(message: Signed[Any]) -> ProposalReceived | VoteReceived:
    """A message on its way, as the event it will be."""
    return ProposalReceived(message) if isinstance(message.body, Proposal) else VoteReceived(message)
