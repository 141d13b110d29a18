"""The hash-linked record of every change of standing (R38).

An event names the round by its height and by the outcome root in that round's header, not by the header's own hash: the
header contains the ledger's head after the round, so its hash cannot stand inside what it hashes. The outcome root is
just as binding, since a certified header at that height contains it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from consensus.encoding import encode, hash_bytes
from consensus.types import ZERO_HASH, Hash, NodeId
from reputation.standing import Standing


class ReasonKind(IntEnum):
    """Why a member changed. The number is hashed: never reuse one."""

    RATED = 1
    """Its ratings were followed by outcomes. Amount: 0."""
    ACCEPTED = 2
    """Candidates of its own that were accepted. Amount: how many."""
    NOT_ACCEPTED = 3
    """Candidates of its own that were decided otherwise. Amount: how many."""
    FADED = 4
    """An epoch ended, and its maturity faded as everybody's does. Amount: 0."""
    NO_SHOW = 5
    """It was given rater seats and committed to nothing. Amount: seats."""
    UNREVEALED = 6
    """It committed to ratings and never revealed them. Amount: height before which it is suspended, 0 for not."""
    FALSE_FACT = 7
    """It stated facts that more than two thirds contradict. Amount: how many."""
    EQUIVOCATED = 8
    """It signed two messages for one slot. Amount: height before which it is suspended."""
    ADMITTED = 9
    """It has proven by hidden probes that it can rate. Amount: height from which it has seats, and an empty table."""
    NOT_ADMITTED = 10
    """It has not. Amount: height from which it may try again."""
    APPLIED = 11
    """It asked to become a member and is examined from the next round on. Amount: 0."""
    DROPPED = 12
    """Its examination was in vain. It is no member any more. Amount: 0."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause of a change."""

    kind: ReasonKind
    amount: int


@dataclass(frozen=True, slots=True)
class LedgerEvent:
    """All that one decided round changed of one member."""

    index: int
    """Position in the ledger, from 0."""
    previous: Hash
    """Hash of the event before; zero for the first."""
    height: int
    outcome_root: Hash
    node: NodeId
    reasons: tuple[Reason, ...]
    """Empty when nothing but the window of kept commitments moved on."""
    before: Standing
    after: Standing
    member: Hash
    """Hash of the whole member after the change: standings are rounded, this is not. Zero when it is none any more."""

    def hash(self) -> Hash:
        """What the next event links to."""
        return link_hash(self.previous, encode(self))


def link_hash(previous: Hash, body: bytes) -> Hash:
    """Digest of an event from the digest of the one before and its own canonical encoding."""
    return hash_bytes("ledger-event", previous + body)


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """Where the ledger ends."""

    hash: Hash
    length: int


EMPTY_LEDGER = LedgerHead(hash=ZERO_HASH, length=0)


class LedgerError(ValueError):
    """An event does not continue the ledger.

    Attributes:
        index: Position at which the ledger broke.
    """

    def __init__(self, index: int, message: str) -> None:
        super().__init__(f"event {index}: {message}")
        self.index = index


def extend_ledger(head: LedgerHead, events: Iterable[LedgerEvent]) -> LedgerHead:
    """Check that `events` continue the ledger, and return its new head.

    Raises:
        LedgerError: An index is skipped or repeated, a link does not name the event before, heights run backwards, or
            a member's standing does not start where its last event among these left it.
    """
    height = 0
    standings: dict[NodeId, Standing] = {}
    for event in events:
        if event.index != head.length:
            raise LedgerError(head.length, f"carries index {event.index}")
        if event.previous != head.hash:
            raise LedgerError(event.index, f"links to {event.previous.hex()}, the ledger ends in {head.hash.hex()}")
        if event.height < height:
            raise LedgerError(event.index, f"goes back from round {height} to round {event.height}")
        if standings.get(event.node, event.before) != event.before:
            raise LedgerError(event.index, f"does not start from the last standing of {event.node.hex()}")
        height = event.height
        standings[event.node] = event.after
        head = LedgerHead(hash=event.hash(), length=head.length + 1)
    return head
