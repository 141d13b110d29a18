"""What is to be written on a chain: stored before it is sent, so that a restart knows all that may be on its way."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from consensus.encoding import decode, encode
from node.store.backend import upsert
from node.store.database import Database
from node.store.limits import StoreLimits, bounded
from node.store.schema import outbox
from node.values.outbox import Entry, EntryState


class Outboxes:
    """Entries by chain and key. A chain's name tells it from every other, its contracts included."""

    def __init__(self, database: Database, limits: StoreLimits) -> None:
        self._database = database
        self._limits = limits

    async def save(self, chain: str, entries: Sequence[Entry]) -> None:
        """Keep entries, each over the earlier one of its key, in one durable transaction."""
        rows = [self._values(chain, entry) for entry in entries]

        def save(connection: Connection) -> None:
            for row in rows:
                upsert(connection, outbox, row)

        await self._database.write(save, durable=True)

    async def load(self, chain: str) -> tuple[Entry, ...]:
        """All entries of a chain, in order of being wanted."""
        statement = select(outbox.c.body).where(outbox.c.chain == chain).order_by(outbox.c.number)
        return await self._database.read(
            lambda c: tuple(decode(Entry, bytes(row.body)) for row in c.execute(statement))
        )

    async def chains(self) -> dict[str, dict[EntryState, int]]:
        """Every chain that something was ever wanted on, with the number of entries per state."""
        statement = select(outbox.c.chain, outbox.c.state, func.count()).group_by(outbox.c.chain, outbox.c.state)

        def count(connection: Connection) -> dict[str, dict[EntryState, int]]:
            found: dict[str, dict[EntryState, int]] = {}
            for chain, state, many in connection.execute(statement):
                found.setdefault(chain, dict.fromkeys(EntryState, 0))[EntryState(state)] = many
            return found

        return await self._database.read(count)

    def _values(self, chain: str, entry: Entry) -> dict[str, object]:
        return {
            "chain": chain,
            "key": entry.key,
            "number": entry.number,
            "state": entry.state.value,
            "body": bounded("outbox entry", encode(entry), self._limits.value_bytes_max),
        }
