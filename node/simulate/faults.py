"""Members that do harm, each in one way. They may sign anything with their own keys, and nothing with others'."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from consensus import round as rd
from consensus.draw import SlotContent
from consensus.encoding import hash_value
from consensus.openings import probe_alpha
from consensus.types import (
    Attestation,
    CandidateCommit,
    CheckFact,
    GeneratorReveal,
    Hash,
    Kind,
    NodeId,
    Proposal,
    Rating,
    RatingCommit,
    RatingReveal,
    RoundPlan,
    SlotOpening,
    Vote,
    VotePhase,
)
from consensus.vrf import prove
from node.identity import NodeKey
from node.pipeline.effects import FillSlots, Message
from node.simulate import opinions
from node.simulate.catching_up import CatchingUp
from node.simulate.disks import Disk
from node.simulate.members import SimulatedMember
from node.simulate.opinions import Opinion
from node.simulate.surroundings import Answer, Peer, Surroundings
from node.simulate.timing import Drifter, LateCopier, LateThief, Rusher


class Dishonest(SimulatedMember):
    """Keeps to the protocol and lies in its ratings."""


def dishonest(name: str, said: Opinion) -> type[SimulatedMember]:
    """A member that rates like this."""
    return type(name, (Dishonest,), {"kind": name, "opinion": staticmethod(said)})


class DishonestProbeMaker(SimulatedMember):
    """Opens bad code as a good probe and good code as a bad one, with evidence that does not hold."""

    kind = "probe-maker"

    def make(self, plan: RoundPlan, task: int, slot: int, rule: SlotContent) -> SlotOpening:
        """Fill the slot, and make a probe the contrary of what it claims."""
        opening = super().make(plan, task, slot, rule)
        if opening.probe is not None:
            self.plant(opening.content, not opening.probe.good)
        return opening


class Gang(SimulatedMember):
    """Lies about facts, and only where its friends are most of a task's raters: nothing contradicts it there.

    The plan tells beforehand who sits where. Everywhere else it is honest, so that no record of its tells on it.
    """

    said = CheckFact.FAILED
    """Of what strangers made."""

    def __init__(self, swarm: Surroundings, index: int, key: NodeKey) -> None:
        super().__init__(swarm, index, key)
        self._taken_over: set[int] = set()

    def _rate(self, effect: rd.RateCandidates) -> None:
        plan, friends = self.pipeline.plan(effect.height), self.swarm.friends
        tasks = () if plan is None else plan.tasks
        self._taken_over = {task.index for task in tasks if 2 * len(friends & set(task.raters)) > len(task.raters)}
        super()._rate(effect)

    def rate(self, task: int, content: Hash) -> Rating:
        """Say what ends a stranger's candidate, where friends say it too."""
        if task in self._taken_over and self.swarm.truth.planted[content].generator not in self.swarm.friends:
            return Rating(task, content, self.said, (0, 0, 0, 0))
        return super().rate(task, content)


class CheckGang(Gang):
    """Has seen checks fail that pass."""

    kind = "check-gang"


class FetchGang(Gang):
    """Could not fetch what is at hand."""

    kind = "fetch-gang"
    said = CheckFact.UNAVAILABLE


class Withholder(SimulatedMember):
    """Commits like everybody and reveals nothing."""

    kind = "withholder"

    def say(self, body: Any) -> None:
        """Say it, unless it reveals something."""
        if not isinstance(body, RatingReveal | GeneratorReveal):
            super().say(body)


class LateRevealer(SimulatedMember):
    """Reveals when everybody else's reveals are read and the time is up."""

    kind = "late-revealer"

    def say(self, body: Any) -> None:
        """Say it, a reveal too late."""
        if isinstance(body, RatingReveal | GeneratorReveal):
            times = self.swarm.preset.times
            self.later(times.reveal_ms + times.unmask_ms, lambda: super(LateRevealer, self).say(body))
        else:
            super().say(body)


class Equivocator(SimulatedMember):
    """Signs two of everything and tells each to about half of the others."""

    kind = "equivocator"

    def say(self, body: Any) -> None:
        """Say it, and to some something else."""
        other = _other(body)
        super().say(body)
        if other is not None:
            message, envelope = self.sign(other)
            self.broadcast(message, envelope, share=0.5)


def _other(body: Any) -> Any:
    """Another thing to say in the same slot."""
    if isinstance(body, RatingCommit):
        return replace(body, digest=hash_value("other", body.digest))
    if isinstance(body, Attestation) and body.messages:
        return replace(body, messages=body.messages[1:])
    if isinstance(body, Vote) and body.header is not None:
        return replace(body, header=None, signature=b"")
    return None


class Flooder(SimulatedMember):
    """Says a hundred things where one is asked for: commitments of others' rounds, votes for what does not exist."""

    kind = "flooder"

    def say(self, body: Any) -> None:
        """Say it, and a lot more."""
        super().say(body)
        if isinstance(body, RatingCommit | Vote):
            for number in range(20):
                junk = Hash(hash_value("junk", (body.height, number)))
                height = body.height + number % 3
                for nonsense in (
                    RatingCommit(height, junk),
                    Vote(height, number % 7, VotePhase.PREVOTE, junk, b""),
                ):
                    message, envelope = self.sign(nonsense)
                    self.broadcast(message, envelope, share=0.5)


