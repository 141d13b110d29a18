"""One member of a simulated swarm: the shipped pipeline, driven as `node.driver` drives it, with a disk and a clock.

All messages are real: sealed, signed, decoded once and shared by all who receive them. Disk, network, time and work
(generating, rating, executing) are the simulation's. What got lost is had again by asking a peer, as in `driver.sync`.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from consensus import agreement as ag
from consensus import round as rd
from consensus.certificate import precommit_bytes
from consensus.commitments import content_name
from consensus.draw import SlotContent
from consensus.errors import RefusedError
from consensus.evidence import slot_of
from consensus.genesis import first_state
from consensus.joining import last_of_epoch
from consensus.types import (
    Application,
    Hash,
    JobId,
    Kind,
    ProbeFinding,
    ProbeOpening,
    Rating,
    RoundPlan,
    SlotOpening,
    Vote,
    VotePhase,
)
from consensus.vrf import prove
from node.driver.courier import height_of
from node.identity import NodeKey
from node.identity.consent import give_consent
from node.pipeline import Pipeline, Secrets
from node.pipeline.effects import (
    Decided,
    Effect,
    FetchMessages,
    FetchRound,
    FillSlots,
    Halt,
    Message,
    Report,
    SetAgreementTimer,
)
from node.simulate.catching_up import CatchingUp
from node.simulate.disks import Disk
from node.simulate.opinions import Opinion, honest
from node.simulate.surroundings import Peer, Surroundings
from node.values.job import JobSpec
from node.wire import seal_evidence, seal_message

WATCH_MS = 5_000
_NO_SLOT = {Kind.JOB, Kind.CANCEL, Kind.EVIDENCE, Kind.CERTIFICATE, Kind.CANDIDATE_NOTICE, Kind.APPLICATION}


class SimulatedMember:
    """An honest member. Hostile ones are subclasses that say something else (`faults`)."""

    kind = "honest"
    opinion: Opinion = staticmethod(honest)

    def __init__(self, swarm: Surroundings, index: int, key: NodeKey) -> None:
        self.swarm, self.index, self.key = swarm, index, key
        self.node = key.node
        self.chance = swarm.fork(f"member/{index}")
        self.disk = Disk()
        self.up = False
        self.life = 0
        """Which process of this member is running; what earlier ones had asked for never comes."""
        self.pace = self.chance.uniform(0.9, 1.1)
        """How fast its clock runs."""
        self.work_ms_max = self.chance.choice((2_000, 10_000, 60_000))
        self.pipeline: Pipeline
        self._inbox: deque[Callable[[], Iterable[Effect]]] = deque()
        self._busy = False
        self.catching_up = CatchingUp(self)
        self._handed: set[Hash] = set()
        self._last_seen: dict[int, int] = {}
        self._asked_until = 0
        """Last round for which it has asked to become a member."""
        self._deeds = self._all_deeds()

    # Life and death

    def start(self) -> None:
        """Start the process, for the first time or again, from what is on the disk."""
        self.up, self._busy = True, False
        self.life += 1
        self._inbox.clear()
        swarm, disk = self.swarm, self.disk
        state = disk.state or first_state(swarm.genesis, swarm.preset)
        heights = [plan.height for plan in state.plans]
        self.pipeline = Pipeline(
            genesis=swarm.genesis,
            preset=swarm.preset,
            state=state,
            me=self.node,
            secrets=Secrets(
                prove=lambda alpha: prove(self.key.seed, alpha),
                round_salt=lambda height: self.key.derive_secret("rating-salt", height.to_bytes(8, "big")),
            ),
            stored=disk.at(*heights),
            compute=swarm.transitions.compute,
        )
        self.put(self.pipeline.start)
        for message in disk.at(0):
            if message.kind in {Kind.JOB, Kind.EVIDENCE}:
                self.put(partial(self.take, message))
        for message in disk.at(*sorted({last_of_epoch(height, swarm.preset) for height in heights})):
            if message.kind is Kind.APPLICATION:
                self.put(partial(self.take, message))
        for height in heights:
            for (task, tag), content in sorted(disk.held.get(height, {}).items()):
                self.put(partial(self.pipeline.on_candidate_held, height, task, content, tag))
        self.catching_up.begin()
        self.later(WATCH_MS, self._watch)

    def kill(self, back_ms: int | None) -> None:
        """Die in the middle of whatever is being done, and come back after a while, or never."""
        self.up = False
        self._inbox.clear()
        self.swarm.tell(f"{self.name} dies")
        if back_ms is not None:
            self.swarm.clockwork.after(back_ms, self.come_back)

    def come_back(self) -> None:
        """Start again with the disk."""
        self.swarm.tell(f"{self.name} is back")
        self.start()

    def later(self, delay_ms: int, act: Callable[[], None]) -> None:
        """Do something after a while by this member's clock, unless it dies meanwhile."""
        life = self.life

        def due() -> None:
            if self.up and self.life == life:
                act()

        self.swarm.clockwork.after(int(delay_ms * self.pace), due)

    @property
    def name(self) -> str:
        """As transcripts call it."""
        return f"node-{self.index}" + ("" if self.kind == "honest" else f" ({self.kind})")

    # Facts in, effects out

    def put(self, fact: Callable[[], Iterable[Effect]]) -> None:
        """Take in a fact, after those that are waiting."""
        self._inbox.append(fact)
        if self._busy:
            return
        self._busy = True
        life = self.life
        while self._inbox and self.up and self.life == life:
            for effect in self._inbox.popleft()():
                self._carry_out(effect)
        if self.life == life:
            self._busy = False

    def receive(self, message: Message, envelope: bytes) -> None:
        """A message has arrived: stored, then handed in, once."""
        if not self.up or message.digest in self.disk.messages:
            return
        if message.sender != self.node and not self.pipeline.wants(message):
            return  # It may be of use later, and is then had by asking.
        self.store(message, envelope)
        self.put(lambda: self.take(message))

    def store(self, message: Message, envelope: bytes) -> None:
        """Keep a message that was wanted or not."""
        self.disk.store(message, envelope)
        self.catching_up.has(message.digest)

    def take(self, message: Message) -> Iterable[Effect]:
        """Hand a message to the pipeline; what that refuses is counted."""
        body = message.body
        if isinstance(body, JobSpec):
            message = replace(message, body=body.terms(JobId(message.digest), message.sender))
        try:
            return self.pipeline.on_message(message)
        except RefusedError as refusal:
            self.swarm.refused[refusal.rule] = self.swarm.refused.get(refusal.rule, 0) + 1
            return ()

    def _carry_out(self, effect: Effect) -> None:
        if self.up:
            self._deeds[type(effect)](effect)

    def _all_deeds(self) -> dict[type, Callable[[Any], None]]:
        """What is done about each kind of effect."""
        return {
            rd.Send: lambda effect: self.say(effect.body),
            ag.SignProposal: lambda effect: self.say(effect.proposal),
            ag.SignVote: lambda effect: self.say(effect.vote),
            ag.SendAgain: self._send_again,
            Report: self._report,
            rd.SetPhaseTimer: self._set_phase_timer,
            SetAgreementTimer: self._set_agreement_timer,
            FillSlots: self._fill,
            rd.PublishCandidates: self._publish,
            rd.RateCandidates: self._rate,
            rd.ExecuteProbes: self._execute_probes,
            FetchMessages: self._want_messages,
            FetchRound: self._want_round,
            Decided: self._decide,
            Halt: self._halt,
        }

    # Saying things

    def say(self, body: Any) -> None:
        """Sign, store, send to everybody and take in; what fills a slot that is filled is not signed again (R4)."""
        message, envelope = self.sign(body)
        if message.kind not in _NO_SLOT:
            earlier = self.disk.slots.setdefault(slot_of(message), message)
            if earlier.digest != message.digest:
                message, envelope = earlier, self.disk.envelopes[earlier.digest]
        self.receive(message, envelope)
        self.broadcast(message, envelope)

    def sign(self, body: Any) -> tuple[Message, bytes]:
        """A message of this member and its envelope."""
        if isinstance(body, Vote) and body.phase is VotePhase.PRECOMMIT and body.header is not None:
            text = precommit_bytes(self.swarm.genesis.network, body.height, body.view, body.header)
            body = replace(body, signature=self.key.sign(text))
        envelope = seal_message(self.swarm.domain, body, self.key)
        return self.swarm.decode(envelope), envelope

    def broadcast(self, message: Message, envelope: bytes, share: float = 1.0) -> None:
        """Send a message to all others, or to some of them."""
        for peer in self.swarm.members:
            if peer is not self and (share >= 1 or self.chance.random() < share):
                self.send(peer, message, envelope)

    def send(self, peer: Peer, message: Message, envelope: bytes) -> None:
        """Send a message to one other."""
        self.swarm.note_sent(message, len(envelope))
        self.swarm.network.carry(self.index, peer.index, lambda: peer.receive(message, envelope))

    # What the pipeline wishes done

    def _send_again(self, effect: ag.SendAgain) -> None:
        envelope = self.disk.envelopes.get(effect.message.digest)
        if envelope is not None:
            self.broadcast(effect.message, envelope)

    def _report(self, effect: Report) -> None:
        one, other = (self.disk.envelopes.get(digest) for digest in (effect.first, effect.second))
        if one is not None and other is not None:
            envelope = seal_evidence(self.swarm.domain, one, other, self.key)
            message = self.swarm.decode(envelope)
            self.store(message, envelope)
            self.broadcast(message, envelope)
            self.put(lambda: self.take(message))

    def _set_phase_timer(self, effect: rd.SetPhaseTimer) -> None:
        self.later(effect.delay_ms, lambda: self.put(lambda: self.pipeline.on_phase_timer(effect.height, effect.phase)))

    def _set_agreement_timer(self, effect: SetAgreementTimer) -> None:
        self.later(
            effect.delay_ms, lambda: self.put(lambda: self.pipeline.on_agreement_timer(effect.height, effect.timer))
        )

    def _work(self, done: Callable[[], Iterable[Effect]]) -> None:
        self.later(1 + self.chance.randrange(self.work_ms_max), lambda: self.put(done))

    def _fill(self, effect: FillSlots) -> None:
        height = effect.plan.height
        if height not in self.disk.filled:
            self.disk.filled[height] = tuple(
                self.make(effect.plan, task, slot, rule) for task, slot, rule in effect.rules
            )
        openings = self.disk.filled[height]
        self._work(lambda: self.pipeline.on_candidates_ready(height, openings, ()))

    def make(self, plan: RoundPlan, task: int, slot: int, rule: SlotContent) -> SlotOpening:
        """Fill one slot (R14)."""
        context = b"%d/%d/%d" % (plan.height, task, slot)
        body = Hash(hashlib.sha256(self.node + context).digest())
        content = content_name(body, body)  # Each claims something else.
        self.swarm.truth.bodies[content] = body
        good = None if rule is SlotContent.CANDIDATE else rule is SlotContent.GOOD_PROBE
        self.plant(content, good)
        return SlotOpening(
            task=task,
            slot=slot,
            pseudonym=self.key.derive_key("pseudonym", context).node,
            content=content,
            body=body,
            claim=body,
            salt=self.key.derive_secret("slot-salt", context),
            probe=None if good is None else ProbeOpening(good=good, evidence=b"{}"),
        )

    def plant(self, content: Hash, good: bool | None) -> None:
        """Make a content of the quality that is asked for."""
        self.swarm.truth.plant(content, self.node, good=good)

    def _publish(self, effect: rd.PublishCandidates) -> None:
        for opening in self.disk.filled.get(effect.height, ()):
            self.announce(effect.height, opening.task, opening.slot, opening.content)

    def announce(self, height: int, task: int, place: int, content: Hash) -> None:
        """Have a content arrive at everybody, for one of this member's places: others' tickets nobody can make (R13).

        Tickets themselves are not played, only what they tell: which announcements are for one place of one author.
        """
        tag = Hash(hashlib.sha256(self.node + b"%d/%d/%d" % (height, task, place)).digest())
        self.hold(height, task, content, tag)
        for peer in self.swarm.members:
            if peer is not self:
                self._offer(peer, height, task, content, tag)

    def _offer(self, peer: Peer, height: int, task: int, content: Hash, tag: Hash) -> None:
        self.swarm.network.carry(self.index, peer.index, lambda: peer.hold(height, task, content, tag))

    def hold(self, height: int, task: int, content: Hash, tag: Hash) -> None:
        """A content has arrived."""
        held = self.disk.held.setdefault(height, {})
        if self.up and (task, tag) not in held:
            held[task, tag] = content
            self.put(lambda: self.pipeline.on_candidate_held(height, task, content, tag))

    def _rate(self, effect: rd.RateCandidates) -> None:
        ratings = tuple(self.rate(task, content) for task, content in effect.candidates)
        self._work(lambda: self.pipeline.on_ratings_ready(effect.height, ratings))

    def rate(self, task: int, content: Hash) -> Rating:
        """Check and rate one candidate."""
        fact, scores = self.opinion(self.swarm.truth, self.node, content, self.swarm.friends)
        return Rating(task, content, fact, scores)

    def _execute_probes(self, effect: rd.ExecuteProbes) -> None:
        findings = tuple(ProbeFinding(opening.content, self.execute(opening)) for _, opening in effect.openings)
        self._work(lambda: self.pipeline.on_probes_executed(effect.height, findings))

    def execute(self, opening: SlotOpening) -> bool:
        """Whether a probe's evidence holds."""
        return opening.probe is not None and self.swarm.truth.planted[opening.content].good == opening.probe.good

    def _want_messages(self, effect: FetchMessages) -> None:
        for digest in sorted(set(effect.digests) - self._handed):
            self._handed.add(digest)
            if digest in self.disk.messages:
                self.put(partial(self.take, self.disk.messages[digest]))
        self.catching_up.want(effect.digests)

    def _want_round(self, effect: FetchRound) -> None:
        del effect
        self.catching_up.ask_soon()

    def _decide(self, decided: Decided) -> None:
        height = decided.transition.header.height
        self.disk.state = decided.transition.state
        self.disk.rounds[height] = decided
        self.catching_up.forget()
        self._handed.clear()
        self._prune(height)
        self.say(decided.certificate)
        self.swarm.decided(self, decided)
        newest = self.pipeline.state.plans[-1].height
        for message in self.disk.at(0, height + 1, newest):  # what came too early is never sent a second time
            if (
                height_of(message) == newest
                or (message.kind is Kind.CERTIFICATE and height_of(message) == height + 1)
                or message.kind is Kind.EVIDENCE
            ):
                self.put(partial(self.take, message))

    def _prune(self, height: int) -> None:
        """Forget contents of decided rounds: nobody asks for them any more."""
        for past in [key for key in self.disk.held if key <= height]:
            del self.disk.held[past]

    def _halt(self, effect: Halt) -> None:
        self.swarm.violate(f"{self.name} halts: {effect.reason}")

    def _watch(self) -> None:
        """Tell the pipeline who has been unreachable for too long (R12)."""
        now = self.swarm.clockwork.now_ms
        absent = set()
        for peer in self.swarm.members:
            if peer.up and not self.swarm.network.cuts(self.index, peer.index):
                self._last_seen[peer.index] = now
            elif now - self._last_seen.setdefault(peer.index, now) > self.swarm.preset.times.absent_ms:
                absent.add(peer.node)
        self.put(lambda: self.pipeline.on_absent(frozenset(absent)))
        self._ask_to_join()
        self.later(WATCH_MS, self._watch)

    def _ask_to_join(self) -> None:
        """Ask once an epoch to become a member, while this node is none; as its own owner."""
        state = self.pipeline.state
        until = last_of_epoch(state.height + 1, self.swarm.preset)
        if until <= self._asked_until or any(member.node == self.node for member in state.members):
            return
        self._asked_until = until
        consent = give_consent(self.key, self.node, self.swarm.genesis.network)
        self.say(Application(until, self.node, consent.signature))
