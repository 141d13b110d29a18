"""What an agreement wishes done: orders to the driver, to be carried out in the order given.

The driver's side of the bargain, on which safety after a crash rests (R4, R44):

1. A message that was taken in is stored before the effects that it led to are carried out. Own votes alone would keep
   the node honest, but a lock is worth nothing to the others once the votes behind it are lost.
2. What `SignProposal` and `SignVote` ask for is signed, stored under its slot, then sent to the committee, and then
   handed back in as received. Nobody sees a signature that is not on disk. Locks need no record of their own: a
   member is locked on what it precommitted last.
3. After a crash a new machine is given all stored messages of its height, own and others', and then `Started`.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.agreement.events import Timer
from consensus.types import Certificate, Proposal, Signed, Vote


@dataclass(frozen=True, slots=True)
class SignProposal:
    """Sign this, store it, send it, hand it back."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class SignVote:
    """Sign this, store it, send it, hand it back.

    A precommit for a header gets its own signature, over `certificate.precommit_bytes`, before the envelope's.
    """

    vote: Vote


@dataclass(frozen=True, slots=True)
class SendAgain:
    """Send our own stored message once more: a crash may have come between storing and sending it."""

    message: Signed[Proposal] | Signed[Vote]


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


Effect = SignProposal | SignVote | SendAgain | SetTimer | CheckHeader | BuildHeader | Decide | Accuse | ReportFork
