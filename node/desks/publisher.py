"""Certified shards as files: every decided round's, whenever its contents are at hand, restarts included.

Runs beside the member and never holds it up. What cannot be written yet (a content that nobody gives, a full disk)
is tried again; what is there already is left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from consensus.encoding import decode
from consensus.params import Preset
from consensus.types import CandidateState, ChainState, Decision, Hash, JobId, JobStatus, JobTerms, ShardHead
from node.desks.chronicle import Chronicle
from node.driver.archive import Archive
from node.driver.driver import Driver
from node.errors import NodeError, OperatorError, TransientError
from node.shards import (
    DecidedShard,
    EpochHop,
    PublishError,
    ShardName,
    data_path,
    epoch_hop,
    hops_needed,
    publish_shard,
    refresh_catalog,
    shard_name,
    split_of,
)
from node.store import Store

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""Between two tries while something is missing."""

Obtain = Callable[[Hash], Awaitable[bytes | None]]
"""A content by hash; None where it is not to be had now."""


class ShardCollector:
    """Puts together what a shard's files are made from: certificate, way to it, decisions, contents.

    Args:
        store: A node's, which may be open for reading only.
        preset: The swarm's numbers.
        obtain: Where contents come from.
    """

    def __init__(self, store: Store, preset: Preset, obtain: Obtain) -> None:
        self._store, self._preset, self._obtain = store, preset, obtain
        self._archive = Archive(store, preset.epoch_rounds)
        self._hops: dict[int, EpochHop] = {}

    async def names(self, height: int, head: ShardHead, terms: JobTerms) -> frozenset[ShardName]:
        """The files that a shard comes as: one per split that got rows."""
        accepted = await self._accepted(height, head.job)
        splits = {split_of(terms.crates[item.crate].partition("@")[0]) for item in accepted}
        return frozenset(shard_name(split, head.job, height) for split in splits)

    async def collect(self, height: int, head: ShardHead, terms: JobTerms) -> DecidedShard:
        """Everything that `publish_shard` wants of one shard.

        Raises:
            TransientError: A content is not to be had now.
            OperatorError: The state of an epoch's last round has been pruned.
        """
        certificate = await self._archive.certificate(height)
        assert certificate is not None, "shards are of decided rounds"
        decisions = await self._accepted(height, head.job)
        contents = {item.content: await self._content(item.content) for item in decisions}
        hops = tuple([await self._hop(at) for at in hops_needed(self._preset, height)])
        return DecidedShard(terms, certificate, hops, decisions, contents)

    async def _accepted(self, height: int, job: JobId) -> tuple[Decision, ...]:
        found: list[Decision] = []
        after: tuple[int, int] | None = None
        while page := await self._store.decisions.find(
            job=job, height=height, state=CandidateState.ACCEPTED, after=after
        ):
            found += [row.decision for row in page]
            after = (page[-1].height, page[-1].position)
        return tuple(found)

    async def _content(self, name: Hash) -> bytes:
        content = await self._obtain(name)
        if content is None:
            raise TransientError(f"nobody gives example {name.hex()[:16]}", waits_for=f"example {name.hex()[:16]}")
        return content

    async def _hop(self, height: int) -> EpochHop:
        if height not in self._hops:
            row = await self._store.rounds.get(height)
            certificate = await self._archive.certificate(height)
            if row is None or row.state is None or certificate is None:
                raise OperatorError(
                    f"the state after round {height} is not kept here, and proofs lead through it",
                    hint="Publish from a node that has kept it; any of the swarm's will do.",
                )
            self._hops[height] = epoch_hop(certificate, decode(ChainState, row.state))
        return self._hops[height]


@dataclass(frozen=True, slots=True)
class _Due:
    """A certified shard whose files are not all there yet."""

    height: int
    head: ShardHead


