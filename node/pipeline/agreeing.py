"""One height in agreement: from the start of its votes to the transition that its certified header leads to.

`consensus.agreement` decides on a header. What a header rests on may still be on its way to this member: here its
building, its check and what follows from it wait for that, and ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from consensus import agreement as ag
from consensus.certificate import header_hash
from consensus.errors import RefusedError
from consensus.narrowing import narrow
from consensus.types import Certificate, Hash, Header, NodeId, Proposal, Vote
from node.pipeline.effects import Effect, FetchMessages, FetchRound, Halt, Message, SetAgreementTimer
from node.pipeline.headers import HeaderWork
from node.pipeline.inputs import IncompleteError
from node.pipeline.message_book import height_of
from node.pipeline.progress import awaited, outcome
from node.pipeline.transition import Builder, Transition

Wish = Effect | ag.Accuse
"""What a height wishes done. Whether it is of use to report who signed twice, the pipeline knows."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A certified header, with what it was decided from and what follows from it."""

    transition: Transition
    certificate: Certificate
    attestations: tuple[Hash, ...]


class HeightInAgreement:
    """One member's part in deciding a height; each has its own. What it wishes done gathers until taken.

    Args:
        agreement: Of the height; nothing has happened to it.
        headers: Of the round that is decided.
        attestations: Digests of those that are here for the round, sorted, whenever it is called.
        builder: This member as the builder in a view. Costs an elliptic-curve proof.

    Attributes:
        height: The round that is being decided.
        begun: Whether it takes part. Before, only a certificate is of use.
    """

    def __init__(
        self,
        agreement: ag.Agreement,
        headers: HeaderWork,
        *,
        attestations: Callable[[], tuple[Hash, ...]],
        builder: Callable[[int], Builder],
    ) -> None:
        self.height = agreement.height
        self.begun = False
        self._agreement, self._headers = agreement, headers
        self._attestations, self._builder = attestations, builder
        self._building: int | None = None
        self._checking: dict[Hash, Proposal] = {}
        self._lacking = 0
        self._out: list[Wish] = []

    def take(self) -> list[Wish]:
        """What is to be done, in order; forgotten here."""
        out, self._out = self._out, []
        return out

    # What happens to it

    def begin(self, early: Iterable[Message], absent: frozenset[NodeId]) -> None:
        """The round is attested: take part, first with the votes and proposals that came before their time."""
        self.begun = True
        self._agree(ag.Started())
        for message in early:
            try:
                self.on_message(message)
            except RefusedError:
                continue  # It was stored when it came; that it breaks a rule shows only now that its height is here.
        self.on_absent(absent)

    def on_message(self, message: Message) -> None:
        """A vote or proposal.

        Raises:
            RefusedError: It does not belong here or breaks a rule.
        """
        if isinstance(message.body, Proposal):
            self._agree(ag.ProposalReceived(narrow(message, Proposal)))
        else:
            self._agree(ag.VoteReceived(narrow(message, Vote)))

    def on_certificate(self, certificate: Certificate) -> None:
        """A certificate of this height.

        Raises:
            RefusedError: It does not hold.
        """
        self._agree(ag.CertificateReceived(certificate))

    def on_absent(self, nodes: frozenset[NodeId]) -> None:
        """Of these members nothing has been heard for a while."""
        if self.begun:
            self._agree(ag.MembersAbsent(nodes))

    def on_timer(self, timer: ag.Timer) -> None:
        """The time of a `SetAgreementTimer` is up."""
        if self.begun:
            self._agree(ag.TimerFired(timer))

    def on_attestations_known(self, digests: tuple[Hash, ...]) -> None:
        """The certified header's attestations, as a peer lists them."""
        if self.certificate is not None:
            self._headers.learn(self.certificate.header.attestation_root, digests)

    # Questions

    @property
    def certificate(self) -> Certificate | None:
        """What decided the height; None until then."""
        return self._agreement.certificate

    @property
    def view(self) -> int:
        """The attempt that the member is in, from 0."""
        return self._agreement.view

    @property
    def waits_for(self) -> str:
        """What it waits for in this view, and of whom."""
        return awaited(self._agreement.report(self.view), self._agreement.step, self._lacking)

    def outcome(self, view: int) -> str:
        """What has come of a view that is over."""
        return outcome(self._agreement.report(view))

    def messages(self) -> list[Message]:
        """Every vote and proposal kept: what a peer may lack."""
        return [message for message in self._agreement.messages() if height_of(message) == self.height]

    # What waits for messages

    def retry(self) -> None:
        """Build and check headers as far as what they rest on is here, until one is certified."""
        if self.certificate is not None:
            return
        self._lacking = 0
        if self._building is not None:
            self._try_build(self._building)
        for name, proposal in list(self._checking.items()):
            self._try_check(name, proposal)

    def settle(self) -> Settled | None:
        """What the certified header leads to, once all that it rests on is here; what lacks is asked for."""
        certificate = self.certificate
        if certificate is None:
            return None
        header = certificate.header
        attestations = self._attestations_of(header)
        if attestations is None:
            self._out.append(FetchRound(certificate))
            return None
        try:
            transition = self._headers.known(header) or self._headers.recompute(header, attestations)
        except IncompleteError as missing:
            self._out.append(FetchMessages(self.height, missing.digests))
            return None
        except RefusedError as refusal:
            self._halt(f"the certified header {self.height} breaks a rule here: {refusal}", certificate)
            return None
        if transition.header != header:
            self._halt(f"round {self.height} is certified with another result than is computed here", certificate)
            return None
        return Settled(transition, certificate, attestations)

    def _try_build(self, view: int) -> None:
        attestations = self._attestations()
        try:
            inputs = self._headers.read(attestations)
        except IncompleteError as missing:
            self._lack(missing)
            return
        except RefusedError:
            return  # Too little weight yet: the next attestation tries again, the view's timer ends the wait.
        transition = self._headers.build(inputs, self._builder(view), attestations)
        self._building = None
        self._agree(ag.HeaderBuilt(view, transition.header, attestations))

    def _try_check(self, name: Hash, proposal: Proposal) -> None:
        try:
            valid = self._headers.recompute(proposal.header, proposal.attestations).header == proposal.header
        except IncompleteError as missing:
            self._lack(missing)
            return
        except RefusedError:
            valid = False
        self._checking.pop(name, None)
        self._agree(ag.HeaderChecked(name, valid))

    def _lack(self, missing: IncompleteError) -> None:
        self._lacking += len(missing.digests)
        self._out.append(FetchMessages(self.height, missing.digests))

    def _attestations_of(self, header: Header) -> tuple[Hash, ...] | None:
        """Those that a header was built from: computed with here, listed by a peer, or proposed; None if not known."""
        known = self._headers.attestations_of(header)
        if known is not None:
            return known
        proposals = (item.body for item in self._agreement.messages() if isinstance(item.body, Proposal))
        return next((body.attestations for body in proposals if body.header == header), None)

    def _agree(self, event: ag.Event) -> None:
        for effect in self._agreement.handle(event):
            match effect:
                case ag.SetTimer(timer, after_ms):
                    self._out.append(SetAgreementTimer(self.height, timer, after_ms))
                case ag.BuildHeader(view):
                    self._building = view
                case ag.CheckHeader(proposal):
                    self._checking[header_hash(proposal.header)] = proposal
                case ag.Decide():
                    continue  # `settle` goes by the certificate.
                case ag.ReportFork(ours, other):
                    self._halt("two headers of one height are certified", ours, other)
                case _:
                    self._out.append(effect)

    def _halt(self, reason: str, *certificates: Certificate) -> None:
        self._out.append(Halt(reason, certificates))
