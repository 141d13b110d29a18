"""What a node wants written on a chain, and how far each piece has come.

Kept by the store before anything of it is sent, so that whoever opens the database again knows every transaction that
may be on its way. Amounts are wei, times Unix milliseconds, hashes and addresses raw bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class EntryState(Enum):
    """Where an entry stands; exactly one each, and the counts add up to the number of entries."""

    QUEUED = "queued"
    """Wanted; no transaction holds a nonce for it."""
    SENT = "sent"
    """A signed transaction is stored and offered; no block is known to hold it."""
    MINED = "mined"
    """In a block that may still be reorganised away."""
    DONE = "done"
    """The chain holds it, as deep as was asked for."""
    FAILED = "failed"
    """The contract refused it and does not hold it; a person has to look."""


@dataclass(frozen=True, slots=True)
class Call:
    """A contract call without its transaction."""

    to: bytes
    """20 bytes."""
    data: bytes
    value: int = 0
    """Wei sent along: a stake."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction. Attempts of one entry share its nonce, so at most one of them is ever mined."""

    tx_hash: bytes
    raw: bytes
    """As it goes to the network; holds a signature and no secret."""
    max_fee: int
    tip: int
    gas: int
    made_block: int
    """The newest block when it was signed."""


@dataclass(frozen=True, slots=True)
class Place:
    """The block that holds an attempt."""

    tx_hash: bytes
    block: int
    block_hash: bytes
    succeeded: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing wanted on the chain."""

    key: str
    """What is wanted, in a name that is the same whenever it is wanted again: the idempotency key."""
    number: int
    """In order of being wanted, from 0."""
    after: str
    """Key of the entry that has to be in a block first; empty for none."""
    call: Call
    state: EntryState = EntryState.QUEUED
    nonce: int = -1
    """-1 until a transaction was signed."""
    attempts: tuple[Attempt, ...] = ()
    """Oldest first."""
    place: Place | None = None
    reason: str = ""
    """Why it is not further, for a person."""
    tries: int = 0
    """Since it last came further; decides how long to wait."""
    retry_ms: int = 0
    """Nothing is tried before this time."""
    reverts: int = 0
    """Transactions of it that the contract refused."""
