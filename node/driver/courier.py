"""Signed messages on their way out and in.

Out: signed once per slot and stored before anybody sees them (R4), then told to everybody; what is too long for gossip
is announced by hash and pulled. In: verified, stored, handed to the member, each once, whatever way and however often
they come. Gossip is only a hint: `sync.py` closes the gaps it leaves.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from consensus.certificate import precommit_bytes
from consensus.types import Application, Certificate, Hash, Kind, NodeId, Proposal, Signed, Vote, VotePhase
from node.driver.background import Background
from node.driver.frames import BATCH_MAX, NAMES_MAX, pack_batch, pack_names, parse_batch, parse_names
from node.errors import NodeError, PeerFaultError, TransientError
from node.identity import NodeKey
from node.network.interface import GOSSIP_BYTES_MAX, REQUEST_BYTES_MAX, Network
from node.store import EnvelopeRow, Store
from node.wire import Domain, decode_message, seal_evidence, seal_message
from node.wire.messages import Body

log = logging.getLogger(__name__)

FETCH = "fetch/1"
FETCH_TIMEOUT_S = 5.0
SEEN_MAX = 50_000
"""Envelopes remembered as seen, by hash, so that a copy costs a lookup and not a signature check."""

_INLINE, _ANNOUNCED = b"\x00", b"\x01"

TOPICS = {
    Kind.JOB: "jobs",
    Kind.CANCEL: "jobs",
    Kind.APPLICATION: "jobs",
    Kind.CANDIDATE_COMMIT: "rounds",
    Kind.RATING_COMMIT: "rounds",
    Kind.RATING_REVEAL: "rounds",
    Kind.GENERATOR_REVEAL: "rounds",
    Kind.ATTESTATION: "rounds",
    Kind.PROPOSAL: "agreement",
    Kind.PREVOTE: "agreement",
    Kind.PRECOMMIT: "agreement",
    Kind.CERTIFICATE: "agreement",
    Kind.EVIDENCE: "agreement",
}
"""On which topic a kind is told. Candidates' notices have their own (`contents.py`)."""

VOTING_KINDS = {Kind.PROPOSAL, Kind.PREVOTE, Kind.PRECOMMIT}
"""What an agreement forgets where it has no room, of views far ahead above all, and needs when it gets there."""


class Receiver(Protocol):
    """Who takes verified messages."""

    def __call__(self, message: Signed[object]) -> Awaitable[None]:
        """Take one message, new to this node and stored."""
        ...