class ShardPublisher:
    """Keeps a node's shard folder complete.

    Args:
        driver: Whose rounds.
        chronicle: Tells which rounds have shards.
        folder: The data set's folder that the node serves.
    """

    def __init__(self, driver: Driver, chronicle: Chronicle, folder: Path) -> None:
        self._driver, self._chronicle, self._folder = driver, chronicle, folder
        self._collector = ShardCollector(driver.store, driver.preset, driver.contents.obtain)
        self._seen = 0
        self._due: list[_Due] = []
        self._described = True
        self.published = 0
        """Shards whose files are all there."""
        self.waits_for = ""
        """What the oldest unpublished shard waits for; empty when none does."""

    async def run(self) -> None:
        """Publish after every decided round, and once at the start what an earlier run left, until cancelled."""
        while True:
            decided = self._driver.member.decided
            try:
                await self.publish_due()
            except Exception as error:
                # Whatever this is, the node's own work goes on without its shard files, and status tells of it.
                log.exception("shards could not be published")
                self.waits_for = f"{type(error).__name__}: {error}"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S if self.waits_for else None):
                    await decided.wait()

    async def publish_due(self) -> None:
        """Write what can be written now; `waits_for` tells whether that was all."""
        await self._chronicle.catch_up()
        self._note_new()
        left: list[_Due] = []
        self.waits_for = ""
        for due in self._due:
            try:
                await self._publish(due)
                self.published += 1
            except (NodeError, PublishError) as error:
                log.warning("shard of round %d: %s", due.height, error)
                self.waits_for = self.waits_for or _waits_for(error)
                left.append(due)
        self._due = left
        await self._describe()

    def _note_new(self) -> None:
        chapters = [chapter for chapter in self._chronicle.with_shards() if chapter.height > self._seen]
        for chapter in chapters:
            self._due += [_Due(chapter.height, head) for head in chapter.shards]
            self._seen = chapter.height

    async def _publish(self, due: _Due) -> None:
        jobs = self._driver.member.state.jobs
        terms = next(job.terms for job in jobs if job.terms.job == due.head.job)
        names = await self._collector.names(due.height, due.head, terms)
        if all(data_path(self._folder, name).is_file() for name in names):
            return
        shard = await self._collector.collect(due.height, due.head, terms)
        # Laying out Parquet takes tens of milliseconds: not on the loop that answers peers.
        paths = await asyncio.to_thread(publish_shard, shard, self._folder)
        self._described = False
        log.info("published %s: %d rows", ", ".join(path.stem for path in paths), due.head.rows)

    async def _describe(self) -> None:
        """Write the data set's card and manifest once a job has ended: that reads every file."""
        busy = any(job.status is JobStatus.OPEN for job in self._driver.member.state.jobs)
        if not self._described and not busy:
            await asyncio.to_thread(refresh_catalog, self._folder)
            self._described = True


async def publish_stored(store: Store, preset: Preset, folder: Path) -> tuple[ShardName, ...]:
    """Write every shard that a node's decided rounds certify into a data set's folder; what is there is left alone.

    Args:
        store: The node's, which may be open for reading only.
        preset: The swarm's numbers.
        folder: Made if need be.

    Returns:
        The files written now.

    Raises:
        TransientError: An example is not kept here; a running node asks its peers for it.
        OperatorError: The state of an epoch's last round is not kept here.
        PublishError: What is stored is not what was certified.
    """
    tip = await Archive(store, preset.epoch_rounds).tip()
    terms = {job.terms.job: job.terms for job in tip.jobs} if tip is not None else {}
    collector, chronicle = ShardCollector(store, preset, store.blobs.get), Chronicle(store)
    await chronicle.catch_up()
    written: list[ShardName] = []
    for chapter in chronicle.with_shards():
        for head in chapter.shards:
            names = await collector.names(chapter.height, head, terms[head.job])
            missing = [name for name in names if not data_path(folder, name).is_file()]
            if missing:
                await asyncio.to_thread(
                    publish_shard, await collector.collect(chapter.height, head, terms[head.job]), folder
                )
                written += missing
    if written:
        await asyncio.to_thread(refresh_catalog, folder)
    return tuple(written)


def _waits_for(error: Exception) -> str:
    return error.waits_for if isinstance(error, TransientError) else str(error)
