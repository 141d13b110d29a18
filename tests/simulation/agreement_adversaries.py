"""Faulty and hostile members of a simulated swarm. They see every message that reaches them and may sign anything.

Each class is one behaviour; `BEHAVIOURS` names them. None can forge a signature or change another's message: that is
what envelopes are for, and they are tested elsewhere.
"""

from __future__ import annotations

from consensus.agreement import Event, HeaderChecked, ProposalReceived, VoteReceived
from consensus.certificate import header_hash
from consensus.types import Hash, Header, Proposal, Vote, VotePhase
from tests.simulation.agreement_member import HonestMember
from tests.simulation.agreement_swarm import Swarm
from tests.support.agreement import ATTESTATIONS, make_header, sign_proposal, sign_vote

FAR_VIEWS = 12
"""How far ahead of the views it has seen an adversary acts; beyond, nobody would listen."""


class Crasher(HonestMember):
    """Dies at some point and never comes back."""

    def start(self) -> None:
        super().start()
        self.fuse = self.swarm.random.randrange(1, 120)

    def come_back(self, _: None) -> None:
        pass


class Diskless(HonestMember):
    """Loses its disk in a crash and comes back as one that must not sign: it may have voted before."""

    def start(self) -> None:
        super().start()
        if self.life == 1:
            self.fuse = self.swarm.random.randrange(1, 120)

    def come_back(self, _: None) -> None:
        self.disk.clear()
        self.slots.clear()
        self.certificate = None
        self.signs = False
        self.start()


class Amnesiac(Diskless):
    """Loses its disk and comes back as if nothing had been."""

    def come_back(self, _: None) -> None:
        super().come_back(_)
        self.life += 1
        self.signs = True
        self.start()


class LateProposer(HonestMember):
    """Sends its first proposal to some, and dies."""

    def say(self, event: ProposalReceived | VoteReceived) -> None:
        if isinstance(event, ProposalReceived):
            for receiver in range(len(self.swarm.nodes)):
                if receiver != self.index and self.swarm.random.random() < 0.5:
                    self.swarm.send(self.index, receiver, event)
            self.up = False
        else:
            super().say(event)


class Chooser(HonestMember):
    """Follows the protocol, but what it says reaches only whom it picks, and those late."""

    def say(self, event: ProposalReceived | VoteReceived) -> None:
        share = self.swarm.random.choice((0.0, 0.2, 0.5, 0.9))
        for receiver in range(len(self.swarm.nodes)):
            if receiver != self.index and self.swarm.random.random() < share:
                self.swarm.at(self.swarm.random.randrange(0, 12_000), self.swarm.members[receiver].receive, event)
        self.handle(event)


class Liar(HonestMember):
    """Proposes headers that do not follow from their inputs, and says of every header the contrary of what is true."""

    def make_header(self, view: int) -> Header:
        header = make_header(self.node, view, "false")
        self.swarm.invalid.add(header_hash(header))
        return header

    def handle(self, event: Event) -> None:
        if isinstance(event, HeaderChecked):
            event = HeaderChecked(event.header, valid=not event.valid)
        super().handle(event)


class Adversary:
    """Hears everything at once, whatever the network does to others, and is heard by whom it likes.

    Acts once in each view it hears of; what it does there is the subclass's.
    """

    hears_all = True

    def __init__(self, swarm: Swarm, index: int) -> None:
        self.swarm, self.index = swarm, index
        self.node = swarm.nodes[index]
        self.headers: dict[Hash, Header] = {}
        self._views: set[int] = set()
        self._delay_ms_max = swarm.random.choice((20, 300, 2_000, 15_000))

    def start(self) -> None:
        self._enter(0)

    def receive(self, event: Event) -> None:
        if isinstance(event, ProposalReceived):
            proposal = event.message.body
            self.headers[header_hash(proposal.header)] = proposal.header
            self._enter(proposal.view)
        elif isinstance(event, VoteReceived):
            self._enter(event.message.body.view)

    def _enter(self, view: int) -> None:
        if view not in self._views and view < len(self._views) + FAR_VIEWS:
            self._views.add(view)
            self.swarm.at(self.swarm.random.randrange(1, self._delay_ms_max), self.act, view)
            if self.swarm.proposer(view) == self.node:
                self.propose(view)

    def propose(self, view: int) -> None:
        """Say nothing: a silent proposer."""

    def act(self, view: int) -> None:
        """Some time after the view was heard of."""

    def vote(self, receiver: int, view: int, phase: VotePhase, header: Hash | None) -> None:
        self.tell(receiver, VoteReceived(sign_vote(self.node, Vote(1, view, phase, header))))

    def tell(self, receiver: int, event: Event) -> None:
        self.swarm.at(1, self.swarm.members[receiver].receive, event)

    def peers(self) -> list[int]:
        return [receiver for receiver in range(len(self.swarm.nodes)) if receiver != self.index]


