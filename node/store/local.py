"""What is this node's own: jobs it has seen, work under way, remembered verdicts, peers, settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from consensus.types import JobId, JobStatus, NodeId
from node.errors import TransientError
from node.store.backend import insert_new, upsert
from node.store.database import Database
from node.store.limits import StoreLimits, bounded
from node.store.rows import JobRow, WorkRow
from node.store.schema import jobs, peers, settings, verdicts, work
from node.values.peer import KnownPeer

NAME_CHARS_MAX = 256
ADDRESSES_MAX = 16


class Jobs:
    """Jobs as received, and where they stand."""

    def __init__(self, database: Database, limits: StoreLimits) -> None:
        self._database = database
        self._limits = limits

    async def put(self, job: JobId, envelope: bytes, *, first_seen_ms: int) -> bool:
        """Keep a job; whether it was new. A second copy changes nothing.

        Raises:
            TransientError: `jobs_max` jobs are kept and none of them is final.
        """
        bounded("job", envelope, self._limits.envelope_bytes_max)
        values = {"job": job, "envelope": envelope, "first_seen_ms": first_seen_ms, "status": None}

        def keep(connection: Connection) -> bool:
            if connection.execute(select(jobs.c.job).where(jobs.c.job == job)).first() is not None:
                return False
            self._make_room(connection)
            return insert_new(connection, jobs, values)

        return await self._database.write(keep)

    def _make_room(self, connection: Connection) -> None:
        if (connection.execute(select(func.count()).select_from(jobs)).scalar() or 0) < self._limits.jobs_max:
            return
        final = jobs.c.status.is_not(None) & (jobs.c.status != int(JobStatus.OPEN))
        oldest = select(jobs.c.job).where(final).order_by(jobs.c.first_seen_ms).limit(1).scalar_subquery()
        if connection.execute(delete(jobs).where(jobs.c.job == oldest)).rowcount == 0:
            raise TransientError(f"{self._limits.jobs_max} unfinished jobs are kept", waits_for="a job to end")

    async def get(self, job: JobId) -> JobRow | None:
        """The job with this id, if it has been seen."""

        def find(connection: Connection) -> JobRow | None:
            row = connection.execute(select(jobs).where(jobs.c.job == job)).first()
            return None if row is None else _job(row)

        return await self._database.read(find)

    async def list(self, *, after: tuple[int, JobId] | None = None) -> tuple[JobRow, ...]:
        """Jobs in order of first sight, at most `page_max`; `after` is the last one's (first_seen_ms, job)."""
        statement = select(jobs).order_by(jobs.c.first_seen_ms, jobs.c.job).limit(self._limits.page_max)
        if after is not None:
            seen, job = after
            later = (jobs.c.first_seen_ms == seen) & (jobs.c.job > job)
            statement = statement.where((jobs.c.first_seen_ms > seen) | later)
        return await self._database.read(lambda c: tuple(_job(row) for row in c.execute(statement)))

    async def set_status(self, job: JobId, status: JobStatus | None) -> None:
        """Note where a job stands. Rounds do this in their own transaction; this is for what happens beside them."""
        value = None if status is None else int(status)
        await self._database.write(lambda c: c.execute(update(jobs).where(jobs.c.job == job).values(status=value)))


class Work:
    """This node's unfinished work, so that a killed node goes on with the same bytes."""

    def __init__(self, database: Database, limits: StoreLimits) -> None:
        self._database = database
        self._limits = limits

    async def keep(self, height: int, key: str, data: bytes) -> bytes:
        """Keep a result, once: returns what stands under (height, key) now, the earlier result if there was one."""
        _check_name(key)
        values = {"height": height, "key": key, "data": bounded("work", data, self._limits.value_bytes_max)}

        def keep(connection: Connection) -> bytes:
            if insert_new(connection, work, values):
                return data
            here = (work.c.height == height) & (work.c.key == key)
            return bytes(connection.execute(select(work.c.data).where(here)).scalar_one())

        return await self._database.write(keep)

    async def get(self, height: int, key: str) -> bytes | None:
        """What was kept under (height, key)."""
        here = (work.c.height == height) & (work.c.key == key)
        value = await self._database.read(lambda c: c.execute(select(work.c.data).where(here)).scalar())
        return None if value is None else bytes(value)

    async def at(self, height: int, *, after: str = "") -> tuple[WorkRow, ...]:
        """Everything kept for one height, sorted by key, at most `page_max`."""
        statement = select(work).where(work.c.height == height, work.c.key > after).order_by(work.c.key)
        statement = statement.limit(self._limits.page_max)
        return await self._database.read(
            lambda c: tuple(WorkRow(row.height, row.key, bytes(row.data)) for row in c.execute(statement))
        )

    async def prune(self, below: int) -> int:
        """Forget the work of heights below `below`. Returns how many pieces."""
        return await self._database.write(lambda c: c.execute(delete(work).where(work.c.height < below)).rowcount)