class Crowder(SimulatedMember):
    """Announces twenty contents for each of its places before anybody else is done, to be rated in others' stead."""

    kind = "crowder"

    def make(self, plan: RoundPlan, task: int, slot: int, rule: SlotContent) -> SlotOpening:
        """Fill the slot, after announcing junk in its place."""
        for number in range(20):
            junk = Hash(hash_value("junk", (self.node, plan.height, task, slot, number)))
            self.plant(junk, good=False)
            self.announce(plan.height, task, slot, junk)
        return super().make(plan, task, slot, rule)


class Diskless(SimulatedMember):
    """Dies with its disk now and then, and comes back as if nothing had been."""

    kind = "diskless"

    def start(self) -> None:
        """Start, and die some time."""
        super().start()
        self.later(self.chance.randrange(60_000, 900_000), lambda: self.kill(30_000))

    def come_back(self) -> None:
        """Start with an empty disk."""
        before, self.disk = self.disk, Disk()
        for message in before.at(0):
            if message.kind is Kind.JOB:
                self.disk.store(message, before.envelopes[message.digest])
        super().come_back()


class Idler(SimulatedMember):
    """Takes its places as a generator and commits to nothing in them; rates like everybody."""

    kind = "idler"

    def _fill(self, effect: FillSlots) -> None:
        self._work(lambda: self.pipeline.on_candidates_ready(effect.plan.height, (), ()))


class Thief(SimulatedMember):
    """Makes nothing: repeats the commitment of another generator, and opens it as its own once the other has."""

    kind = "thief"

    def __init__(self, swarm: Surroundings, index: int, key: NodeKey) -> None:
        super().__init__(swarm, index, key)
        self._victims: dict[int, NodeId] = {}

    def _fill(self, effect: FillSlots) -> None:
        del effect

    def receive(self, message: Message, envelope: bytes) -> None:
        """Take it in, and for oneself where it is another one's work."""
        super().receive(message, envelope)
        body = message.body
        if message.sender in self.swarm.friends:
            return
        if isinstance(body, CandidateCommit) and body.height not in self._victims and self._fits(body):
            self._victims[body.height] = message.sender
            self.say(body)
        elif isinstance(body, GeneratorReveal) and self._victims.get(body.height) == message.sender:
            plan = self.pipeline.plan(body.height)
            if plan is not None:
                self.say(replace(body, vrf_proof=prove(self.key.seed, probe_alpha(plan.seed, body.height))))

    def _fits(self, commit: CandidateCommit) -> bool:
        """Whether it has a place in every task that the other one has filled."""
        plan = self.pipeline.plan(commit.height)
        return plan is not None and all(self.node in plan.tasks[item.task].generators for item in commit.counts)


class _ForgedLists(CatchingUp):
    """Answers with lists of attestations that lack one."""

    def _answer(self, asker: Peer, height: int, wanted: frozenset[Hash]) -> Answer:
        answer = super()._answer(asker, height, wanted)
        return replace(answer, rounds=tuple((at, listed[1:], proof) for at, listed, proof in answer.rounds))


class ListForger(SimulatedMember):
    """Gives other attestations than those that a header counts: to who catches up, and in proposals out of turn."""

    kind = "list-forger"

    def __init__(self, swarm: Surroundings, index: int, key: NodeKey) -> None:
        super().__init__(swarm, index, key)
        self.catching_up = _ForgedLists(self)

    def receive(self, message: Message, envelope: bytes) -> None:
        """Take it in, and propose another's header anew with a list that lacks one."""
        super().receive(message, envelope)
        if isinstance(message.body, Proposal) and message.sender not in self.swarm.friends:
            self.broadcast(*self.sign(replace(message.body, attestations=message.body.attestations[1:])))


class Silent(SimulatedMember):
    """Has a seat and says nothing at all."""

    kind = "silent"

    def say(self, body: Any) -> None:
        """Say nothing."""
        del body


BEHAVIOURS: dict[str, type[SimulatedMember]] = {
    "const1": dishonest("const1", opinions.constant(1.0)),
    "const0": dishonest("const0", opinions.constant(0.0)),
    "random": dishonest("random", opinions.at_random),
    "inverted": dishonest("inverted", opinions.inverted),
    "copycat": dishonest("copycat", opinions.copied),
    "clique": dishonest("clique", opinions.clique),
    "forged-check": dishonest("forged-check", opinions.forged),
    "check-gang": CheckGang,
    "fetch-gang": FetchGang,
    "probe-maker": DishonestProbeMaker,
    "withholder": Withholder,
    "late-revealer": LateRevealer,
    "equivocator": Equivocator,
    "flooder": Flooder,
    "crowder": Crowder,
    "diskless": Diskless,
    "drifter": Drifter,
    "idler": Idler,
    "late-copier": LateCopier,
    "late-thief": LateThief,
    "list-forger": ListForger,
    "rusher": Rusher,
    "silent": Silent,
    "thief": Thief,
}
"""Hostile members by name."""
