"""A job's way through its stages at one member, as one pure machine.

    message, timer, finished work  ->  Pipeline  ->  effects

It holds the chain's state, works up to `lookback` rounds at once (`consensus.round`), decides them strictly in order
(`consensus.agreement`), and computes what each decision leads to (`transition`). It owns no key, clock, socket or
disk: what it needs of them comes in as values, and what it wishes done goes out as effects (`effects.py`).

A round runs while there is something to do for it: tasks planned in this or a coming round, or news to be attested.
Otherwise the swarm is idle and sends nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from consensus import agreement as ag
from consensus import round as rd
from consensus.certificate import header_hash
from consensus.draw import builder_alpha
from consensus.errors import RefusedError
from consensus.evidence import ROUND_KINDS, prove_equivocation
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
    Proposal,
    Rating,
    RoundPlan,
    Shortfall,
    Signed,
    SlotOpening,
    Vote,
)
from node.pipeline.effects import (
    Decided,
    Effect,
    FetchMessages,
    FetchRound,
    Halt,
    Message,
    Report,
    SetAgreementTimer,
)
from node.pipeline.headers import HeaderWork
from node.pipeline.inputs import IncompleteError, InputReader
from node.pipeline.lobby import Lobby
from node.pipeline.mempool import Mempool
from node.pipeline.message_book import MessageBook, height_of
from node.pipeline.rounds import RoundsInWork, Secrets, told_shortfalls
from node.pipeline.stored_votes import checked_votes
from node.pipeline.transition import Builder, ComputeTransition, Transition, compute_transition, may_admit
from node.values.job import JobCancel

_AGREEMENT_KINDS = {Kind.PROPOSAL, Kind.PREVOTE, Kind.PRECOMMIT}
_SLOT_KINDS = ROUND_KINDS | {Kind.ATTESTATION}
_STORED_FOR_LATER = _SLOT_KINDS | {Kind.CERTIFICATE}
"""What a start takes up again. An agreement is handed its own votes and proposals as it is made."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the pipeline stands, for `status`: every wait has a name."""

    height: int
    """Of the round being decided."""
    waits_for: str
    rounds: tuple[tuple[int, rd.Waiting], ...]
    view: int


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
        self._agreement = self._new_agreement(checked_votes(self._stored, state.network, state.plans[0]))
        self._building: int | None = None
        self._checking: dict[Hash, Proposal] = {}
        self._headers = self._new_header_work()
        self._asked: set[Hash] = set()
        self._certificate: Certificate | None = None
        self._started_agreement = False
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
                assert isinstance(message.body, Equivocation)
                if self._is_of_use(message.body):
                    self._mempool.add_evidence(message.body, message.digest)
            case Kind.APPLICATION:
                self._on_application(narrow(message, Application))
            case Kind.CERTIFICATE:
                assert isinstance(message.body, Certificate)
                self._on_certificate(message.body)
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

    def on_candidate_held(self, height: int, task: int, content: Hash) -> list[Effect]:
        """A candidate's content, announced under a pseudonym, is on this machine."""
        self._rounds.on_candidate_held(height, task, content)
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
        if height == self._agreement.height and self._started_agreement:
            self._agree(ag.TimerFired(timer))
        return self._flush()

    def on_absent(self, nodes: Collection[NodeId]) -> list[Effect]:
        """These members have been unreachable for longer than `absent_ms` (R12)."""
        self._rounds.on_absent(nodes)
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
        """The answer to `FetchRound`: a certified header's attestations, as a peer lists them (the root is checked)."""
        if height == self.state.height + 1 and self._certificate is not None:
            self._headers.learn(self._certificate.header.attestation_root, digests)
        return self._flush()

    # Questions

    @property
    def progress(self) -> Progress:
        """Where things stand."""
        return Progress(self.state.height + 1, self._waits_for(), self._rounds.waiting(), self._agreement.view)

    def messages(self, height: int) -> dict[Hash, Message]:
        """Everything kept of a height that is not decided yet: what a peer may lack."""
        votes = self._book.early(height)
        if height == self._agreement.height:
            votes += [item for item in self._agreement.messages() if height_of(item) == height]
        return self._book.at(height) | {item.digest: item for item in votes}

    def news(self) -> tuple[Hash, ...]:
        """Digests of jobs, cancellations, evidence and applications that no decided round has taken up."""
        return self._mempool.digests()

    def wants(self, message: Message) -> bool:
        """Whether an application is of use here. Others are not worth storing: anybody can make as many as it likes."""
        if message.digest in self._asked:
            return True
        try:
            self._mempool.lobby.check(narrow(message, Application), self.state)
        except RefusedError:
            return False
        return True

    def plan(self, height: int) -> RoundPlan | None:
        """The plan of a coming round, if it is issued."""
        return next((plan for plan in self.state.plans if plan.height == height), None)

    def round(self, height: int) -> rd.Round | None:
        """A round in work."""
        return self._rounds.get(height)

    def _waits_for(self) -> str:
        if self.halted:
            return f"halted: {self.halted}"
        if self._certificate is not None:
            return f"the inputs of round {self.state.height + 1}, which is decided"
        if self._started_agreement:
            return f"agreement on round {self.state.height + 1}, view {self._agreement.view}"
        current = self._rounds.get(self.state.height + 1)
        if current is None:
            return "jobs"
        waiting = current.waiting
        return f"round {current.height}, {waiting.phase.name.lower()}: {waiting.have} of {waiting.need}"

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

    def _is_of_use(self, proof: Equivocation) -> bool:
        """Whether a reported equivocation may count in a round that is not decided here, or is soon to be planned.

        What has been punished may: a round may have been attested before its punishment was known.
        """
        soon = self.state.plans[-1].height + self._preset.lookback
        return self._is_member(proof.offender) and proof.height <= soon

    def _on_round_message(self, message: Message) -> None:
        height = getattr(message.body, "height", 0)
        if not self._is_near(height) or message.kind not in _SLOT_KINDS or not self._is_member(message.sender):
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

    def _is_member(self, node: NodeId) -> bool:
        return any(member.node == node for member in self.state.members)

    def _report(self, first: Message, second: Message) -> None:
        proof = prove_equivocation(first, second)
        if self._is_of_use(proof) and self._mempool.add_evidence(proof):
            self._out.append(Report(proof, first.digest, second.digest))

    def _on_agreement_message(self, message: Message) -> None:
        height = height_of(message)
        if not self._is_near(height):
            return
        if height == self._agreement.height and self._started_agreement:
            self._take_vote(message)
            return
        if self._is_member(message.sender):
            self._book.keep_early(message)

    def _take_vote(self, message: Message) -> None:
        if isinstance(message.body, Proposal):
            self._headers.learn(message.body.header.attestation_root, message.body.attestations)
            self._agree(ag.ProposalReceived(narrow(message, Proposal)))
        else:
            self._agree(ag.VoteReceived(narrow(message, Vote)))

    def _on_certificate(self, certificate: Certificate) -> None:
        if certificate.header.height == self._agreement.height:
            self._agree(ag.CertificateReceived(certificate))

    # Rounds

    def _flush(self) -> list[Effect]:
        """Do everything that has become possible, and hand out the effects."""
        if not self.halted:
            self._start_rounds()
            self._start_agreement()
            self._retry()
            self._finish()
        self._out += self._rounds.take()
        out, self._out = self._out, []
        return out

    def _start_rounds(self) -> None:
        self._rounds.start_due(self.state, self._mempool.attested(self.state))
        self._out += self._rounds.take()

    # Agreement

    def _new_agreement(self, stored: Iterable[Message] = ()) -> ag.Agreement:
        return ag.Agreement(
            network=self.state.network,
            plan=self.state.plans[0],
            preset=self._preset,
            me=self._me,
            stored=stored,  # type: ignore[arg-type]  # votes and proposals only, see checked_votes
        )

    def _new_header_work(self) -> HeaderWork:
        return HeaderWork(
            self.state,
            lambda attestations: self._reader().read(attestations),
            self._compute,
            genesis=self._genesis,
            preset=self._preset,
        )

    def _start_agreement(self) -> None:
        if self._started_agreement or not self._rounds.is_closed(self._agreement.height):
            return
        self._started_agreement = True
        self._agree(ag.Started())
        for message in self._book.take_early():
            try:
                self._take_vote(message)
            except RefusedError:
                continue  # It was stored when it came; that it breaks a rule shows only now that its height is here.

    def _agree(self, event: ag.Event) -> None:
        for effect in self._agreement.handle(event):
            match effect:
                case ag.SetTimer(timer, after_ms):
                    self._out.append(SetAgreementTimer(self._agreement.height, timer, after_ms))
                case ag.BuildHeader(view):
                    self._building = view
                case ag.CheckHeader(proposal):
                    self._checking[header_hash(proposal.header)] = proposal
                case ag.Decide(certificate):
                    self._certificate = certificate
                case ag.Accuse(first, second):
                    self._report(first, second)
                case ag.ReportFork(ours, other):
                    self._halt("two headers of one height are certified", (ours, other))
                case _:
                    self._out.append(effect)

    def _retry(self) -> None:
        """Build and check what waited for messages."""
        if self._certificate is not None:
            return
        if self._building is not None:
            self._try_build(self._building)
        for name, proposal in list(self._checking.items()):
            self._try_check(name, proposal)

    def _try_build(self, view: int) -> None:
        current = self._rounds.get(self._agreement.height)
        if current is None:
            return
        attestations = tuple(sorted(signed.digest for signed in current.messages(Kind.ATTESTATION).values()))
        try:
            inputs = self._reader().read(attestations)
        except IncompleteError as missing:
            self._ask(missing.digests)
            return
        except RefusedError:
            return  # Too little weight yet: the next attestation tries again, the view's timer ends the wait.
        builder = Builder(self._me, view, self._secrets.prove(builder_alpha(current.plan.seed, view)))
        transition = self._headers.build(inputs, builder, attestations)
        self._building = None
        self._agree(ag.HeaderBuilt(view, transition.header, attestations))

    def _try_check(self, name: Hash, proposal: Proposal) -> None:
        try:
            transition = self._headers.recompute(proposal.header, proposal.attestations)
        except IncompleteError as missing:
            self._ask(missing.digests)
            return
        except RefusedError:
            self._checking.pop(name, None)
            self._agree(ag.HeaderChecked(name, valid=False))
            return
        self._checking.pop(name, None)
        self._agree(ag.HeaderChecked(name, valid=transition.header == proposal.header))

    def _reader(self) -> InputReader:
        height = self.state.height + 1
        return InputReader(self.state.plans[0], self._book.at(height), self._mempool, self.state)

    def _ask(self, digests: tuple[Hash, ...]) -> None:
        self._asked.update(digests)
        order = FetchMessages(self.state.height + 1, digests)
        if order not in self._out:
            self._out.append(order)

    # Decisions

    def _finish(self) -> None:
        """Apply a certified header as soon as its inputs are here."""
        while self._certificate is not None and not self.halted:
            certificate = self._certificate
            header = certificate.header
            attestations = self._headers.attestations_of(header)
            if attestations is None:
                self._out.append(FetchRound(certificate))
                return
            try:
                transition = self._headers.known(header) or self._headers.recompute(header, attestations)
            except IncompleteError as missing:
                self._ask(missing.digests)
                return
            except RefusedError as refusal:
                # The digests may be a peer's invention: their root tells. A certified header itself is believed.
                if refusal.rule == "bad-attestations":
                    self._headers.forget(header.attestation_root)
                    self._out.append(FetchRound(certificate))
                else:
                    self._halt(f"the certified header {header.height} breaks a rule here: {refusal}", (certificate,))
                return
            if transition.header != header:
                self._halt(
                    f"round {header.height} is certified with another result than is computed here", (certificate,)
                )
                return
            self._apply(transition, certificate, attestations)

    def _apply(self, transition: Transition, certificate: Certificate, attestations: tuple[Hash, ...]) -> None:
        plan = self.state.plans[0]
        used = self._reader().used(attestations)
        self.state = transition.state
        height = self.state.height
        kept = self._book.at(height)
        shortfalls = told_shortfalls(kept[digest] for digest in used.digests if digest in kept)
        self._out.append(Decided(transition, certificate, attestations, used.digests, shortfalls, plan))
        self._mempool.forget(self.state)
        self._rounds.forget(height)
        self._book.forget(height)
        self._building, self._certificate = None, None
        self._checking.clear()
        self._asked.clear()
        self._headers = self._new_header_work()
        self._started_agreement = False
        self._agreement = self._new_agreement()
        self._start_rounds()
        self._start_agreement()
        self._retry()

    def _halt(self, reason: str, certificates: tuple[Certificate, ...]) -> None:
        self.halted = reason
        self._out.append(Halt(reason, certificates))
