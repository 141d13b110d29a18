"""Signed messages, own and received, as they crossed the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select

from consensus.types import Hash, Kind, NodeId
from node.errors import TransientError
from node.store.backend import in_chunks, insert_new
from node.store.database import Database
from node.store.limits import StoreLimits, bounded
from node.store.rows import EnvelopeRow
from node.store.schema import envelopes

_SHARED_KINDS = frozenset({Kind.JOB, Kind.CANCEL, Kind.EVIDENCE, Kind.APPLICATION, Kind.CANDIDATE_NOTICE})
"""Kinds whose senders need not be members. They have one room together, and cannot take that of members."""

_Room = tuple[int, NodeId]
"""Height, and the sender whose room it is; nobody's is the shared one."""

_EVERYBODY = NodeId(b"")


class Envelopes:
    """Envelopes by digest, and by height and kind."""

    def __init__(self, database: Database, limits: StoreLimits) -> None:
        self._database = database
        self._limits = limits
        self._received_bytes = database.read_now(_received_bytes)

    async def put(self, row: EnvelopeRow, *, needed: bool = False) -> bool:
        """Keep an envelope; whether it was new. A second copy changes nothing.

        Args:
            row: What to keep.
            needed: It has room in any case: a round cannot be decided without it.

        Raises:
            TransientError: Its sender has sent more than `envelope_bytes_per_sender_max` for this height, or everybody
                together more than `envelope_bytes_per_height_max` of kinds that anybody may send.
        """
        bounded("envelope", row.envelope, self._limits.envelope_bytes_max)
        size = 0 if row.own else len(row.envelope)
        room = _room(row.height, row.kind, row.sender)
        held = self._received_bytes.get(room, 0)
        if size and not needed and held + size > self._bytes_max(room):
            if not await self.missing([row.digest]):
                return False
            raise TransientError(
                f"{held} bytes of messages for height {row.height} are kept already",
                waits_for=f"the end of round {row.height}",
            )
        values = {
            "digest": row.digest,
            "height": row.height,
            "kind": int(row.kind),
            "sender": row.sender,
            "own": row.own,
            "envelope": row.envelope,
        }
        # Counted before it is written, so that many at once cannot pass the bound together.
        self._count(room, size)
        new = False
        try:
            new = await self._database.write(lambda connection: insert_new(connection, envelopes, values))
        finally:
            if not new:
                self._count(room, -size)
        return new

    def _bytes_max(self, room: _Room) -> int:
        limits = self._limits
        return limits.envelope_bytes_per_height_max if room[1] == _EVERYBODY else limits.envelope_bytes_per_sender_max

    def _count(self, room: _Room, size: int) -> None:
        self._received_bytes[room] = self._received_bytes.get(room, 0) + size

    async def get(self, digest: Hash) -> EnvelopeRow | None:
        """The envelope with this digest, if it is at hand."""

        def find(connection: Connection) -> EnvelopeRow | None:
            row = connection.execute(select(envelopes).where(envelopes.c.digest == digest)).first()
            return None if row is None else _row(row)

        return await self._database.read(find)

    async def missing(self, digests: Sequence[Hash]) -> tuple[Hash, ...]:
        """Which of `digests` are not at hand, in the order given."""

        def find(connection: Connection) -> tuple[Hash, ...]:
            held: set[bytes] = set()
            for some in in_chunks(digests):
                statement = select(envelopes.c.digest).where(envelopes.c.digest.in_(some))
                held.update(bytes(digest) for digest in connection.execute(statement).scalars())
            return tuple(digest for digest in digests if digest not in held)

        return await self._database.read(find)

    async def at(
        self, height: int, kind: Kind | None = None, *, own: bool | None = None, after: Hash | None = None
    ) -> tuple[EnvelopeRow, ...]:
        """Envelopes of one height, sorted by digest, at most `page_max`.

        Args:
            height: 0 for kinds that belong to no round.
            kind: None for all.
            own: Only own ones, or only others'; None for both.
            after: Last digest of the page before.
        """

        def find(connection: Connection) -> tuple[EnvelopeRow, ...]:
            statement = select(envelopes).where(envelopes.c.height == height)
            if kind is not None:
                statement = statement.where(envelopes.c.kind == int(kind))
            if own is not None:
                statement = statement.where(envelopes.c.own == own)
            if after is not None:
                statement = statement.where(envelopes.c.digest > after)
            statement = statement.order_by(envelopes.c.digest).limit(self._limits.page_max)
            return tuple(_row(row) for row in connection.execute(statement))

        return await self._database.read(find)

    async def each_at(
        self, height: int, kind: Kind | None = None, *, own: bool | None = None
    ) -> AsyncIterator[EnvelopeRow]:
        """All of them, a page in memory at a time: others may send so many that what matters is not on the first."""
        after: Hash | None = None
        while rows := await self.at(height, kind, own=own, after=after):
            after = rows[-1].digest
            for row in rows:
                yield row

    async def prune(self, below: int) -> int:
        """Drop envelopes of heights from 1 to below `below`; those of no round stay. Returns how many."""

        def drop(connection: Connection) -> int:
            old = envelopes.c.height.between(1, below - 1)
            return connection.execute(delete(envelopes).where(old)).rowcount

        count = await self._database.write(drop)
        self._received_bytes = {
            room: size for room, size in self._received_bytes.items() if room[0] >= below or room[0] < 1
        }
        return count


def _row(row: Row[Any]) -> EnvelopeRow:
    return EnvelopeRow(
        digest=Hash(bytes(row.digest)),
        kind=Kind(row.kind),
        height=row.height,
        sender=NodeId(bytes(row.sender)),
        own=bool(row.own),
        envelope=bytes(row.envelope),
    )


def _room(height: int, kind: Kind, sender: NodeId) -> _Room:
    return height, _EVERYBODY if kind in _SHARED_KINDS else sender


def _received_bytes(connection: Connection) -> dict[_Room, int]:
    total = func.sum(func.length(envelopes.c.envelope))
    each = (envelopes.c.height, envelopes.c.kind, envelopes.c.sender)
    held: dict[_Room, int] = {}
    for height, kind, sender, size in connection.execute(
        select(*each, total).where(envelopes.c.own.is_(False)).group_by(*each)
    ):
        room = _room(height, Kind(kind), NodeId(bytes(sender)))
        held[room] = held.get(room, 0) + int(size)
    return held
