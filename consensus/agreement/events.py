"""What can happen to an agreement: facts the driver reports, in the past tense. `effects.py` holds the answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from consensus.types import Certificate, Hash, Header, NodeId, Proposal, Signed, Vote


class Step(IntEnum):
    """How far a member has come in a view; it never goes back within one."""

    PROPOSE = 0
    """It waits for a proposal."""
    PREVOTE = 1
    """It has prevoted."""
    PRECOMMIT = 2
    """It has precommitted."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Bounds the wait in one step of one view. One that was overtaken may fire all the same: it does nothing then."""

    step: Step
    view: int


@dataclass(frozen=True, slots=True)
class Started:
    """The height before is decided, or the node is back after a crash. Comes first, and once."""


@dataclass(frozen=True, slots=True)
class ProposalReceived:
    """A proposal whose envelope has been verified; our own comes back this way too."""

    message: Signed[Proposal]


@dataclass(frozen=True, slots=True)
class VoteReceived:
    """A vote whose envelope has been verified; our own come back this way too."""

    message: Signed[Vote]


@dataclass(frozen=True, slots=True)
class CertificateReceived:
    """Somebody says that this height is decided. Believed for its signatures, whoever sent it."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class HeaderChecked:
    """The answer to `CheckHeader`: does the header follow from its inputs (R42)? Final, so not given on mere lack."""

    header: Hash
    valid: bool


@dataclass(frozen=True, slots=True)
class HeaderBuilt:
    """The answer to `BuildHeader`, in time or too late."""

    view: int
    header: Header
    attestations: tuple[Hash, ...]
    """Digests of the attestation messages the header counts, sorted."""


@dataclass(frozen=True, slots=True)
class MembersAbsent:
    """Of these, and of no others, nothing has been heard for `absent_ms` (R12)."""

    nodes: frozenset[NodeId]


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time of a `SetTimer` is up."""

    timer: Timer


Event = (
    Started
    | ProposalReceived
    | VoteReceived
    | CertificateReceived
    | HeaderChecked
    | HeaderBuilt
    | MembersAbsent
    | TimerFired
)
