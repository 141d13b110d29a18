"""How a round is decided: one pure machine per height (R40 to R45).

`machine.py` is the algorithm; `events.py` is what can happen to it, `effects.py` what it asks for and what its driver
owes it; `admission.py` what it refuses; `log.py` and `votes.py` what it keeps; `validity.py` what can be said of a
header without recomputing its round; `report.py` sums up a view for people.
"""

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
from consensus.agreement.machine import Agreement

__all__ = [
    "Accuse",
    "Agreement",
    "BuildHeader",
    "CertificateReceived",
    "CheckHeader",
    "Decide",
    "Effect",
    "Event",
    "HeaderBuilt",
    "HeaderChecked",
    "MembersAbsent",
    "ProposalReceived",
    "ReportFork",
    "SendAgain",
    "SetTimer",
    "SignProposal",
    "SignVote",
    "Started",
    "Step",
    "Timer",
    "TimerFired",
    "VoteReceived",
]
