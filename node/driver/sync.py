"""What gossip lost: asked for, again and again, with bounds.

Every few seconds some connected peers are asked what they hold of the coming rounds that this node does not; who is
asked and learns thereby that it lacks something asks back. A peer that is ahead gives decided rounds, one after the
other, each verified by its certificate. What the pipeline names as missing is asked of several peers at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

from consensus.types import Certificate, Hash, Kind, NodeId
from node.driver.courier import VOTING_KINDS, Courier
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
PAUSE_S = 0.2
"""Between any two exchanges, however much wakes it."""
RICHER_MAX = 8
TIMEOUT_S = 3.0
"""A peer that does not answer in this time is asked again later, others meanwhile."""
ASKED_AT_ONCE = 2
ASKED_WHEN_MISSING = 4


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
        hold: Told up to which height no own work is to be begun; 0 for none.
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
        hold: Callable[[int], None],
    ) -> None:
        self._courier, self._network, self._store, self._records = courier, network, store, records
        self._pipeline, self._on_attestations, self._hold = pipeline, on_attestations, hold
        self._wanted: set[Hash] = set()
        self._wanted_round: int | None = None
        self._richer: set[NodeId] = set()
        self._asking: set[NodeId] = set()
        self._wake = asyncio.Event()
        self._following = asyncio.Lock()
        self.follows = False
        """Whether the peer that answered last was not ahead of this node. False until one has answered."""

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
        """Exchange with a few peers at a time until cancelled.

        Nobody waits for a peer that does not answer: what one of a few lacks may be what all of them wait for.
        """
        async with asyncio.TaskGroup() as exchanges:
            while True:
                await self._wait()
                for peer in self._choose():
                    self._asking.add(peer)
                    exchanges.create_task(self._try(peer))
                await asyncio.sleep(PAUSE_S)

    def _choose(self) -> list[NodeId]:
        """Some who said that they have more, then members by chance, others where no member is linked.

        Half of the places at most go by what peers say of themselves: anybody can say it, and as often as it likes.
        """
        count = ASKED_WHEN_MISSING if self._misses else ASKED_AT_ONCE
        richer, self._richer = list(self._richer - self._asking), set()
        chosen = _some(richer, count // 2)
        members = {member.node for member in self._pipeline().state.members}
        taken = self._asking.union(chosen)
        others = [peer.node for peer in self._network.peers() if peer.connected and peer.node not in taken]
        chosen += _some([node for node in others if node in members], count - len(chosen))
        chosen += _some([node for node in others if node not in chosen], count - len(chosen))
        return chosen

    async def _try(self, peer: NodeId) -> None:
        try:
            await self._exchange(peer)
        except NodeError as error:
            log.debug("sync with %s: %s", peer.hex()[:8], error)
        finally:
            self._asking.discard(peer)

    @property
    def _misses(self) -> bool:
        return bool(self._wanted) or self._wanted_round is not None

    async def _wait(self) -> None:
        pipeline = self._pipeline()
        busy = bool(pipeline.progress.rounds) or self._misses or not self.follows
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BUSY_EVERY_S if busy else IDLE_EVERY_S):
                await self._wake.wait()
        self._wake.clear()

    async def _exchange(self, peer: NodeId) -> None:
        if self._wanted:
            missing = await self._store.envelopes.missing(sorted(self._wanted))
            self._wanted = set(missing)
            if missing:
                await self._courier.fetch(peer, missing)
        height = self._pipeline().state.height
        question = SyncRequest(height, frozenset(digest[:PREFIX_BYTES] for digest in self._held())).pack()
        answer = parse_sync_answer(await self._network.request(peer, SYNC, question, timeout_s=TIMEOUT_S))
        # Only what is not held was asked for. Votes among it may have come before: what is of a view too far ahead is
        # forgotten, and where the vote of each member alive is needed nothing is decided without it.
        await self._courier.take_all(answer.messages, again=VOTING_KINDS)
        self.follows = answer.height <= self._pipeline().state.height
        if answer.height > self._pipeline().state.height:
            async with self._following:  # after whoever promised more first: it may keep its promise, or nobody waiting
                await self._follow(peer, answer.height)

    def _held(self) -> list[Hash]:
        """Digests of everything kept of undecided rounds, and of news that no round has taken up."""
        pipeline = self._pipeline()
        held = [digest for plan in pipeline.state.plans for digest in pipeline.messages(plan.height)]
        return held + list(pipeline.news())

    async def _follow(self, peer: NodeId, ahead: int) -> None:
        """Take over decided rounds from a peer that is ahead, one at a time, each once the one before is applied.

        Meanwhile no own work is begun for rounds that are said to be decided. What the peer says of its height is not
        proven, so this lasts only as long as it keeps giving certified rounds.
        """
        try:
            while (height := self._pipeline().state.height) < ahead:
                self._hold(ahead)
                record = await self._ask_round(peer, height + 1)
                missing = await self._store.envelopes.missing((*record.attestations, *record.messages))
                await self._courier.fetch(peer, missing)
                # A node that was killed between storing a certificate and acting on it knows it already.
                await self._courier.take(record.certificate, again={Kind.CERTIFICATE})
                self._on_attestations(height + 1, record.attestations)
                if not await self._has_moved(height):
                    return
                self._wanted_round = None
        finally:
            self._hold(0)

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

    async def _on_sync(self, peer: NodeId, data: bytes) -> bytes:
        request = parse_sync_request(data)
        pipeline = self._pipeline()
        held = self._held()
        if self._lacks(request, held) and len(self._richer) < RICHER_MAX:
            # Or a node that nobody told anything, idle, would learn of a round only when its own turn to ask comes.
            self._richer.add(peer)
            self._wake.set()
        # Who is behind is served decided rounds; who is ahead knows more. News concern everybody.
        offered = held if request.height == pipeline.state.height else list(pipeline.news())
        lacked: list[bytes] = []
        size = 0
        for digest in offered:
            if digest[:PREFIX_BYTES] not in request.held and size < REQUEST_BYTES_MAX:
                row = await self._store.envelopes.get(digest)
                if row is not None:
                    lacked.append(row.envelope)
                    size += len(row.envelope)
        return SyncAnswer(pipeline.state.height, tuple(lacked)).pack(bytes_max=REQUEST_BYTES_MAX)

    def _lacks(self, request: SyncRequest, held: list[Hash]) -> bool:
        height = self._pipeline().state.height
        ours = {digest[:PREFIX_BYTES] for digest in held}
        return request.height > height or (request.height == height and not request.held <= ours)

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


def _some(peers: Sequence[NodeId], count: int) -> list[NodeId]:
    """At most so many of them, by chance."""
    left = list(peers)
    return [left.pop(secrets.randbelow(len(left))) for _ in range(min(count, len(left)))]
