"""Single-shot Tendermint: how the members of a committee decide on one header for one height.

The algorithm is Algorithm 1 of arXiv 1807.04938v3; `L22` in a comment is its line 22. Safe below one third of
dishonest weight whatever the network does, and live once messages arrive again. Six things are added to the paper,
none of which touches its safety argument:

- a certificate is accepted on its own (R45), and so is a quorum of precommits without one's own check of the header:
  either way honest members checked it before they signed;
- the proposer, too, has a propose timer: here building a header takes time and may fail;
- who is away is not waited for when it would be its turn to propose: its time is up at once;
- a header that a quorum prevoted is proposed again also where these prevotes came late (the paper: within their view);
  else whoever is locked on it waits for its own turn, while quorums that need it come to nothing;
- a later view is entered when members with more than a third of the weight are in it *or beyond* (the paper: in it);
- memory is bounded: per slot as `log` says, and of views to come `VIEWS_AHEAD` are kept. A message from further ahead
  is counted for catching up and forgotten, so a member can make another remember one number, no more.

So a message may be dropped and be needed later: the driver keeps offering to its peers what it holds (`messages`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from consensus.agreement.admission import Admission
from consensus.agreement.effects import (
    Accuse,
    BuildHeader,
    CheckHeader,
    Decide,
    Effect,
    ReportFork,
    SendAgain,
    SetTimer,
    SignProposal,
    SignVote,
)
from consensus.agreement.events import (
    CertificateReceived,
    Event,
    HeaderBuilt,
    HeaderChecked,
    MembersAbsent,
    ProposalReceived,
    Started,
    Step,
    Timer,
    TimerFired,
    VoteReceived,
)
from consensus.agreement.log import MessageLog, Proposed
from consensus.agreement.report import ViewReport, report_view
from consensus.certificate import Verify, build_certificate, header_hash, verify_certificate, verify_ed25519
from consensus.committee import Committee
from consensus.params import Preset
from consensus.types import Certificate, Hash, Kind, NodeId, Proposal, RoundPlan, Signed, Vote, VotePhase

VIEWS_AHEAD = 4
"""How many views beyond the current one have their messages kept. An honest member is ahead by one for as long as a
message travels, by more only while the network is cut; then it is asked again for what was forgotten."""

_PREVOTE, _PRECOMMIT = VotePhase.PREVOTE, VotePhase.PRECOMMIT
_STEP_OF = {Kind.PROPOSAL: Step.PROPOSE, Kind.PREVOTE: Step.PREVOTE, Kind.PRECOMMIT: Step.PRECOMMIT}

Message = Signed[Proposal] | Signed[Vote]


class _Lock(NamedTuple):
    """A header that a quorum prevoted, and in which view: lockedValue and lockedRound, validValue and validRound."""

    view: int
    header: Hash


class Agreement:
    """One member's part in deciding one height. No clock, chance, network, key or disk.

    Attributes:
        height: The round that is being decided.
        view: The attempt that the member is in, from 0.
        step: How far it has come in this view.
        certificate: What decided the height; None until then.
    """

    def __init__(
        self,
        *,
        network: Hash,
        plan: RoundPlan,
        preset: Preset,
        me: NodeId | None,
        stored: Iterable[Signed[Proposal] | Signed[Vote]] = (),
        verify: Verify = verify_ed25519,
    ) -> None:
        """Prepare for the height of `plan`; nothing happens before `Started`.

        Args:
            network: Hash of the genesis.
            plan: The round; its committee and seed are used.
            preset: Its times and `conflicts_kept` are used.
            me: This member. None, or a node without a seat, follows without ever signing: an observer, or a
                member that has lost its disk and may have signed before.
            stored: After a crash, all messages of this height that are on disk, this member's own and those it
                took in, in any order. They were checked when they came and are not checked again.
            verify: How precommit signatures are checked.
        """
        self.height = plan.height
        self.view = 0
        self.step = Step.PROPOSE
        self.certificate: Certificate | None = None
        self._network, self._times = network, preset.times
        self._committee = Committee(plan.committee)
        self._me = me if me in self._committee else None
        self._verify = verify
        self._admission = Admission(network, plan.height, plan.seed, self._committee, verify)
        self._log = MessageLog(self._committee, preset.conflicts_kept)
        self._lock: _Lock | None = None
        self._valid: _Lock | None = None
        self._verdicts: dict[Hash, bool] = {}
        self._asked: set[Hash] = set()
        self._reached: dict[NodeId, int] = {}
        self._absent: frozenset[NodeId] = frozenset()
        self._armed: set[Step] = set()
        self._saw_polka = False  # a polka: a quorum of prevotes for one header
        self._saw_fork = False
        self._signed: set[tuple[int, Kind]] = set()
        self._effects: list[Effect] = []
        self._restore(stored)

    def handle(self, event: Event) -> list[Effect]:
        """Take in one fact and return what is to be done about it, in this order.

        A fact that comes twice, or too late to matter, leads to nothing.

        Raises:
            RefusedError: A message does not belong here (`wrong-height`, no fault) or breaks a rule. Nothing changed.
        """
        match event:
            case VoteReceived(message):
                self._on_vote(message)
            case ProposalReceived(message):
                self._on_proposal(message)
            case HeaderChecked(header, valid):
                self._verdicts.setdefault(header, valid)
            case TimerFired(timer):
                self._on_timer(timer)
            case HeaderBuilt():
                self._on_built(event)
            case MembersAbsent(nodes):
                # Where more than a third seems away this member is; fewer never have a series of turns to themselves.
                self._absent = nodes if sum(map(self._committee.weight, nodes)) < self._committee.third else frozenset()
            case CertificateReceived(certificate):
                self._on_certificate(certificate)
            case Started():
                self._on_started()
        self._apply_rules()
        effects, self._effects = self._effects, []
        return effects

    def messages(self) -> tuple[Signed[Proposal] | Signed[Vote], ...]:
        """Everything kept of this height: what a peer may lack."""
        return tuple(self._log)

    def report(self, view: int) -> ViewReport:
        """What has come of a view up to the current one, and what has not."""
        return report_view(self._log, self._committee, view, self._admission.proposer(view))

    # One method per fact

    def _on_started(self) -> None:
        """Begin, or go on where the stored messages end; what was signed before the crash is sent once more."""
        self._effects += [SendAgain(message) for message in self._log if message.sender == self._me]
        for message in self._log:
            self._catch_up(message.sender, message.body.view)
        if self.step is Step.PROPOSE and not self._armed:
            self._start_view(self.view)

    def _on_proposal(self, message: Signed[Proposal]) -> None:
        view = message.body.view
        self._admission.check_proposal(message, self.view + VIEWS_AHEAD)
        self._catch_up(message.sender, view)
        if view > self.view + VIEWS_AHEAD:
            return
        self._keep(message)

    def _on_vote(self, message: Signed[Vote]) -> None:
        view = message.body.view
        self._admission.check_vote(message)
        if view <= self.view + VIEWS_AHEAD and not self._log.takes(message):
            return
        self._admission.check_signature(message)
        self._catch_up(message.sender, view)
        if view > self.view + VIEWS_AHEAD:
            return
        self._keep(message)

    def _on_certificate(self, certificate: Certificate) -> None:
        self._admission.check_height(certificate.header.height)
        if self.certificate is not None and self.certificate.header == certificate.header:
            return
        verify_certificate(certificate, self._network, self._committee, self._verify)
        if self.certificate is None:
            self._decide(certificate)
        elif not self._saw_fork:
            self._saw_fork = True
            self._effects.append(ReportFork(self.certificate, certificate))

    def _on_built(self, built: HeaderBuilt) -> None:
        """L18, answered. The view may be over by now; then the header is dropped."""
        if built.view != self.view or self.step is not Step.PROPOSE or self.certificate is not None:
            return
        assert self._admission.proposer(self.view) == self._me, "only the proposer is asked to build"
        assert (built.header.height, built.header.builder_view) == (self.height, self.view), "built for another slot"
        self._verdicts[header_hash(built.header)] = True  # whoever built it need not check it
        self._propose(Proposal(self.view, -1, built.header, built.attestations))

    def _on_timer(self, timer: Timer) -> None:
        if timer.view != self.view or timer.step not in self._armed or self.certificate is not None:
            return
        if timer.step is Step.PRECOMMIT:  # L65-67
            self._start_view(self.view + 1)
        elif timer.step is self.step:  # L57-60, L61-64
            self._cast(_PREVOTE if self.step is Step.PROPOSE else _PRECOMMIT, None)

    # The algorithm's rules

    def _apply_rules(self) -> None:
        """Until none applies. Each of them moves the step on or decides, or happens once in a view."""
        rules = self._rule_decide, self._rule_prevote, self._rule_absent, self._rule_precommit
        while self.certificate is None and any(rule() for rule in rules):
            pass
        if self.certificate is None and self._me is not None:
            self._rule_timers()

    def _rule_decide(self) -> bool:
        """L49-51: a proposal and a quorum of precommits for it, in any view."""
        decided = self._log.decided()
        if decided is None:
            return False
        proposal, view, signatures = decided
        self._decide(build_certificate(self._committee, proposal.header, view, signatures))
        return True

    def _rule_prevote(self) -> bool:
        """L22-27 and L28-33: the first proposal of the view that can be judged."""
        if self.step is not Step.PROPOSE or self._me is None:
            return False
        for proposed in self._log.proposals(self.view):
            since = proposed.message.body.valid_view
            if since >= 0 and self._log.tally(_PREVOTE, since).weight_for(proposed.header) < self._committee.quorum:
                continue
            lets_go = self._lock is None or self._lock.view <= since or self._lock.header == proposed.header
            valid = self._verdict(proposed) if lets_go else False
            if valid is not None:
                self._cast(_PREVOTE, proposed.header if valid else None)
                return True
        return False

    def _rule_absent(self) -> bool:
        """The header of who is away is not waited for (R12, R41)."""
        waits = self.step in self._armed and self.step is Step.PROPOSE and not self._log.proposals(self.view)
        if not waits or self._admission.proposer(self.view) not in self._absent:
            return False
        self._cast(_PREVOTE, None)
        return True

    def _rule_precommit(self) -> bool:
        """L36-43, a quorum of prevotes for a valid proposal of this view; L44-46, a quorum of prevotes for nil."""
        if self.step is Step.PROPOSE:
            return False
        prevotes = self._log.tally(_PREVOTE, self.view)
        if not self._saw_polka and prevotes.quorum_headers:
            for proposed in self._log.proposals(self.view):
                if proposed.header in prevotes.quorum_headers and self._verdict(proposed):
                    self._lock_on(proposed)
                    return True
        if self.step is Step.PREVOTE and prevotes.weight_for(None) >= self._committee.quorum:
            self._cast(_PRECOMMIT, None)
            return True
        return False

    def _rule_timers(self) -> None:
        """L34-35 and L47-48: a quorum voted, for whatever; the rest gets limited time."""
        if self.step is Step.PREVOTE and self._log.tally(_PREVOTE, self.view).weight >= self._committee.quorum:
            self._arm(Step.PREVOTE)
        if self._log.tally(_PRECOMMIT, self.view).weight >= self._committee.quorum:
            self._arm(Step.PRECOMMIT)

    def _catch_up(self, sender: NodeId, view: int) -> None:
        """L55-56: more than a third of the weight, so somebody honest, has got to a later view."""
        if view <= max(self.view, self._reached.get(sender, -1)):
            return
        self._reached[sender] = view
        weight = 0
        for node, reached in sorted(self._reached.items(), key=lambda item: item[1], reverse=True):
            weight += self._committee.weight(node)
            if weight >= self._committee.third:
                if reached > self.view and self.certificate is None:
                    self._start_view(reached)
                return

    # What the rules do

    def _start_view(self, view: int) -> None:
        """L11-21."""
        self.view, self.step = view, Step.PROPOSE
        self._armed.clear()
        self._saw_polka = False
        if self._me is None:
            return
        self._arm(Step.PROPOSE)
        if self._admission.proposer(view) != self._me:
            return
        if (view, Kind.PROPOSAL) in self._signed:
            return
        self._learn_valid()
        valid = self._valid and self._log.proposal(*self._valid)
        if self._valid is not None and valid is not None:
            self._propose(Proposal(view, self._valid.view, valid.header, valid.attestations))
        else:
            self._effects.append(BuildHeader(view))

    def _lock_on(self, proposed: Proposed) -> None:
        """L37-43: with a precommit if it is still time for one, else just as what to propose next."""
        self._saw_polka = True
        self._valid = _Lock(self.view, proposed.header)
        if self.step is Step.PREVOTE:
            self._lock = self._valid
            self._cast(_PRECOMMIT, proposed.header)

    def _learn_valid(self) -> None:
        """Also of prevotes that came when their view was over here: somebody may be locked on what they are for."""
        polka = self._log.latest_polka(self.view)
        if polka is not None and (self._valid is None or self._valid.view < polka[0]):
            self._valid = _Lock(*polka)

    def _propose(self, proposal: Proposal) -> None:
        """Ask for a signature, unless the slot has one (R4)."""
        if (proposal.view, Kind.PROPOSAL) not in self._signed:
            self._signed.add((proposal.view, Kind.PROPOSAL))
            self._effects.append(SignProposal(proposal))

    def _cast(self, phase: VotePhase, header: Hash | None) -> None:
        """Ask for a vote's signature, unless the slot has one (R4), and move on to the step that the vote ends in."""
        kind = Kind(phase)
        self.step = _STEP_OF[kind]
        if (self.view, kind) not in self._signed:
            self._signed.add((self.view, kind))
            self._effects.append(SignVote(Vote(self.height, self.view, phase, header)))

    def _arm(self, step: Step) -> None:
        if step in self._armed:
            return
        self._armed.add(step)
        limit = self._times.proposal_limit_ms if step is Step.PROPOSE else self._times.vote_limit_ms
        self._effects.append(SetTimer(Timer(step, self.view), limit(self.view)))

    def _decide(self, certificate: Certificate) -> None:
        self.certificate = certificate
        self._effects.append(Decide(certificate))

    def _verdict(self, proposed: Proposed) -> bool | None:
        """valid(v): what the driver found of the header. While it has not answered, None; it is asked once."""
        if proposed.header not in self._verdicts and proposed.header not in self._asked:
            self._asked.add(proposed.header)
            self._effects.append(CheckHeader(proposed.message.body))
        return self._verdicts.get(proposed.header)

    # Memory

    def _keep(self, message: Message) -> None:
        if isinstance(message.body, Vote):
            earlier: Message | None = self._log.add_vote(message)
        else:
            earlier = self._log.add_proposal(message)
        if earlier is not None:
            self._effects.append(Accuse(earlier, message))
        if message.sender == self._me:
            self._own_up(message)

    def _own_up(self, message: Message) -> None:
        """What we signed binds us, also if we do not remember it: a lost disk, a second node with our key."""
        view = message.body.view
        self._signed.add((view, message.kind))
        if message.kind is Kind.PRECOMMIT and isinstance(message.body, Vote) and message.body.header is not None:
            lock = _Lock(view, message.body.header)
            if self._lock is None or self._lock.view < view:
                self._lock = lock
            if self._valid is None or self._valid.view < view:
                self._valid = lock

    def _restore(self, stored: Iterable[Message]) -> None:
        """Fill the log and take up the view and step in which we signed last."""
        # Proposals first: they decide which votes there is need to keep.
        for message in sorted(stored, key=lambda message: (message.kind, message.body.view)):
            if not isinstance(message.body, Vote) or self._log.takes(message):
                self._keep(message)
        if self._signed:
            self.view, kind = max(self._signed)
            self.step = _STEP_OF[kind]
