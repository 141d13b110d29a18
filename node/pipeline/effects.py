"""What the pipeline wishes done: orders to the driver, carried out in the order given.

The driver's side of the bargain, on which safety after a crash rests (R4, R44): a message is stored before it is handed
in; what a sending or signing effect orders is signed, stored under its slot, then sent, then handed back in as
received. A slot signed before is not signed again; its stored envelope is sent and handed back instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.agreement import SendAgain, SignProposal, SignVote, Timer
from consensus.draw import SlotContent
from consensus.round import ExecuteProbes, PublishCandidates, RateCandidates, Send, SetPhaseTimer
from consensus.types import Certificate, Equivocation, Hash, RoundPlan, Signed, Task
from node.pipeline.transition import Transition


@dataclass(frozen=True, slots=True)
class FillSlots:
    """Generate for these tasks; answer with `on_candidates_ready`."""

    plan: RoundPlan
    tasks: tuple[Task, ...]
    rules: tuple[tuple[int, int, SlotContent], ...]
    """(task, slot, what it has to hold), for every slot of this member (R14)."""


@dataclass(frozen=True, slots=True)
class SetAgreementTimer:
    """Call `on_agreement_timer(height, timer)` after this time."""

    height: int
    timer: Timer
    delay_ms: int


@dataclass(frozen=True, slots=True)
class FetchMessages:
    """Somebody attests to these messages and they are not here: ask the members, hand them in as received."""

    height: int
    digests: tuple[Hash, ...]


@dataclass(frozen=True, slots=True)
class FetchRound:
    """A certified header's attestations are not known: ask the members, answer `on_attestations_known`."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Report:
    """Send both envelopes of an equivocation as evidence."""

    proof: Equivocation
    first: Hash
    """Digest of the message seen first; its envelope is stored. Likewise the second."""
    second: Hash


@dataclass(frozen=True, slots=True)
class Decided:
    """A round is over, for good. Store all of it in one go, then send the certificate."""

    transition: Transition
    certificate: Certificate
    attestations: tuple[Hash, ...]
    messages: tuple[Hash, ...]
    """Digests of every message the round was decided from, the attestations among them."""
    shortfalls: tuple[tuple[int, str], ...]
    """(task, reason) as generators gave them, sorted."""
    plan: RoundPlan


@dataclass(frozen=True, slots=True)
class Halt:
    """Going on would be wrong: tell people and stop taking part. A fork, or a header that we compute differently."""

    reason: str
    certificates: tuple[Certificate, ...]


Effect = (
    Send
    | PublishCandidates
    | RateCandidates
    | ExecuteProbes
    | SetPhaseTimer
    | SignProposal
    | SignVote
    | SendAgain
    | FillSlots
    | SetAgreementTimer
    | FetchMessages
    | FetchRound
    | Report
    | Decided
    | Halt
)

Message = Signed[object]