class VerdictCache:
    """Values by key, bounded: the ones written longest ago make room."""

    def __init__(self, database: Database, limits: StoreLimits) -> None:
        self._database = database
        self._limits = limits
        self._count = database.read_now(lambda c: c.execute(select(func.count()).select_from(verdicts)).scalar_one())

    async def put(self, key: bytes, value: bytes) -> None:
        """Remember a value; a later one for the same key replaces it."""
        bounded("verdict", value, self._limits.verdict_bytes_max)
        if not 0 < len(key) <= NAME_CHARS_MAX:
            raise ValueError(f"a verdict's key has 1 to {NAME_CHARS_MAX} bytes, not {len(key)}")

        def remember(connection: Connection) -> int:
            newest = connection.execute(select(func.coalesce(func.max(verdicts.c.seq), 0))).scalar_one()
            replaced = connection.execute(delete(verdicts).where(verdicts.c.key == key)).rowcount
            connection.execute(insert(verdicts).values(key=key, seq=newest + 1, value=value))
            return 1 - replaced

        added = await self._database.write(remember)
        self._count += added
        if self._count > self._limits.verdicts_max:
            await self._evict()

    async def _evict(self) -> None:
        # An eighth at once, so that a full cache does not delete a row for every row it takes.
        left = self._limits.verdicts_max * 7 // 8

        def evict(connection: Connection) -> None:
            surplus = connection.execute(select(func.count()).select_from(verdicts)).scalar_one() - left
            oldest = select(verdicts.c.key).order_by(verdicts.c.seq).limit(max(0, surplus)).scalar_subquery()
            connection.execute(delete(verdicts).where(verdicts.c.key.in_(oldest)))

        self._count = left  # before the write: of many puts that find it full, one evicts
        await self._database.write(evict)

    async def get(self, key: bytes) -> bytes | None:
        """The value last remembered for `key`, unless it had to make room."""
        found = await self._database.read(
            lambda c: c.execute(select(verdicts.c.value).where(verdicts.c.key == key)).scalar()
        )
        return None if found is None else bytes(found)


class PeerCache:
    """Where peers were found, so that a restarted node knows whom to dial.

    Blocking, unlike its neighbours: the network calls it from a thread of its own (`node.network.interface`).
    """

    def __init__(self, database: Database, limits: StoreLimits) -> None:
        self._database = database
        self._limits = limits

    def load(self) -> Sequence[KnownPeer]:
        """Every remembered peer, the most recently seen first."""
        statement = select(peers).order_by(peers.c.seen_ms.desc(), peers.c.node)
        return self._database.read_now(lambda c: tuple(_peer(row) for row in c.execute(statement)))

    def save(self, known: Sequence[KnownPeer]) -> None:
        """Replace what is remembered; beyond `peers_max` those seen last are kept.

        Raises:
            OperatorError, TransientError: It cannot be written; what was remembered stays.
        """
        by_node = {peer.node: peer for peer in sorted(known, key=lambda peer: peer.seen_unix_ms)}
        latest = list(by_node.values())[-self._limits.peers_max :]
        rows = [
            {
                "node": peer.node,
                "addresses": json.dumps(peer.addresses[:ADDRESSES_MAX]),
                "source": peer.source,
                "seen_ms": peer.seen_unix_ms,
            }
            for peer in latest
        ]

        def replace(connection: Connection) -> None:
            connection.execute(delete(peers))
            if rows:
                connection.execute(insert(peers), rows)

        self._database.write_now(replace)


class Settings:
    """Small values by name."""

    def __init__(self, database: Database, limits: StoreLimits) -> None:
        self._database = database
        self._limits = limits

    async def put(self, key: str, value: bytes) -> None:
        """Keep a value; a later one replaces it."""
        _check_name(key)
        bounded("setting", value, self._limits.value_bytes_max)
        await self._database.write(lambda c: upsert(c, settings, {"key": key, "value": value}))

    async def get(self, key: str) -> bytes | None:
        """The value last put under `key`."""
        found = await self._database.read(
            lambda c: c.execute(select(settings.c.value).where(settings.c.key == key)).scalar()
        )
        return None if found is None else bytes(found)


def _job(row: Row[Any]) -> JobRow:
    status = None if row.status is None else JobStatus(row.status)
    return JobRow(JobId(bytes(row.job)), bytes(row.envelope), row.first_seen_ms, status)


def _peer(row: Row[Any]) -> KnownPeer:
    return KnownPeer(NodeId(bytes(row.node)), tuple(json.loads(row.addresses)), row.source, row.seen_ms)


def _check_name(name: str) -> None:
    if not 0 < len(name) <= NAME_CHARS_MAX:
        raise ValueError(f"a key has 1 to {NAME_CHARS_MAX} characters, not {len(name)}")
