"""A founder gone bad: it has a member's key and a link to every node, and says whatever harms.

It takes no part in a round. What it sends is made from the messages that the nodes really exchanged: the same ones
again, in reverse order, too late, under a wrong name, cut short, too long, or two different ones for one slot.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Self

import trio

from consensus.params import LOCAL
from consensus.types import Attestation, Certificate, Hash, Kind, Proposal, RatingCommit, Vote, VotePhase
from node.config import load_config
from node.driver.courier import TOPICS
from node.identity import IdentityStore, NodeKey
from node.network.interface import GOSSIP_BYTES_MAX
from node.network.link_messages import Hello
from node.wire import Domain, decode_message, seal_message
from node.wire.envelope import seal
from protos.swarm.v1 import envelope_pb2
from tests.support.hostile_peer import ENDED, GOSSIP, hostile
from tests.support.process_swarm import ProcessSwarm, read_chain

INLINE, ANNOUNCED = b"\0", b"\1"
AHEAD = 3
"""Heights beyond the last certified one that are spoken of: further ones no node keeps."""

Word = tuple[str, str, bytes]
"""What it is, topic, content of the gossip message."""


class HostileMember:
    """Makes the words. Pure but for its dice."""

    def __init__(self, key: NodeKey, domain: Domain, chance: random.Random) -> None:
        self._key, self._domain, self._chance = key, domain, chance

    def words(self, envelopes: tuple[bytes, ...], height: int) -> Iterator[Word]:
        """One burst, given what the nodes have said so far and the last certified height."""
        some = self._chance.sample(envelopes, min(12, len(envelopes)))
        for envelope in some:
            yield from (("duplicate", self._topic(envelope), INLINE + envelope) for _ in range(3))
        for envelope in reversed(envelopes[-12:]):
            yield "reordered", self._topic(envelope), INLINE + envelope
        for envelope in some:
            yield "forged", self._topic(envelope), INLINE + self._forged(envelope)
            yield "malformed", self._topic(envelope), INLINE + envelope[: self._chance.randrange(len(envelope))]
            yield from self._as_own(envelope, height)
        for kind in TOPICS:
            yield "malformed", TOPICS[kind], INLINE + seal(self._domain, kind, self._chance.randbytes(90), self._key)
        yield "oversized", "rounds", INLINE + bytes(GOSSIP_BYTES_MAX)
        yield "malformed", "rounds", ANNOUNCED + self._chance.randbytes(64)
        yield "malformed", "rounds", b"\2" + self._chance.randbytes(64)
        yield from self._two_faced(height)

    def _topic(self, envelope: bytes) -> str:
        kind = decode_message(self._domain, envelope).kind
        return TOPICS.get(kind, "notices/0")

    def _forged(self, envelope: bytes) -> bytes:
        """Another's message with something changed, and a signature of ours, or under our name with theirs."""
        message = envelope_pb2.Envelope.FromString(envelope)
        if self._chance.random() < 0.5:
            message.payload += b"\x08\x01"
        else:
            message.signer = self._key.node
        return message.SerializeToString(deterministic=True)

    def _as_own(self, envelope: bytes, height: int) -> Iterator[Word]:
        """What somebody said, said by us: for its round, when it may be over, and for rounds to come."""
        message = decode_message(self._domain, envelope)
        body = message.body
        if isinstance(body, Certificate):
            body = replace(body, header=replace(body.header, height=height + 1, previous=_zero(1)))
        elif isinstance(body, Proposal):
            body = replace(body, header=replace(body.header, height=height + 1, state_root=_zero(2)))
        if message.kind in {Kind.JOB, Kind.CANCEL, Kind.EVIDENCE, Kind.CANDIDATE_NOTICE}:
            return
        yield "late", TOPICS[message.kind], INLINE + seal_message(self._domain, body, self._key)
        if hasattr(body, "height"):
            early = replace(body, height=height + self._chance.randrange(1, AHEAD))
            yield "usurped", TOPICS[message.kind], INLINE + seal_message(self._domain, early, self._key)

    def _two_faced(self, height: int) -> Iterator[Word]:
        """Two messages for one slot: votes, commitments, attestations of the coming rounds."""
        for ahead in range(1, AHEAD):
            at = height + ahead
            for phase in VotePhase:
                signed = b"\1" * 64 if phase is VotePhase.PRECOMMIT else b""
                for vote in (Vote(at, 0, phase, None), Vote(at, 0, phase, _zero(self._chance.randrange(9)), signed)):
                    yield "two-faced", "agreement", INLINE + seal_message(self._domain, vote, self._key)
            for number in range(2):
                for body in (RatingCommit(at, _zero(number)), Attestation(at, (), ())):
                    yield "two-faced", "rounds", INLINE + seal_message(self._domain, body, self._key)


def _zero(number: int) -> Hash:
    return Hash(bytes([number]) * 32)


class Siege:
    """A hostile member at work against a running swarm, in a thread of its own. Use as an async context manager."""

    def __init__(self, swarm: ProcessSwarm, member: int, chance: random.Random) -> None:
        self._swarm, self._chance = swarm, chance
        key = IdentityStore(swarm.ground.homes[member].root).load()
        self._member = HostileMember(key, swarm.domain, chance)
        self._hello = Hello(1, 1, swarm.genesis.network.hex(), LOCAL.hash(), 0, 0)
        self._over = threading.Event()
        self._thread: asyncio.Future[None] | None = None
        self.sent: Counter[str] = Counter()
        """Words of each sort."""

    async def __aenter__(self) -> Self:
        self._thread = asyncio.ensure_future(asyncio.to_thread(trio.run, self._besiege))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        assert self._thread is not None
        await self._thread

    async def _besiege(self) -> None:
        async with trio.open_nursery() as nursery:
            for number in self._swarm.running():
                nursery.start_soon(self._speak_to, number)

    async def _speak_to(self, number: int) -> None:
        """Link to one node as a peer that nobody knows, again whenever it hangs up."""
        port = load_config(self._swarm.ground.homes[number].config).network.port
        while not self._over.is_set():
            with contextlib.suppress(*ENDED, BaseExceptionGroup), trio.move_on_after(20):
                async with hostile(port, self._chance.randbytes(32), hello=self._hello) as peer:
                    await peer.greet()
                    stream = await peer.stream(GOSSIP)
                    while not self._over.is_set():
                        await self._burst(peer, stream, number)
            await trio.sleep(0.2)

    async def _burst(self, peer, stream, number: int) -> None:
        home, domain = self._swarm.ground.homes[number], self._swarm.domain
        chain = await trio.to_thread.run_sync(lambda: asyncio.run(read_chain(home, domain)))
        if chain.envelopes:
            for sort, topic, data in self._member.words(chain.envelopes, max(chain.rounds, default=0)):
                await peer.gossip(stream, peer.message(data, topic=topic))
                self.sent[sort] += 1
        await trio.sleep(2.0)
