"""What an agreement wishes done: orders to the driver, to be carried out in the order given.

The driver's side of the bargain, on which safety after a crash rests (R4, R44):

1. A message that was taken in is stored before the effects that it led to are carried out. Own votes alone would keep
   the node honest, but a lock is worth nothing to the others if the votes behind it are lost.
2. `SignProposal` and `SignVote` are stored before anything is signed. Then the driver signs, sends to the committee,
   and hands the message back in as received.
3. After a crash a new machine is given every stored `Sign...` effect, then `Started`, then the stored messages.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.agreement.events import Timer
from consensus.types import Certificate, Hash, Proposal, Signed, Vote


@dataclass(frozen=True, slots=True)
class Lock:
    """The header this member has precommitted last, and since which view: it prevotes no other without cause."""

    view: int
    header: Hash
    proposal: Proposal
    """Whole, so that a restarted member can propose it again."""


@dataclass(frozen=True, slots=True)
class SignProposal:
    """Store this, sign it, send it, hand it back."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class SignVote:
    """Store this, sign it, send it, hand it back.

    A precommit for a header gets its own signature over `certificate.precommit_bytes` before the envelope's.
    """

    vote: Vote
    lock: Lock | None
    """What the member is locked on from this vote on; stored with it, in one go."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Report `TimerFired(timer)` after this long."""

    timer: Timer
    after_ms: int


@dataclass(frozen=True, slots=True)
class CheckHeader:
    """Fetch what this header builds on, recompute it (R42), answer `HeaderChecked`.

    While something is still missing there is no answer to give: the member goes on without and votes nil in time.
    """

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class BuildHeader:
    """It is our turn: build a header with this builder's view, answer `HeaderBuilt`."""

    view: int


@dataclass(frozen=True, slots=True)
class Decide:
    """The height is decided, for good. Store the certificate, send it to the committee, go on to the next height."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Accuse:
    """A member signed two different messages for one slot. Send both envelopes as evidence (`consensus.evidence`)."""

    first: Signed[Proposal] | Signed[Vote]
    second: Signed[Proposal] | Signed[Vote]


@dataclass(frozen=True, slots=True)
class ReportFork:
    """Two headers of this height are certified: more than a third of the weight is dishonest. Stop and tell people."""

    ours: Certificate
    other: Certificate


Effect = SignProposal | SignVote | SetTimer | CheckHeader | BuildHeader | Decide | Accuse | ReportFork
