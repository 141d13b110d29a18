"""A job's way through its stages at one member, as one pure machine.

    message, timer, finished work  ->  Pipeline  ->  effects

It holds the chain's state, works up to `lookback` rounds at once (`consensus.round`), decides them strictly in order
(`agreeing`, one height at a time), and goes on from what each decision leads to (`transition`). It owns no key, clock,
socket or disk: what it needs of them comes in as values, and what it wishes done goes out as effects (`effects.py`).

A round runs while there is something to do for it: tasks planned in this or a coming round, or news to be attested.
Otherwise the swarm is idle and sends nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable

from consensus import agreement as ag
from consensus import round as rd
from consensus.draw import builder_alpha
from consensus.errors import RefusedError
from consensus.evidence import ROUND_KINDS, offence, prove_equivocation
from consensus.genesis import Genesis
from consensus.narrowing import narrow
from consensus.params import Preset
from consensus.types import (
    Application,
    Certificate,
    ChainState,
    Equivocation,
    Hash,
    JobId,
    JobTerms,
    Kind,
    NodeId,
    ProbeFinding,
    Rating,
    RoundPlan,
    Shortfall,
    Signed,
    SlotOpening,
)
from node.pipeline.agreeing import HeightInAgreement, Settled
from node.pipeline.effects import Decided, Effect, FetchMessages, Halt, Message, Report
from node.pipeline.headers import HeaderWork
from node.pipeline.inputs import InputReader
from node.pipeline.lobby import Lobby
from node.pipeline.mempool import Mempool
from node.pipeline.message_book import MessageBook, height_of
from node.pipeline.progress import Progress, without
from node.pipeline.rounds import RoundsInWork, Secrets, told_shortfalls
from node.pipeline.stored_votes import checked_votes
from node.pipeline.transition import Builder, ComputeTransition, compute_transition, may_admit
from node.pipeline.welcome import is_member, is_of_use, is_welcome
from node.values.job import JobCancel

_AGREEMENT_KINDS = {Kind.PROPOSAL, Kind.PREVOTE, Kind.PRECOMMIT}
_SLOT_KINDS = ROUND_KINDS | {Kind.ATTESTATION}
_STORED_FOR_LATER = _SLOT_KINDS | {Kind.CERTIFICATE}
"""What a start takes up again. An agreement is handed its own votes and proposals as it is made."""


class Pipeline:
    """One member's view of the swarm's rounds, from the state it starts with onward.

    Args:
        genesis: What the swarm started from.
        preset: Its numbers.
        state: After the last round that this member knows to be decided.
        me: This member.
        secrets: See `Secrets`.
        stored: After a crash, all stored messages of heights beyond `state`, own and others', in any order.
        compute: What a round leads to. A simulation in which many members compute the same hands in its own.
    """

    def __init__(
        self,
        *,
        genesis: Genesis,
        preset: Preset,
        state: ChainState,
        me: NodeId,
        secrets: Secrets,
        stored: Iterable[Message] = (),
        compute: ComputeTransition = compute_transition,
    ) -> None:
        self.state = state
        self.halted: str | None = None
        self._genesis, self._preset, self._me, self._secrets = genesis, preset, me, secrets
        self._compute = compute
        self._mempool = Mempool(Lobby(genesis, preset))
        self._book = MessageBook(preset.conflicts_kept)
        self._rounds = RoundsInWork(preset, me, secrets, self._book)
        self._stored = tuple(stored)
        self._agreeing = self._new_height(checked_votes(self._stored, state.network, state.plans[0]))
        self._asked: set[Hash] = set()
        self._absent: frozenset[NodeId] = frozenset()
        self._out: list[Effect] = []

    # Inputs

    def start(self) -> list[Effect]:
        """Begin, or go on after a restart with what was stored."""
        stored, self._stored = self._stored, ()
        out: list[Effect] = []
        for message in stored:
            if message.kind in _STORED_FOR_LATER or height_of(message) > self.state.height + 1:
                with contextlib.suppress(RefusedError):  # It was stored before it was looked at.
                    out += self.on_message(message)
        return out + self._flush()

    def on_message(self, message: Message) -> list[Effect]:
        """Take one message whose envelope has been verified.

        What does not belong here any more, or not yet, is ignored: the driver hands it in again when it does.

        Raises:
            RefusedError: It breaks a rule; nothing changed. `fault` tells whether its sender is to blame.
        """
        if self.halted:
            return []
        match message.kind:
            case Kind.JOB:
                self._on_job(message)
            case Kind.CANCEL:
                self._mempool.add_cancel(narrow(message, JobCancel))
            case Kind.EVIDENCE:
                self._on_evidence(narrow(message, Equivocation))
            case Kind.APPLICATION:
                self._on_application(narrow(message, Application))
            case Kind.CERTIFICATE:
                assert isinstance(message.body, Certificate)
                if message.body.header.height == self._agreeing.height:
                    self._agreeing.on_certificate(message.body)
            case kind if kind in _AGREEMENT_KINDS:
                self._on_agreement_message(message)
            case _:
                self._on_round_message(message)
        return self._flush()

    def on_candidates_ready(
        self, height: int, slots: tuple[SlotOpening, ...], shortfalls: tuple[Shortfall, ...]
    ) -> list[Effect]:
        """The answer to `FillSlots`."""
        self._rounds.on_candidates_ready(height, slots, shortfalls)
        return self._flush()

    def on_candidate_held(self, height: int, task: int, content: Hash, tag: Hash) -> list[Effect]:
        """A candidate's content, announced under a pseudonym and with a ticket of this tag, is on this machine."""
        self._rounds.on_candidate_held(height, task, content, tag)
        return self._flush()

    def on_ratings_ready(self, height: int, ratings: tuple[Rating, ...]) -> list[Effect]:
        """The answer to `RateCandidates`."""
        self._rounds.on_ratings_ready(height, ratings)
        return self._flush()

    def on_probes_executed(self, height: int, findings: tuple[ProbeFinding, ...]) -> list[Effect]:
        """The answer to `ExecuteProbes`."""
        self._rounds.on_probes_executed(height, findings)
        return self._flush()

    def on_phase_timer(self, height: int, phase: rd.Phase) -> list[Effect]:
        """The time of a `SetPhaseTimer` is up."""
        self._rounds.on_timer(height, phase)
        return self._flush()

    def on_agreement_timer(self, height: int, timer: ag.Timer) -> list[Effect]:
        """The time of a `SetAgreementTimer` is up."""
        if height == self._agreeing.height:
            self._agreeing.on_timer(timer)
        return self._flush()

    def on_absent(self, nodes: Collection[NodeId]) -> list[Effect]:
        """These members have been unreachable for longer than `absent_ms` (R12)."""
        self._rounds.on_absent(nodes)
        self._absent = frozenset(nodes)
        self._agreeing.on_absent(self._absent)
        return self._flush()

    def on_deadline(self, job: JobId) -> list[Effect]:
        """A job's deadline has passed by this member's clock."""
        self._mempool.add_expiry(job)
        return self._flush()

    def on_hold(self, height: int) -> list[Effect]:
        """Begin no work for rounds up to this height: they are said to be decided. 0 ends it."""
        self._rounds.hold(height)
        return self._flush()

    def on_attestations_known(self, height: int, digests: tuple[Hash, ...]) -> list[Effect]:
        """The answer to `FetchRound`: the attestations a peer lists for a certified header. Their root is checked."""
        if height == self._agreeing.height:
            self._agreeing.on_attestations_known(digests)
        return self._flush()

    # Questions

    @property
    def progress(self) -> Progress:
        """Where things stand."""
        agreeing = self._agreeing.begun and self._agreeing.certificate is None
        return Progress(self.state.height + 1, self._waits_for(), self._rounds.waiting(), agreeing)

    def outcome_of(self, height: int, view: int) -> str:
        """What came of a view, for the log."""
        return self._agreeing.outcome(view) if height == self._agreeing.height else "a decision"

    def messages(self, height: int) -> dict[Hash, Message]:
        """Everything kept of a height that is not decided yet: what a peer may lack."""
        votes = self._book.early(height)
        if height == self._agreeing.height:
            votes += self._agreeing.messages()
        return self._book.at(height) | {item.digest: item for item in votes}

    def news(self) -> tuple[Hash, ...]:
        """Digests of jobs, cancellations, evidence and applications that no decided round has taken up."""
        return self._mempool.digests()

    def wants(self, message: Message) -> bool:
        """Whether another node's message is worth storing (`welcome`): anybody can make as many as it likes."""
        if self.needs(message):
            return True
        certified = self._agreeing.certificate is not None
        return is_welcome(message, self.state, self._mempool, self._genesis, self._preset, certified=certified)

    def needs(self, message: Message) -> bool:
        """Whether a round cannot be decided here without this message: it counts, whatever its sender sent before."""
        body = message.body
        return message.digest in self._asked or (isinstance(body, Equivocation) and offence(body) in self._asked)

    def plan(self, height: int) -> RoundPlan | None:
        """The plan of a coming round, if it is issued."""
        return next((plan for plan in self.state.plans if plan.height == height), None)

    def round(self, height: int) -> rd.Round | None:
        """A round in work."""
        return self._rounds.get(height)

    def _waits_for(self) -> str:
        if self.halted:
            return f"halted: {self.halted}"
        if self._agreeing.certificate is not None:
            return f"the inputs of round {self.state.height + 1}, which is decided"
        if self._agreeing.begun:
            return f"agreement on round {self.state.height + 1}, {self._agreeing.waits_for}"
        current = self._rounds.get(self.state.height + 1)
        if current is None:
            return "jobs"
        waiting = current.waiting
        have = f"{waiting.have} of {waiting.need}{without(waiting.missing)}"
        return f"round {current.height}, {waiting.phase.name.lower()}: {have}"

    # Messages

    def _on_job(self, message: Message) -> None:
        job = narrow(message, JobTerms)
        if not may_admit(job.body, self._genesis, self._preset):
            raise RefusedError("bad-job", "its signer may not submit here, or its terms are beyond the preset's bounds")
        self._mempool.add_job(job)

    def _on_application(self, message: Signed[Application]) -> None:
        if message.digest in self._asked:
            self._mempool.lobby.need(message)
            return
        self._mempool.lobby.add(message, self.state)

    def _on_evidence(self, message: Signed[Equivocation]) -> None:
        needed = self.needs(message)
        if needed or is_of_use(message.body, self.state, self._preset):
            self._mempool.add_evidence(message.body, message.digest, needed=needed)

    def _on_round_message(self, message: Message) -> None:
        height = getattr(message.body, "height", 0)
        if not self._is_near(height) or message.kind not in _SLOT_KINDS or not is_member(message.sender, self.state):
            return
        if self._book.has(message):
            return
        fits, before = self._book.fill_slot(message)
        if before is not None:
            self._report(before, message)
        if not fits and message.digest not in self._asked:
            return  # What counts in the round is kept even if its sender has filled the slot here with other messages.
        self._book.keep(message)
        self._rounds.on_message(height, message)

    def _is_near(self, height: int) -> bool:
        return self.state.height < height <= self.state.height + self._preset.lookback

    def _report(self, first: Message, second: Message) -> None:
        proof = prove_equivocation(first, second)
        if is_of_use(proof, self.state, self._preset) and self._mempool.add_evidence(proof):
            self._out.append(Report(proof, first.digest, second.digest))

    def _on_agreement_message(self, message: Message) -> None:
        height = height_of(message)
        if not self._is_near(height):
            return
        if height == self._agreeing.height and self._agreeing.begun:
            self._agreeing.on_message(message)
        elif is_member(message.sender, self.state):
            self._book.keep_early(message)

    # What has become possible

    def _flush(self) -> list[Effect]:
        """Do everything that has become possible, and hand out the effects."""
        self._heed()
        if not self.halted:
            self._go_on()
            self._finish()
        self._out += self._rounds.take()
        out, self._out = self._out, []
        return out

    def _go_on(self) -> None:
        """Begin what has become due, and try again what waited for messages."""
        self._rounds.start_due(self.state, self._mempool.attested(self.state))
        self._out += self._rounds.take()
        if not self._agreeing.begun and self._rounds.is_closed(self._agreeing.height):
            self._agreeing.begin(self._book.take_early(self._agreeing.height), self._absent)
            self._heed()  # Whoever these accuse counts when inputs are read.
        self._agreeing.retry()
        self._heed()

    def _finish(self) -> None:
        """Go on from certified headers as far as their inputs are here."""
        while not self.halted:
            settled = self._agreeing.settle()
            self._heed()
            if settled is None:
                return
            self._apply(settled)

    def _apply(self, settled: Settled) -> None:
        plan = self.state.plans[0]
        transition, attestations = settled.transition, settled.attestations
        used = self._reader().used(attestations)
        self.state = transition.state
        height = self.state.height
        kept = self._book.at(height)
        shortfalls = told_shortfalls(kept[digest] for digest in used.digests if digest in kept)
        self._out.append(Decided(transition, settled.certificate, attestations, used.digests, shortfalls, plan))
        self._mempool.forget(self.state)
        self._rounds.forget(height)
        self._book.forget(height)
        self._asked.clear()
        self._agreeing = self._new_height()
        self._go_on()

    # Agreement

    def _new_height(self, stored: Iterable[Message] = ()) -> HeightInAgreement:
        agreement = ag.Agreement(
            network=self.state.network,
            plan=self.state.plans[0],
            preset=self._preset,
            me=self._me,
            stored=stored,  # type: ignore[arg-type]  # votes and proposals only, see checked_votes
        )
        headers = HeaderWork(
            self.state,
            lambda attestations: self._reader().read(attestations),
            self._compute,
            genesis=self._genesis,
            preset=self._preset,
        )
        return HeightInAgreement(agreement, headers, attestations=self._attestations, builder=self._builder)

    def _reader(self) -> InputReader:
        height = self.state.height + 1
        return InputReader(self.state.plans[0], self._book.at(height), self._mempool, self.state)

    def _attestations(self) -> tuple[Hash, ...]:
        current = self._rounds.get(self.state.height + 1)
        messages = {} if current is None else current.messages(Kind.ATTESTATION)
        return tuple(sorted(signed.digest for signed in messages.values()))

    def _builder(self, view: int) -> Builder:
        return Builder(self._me, view, self._secrets.prove(builder_alpha(self.state.plans[0].seed, view)))

    def _heed(self) -> None:
        """Take over what the height in agreement wishes."""
        for wish in self._agreeing.take():
            match wish:
                case ag.Accuse(first, second):
                    self._report(first, second)
                case FetchMessages():
                    self._ask(wish)
                case Halt(reason):
                    self.halted = reason
                    self._out.append(wish)
                case _:
                    self._out.append(wish)

    def _ask(self, order: FetchMessages) -> None:
        self._asked.update(order.digests)
        if order not in self._out:
            self._out.append(order)
