"""The reputation ledger as a hash chain: appended by decided rounds only, never changed (R38).

What an event means is `reputation`'s. Here it is bytes with a link, and two promises: the database refuses to change
or delete one, and `verify` finds any change made behind its back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from consensus.types import ZERO_HASH, Hash
from node.store.database import Database
from node.store.limits import StoreLimits, bounded
from node.store.rows import LedgerRow
from node.store.schema import ledger

LinkHash = Callable[[Hash, bytes], Hash]
"""Digest of an event from the previous event's digest and its own body."""

EVENT_BYTES_MAX = 64 << 10


class BrokenLedgerError(Exception):
    """The ledger kept here is not the one that was written.

    Attributes:
        seq: The first event that does not fit.
    """

    def __init__(self, seq: int, message: str) -> None:
        super().__init__(message)
        self.seq = seq


class Ledger:
    """Ledger events by sequence number."""

    def __init__(self, database: Database, limits: StoreLimits) -> None:
        self._database = database
        self._limits = limits

    async def read(self, first: int = 0) -> tuple[LedgerRow, ...]:
        """Events from sequence number `first` on, at most `page_max`."""
        return await self._database.read(lambda connection: _page(connection, first, self._limits.page_max))

    async def at(self, height: int) -> tuple[LedgerRow, ...]:
        """The events that one round caused, in order."""
        statement = select(ledger).where(ledger.c.height == height).order_by(ledger.c.seq)
        return await self._database.read(lambda c: tuple(_row(row) for row in c.execute(statement)))

    async def head(self) -> LedgerRow | None:
        """The last event; None while there is none."""
        return await self._database.read(_head)

    async def verify(self, link: LinkHash, *, start: Hash = ZERO_HASH) -> int:
        """Recompute every link from the first event on; returns how many events there are.

        Args:
            link: `reputation`'s hash of an event.
            start: What the first event names as its previous one.

        Raises:
            BrokenLedgerError: One is missing, out of order, or does not hash to what it says.
        """

        def check(connection: Connection) -> int:
            seq, previous = 0, start
            while page := _page(connection, seq, self._limits.page_max):
                previous = check_chain(page, link, seq=seq, previous=previous)
                seq += len(page)
            return seq

        return await self._database.read(check)


def check_chain(events: Iterable[LedgerRow], link: LinkHash, *, seq: int = 0, previous: Hash = ZERO_HASH) -> Hash:
    """Check that `events` follow `previous` without gap or change; returns the last digest.

    Raises:
        BrokenLedgerError: They do not; names the first that does not fit.
    """
    for expected, event in enumerate(events, start=seq):
        if event.seq != expected:
            raise BrokenLedgerError(expected, f"event {expected} is missing, event {event.seq} stands in its place")
        if event.previous != previous:
            raise BrokenLedgerError(expected, f"event {expected} does not follow the event before it")
        if link(previous, event.body) != event.digest:
            raise BrokenLedgerError(expected, f"event {expected} was changed: its digest does not match its body")
        previous = event.digest
    return previous


def append_events(connection: Connection, height: int, events: Sequence[LedgerRow]) -> None:
    """Append a decided round's events inside its transaction.

    Raises:
        ValueError: They do not follow the last event, or name another round.
    """
    head = _head(connection)
    seq = 0 if head is None else head.seq + 1
    previous = None if head is None else head.digest
    for event in events:
        if event.seq != seq or (previous is not None and event.previous != previous) or event.height != height:
            raise ValueError(f"ledger event {event.seq} of round {event.height} cannot follow event {seq - 1}")
        bounded("ledger event", event.body, EVENT_BYTES_MAX)
        values = {name: getattr(event, name) for name in ("seq", "height", "previous", "digest", "body")}
        connection.execute(insert(ledger).values(**values))
        seq, previous = seq + 1, event.digest


def _page(connection: Connection, first: int, limit: int) -> tuple[LedgerRow, ...]:
    statement = select(ledger).where(ledger.c.seq >= first).order_by(ledger.c.seq).limit(limit)
    return tuple(_row(row) for row in connection.execute(statement))


def _head(connection: Connection) -> LedgerRow | None:
    row = connection.execute(select(ledger).order_by(ledger.c.seq.desc()).limit(1)).first()
    return None if row is None else _row(row)


def _row(row: Row[Any]) -> LedgerRow:
    return LedgerRow(row.seq, row.height, Hash(bytes(row.previous)), Hash(bytes(row.digest)), bytes(row.body))