class Courier:
    """One node's signed messages.

    Args:
        key: Signs what this node says.
        domain: The swarm.
        store: Where envelopes are kept.
        network: What carries them.
        receive: Takes each new message of others once; may wait while too many are queued.
        receive_own: Takes this node's own messages at once: they are sent while a fact is being acted on.
        is_wanted: Whether another node's message is of any use. Anybody can make some, so others are not stored.
        is_needed: Whether it is one that a round waits for: stored whatever its sender has sent before.
    """

    def __init__(
        self,
        *,
        key: NodeKey,
        domain: Domain,
        store: Store,
        network: Network,
        receive: Receiver,
        receive_own: Callable[[Signed[object]], None],
        is_wanted: Callable[[Signed[object]], bool],
        is_needed: Callable[[Signed[object]], bool],
    ) -> None:
        self._key, self._domain, self._store, self._network = key, domain, store, network
        self._receive, self._receive_own = receive, receive_own
        self._is_wanted, self._is_needed = is_wanted, is_needed
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._pulling: set[Hash] = set()
        self._background = Background(_as_task)
        self.faults: dict[str, int] = {}
        """What was refused of others' messages, counted by rule."""

    def attach(self) -> None:
        """Take over the network's topics and protocols. Called once, before the network starts."""
        for topic in sorted(set(TOPICS.values())):
            self._network.subscribe(topic, self._on_gossip)
        self._network.serve(FETCH, self._on_fetch)

    # Out

    async def send(self, body: Body) -> None:
        """Sign, store and tell a message of this node that fills a slot, and hand it back as received.

        If the slot was filled before, that earlier message is told again instead.
        """
        envelope = seal_message(self._domain, self._own_signature(body), self._key)
        message = decode_message(self._domain, envelope)
        slot, height = _slot_name(message)
        if slot is not None:
            envelope = await self._store.signing.claim_slot(slot, message.digest, envelope, height=height)
            message = decode_message(self._domain, envelope)
        await self._keep(message, envelope, own=True)
        await self._tell(message, envelope)
        self._receive_own(message)

    async def send_evidence(self, first: Hash, second: Hash) -> None:
        """Tell two conflicting messages that are stored here."""
        one, other = await self._store.envelopes.get(first), await self._store.envelopes.get(second)
        if one is None or other is None:
            return  # Pruned with its round: too late to matter.
        envelope = seal_evidence(self._domain, one.envelope, other.envelope, self._key)
        message = decode_message(self._domain, envelope)
        await self._keep(message, envelope, own=True)
        await self._tell(message, envelope)
        self._receive_own(message)

    async def introduce(self, envelope: bytes) -> Signed[object]:
        """Tell everybody a message that was signed elsewhere, and then take it: news before what is made of it.

        Whoever heard this node's attestation of a job before the job itself would attest without it, and the round
        that admits the job would depend on who was faster.

        Raises:
            PeerFaultError: It is not a valid message.
            TransientError: There is no room for it now.
        """
        message = decode_message(self._domain, envelope)
        await self._keep(message, envelope, own=message.sender == self._key.node)
        await self._tell(message, envelope)
        await self._receive(message)
        return message

    async def tell_again(self, digest: Hash) -> None:
        """Tell a stored message once more."""
        row = await self._store.envelopes.get(digest)
        if row is not None:
            await self._tell(decode_message(self._domain, row.envelope), row.envelope)

    async def hand_again(self, height: int, kind: Kind | None = None) -> None:
        """Hand the stored messages of a height to the member again: they may have come before it could take them."""
        async for row in self._store.envelopes.each_at(height, kind):
            self._receive_own(decode_message(self._domain, row.envelope))

    async def hand_stored(self, digests: Iterable[Hash]) -> None:
        """Hand messages to the member again that are stored here; others are passed over."""
        for digest in digests:
            row = await self._store.envelopes.get(digest)
            if row is not None:
                self._receive_own(decode_message(self._domain, row.envelope))

    def _own_signature(self, body: Body) -> Body:
        """A precommit for a header carries a signature of its own, for the certificate."""
        if isinstance(body, Vote) and body.phase is VotePhase.PRECOMMIT and body.header is not None:
            text = precommit_bytes(self._domain.network, body.height, body.view, body.header)
            return replace(body, signature=self._key.sign(text))
        return body

    async def _tell(self, message: Signed[object], envelope: bytes) -> None:
        self._remember(envelope)
        if len(envelope) < GOSSIP_BYTES_MAX:
            await self._network.publish(TOPICS[message.kind], _INLINE + envelope)
        else:
            await self._network.publish(TOPICS[message.kind], _ANNOUNCED + message.digest + self._key.node)

    # In

    async def take(self, envelope: bytes, *, again: Collection[Kind] = ()) -> Signed[object] | None:
        """Verify, store and hand on a message; None if it was seen before, or is of no use now.

        Args:
            envelope: The message, from anybody.
            again: Hand on these kinds even if they are known: they may have come before the member could take them.

        Raises:
            PeerFaultError: It is not a valid message (counted by rule), and whoever handed it over may be told so.
            TransientError: There is no room for it now.
        """
        if self._is_seen(envelope) and not again:
            return None
        try:
            message = decode_message(self._domain, envelope)
        except PeerFaultError as fault:
            self.faults[fault.rule] = self.faults.get(fault.rule, 0) + 1
            raise
        own = message.sender == self._key.node
        if not own and not self._is_wanted(message):
            return None  # Not remembered as seen, either: it may be of use later.
        new = await self._keep(message, envelope, own=own)
        self._remember(envelope)
        if new or message.kind in again or message.kind is Kind.APPLICATION:  # one that had to go may be wanted again
            await self._receive(message)
        return message

    async def _keep(self, message: Signed[object], envelope: bytes, *, own: bool) -> bool:
        row = EnvelopeRow(message.digest, message.kind, height_of(message), message.sender, own, envelope)
        return await self._store.envelopes.put(row, needed=self._is_needed(message))

    def _is_seen(self, envelope: bytes) -> bool:
        name = hashlib.sha256(envelope).digest()
        if name in self._seen:
            self._seen.move_to_end(name)
            return True
        return False

    def _remember(self, envelope: bytes) -> None:
        self._seen[hashlib.sha256(envelope).digest()] = None
        while len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)

    def _on_gossip(self, forwarder: NodeId, data: bytes) -> None:
        if data[:1] == _INLINE:
            self._background.begin(self._take_quietly(data[1:]))
        elif data[:1] == _ANNOUNCED and len(data) == 65:
            self._background.begin(self._pull(Hash(data[1:33]), (NodeId(data[33:]), forwarder)))
        else:
            self.faults["malformed-gossip"] = self.faults.get("malformed-gossip", 0) + 1

    async def _take_quietly(self, envelope: bytes) -> None:
        try:
            await self.take(envelope)
        except (PeerFaultError, TransientError) as error:
            log.debug("message refused: %s", error)

    async def _pull(self, digest: Hash, holders: Sequence[NodeId]) -> None:
        if digest in self._pulling or not await self._store.envelopes.missing([digest]):
            return
        self._pulling.add(digest)
        try:
            for holder in dict.fromkeys(holders):
                if holder != self._key.node and await self.fetch(holder, (digest,)):
                    return
        finally:
            self._pulling.discard(digest)

    # By name

    async def fetch(self, peer: NodeId, digests: Sequence[Hash]) -> int:
        """Ask a peer for messages by digest; how many it gave that were new and valid."""
        count = 0
        for at in range(0, len(digests), NAMES_MAX):
            part = digests[at : at + NAMES_MAX]
            try:
                answer = await self._network.request(peer, FETCH, pack_names(part), timeout_s=FETCH_TIMEOUT_S)
                envelopes = parse_batch(answer)
            except NodeError as error:
                log.debug("fetch of %d messages: %s", len(part), error)
                return count
            count += await self.take_all(envelopes)
        return count

    async def take_all(self, envelopes: Sequence[bytes], *, again: Collection[Kind] = ()) -> int:
        """Take what a peer handed over; how many were valid and not known, or `again`. The rest is dropped."""
        count = 0
        for envelope in envelopes[:BATCH_MAX]:
            try:
                count += await self.take(envelope, again=again) is not None
            except (PeerFaultError, TransientError) as error:
                log.debug("message refused: %s", error)
        return count

    async def _on_fetch(self, _peer: NodeId, data: bytes) -> bytes:
        found: list[bytes] = []
        size = 0
        for digest in parse_names(data):
            row = await self._store.envelopes.get(digest)
            if row is not None:
                size += len(row.envelope) + 4
                if size > REQUEST_BYTES_MAX:
                    break
                found.append(row.envelope)
        return pack_batch(found, bytes_max=REQUEST_BYTES_MAX)

    async def close(self) -> None:
        """Stop what is under way."""
        await self._background.close()


async def _as_task(work: Awaitable[None]) -> None:
    try:
        await work
    except NodeError:
        log.exception("a message could not be taken")


def height_of(message: Signed[object]) -> int:
    """The round a message belongs to; 0 for jobs, cancellations and evidence, an epoch's last for applications."""
    if isinstance(message.body, Application):
        return message.body.until
    if isinstance(message.body, Proposal | Certificate):
        return message.body.header.height
    if message.kind in {Kind.JOB, Kind.CANCEL, Kind.EVIDENCE}:
        return 0
    return int(getattr(message.body, "height", 0))


def _slot_name(message: Signed[object]) -> tuple[str | None, int | None]:
    """The signing guard's name for a message's slot; None for kinds of which a node may sign many."""
    if message.kind in {Kind.JOB, Kind.CANCEL, Kind.EVIDENCE, Kind.CERTIFICATE, Kind.CANDIDATE_NOTICE}:
        return None, None
    height = height_of(message)
    view = getattr(message.body, "view", -1)
    return f"{int(message.kind)}/{height}/{view}", height
