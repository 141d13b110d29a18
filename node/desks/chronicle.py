"""What happened, round by round, told from decided rounds alone: the same story after every restart.

Read once from the store and then kept up with: who was admitted, who ended, which shards were certified, why slots
stayed empty. Small enough to keep in memory (some hundred bytes a round); everything else is asked of the store when
somebody wants to know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from consensus.encoding import decode
from consensus.types import CandidateState, Certificate, Hash, JobId, JobStatus, ShardHead
from node.driver.archive import read_notes
from node.store import RoundRow, Store
from node.values.views import JobEvent

PAGE_ROUNDS = 100
"""Rounds read at once: some megabytes."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One decided round, as far as jobs and shards are concerned."""

    height: int
    header: Hash
    at_unix_ms: int
    """When this node heard of the decision."""
    admitted: frozenset[JobId]
    closed: frozenset[JobId]
    shards: tuple[ShardHead, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A task of a job: indices into the job's crates and categories."""

    crate: int
    category: int


class Chronicle:
    """This node's decided rounds as a story. Call `catch_up` before asking."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._chapters: dict[int, Chapter] = {}
        self._height = 0
        self._open: frozenset[JobId] = frozenset()
        self._marks: dict[JobId, list[int]] = {}
        self._shortfalls: dict[JobId, dict[Place, str]] = {}
        self._reading = asyncio.Lock()

    async def catch_up(self) -> None:
        """Read the rounds decided since the last time."""
        async with self._reading:
            while rows := await self._store.rounds.between(self._height + 1, self._height + PAGE_ROUNDS, states=False):
                for row, certificate, notes in await asyncio.to_thread(_parse, rows):
                    self._add(row, certificate, notes)

    def chapter(self, height: int) -> Chapter | None:
        """The round decided at a height."""
        return self._chapters.get(height)

    def with_shards(self) -> tuple[Chapter, ...]:
        """Rounds that certified shards, oldest first."""
        return tuple(chapter for chapter in self._chapters.values() if chapter.shards)

    def headed(self, prefix: str) -> tuple[Chapter, ...]:
        """Rounds whose header's hash, or one of whose shards' roots, begins with these hex digits."""
        return tuple(
            chapter
            for chapter in self._chapters.values()
            if chapter.header.hex().startswith(prefix)
            or any(head.root.hex().startswith(prefix) for head in chapter.shards)
        )

    def shortfalls(self, job: JobId) -> dict[Place, str]:
        """Why slots of a job's tasks stayed empty, as generators said last."""
        return self._shortfalls.get(job, {})

    async def events(self, job: JobId, ended: JobStatus | None) -> tuple[JobEvent, ...]:
        """Everything that decided rounds say of a job, in order.

        Args:
            job: Which.
            ended: How it ended; None while it is open.
        """
        counts = await self._store.decisions.counts_by_height(job)
        events: list[JobEvent] = []
        rows = 0

        def tell(chapter: Chapter, name: str, text: str, *, final: bool = False) -> None:
            events.append(JobEvent(len(events) + 1, chapter.at_unix_ms, chapter.height, name, text, final))

        for height in sorted({*self._marks.get(job, ()), *counts}):
            chapter = self._chapters.get(height)
            if chapter is None:
                break  # decided this very moment: told the next time
            if job in chapter.admitted:
                tell(chapter, "JobAdmitted", f"admitted by round {height}")
            if height in counts:
                rows += counts[height].get(CandidateState.ACCEPTED, 0)
                tell(chapter, "RoundCertified", _round_text(height, counts[height], rows))
            if job in chapter.closed and ended is not None:
                tell(chapter, f"Job{_word(ended)}", f"{ended.name.lower()} with {rows} rows", final=True)
        return tuple(events)

    def _add(self, row: RoundRow, certificate: Certificate, notes: dict[str, object]) -> None:
        header = certificate.header
        listed = notes.get("open")
        still_open = frozenset(JobId(bytes.fromhex(str(text))) for text in listed) if isinstance(listed, list) else None
        admitted = frozenset(header.admitted)
        before = self._open | admitted
        self._open = before if still_open is None else still_open
        at = notes.get("decided_unix_ms")
        chapter = Chapter(
            height=row.height,
            header=row.header_hash,
            at_unix_ms=at if isinstance(at, int) else 0,
            admitted=admitted,
            closed=before - self._open,
            shards=header.shards,
        )
        self._chapters[row.height] = chapter
        self._height = row.height
        for job in {*chapter.admitted, *chapter.closed}:
            self._marks.setdefault(job, []).append(row.height)
        self._add_shortfalls(notes)

    def _add_shortfalls(self, notes: dict[str, object]) -> None:
        told = notes.get("shortfalls")
        for item in told if isinstance(told, list) else ():
            job = JobId(bytes.fromhex(item["job"]))
            place = Place(item["crate"], item["category"])
            self._shortfalls.setdefault(job, {})[place] = "; ".join(item["reasons"])


def _parse(rows: Sequence[RoundRow]) -> list[tuple[RoundRow, Certificate, dict[str, object]]]:
    return [(row, decode(Certificate, row.certificate), read_notes(row.manifest)) for row in rows]


def _round_text(height: int, counts: dict[CandidateState, int], rows: int) -> str:
    listed = ", ".join(f"{count} {state.value}" for state, count in counts.items())
    return f"round {height}: {listed}; {rows} rows so far"


def _word(status: JobStatus) -> str:
    return "".join(part.capitalize() for part in status.name.split("_"))
