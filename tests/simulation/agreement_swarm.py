"""A seeded swarm of agreement machines: one height, a bad network, faulty and hostile members.

Everything that happens comes off one event queue, and every choice from one generator seeded by the schedule's
number, so a number names a schedule for good. Times are whole milliseconds of the queue's own clock.

Members are honest drivers around the shipped machine (`HonestMember`: they die in the middle of their acts and come
back from their disk) or adversaries (`agreement_adversaries`). The network loses, delays, reorders, doubles and splits
until `gst_ms`, and delivers within `delay_ms_max` from then on. What got lost is had again by asking a random peer. The
dead seem away to most members; until `gst_ms`, in some schedules, so do others.
"""

from __future__ import annotations

import heapq
import zlib
from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from consensus.agreement import (
    Accuse,
    Agreement,
    BuildHeader,
    CertificateReceived,
    CheckHeader,
    Decide,
    Effect,
    Event,
    HeaderBuilt,
    HeaderChecked,
    MembersAbsent,
    ProposalReceived,
    ReportFork,
    SendAgain,
    SetTimer,
    SignProposal,
    SignVote,
    Started,
    TimerFired,
    VoteReceived,
)
from consensus.certificate import header_hash
from consensus.committee import Committee
from consensus.draw import proposer
from consensus.errors import RefusedError
from consensus.evidence import prove_equivocation
from consensus.params import MAINNET
from consensus.types import Certificate, Hash, Header, Kind, NodeId, Proposal, Signed
from tests.support.agreement import (
    ATTESTATIONS,
    NETWORK,
    cheap_verify,
    make_header,
    make_plan,
    sign_proposal,
    sign_vote,
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
        self._proposers: dict[int, NodeId] = {}
        self._coins: dict[tuple[int, ...], bool] = {}
        self._spited: dict[int, Kind | None] = {}
        self._side = [self.random.random() < 0.5 for _ in self.nodes]

    def proposer(self, view: int) -> NodeId:
        """Whose turn a view is; adversaries can compute it too."""
        if view not in self._proposers:
            self._proposers[view] = proposer(Committee(self.plan.committee), self.plan.seed, view)
        return self._proposers[view]

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


class HonestMember:
    """The driver that `consensus.agreement.effects` asks for, with a disk, a fuse and a clock of its own.

    `fuse` counts down the moments between two small acts (take in, store, send, hand back): at zero the process dies on
    the spot and comes back some time later with what is on its disk.
    """

    hears_all = False

    def __init__(self, swarm: Swarm, index: int, *, signs: bool = True) -> None:
        self.swarm, self.index = swarm, index
        self.node: NodeId = swarm.nodes[index]
        self.signs = signs
        self.disk: dict[Hash, Signed[Any]] = {}
        self.slots: dict[object, Hash] = {}  # what was ever signed, by any process of this member
        self.certificate: Certificate | None = None
        self.fuse = -1
        self.life = 0  # which process of this member is running; those before are dead, with their timers
        self.up = False
        self._inbox: deque[Event] = deque()
        self._clock = swarm.random.uniform(0.9, 1.1)
        self._check_ms = swarm.random.choice((1, 20, 200, 3_000))
        self._senses = Random(f"{swarm.scenario.seed} {index}")  # apart: older schedules go on meaning what they did
        self._misses = self._senses.choice((0.0, 0.0, 0.1, 0.5))
        self.machine: Agreement

    def start(self) -> None:
        """Start the process, for the first time or again."""
        self.up = True
        self.life += 1
        self.machine = self.swarm.machine(
            network=NETWORK,
            plan=self.swarm.plan,
            preset=MAINNET,
            me=self.node if self.signs else None,
            stored=self.disk.values(),
            verify=cheap_verify,
        )
        if self.certificate is not None:
            self.handle(CertificateReceived(self.certificate))
            return
        self.handle(Started())
        if self.swarm.scenario.crashes == "single" and self.fuse < 0 and self.life <= 3:
            self.fuse = self.swarm.random.randrange(1, 200)
        self.swarm.at(self.swarm.random.randrange(1, ASK_EVERY_MS), self._ask, self.life)

    def receive(self, event: Event) -> None:
        if self.up:
            self.handle(event)

    def handle(self, event: Event) -> None:
        """Take in a fact and do what the machine asks, then what comes back of it."""
        life = self.life
        self._inbox.append(event)
        if len(self._inbox) > 1:
            return  # an act of ours came back; it has its turn when the acts before it are done
        while self._inbox and self.up and self.life == life:
            self._handle(self._inbox[0])
            if self._inbox:
                self._inbox.popleft()

    def _handle(self, event: Event) -> None:
        try:
            effects = self.machine.handle(event)
        except RefusedError as error:
            self.swarm.mark(self.index, error.rule)
            return
        if isinstance(event, (ProposalReceived, VoteReceived)):
            if self.burn():
                return
            self.disk[event.message.digest] = event.message
        if effects and self.burn():
            return
        self.swarm.mark(self.index, type(event).__name__, len(effects), self.machine.view, int(self.machine.step))
        for effect in effects:
            if not self.up:
                return
            self.perform(effect)

    def perform(self, effect: Effect) -> None:
        if isinstance(effect, SignVote):
            self.say(VoteReceived(sign_vote(self.node, effect.vote)))
        elif isinstance(effect, SetTimer):
            self.swarm.at(int(effect.after_ms * self._clock), self._ring, (self.life, TimerFired(effect.timer)))
        elif isinstance(effect, CheckHeader):
            self.swarm.at(self._check_ms, self._answer, (self.life, effect.proposal.header))
        elif isinstance(effect, Decide):
            self.certificate = effect.certificate
            self.decided(effect.certificate)
            if not self.burn():
                self.swarm.broadcast(self.index, CertificateReceived(effect.certificate))
        elif isinstance(effect, SignProposal):
            self.say(ProposalReceived(sign_proposal(self.node, effect.proposal)))
        elif isinstance(effect, SendAgain):
            self.swarm.broadcast(self.index, received(effect.message))
        elif isinstance(effect, BuildHeader):
            self.swarm.at(self._check_ms, self._build, (self.life, effect.view))
        elif isinstance(effect, Accuse):
            proof = prove_equivocation(effect.first, effect.second)
            self.swarm.outcome.accused.add(self.swarm.index[proof.offender])
        elif isinstance(effect, ReportFork):
            self.swarm.violate("agreement: a fork was reported")

    def say(self, event: ProposalReceived | VoteReceived) -> None:
        """Store, send to everybody, and take in what was sent; between any two of these the process may die."""
        slot = (event.message.kind, event.message.body.view)
        if self.slots.setdefault(slot, event.message.digest) != event.message.digest:
            self.swarm.violate(f"member {self.index} signed two messages for one slot")
        self.disk[event.message.digest] = event.message
        if self.burn():
            return
        self.swarm.broadcast(self.index, event)
        if not self.burn():
            self.handle(event)

    def decided(self, certificate: Certificate) -> None:
        outcome = self.swarm.outcome
        outcome.decided.setdefault(self.index, header_hash(certificate.header))
        outcome.decided_ms = self.swarm.now_ms
        outcome.views = max(outcome.views, certificate.view + 1)
        self.swarm.mark(self.index, "decided", certificate.view)

    def burn(self) -> bool:
        """Whether the process has just died."""
        self.fuse -= 1
        if self.fuse == 0:
            self.kill(20_000)
        return not self.up

    def kill(self, back_ms_max: int) -> None:
        """Die now, whatever is being done, and come back within a while."""
        self.up = False
        self._inbox.clear()
        self.swarm.outcome.restarts += 1
        self.swarm.mark(self.index, "killed")
        self.swarm.at(self.swarm.random.randrange(1, back_ms_max), self.come_back, None)

    def come_back(self, _: None) -> None:
        self.start()

    def _ring(self, due: tuple[int, TimerFired]) -> None:
        if self.up and due[0] == self.life:
            self.handle(due[1])

    def _answer(self, due: tuple[int, Header]) -> None:
        if self.up and due[0] == self.life:
            name = header_hash(due[1])
            self.handle(HeaderChecked(name, valid=name not in self.swarm.invalid))

    def _build(self, due: tuple[int, int]) -> None:
        life, view = due
        if self.up and life == self.life:
            self.handle(HeaderBuilt(view, self.make_header(view), ATTESTATIONS))

    def make_header(self, view: int) -> Header:
        return make_header(self.node, view)

    def _ask(self, life: int) -> None:
        """Have a random peer send what it holds and we do not: after a crash, a loss, or what had no room before."""
        if not self.up or life != self.life or self.certificate is not None:
            return
        self.handle(MembersAbsent(self._away()))
        if not self.up:
            return
        peer = self.swarm.members[self.swarm.random.randrange(len(self.swarm.members))]
        if peer is not self and isinstance(peer, HonestMember) and peer.up:
            self._be_sent(peer)
        self.swarm.at(ASK_EVERY_MS, self._ask, self.life)

    def _away(self) -> frozenset[NodeId]:
        """Of whom this member thinks that it has heard nothing."""
        wrong = self._misses if self.swarm.now_ms < self.swarm.scenario.gst_ms else 0.0
        chances = [wrong if getattr(member, "up", True) else 0.9 for member in self.swarm.members]
        away = {node for node, chance in zip(self.swarm.nodes, chances, strict=True) if self._senses.random() < chance}
        return frozenset(away - {self.node})

    def _be_sent(self, peer: HonestMember) -> None:
        if peer.certificate is not None:
            self.swarm.send(peer.index, self.index, CertificateReceived(peer.certificate))
            return
        held = {message.digest for message in self.machine.messages()}
        for message in peer.machine.messages():
            if message.digest not in held:
                self.swarm.send(peer.index, self.index, received(message))
