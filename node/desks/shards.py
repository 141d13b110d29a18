"""Certified shards, for pullers: the files of this node's shard folder, and the certificates behind them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from consensus.encoding import decode
from consensus.types import ChainState, Hash, JobId
from node.desks.chronicle import Chronicle
from node.driver.driver import Driver
from node.errors import ExitCode, OperatorError, TransientError
from node.home import NodeHome
from node.rpc.forms import PIECE_BYTES_MAX
from node.shards import FolderSource, ShardListing, UnknownShardError, epoch_hop, parse_bundle, parse_shard_name
from node.values import views


@dataclass(frozen=True, slots=True)
class _Offer:
    """One file as it is served."""

    listing: ShardListing
    view: views.ShardView
    certificate: bytes


class NodeShards:
    """Implements `ShardDesk` over a shard folder."""

    def __init__(self, driver: Driver, chronicle: Chronicle, home: NodeHome) -> None:
        self._driver, self._chronicle = driver, chronicle
        self._source = FolderSource(home.shards)
        self._offers: dict[str, _Offer] = {}

    async def list_shards(self, job: JobId | None, limit: int) -> tuple[views.ShardView, ...]:
        """See `ShardDesk.list_shards`."""
        offers = await self._refresh(job)
        newest = sorted(offers, key=lambda offer: (-offer.view.height, offer.listing.name))
        return tuple(offer.view for offer in newest[:limit])

    async def certificate(self, height: int) -> views.CertifiedRound:
        """See `ShardDesk.certificate`."""
        tip = self._driver.member.state.height
        if height > tip or tip == 0:
            raise TransientError(f"round {max(1, height)} is not certified yet", waits_for=f"round {max(1, height)}")
        row = await self._driver.store.rounds.get(height or tip)
        certificate = await self._driver.archive.certificate(height or tip)
        assert certificate is not None, "rounds are kept whole"
        assert row is not None, "rounds are kept whole"
        ends_epoch = self._driver.preset.ends_epoch(certificate.header.height)
        if not ends_epoch or row.state is None:
            return views.CertifiedRound(certificate, None)
        return views.CertifiedRound(certificate, epoch_hop(certificate, decode(ChainState, row.state)).snapshot)

    async def pull(self, root: Hash, offset: int, file_sha256: bytes) -> AsyncGenerator[views.ShardPiece, None]:
        """See `ShardDesk.pull`."""
        offer = await self._find(root, file_sha256)
        is_certificate = file_sha256 == offer.view.certificate_sha256
        size = offer.view.certificate_bytes if is_certificate else offer.view.file_bytes
        if offset > size:
            raise OperatorError(f"byte {offset} of a file of {size} bytes", hint="Start the pull from the beginning.")
        while offset < size:
            piece = await self._read(offer, file_sha256, offset)
            yield views.ShardPiece(offset, piece)
            offset += len(piece)

    async def _read(self, offer: _Offer, sha256: bytes, offset: int) -> bytes:
        if sha256 == offer.view.certificate_sha256:
            return offer.certificate[offset : offset + PIECE_BYTES_MAX]
        try:
            name, file = offer.listing.name, offer.view.file_sha256
            piece = await self._source.read_range(name, file, offset, PIECE_BYTES_MAX)
        except UnknownShardError as error:
            raise _another_file() from error
        if not piece:
            raise _another_file()
        return piece

    async def _find(self, root: Hash, sha256: bytes) -> _Offer:
        found = self._matching(root, sha256)
        if not found:
            await self._refresh(None)
            found = self._matching(root, sha256)
        if not found and self._matching(root, b""):
            raise _another_file()
        if not found:
            raise OperatorError(
                f"no shard {root.hex()[:16]} is here",
                hint="List those that are: `swarm-node shard list`.",
                exit_code=ExitCode.NOT_SO,
            )
        if len(found) > 1:
            raise OperatorError(f"shard {root.hex()[:16]} has {len(found)} files", hint="Name one by its SHA-256.")
        return found[0]

    def _matching(self, root: Hash, sha256: bytes) -> list[_Offer]:
        return [
            offer
            for offer in self._offers.values()
            if offer.view.root == root
            and (not sha256 or sha256 in {offer.view.file_sha256, offer.view.certificate_sha256})
        ]

    async def _refresh(self, job: JobId | None) -> list[_Offer]:
        await self._chronicle.catch_up()
        found = []
        for listing in await self._source.list_shards(job):
            offer = self._offers.get(listing.name)
            if offer is None or offer.listing != listing:
                offer = await self._offer(listing)
            if offer is not None:
                self._offers[listing.name] = offer
                found.append(offer)
        return found

    async def _offer(self, listing: ShardListing) -> _Offer | None:
        """A file with what its certificate says; None for one that is not of a round decided here."""
        name = parse_shard_name(listing.name)
        chapter = self._chronicle.chapter(name.height) if name is not None else None
        if name is None or chapter is None:
            return None
        heads = [head for head in chapter.shards if head.job.hex().startswith(name.job_prefix)]
        certificate = await self._source.read_certificate(listing.name)
        bundle = await asyncio.to_thread(parse_bundle, certificate)
        if len(heads) != 1:
            return None
        view = views.ShardView(
            root=heads[0].root,
            job=heads[0].job,
            height=chapter.height,
            header=chapter.header,
            rows=len(bundle.leaves) - len(bundle.absent),
            file_bytes=listing.size,
            file_sha256=listing.sha256,
            split=name.split,
            certificate_bytes=len(certificate),
            certificate_sha256=hashlib.sha256(certificate).digest(),
        )
        return _Offer(listing, view, certificate)


def _another_file() -> OperatorError:
    return OperatorError("the file is another one now", hint="Start the pull again: `swarm-node shard pull`.")
