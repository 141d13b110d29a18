"""The signing guard: nothing is signed twice, whatever happens in between (R4, R44).

A signature must be on disk before anybody sees it. Otherwise a node that is killed after sending a vote comes back,
has forgotten it, and signs another one for the same slot: an equivocation, by an honest node.

What that costs (SQLite, two quiet cores): 0.9 ms for a lone vote, and 0.27 s for a thousand asked for at once, because
whatever waits for the disk together is synced together. With the disk busy, ten times that.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from consensus.types import Hash
from node.store.backend import insert_new, upsert
from node.store.database import Database
from node.store.limits import StoreLimits, bounded
from node.store.schema import settings, slots

SLOT_CHARS_MAX = 256

_FLOOR = "signing.floor"


class SlotClosedError(Exception):
    """A slot of a pruned height was to be signed. Rounds that far back are decided: the caller has a bug."""


class SigningGuard:
    """Slots and what was signed for them."""

    def __init__(self, database: Database, limits: StoreLimits) -> None:
        self._database = database
        self._limits = limits

    async def claim_slot(self, slot: str, digest: Hash, envelope: bytes, *, height: int | None = None) -> bytes:
        """Return the one envelope that may be sent for `slot`: this one, or the one that was signed before.

        Whatever it returns is on disk and would survive a power cut. Repeating a call is harmless, also after an
        error or a cancellation.

        Args:
            slot: Names the slot for ever, e.g. `"11/42/0"` for the precommit at height 42, view 0.
            digest: Of the message, so that two envelopes can be compared without parsing.
            envelope: The signed message.
            height: Of the round the slot belongs to, so that `prune` can drop it; None keeps it for ever.

        Raises:
            SlotClosedError: `height` was pruned.
            OperatorError, TransientError: The database cannot be written; nothing may be sent.
        """
        if not 0 < len(slot) <= SLOT_CHARS_MAX:
            raise ValueError(f"a slot's name has 1 to {SLOT_CHARS_MAX} characters, not {len(slot)}")
        bounded("envelope", envelope, self._limits.envelope_bytes_max)

        def claim(connection: Connection) -> bytes:
            if height is not None and height < _floor(connection):
                raise SlotClosedError(f"slot {slot} belongs to height {height}, which was pruned")
            values = {"slot": slot, "height": height, "digest": digest, "envelope": envelope}
            if insert_new(connection, slots, values):
                return envelope
            return bytes(connection.execute(select(slots.c.envelope).where(slots.c.slot == slot)).scalar_one())

        return await self._database.write(claim, durable=True)

    async def signed(self, slot: str) -> tuple[Hash, bytes] | None:
        """Digest and envelope of what was signed for `slot`; None if nothing was."""

        def find(connection: Connection) -> tuple[Hash, bytes] | None:
            row = connection.execute(select(slots.c.digest, slots.c.envelope).where(slots.c.slot == slot)).first()
            return None if row is None else (Hash(bytes(row.digest)), bytes(row.envelope))

        return await self._database.read(find)

    async def prune(self, below: int) -> int:
        """Forget slots of heights below `below`, and refuse to sign for them from now on. Returns how many."""

        def drop(connection: Connection) -> int:
            floor = max(below, _floor(connection))
            upsert(connection, settings, {"key": _FLOOR, "value": str(floor).encode()})
            return connection.execute(delete(slots).where(slots.c.height < floor)).rowcount

        return await self._database.write(drop)


def _floor(connection: Connection) -> int:
    value = connection.execute(select(settings.c.value).where(settings.c.key == _FLOOR)).scalar()
    return 0 if value is None else int(bytes(value))
