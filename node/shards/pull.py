"""Pulling shards: verified before anything is used, resumed where it stopped, and repeatable without effect.

The order is the point. A file's certificate comes first and is verified before a byte of the file is asked for; the
file gathers under a temporary name and is verified whole; only then does it get its name. Whatever kills the process
in between leaves a prefix to go on from and no row that was not verified.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consensus.types import JobId
from node.durable import put_in_place
from node.errors import OperatorError, PeerFaultError
from node.shards.bundle import BUNDLE_BYTES_MAX
from node.shards.catalog import refresh_catalog
from node.shards.files import cannot_write, check_room, make_folder, write_whole
from node.shards.layout import SHARD_BYTES_MAX
from node.shards.names import ShardName, certificate_path, data_path, parse_shard_name, shard_name
from node.shards.report import Finding, ShardReport, Step, StepError
from node.shards.source import RANGE_BYTES_MAX, ShardListing, ShardSource
from node.shards.verify import ShardVerifier

PARTIAL_FOLDER = ".partial"


@dataclass(frozen=True, slots=True)
class PullLimits:
    """What a source may make us take in."""

    shards_max: int = 100_000
    shard_bytes_max: int = SHARD_BYTES_MAX
    total_bytes_max: int = 1 << 40


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull has come."""

    name: str
    done: int
    size: int
    """Bytes of this file."""
    number: int
    count: int
    """Of files, this one being number `number` from 1 on."""


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a pull did."""

    pulled: tuple[ShardReport, ...]
    present: tuple[ShardReport, ...]
    """Files that were there already and verified again; nothing was fetched for them."""
    refused: tuple[ShardReport, ...]
    """Files that did not verify. None of their rows was written."""


class ShardPuller:
    """Pulls from one source into one folder."""

    def __init__(
        self,
        source: ShardSource,
        verifier: ShardVerifier,
        folder: Path,
        *,
        limits: PullLimits | None = None,
        on_progress: Callable[[PullProgress], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._verifier = verifier
        self._folder = folder
        self._limits = limits or PullLimits()
        self._on_progress = on_progress

    async def pull(self, job: JobId | None = None) -> PullReport:
        """Pull every file of a job, or of all jobs, and describe the folder anew.

        Raises:
            OperatorError: The folder cannot be written, is in use by another pull, or the disk has no room.
            TransientError: The source cannot be reached; call again to go on from where this stopped.
            PeerFaultError: The source's list is not a list of shards within the limits.
        """
        listings = self._check(await self._source.list_shards(job), job)
        pulled: list[ShardReport] = []
        present: list[ShardReport] = []
        refused: list[ShardReport] = []
        with _exclusive(self._folder / PARTIAL_FOLDER):
            try:
                for number, (name, listing) in enumerate(listings, start=1):
                    here = await asyncio.to_thread(self._verify_present, name)
                    if here is not None:
                        present.append(here)
                        continue
                    report = await self._pull_one(name, listing, number, len(listings))
                    (pulled if report.holds else refused).append(report)
            finally:
                await asyncio.to_thread(refresh_catalog, self._folder)
        return PullReport(tuple(pulled), tuple(present), tuple(refused))

    def _check(self, listings: Sequence[ShardListing], job: JobId | None) -> tuple[tuple[ShardName, ShardListing], ...]:
        limits = self._limits
        if len(listings) > limits.shards_max or sum(each.size for each in listings) > limits.total_bytes_max:
            raise PeerFaultError("shard-list", f"{len(listings)} shards are beyond the limits")
        checked = {}
        for listing in listings:
            name = parse_shard_name(listing.name)
            if name is None or not 0 < listing.size <= limits.shard_bytes_max or len(listing.sha256) != 32:
                raise PeerFaultError("shard-list", f"{listing.name[:80]!r} of {listing.size} bytes is no shard")
            if job is None or name.job_prefix == job.hex()[:16]:
                checked[name] = listing
        return tuple(sorted(checked.items()))

    def _verify_present(self, name: ShardName) -> ShardReport | None:
        path = data_path(self._folder, name)
        if not path.is_file() or not certificate_path(self._folder, name).is_file():
            return None
        report = self._verifier.verify_file(path)
        if report.holds:
            return report
        # Whatever the source says now, nobody is to load this file any more.
        path.replace(self._folder / PARTIAL_FOLDER / f"{name}.refused")
        return None

    async def _pull_one(self, name: ShardName, listing: ShardListing, number: int, count: int) -> ShardReport:
        bundle = await self._source.read_certificate(listing.name)
        try:
            await asyncio.to_thread(self._check_certificate, name, bundle)
        except StepError as error:
            return ShardReport(str(name), (Finding(error.step, False, str(error)),), 0)
        partial = self._folder / PARTIAL_FOLDER / f"{name}.{listing.sha256.hex()[:16]}"
        data = await self._fetch(listing, partial, number, count)
        if data is None:
            found = "the bytes fetched do not have the listed hash"
            return ShardReport(str(name), (Finding(Step.FILE, False, found),), 0)
        report, _ = await asyncio.to_thread(self._verifier.verify, data, name=str(name), beside=bundle)
        if report.holds:
            await asyncio.to_thread(self._put_in_place, name, partial, bundle)
        else:
            partial.unlink()
        return report

    def _check_certificate(self, name: ShardName, data: bytes) -> None:
        if len(data) > BUNDLE_BYTES_MAX:
            raise StepError(Step.BUNDLE, f"{len(data)} bytes, at most {BUNDLE_BYTES_MAX} allowed")
        bundle = self._verifier.verify_bundle(data)
        proven = shard_name(bundle.split, bundle.job, bundle.height)
        if proven != name:
            raise StepError(Step.BUNDLE, f"the certificate is of {proven}, listed as {name}")

    async def _fetch(self, listing: ShardListing, partial: Path, number: int, count: int) -> bytes | None:
        """The whole file, from the partial one on; None if it is not what was listed."""
        for _attempt in ("with what is there", "from the start, should that have been spoiled"):
            resumed = _start(partial, listing.size)
            await self._append(listing, partial, resumed, number, count)
            data = await asyncio.to_thread(_read_if_whole, partial, listing.sha256)
            if data is not None or resumed == 0:
                return data
        return None

    async def _append(self, listing: ShardListing, partial: Path, done: int, number: int, count: int) -> None:
        check_room(partial.parent, listing.size - done)
        try:
            with partial.open("ab") as file:
                while done < listing.size:
                    length = min(RANGE_BYTES_MAX, listing.size - done)
                    piece = await self._source.read_range(listing.name, listing.sha256, done, length)
                    if not piece or len(piece) > length:
                        return  # too short or too long: the hash will say so
                    file.write(piece)
                    done += len(piece)
                    self._on_progress(PullProgress(listing.name, done, listing.size, number, count))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot_write(partial, error) from error

    def _put_in_place(self, name: ShardName, partial: Path, bundle: bytes) -> None:
        path = data_path(self._folder, name)
        make_folder(path.parent)
        # The certificate first: where there are rows there is proof, whenever the process dies.
        write_whole(certificate_path(self._folder, name), bundle)
        try:
            put_in_place(partial, path)
        except OSError as error:
            raise cannot_write(path, error) from error


def _start(partial: Path, size: int) -> int:
    """How many bytes of a file are there already; what is longer than the file is not of it."""
    if not partial.is_file():
        return 0
    there = partial.stat().st_size
    if there > size:
        partial.unlink()
        return 0
    return there


def _read_if_whole(partial: Path, sha256: bytes) -> bytes | None:
    data = partial.read_bytes()
    if hashlib.sha256(data).digest() == sha256:
        return data
    partial.unlink()
    return None


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    make_folder(folder)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OperatorError(
                f"another pull into {folder.parent} is at work", hint="Wait for it, or give another folder."
            ) from error
        yield
    finally:
        os.close(descriptor)
