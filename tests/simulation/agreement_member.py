"""An honest member of a seeded swarm: the shipped agreement machine with a disk, a clock and a fuse of its own."""

from __future__ import annotations

from collections import deque
from typing import Any

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
from consensus.errors import RefusedError
from consensus.evidence import prove_equivocation
from consensus.params import MAINNET
from consensus.types import Certificate, Hash, Header, NodeId, Signed
from tests.simulation.agreement_swarm import ASK_EVERY_MS, Swarm, received
from tests.support.agreement import ATTESTATIONS, NETWORK, cheap_verify, make_header, sign_proposal, sign_vote


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
        if self.swarm.scenario.seed % 4 == 0:  # In the others everybody is waited for, as in the paper.
            self.handle(MembersAbsent(self.swarm.absent(self.index)))
        peer = self.swarm.members[self.swarm.random.randrange(len(self.swarm.members))]
        if peer is not self and isinstance(peer, HonestMember) and peer.up:
            self._be_sent(peer)
        self.swarm.at(ASK_EVERY_MS, self._ask, self.life)

    def _be_sent(self, peer: HonestMember) -> None:
        if peer.certificate is not None:
            self.swarm.send(peer.index, self.index, CertificateReceived(peer.certificate))
            return
        held = {message.digest for message in self.machine.messages()}
        for message in peer.machine.messages():
            if message.digest not in held:
                self.swarm.send(peer.index, self.index, received(message))