class NilVoter(Adversary):
    """Votes nil, always, to everybody."""

    def act(self, view: int) -> None:
        for receiver in self.peers():
            for phase in VotePhase:
                self.vote(receiver, view, phase, None)


class Equivocator(Adversary):
    """Proposes several headers, new and old, with true and false claims, and votes for all that is going."""

    def propose(self, view: int) -> None:
        random = self.swarm.random
        for number in range(random.randrange(1, 6)):
            header, since = self._pick_header(view, number), -1
            if view and random.random() < 0.4:
                since = random.randrange(view)
            message = sign_proposal(self.node, Proposal(view, since, header, ATTESTATIONS))
            self.headers[header_hash(header)] = header
            for receiver in self.peers():
                if random.random() < 0.6:
                    self.tell(receiver, ProposalReceived(message))

    def _pick_header(self, view: int, number: int) -> Header:
        random = self.swarm.random
        if self.headers and random.random() < 0.4:
            return random.choice(list(self.headers.values()))
        header = make_header(self.node, view, str(number))
        if random.random() < 0.4:
            self.swarm.invalid.add(header_hash(header))
        return header

    def act(self, view: int) -> None:
        random = self.swarm.random
        choices: list[Hash | None] = [None, *self.headers]
        for receiver in self.peers():
            for phase in VotePhase:
                for _ in range(random.choice((0, 1, 1, 2))):
                    self.vote(receiver, view, phase, random.choice(choices))
        if random.random() < 0.3:
            self.swarm.at(random.randrange(1, 10_000), self.act, view)


class Flooder(Equivocator):
    """Fills its slots at everybody with votes for headers that do not exist, then votes like an equivocator."""

    def act(self, view: int) -> None:
        for receiver in self.peers():
            for phase in VotePhase:
                for number in range(4):
                    junk = header_hash(make_header(self.node, view, f"junk {receiver % 2} {number}"))
                    self.vote(receiver, view, phase, junk)
        self.swarm.at(self.swarm.random.randrange(500, 5_000), super().act, view)


class Mirror(Adversary):
    """Agrees with everybody: tells each member that it prevotes as that member does, and some that it precommits so.

    With every quorum it completes it tries to make two halves decide differently, or one member decide alone.
    """

    def __init__(self, swarm: Swarm, index: int) -> None:
        super().__init__(swarm, index)
        self._agrees = swarm.random.random() < 0.5

    def propose(self, view: int) -> None:
        splits = self.swarm.random.random() < 0.5
        since = self.swarm.random.choice((-1, view - 1))
        for receiver in self.peers():
            header = make_header(self.node, view, f"side {splits and self.swarm.side(receiver)}")
            message = sign_proposal(self.node, Proposal(view, since, header, ATTESTATIONS))
            self.tell(receiver, ProposalReceived(message))

    def receive(self, event: Event) -> None:
        super().receive(event)
        if not isinstance(event, VoteReceived) or event.message.body.header is None:
            return
        vote, receiver = event.message.body, self.swarm.index[event.message.sender]
        self.vote(receiver, vote.view, VotePhase.PREVOTE, vote.header)
        agrees = self.swarm.favours(vote.view, receiver) or self._agrees
        self.vote(receiver, vote.view, VotePhase.PRECOMMIT, vote.header if agrees else None)


BEHAVIOURS = {
    "crash": Crasher,
    "diskless": Diskless,
    "amnesia": Amnesiac,
    "late proposer": LateProposer,
    "choosy": Chooser,
    "liar": Liar,
    "nil voter": NilVoter,
    "equivocator": Equivocator,
    "flooder": Flooder,
    "mirror": Mirror,
}
