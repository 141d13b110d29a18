"""What gossip lost: asked for, again and again, with bounds.

Every few seconds one connected peer is asked what it holds of the coming rounds that this node does not; a peer that
is ahead gives decided rounds, one after the other, each verified by its certificate. What the pipeline names as missing
is asked of several peers at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from typing import Protocol

from consensus.types import Certificate, Hash, NodeId
from node.driver.courier import Courier
from node.driver.frames import (
    PREFIX_BYTES,
    RoundRecord,
    SyncAnswer,
    SyncRequest,
    parse_round_record,
    parse_sync_answer,
    parse_sync_request,
)
from node.errors import NodeError, PeerFaultError
from node.network.interface import REQUEST_BYTES_MAX, Network
from node.pipeline import Pipeline
from node.store import Store

log = logging.getLogger(__name__)

SYNC = "sync/1"
ROUND = "round/1"
BUSY_EVERY_S = 1.0
"""Between two exchanges while rounds are in work."""
IDLE_EVERY_S = 15.0
TIMEOUT_S = 10.0
ASKED_AT_ONCE = 3


class Records(Protocol):
    """Where decided rounds are kept (`archive.Archive`)."""

    async def record(self, height: int) -> RoundRecord | None:
        """What another member needs to follow this round."""
        ...


class Sync:
    """One node's catching up.

    Args:
        courier: Takes what peers give.
        network: Asks them.
        store: For messages by digest.
        records: For decided rounds.
        pipeline: Tells what is held and where this node stands.
        on_attestations: Told (height, digests) when a peer lists a certified round's attestations.
    """

    def __init__(
        self,
        *,
        courier: Courier,
        network: Network,
        store: Store,
        records: Records,
        pipeline: Callable[[], Pipeline],
        on_attestations: Callable[[int, tuple[Hash, ...]], None],
    ) -> None:
        self._courier, self._network, self._store, self._records = courier, network, store, records
        self._pipeline, self._on_attestations = pipeline, on_attestations
        self._wanted: set[Hash] = set()
        self._wanted_round: int | None = None
        self._wake = asyncio.Event()

    def attach(self) -> None:
        """Take over the network's protocols. Called once, before the network starts."""
        self._network.serve(SYNC, self._on_sync)
        self._network.serve(ROUND, self._on_round)

    def want_messages(self, digests: tuple[Hash, ...]) -> None:
        """These messages are missing."""
        if not self._wanted.issuperset(digests):
            self._wanted.update(digests)
            self._wake.set()

    def want_round(self, certificate: Certificate) -> None:
        """The attestations of this certified round are missing."""
        if self._wanted_round != certificate.header.height:
            self._wanted_round = certificate.header.height
            self._wake.set()

    async def run(self) -> None:
        """Exchange with one peer after the other until cancelled."""
        while True:
            await self._wait()
            peers = [peer.node for peer in self._network.peers() if peer.connected]
            if not peers:
                continue
            chosen = [peers.pop(secrets.randbelow(len(peers))) for _ in range(min(ASKED_AT_ONCE, len(peers)))]
            for peer in chosen:
                try:
                    await self._exchange(peer)
                except NodeError as error:
                    log.debug("sync with %s: %s", peer.hex()[:8], error)
                if not self._wanted and self._wanted_round is None:
                    break

    async def _wait(self) -> None:
        pipeline = self._pipeline()
        busy = bool(pipeline.progress.rounds) or bool(self._wanted) or self._wanted_round is not None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), BUSY_EVERY_S if busy else IDLE_EVERY_S)
        self._wake.clear()

    async def _exchange(self, peer: NodeId) -> None:
        if self._wanted:
            missing = await self._store.envelopes.missing(sorted(self._wanted))
            self._wanted = set(missing)
            if missing:
                await self._courier.fetch(peer, missing)
        pipeline = self._pipeline()
        height = pipeline.state.height
        held = frozenset(
            digest[:PREFIX_BYTES] for plan in pipeline.state.plans for digest in pipeline.messages(plan.height)
        )
        question = SyncRequest(height, held).pack()
        answer = parse_sync_answer(await self._network.request(peer, SYNC, question, timeout_s=TIMEOUT_S))
        await self._courier.take_all(answer.messages)
        if answer.height > height:
            await self._follow(peer, height, answer.height)

    async def _follow(self, peer: NodeId, height: int, ahead: int) -> None:
        """Take over decided rounds from a peer that is ahead, one at a time, each once the one before is applied."""
        while height < ahead:
            record = await self._ask_round(peer, height + 1)
            await self._courier.fetch(
                peer, await self._store.envelopes.missing((*record.attestations, *record.messages))
            )
            await self._courier.take_all((record.certificate,))
            self._on_attestations(height + 1, record.attestations)
            if not await self._has_moved(height):
                return
            height = self._pipeline().state.height
            self._wanted_round = None

    async def _ask_round(self, peer: NodeId, height: int) -> RoundRecord:
        question = height.to_bytes(8, "big")
        return parse_round_record(await self._network.request(peer, ROUND, question, timeout_s=TIMEOUT_S))

    async def _has_moved(self, height: int) -> bool:
        for _ in range(100):
            if self._pipeline().state.height > height:
                return True
            await asyncio.sleep(0.02)
        return False

    # Answers

    async def _on_sync(self, _peer: NodeId, data: bytes) -> bytes:
        request = parse_sync_request(data)
        pipeline = self._pipeline()
        lacked: list[bytes] = []
        if request.height == pipeline.state.height:
            for plan in pipeline.state.plans:
                for digest in pipeline.messages(plan.height):
                    if digest[:PREFIX_BYTES] not in request.held:
                        row = await self._store.envelopes.get(digest)
                        lacked += [row.envelope] if row is not None else []
        lacked += await self._open_jobs()
        return SyncAnswer(pipeline.state.height, tuple(lacked)).pack(bytes_max=REQUEST_BYTES_MAX)

    async def _open_jobs(self) -> list[bytes]:
        """Jobs that no round has admitted: a node that was away when they were told learns of them here."""
        return [row.envelope for row in await self._store.jobs.list() if row.status is None]

    async def _on_round(self, _peer: NodeId, data: bytes) -> bytes:
        if len(data) != 8:
            raise PeerFaultError("malformed-frame", "a question for a round has 8 bytes")
        record = await self._records.record(int.from_bytes(data, "big"))
        if record is None:
            return b""
        packed = record.pack()
        if len(packed) > REQUEST_BYTES_MAX:
            raise PeerFaultError("too-long", "the round's record is beyond a request")
        return packed
