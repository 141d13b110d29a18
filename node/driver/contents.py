"""Candidates' contents: published without their author's name, fetched by hash.

A generator hands each content, with a notice signed by a one-time pseudonym, to one randomly chosen peer (a relay). A
relay passes it on to another one with even chances, or announces it: gossip that names the relay, from which raters
fetch. So a notice's first hop does not tell its author: whoever sends one may have it from somebody else. What stays
visible is traffic at a generator's own link; hiding that takes more than gossip has.

A relay may keep what it was handed, or announce it and not give it. So an author that does not hear its notice
announced hands it to another one, and in the end announces it itself; and a rater that does not get a content from
whoever announced it asks everybody. Either is less hidden than a relay, and better than a candidate that nobody rates.

Pseudonyms are free, so a notice without a valid ticket of its task's generators (`consensus.tickets`) is neither kept
nor passed on: strangers can fill nobody's disk, and no member can take the places of what others made.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from consensus.errors import RefusedError
from consensus.tickets import Booth, tag_of
from consensus.types import CandidateNotice, Hash, Kind, NodeId, Signed
from node.driver.background import Background
from node.driver.courier import height_of
from node.driver.frames import pack_batch, parse_batch
from node.errors import NodeError, PeerFaultError, TransientError
from node.identity import NodeKey
from node.network.interface import GOSSIP_BYTES_MAX, REQUEST_BYTES_MAX, Network
from node.store import EXAMPLE, EnvelopeRow, Store
from node.values.example import content_hash
from node.wire import Domain, decode_message, seal_message

log = logging.getLogger(__name__)

STEM = "stem/1"
CONTENT = "content/1"
NOTICE_BUCKETS = 8
"""Topics that notices are spread over, by task: a node of a large swarm need only follow its own tasks'."""

FETCH_TIMEOUT_S = 3.0
STEM_TIMEOUT_S = 3.0
EMBARGO_S = 2.0
"""An author waits this long to hear its notice announced; a few hops take a tenth of it."""
RELAYS_TRIED = 3
STEM_HOPS_CHANCE = 2
"""A relay passes on one notice in this many; the rest it announces."""
ANNOUNCE_AFTER_S = 0.05
"""Notices are gathered this long, so that one gossip message carries many."""
FETCHES_AT_ONCE = 32
"""Of all contents: a few relays that answer none of their questions must not keep the others' waiting."""

K = TypeVar("K")

Held = Callable[[int, int, Hash, Hash], None]
"""Told (height, task, content, tag of its ticket) when a content announced for a task is here."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A content on its way out: the notice's envelope and the content."""

    notice: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class _Announced:
    """A notice whose signature and ticket hold."""

    message: Signed[object]
    notice: CandidateNotice
    tag: Hash
    """Of its ticket."""


def notice_topic(task: int) -> str:
    """The topic that a task's notices are announced on."""
    return f"notices/{task % NOTICE_BUCKETS}"


class Contents:
    """One node's traffic of candidates' contents.

    Args:
        key: This node's.
        domain: The swarm.
        store: Where contents and notices are kept.
        network: What carries them.
        held: Told of each content that is here.
        booth: Where tickets of a height and task are checked; None where no such task is planned.
        is_wanted: Whether a notice's round and task are rated here now.
        example_bytes_max: The preset's bound.
    """

    def __init__(
        self,
        *,
        key: NodeKey,
        domain: Domain,
        store: Store,
        network: Network,
        held: Held,
        booth: Callable[[int, int], Booth | None],
        is_wanted: Callable[[int, int], bool],
        example_bytes_max: int,
    ) -> None:
        self._key, self._domain, self._store, self._network = key, domain, store, network
        self._held, self._is_wanted, self._bytes_max = held, is_wanted, example_bytes_max
        self._booth = booth
        self._taken: dict[int, dict[tuple[int, Hash], Hash]] = {}
        """By height, then by task and ticket's tag: digest of the first notice with it."""
        self._tags: dict[int, dict[Hash, Hash]] = {}
        """By height, then by digest of the notice: tags of tickets that hold. A relay often hears of its own again."""
        self._outbox: dict[int, list[bytes]] = {}
        self._fetching: set[Hash] = set()
        self._awaited: dict[bytes, asyncio.Event] = {}
        """Own notices that have not been heard announced yet."""
        self._slots = asyncio.Semaphore(FETCHES_AT_ONCE)
        self._background = Background(_quietly)

    def attach(self) -> None:
        """Take over the network's topics and protocols. Called once, before the network starts."""
        for bucket in range(NOTICE_BUCKETS):
            self._network.subscribe(notice_topic(bucket), self._on_gossip)
        self._network.serve(STEM, self._on_stem)
        self._network.serve(CONTENT, self._on_content)

    # Out

    async def publish(self, items: Sequence[tuple[NodeKey, CandidateNotice, bytes]]) -> None:
        """Publish own contents: (pseudonym, notice that has no ticket yet, content) each, through relays."""
        for pseudonym, notice, content in items:
            booth = self._booth(notice.height, notice.task)
            if booth is None:
                continue  # Decided meanwhile by the others.
            ticketed = booth.give(self._key.seed, notice, pseudonym.node)
            envelope = seal_message(self._domain, ticketed, pseudonym)
            message = decode_message(self._domain, envelope)
            self._tags.setdefault(notice.height, {})[message.digest] = tag_of(ticketed)
            await self._keep(self._admit(message, ticketed), envelope, content)
            self._background.begin(self._see_announced(Publication(envelope, content)))

    async def _see_announced(self, item: Publication) -> None:
        """Hand an own content to one relay after the other until it is announced; at last announce it here."""
        heard = self._awaited[item.notice] = asyncio.Event()
        tried: set[NodeId] = set()
        try:
            while len(tried) < RELAYS_TRIED and (relay := await self._hand_on(item, but=tried)) is not None:
                tried.add(relay)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EMBARGO_S):
                        await heard.wait()
                if heard.is_set():
                    return
            self._announce(item.notice)
        finally:
            self._awaited.pop(item.notice, None)

    async def _pass_on(self, item: Publication) -> None:
        """Hand it to another relay; announce it here if none takes it."""
        if await self._hand_on(item) is None:
            self._announce(item.notice)

    async def _hand_on(self, item: Publication, *, but: Collection[NodeId] = ()) -> NodeId | None:
        """Hand it to a relay; which one has taken it, None where nobody does."""
        peers = [peer.node for peer in self._network.peers() if peer.connected and peer.node not in but]
        while peers:
            relay = peers.pop(secrets.randbelow(len(peers)))
            payload = pack_batch((item.notice, item.content), bytes_max=REQUEST_BYTES_MAX)
            try:
                await self._network.request(relay, STEM, payload, timeout_s=STEM_TIMEOUT_S)
            except NodeError as error:
                log.debug("relay %s did not take a notice: %s", relay.hex()[:8], error)
            else:
                return relay
        return None

    async def _on_stem(self, _peer: NodeId, data: bytes) -> bytes:
        parts = parse_batch(data)
        if len(parts) != 2:
            raise PeerFaultError("malformed-frame", "a publication has two parts")
        await self._keep(self._check(parts[0], parts[1]), parts[0], parts[1])
        if secrets.randbelow(STEM_HOPS_CHANCE):
            self._announce(parts[0])
        else:
            self._background.begin(self._pass_on(Publication(parts[0], parts[1])))
        return b""

    def _check(self, envelope: bytes, content: bytes) -> _Announced:
        message, body = self._read(envelope)
        if len(content) != body.size or len(content) > self._bytes_max or content_hash(content) != body.content:
            raise PeerFaultError("wrong-content", "the content is not the one that the notice names")
        return self._admit(message, body)

    def _read(self, envelope: bytes) -> tuple[Signed[object], CandidateNotice]:
        """A notice whose signature holds."""
        message = decode_message(self._domain, envelope)
        if not isinstance(message.body, CandidateNotice):
            raise PeerFaultError("wrong-kind", f"{message.kind.name} sent as a notice")
        return message, message.body

    def _admit(self, message: Signed[object], body: CandidateNotice) -> _Announced:
        """A notice whose ticket holds, too.

        Raises:
            PeerFaultError: It does not.
            TransientError: No such task is planned here, at least not yet; or its author's place is taken.
        """
        tag = self._tags.get(body.height, {}).get(message.digest)
        if tag is None:
            tag = self._checked(message, body)
        if self._first_of(body, tag, message.digest) != message.digest:
            # No fault of whoever passes it on: which of two a node hears of first is chance.
            raise TransientError(f"place {body.place} of its author is taken", waits_for="another place")
        self._tags.setdefault(body.height, {})[message.digest] = tag
        return _Announced(message, body, tag)

    def _checked(self, message: Signed[object], body: CandidateNotice) -> Hash:
        """The tag of a ticket that holds."""
        booth = self._booth(body.height, body.task)
        if booth is None:
            raise TransientError(f"no task {body.task} is planned for round {body.height}", waits_for="that round")
        try:
            return booth.check(body, message.sender)
        except RefusedError as refusal:
            raise PeerFaultError(refusal.rule, str(refusal)) from refusal

    def _first_of(self, body: CandidateNotice, tag: Hash, notice: Hash) -> Hash:
        """The notice that has this place of its author's: the first that came, and no other is kept.

        Not the first content: its author could announce that under as many pseudonyms as it likes.
        """
        if body.height not in self._taken:
            self._tags, self._taken = self._still_planned(self._tags), self._still_planned(self._taken)
        return self._taken.setdefault(body.height, {}).setdefault((body.task, tag), notice)

    def _still_planned(self, by_height: dict[int, dict[K, Hash]]) -> dict[int, dict[K, Hash]]:
        return {height: noted for height, noted in by_height.items() if self._booth(height, 0) is not None}

    def _announce(self, notice: bytes) -> None:
        body = decode_message(self._domain, notice).body
        assert isinstance(body, CandidateNotice), "only notices are announced"
        self._note_announced(notice)  # a relay may have handed it back
        queue = self._outbox.setdefault(body.task % NOTICE_BUCKETS, [])
        queue.append(notice)
        if len(queue) == 1:
            self._background.begin(self._flush(body.task % NOTICE_BUCKETS))

    def _note_announced(self, notice: bytes) -> None:
        heard = self._awaited.get(notice)
        if heard is not None:
            heard.set()

    async def _flush(self, bucket: int) -> None:
        await asyncio.sleep(ANNOUNCE_AFTER_S)
        queue = self._outbox.pop(bucket, [])
        while queue:
            frame, count = self._key.node, 0
            for notice in queue:
                longer = frame + len(notice).to_bytes(4, "big") + notice
                if len(longer) > GOSSIP_BYTES_MAX:
                    break
                frame, count = NodeId(longer), count + 1
            queue = queue[max(1, count) :]
            await self._network.publish(notice_topic(bucket), frame)

    # In

    def _on_gossip(self, _forwarder: NodeId, data: bytes) -> None:
        self._background.begin(self._take_notices(data))

    async def _take_notices(self, data: bytes) -> None:
        relay = NodeId(data[:32])
        for envelope in parse_batch(data[32:]):
            self._note_announced(envelope)
            await _quietly(self.take_notice(envelope, relay))  # one that is no good says nothing of the others

    async def take_notice(self, envelope: bytes, relay: NodeId) -> None:
        """Take a notice announced by `relay`: fetch its content if this node has to rate it."""
        message, body = self._read(envelope)
        if not self._is_wanted(body.height, body.task) or body.size > self._bytes_max:
            return
        found = self._admit(message, body)
        await self._store.envelopes.put(_row(found.message, envelope))
        if await self._store.blobs.find(body.content) is not None or await self._fetch(body, relay):
            self._tell(found)
        else:
            await self._fetch_from_anyone(found)

    async def resume(self, height: int) -> None:
        """After a restart: report the contents held of a round, and fetch those only announced so far."""
        async for row in self._store.envelopes.each_at(height, Kind.CANDIDATE_NOTICE):
            try:
                found = self._admit(*self._read(row.envelope))
            except (PeerFaultError, TransientError) as error:  # another one for its place came since the start
                log.debug("stored notice: %s", error)
                continue
            if await self._store.blobs.find(found.notice.content) is not None:
                self._tell(found)
            else:
                self._background.begin(self._fetch_from_anyone(found))

    async def _fetch_from_anyone(self, found: _Announced) -> None:
        peers = [peer.node for peer in self._network.peers() if peer.connected]
        while peers:
            if await self._fetch(found.notice, peers.pop(secrets.randbelow(len(peers)))):
                self._tell(found)
                return

    def _tell(self, found: _Announced) -> None:
        self._held(found.notice.height, found.notice.task, found.notice.content, found.tag)

    async def _fetch(self, body: CandidateNotice, holder: NodeId) -> bool:
        if body.content in self._fetching:
            return False
        self._fetching.add(body.content)
        try:
            async with self._slots:
                content = await self.fetch(holder, body.content, body.size)
        except NodeError as error:
            log.debug("content %s from %s: %s", body.content.hex()[:8], holder.hex()[:8], error)
            return False
        finally:
            self._fetching.discard(body.content)
        await self._store.blobs.put(content, tag=EXAMPLE, expires=body.height)
        return True

    async def obtain(self, name: Hash) -> bytes | None:
        """A content by its hash, from this machine or from any connected peer; None where nobody gives it."""
        content = await self._store.blobs.get(name)
        if content is not None:
            return content
        for peer in self._network.peers():
            if not peer.connected:
                continue
            try:
                content = await self._fetch_whole(peer.node, name)
            except NodeError as error:
                log.debug("content %s from %s: %s", name.hex()[:8], peer.node.hex()[:8], error)
                continue
            await self._store.blobs.put(content, tag=EXAMPLE)
            return content
        return None

    async def _fetch_whole(self, holder: NodeId, name: Hash) -> bytes:
        """A content of unknown size; the preset's bound is below what one answer carries."""
        part = await self._network.request(holder, CONTENT, name + bytes(8), timeout_s=FETCH_TIMEOUT_S)
        if content_hash(part) != name:
            raise TransientError(f"{holder.hex()[:8]} does not hold {name.hex()[:8]}", waits_for="a holder")
        return part

    async def fetch(self, holder: NodeId, name: Hash, size: int) -> bytes:
        """Ask a peer for a content by name, in ranges, and verify it.

        Raises:
            TransientError, PeerFaultError: It does not have it, does not answer, or gives something else.
        """
        content = b""
        while len(content) < size:
            question = name + len(content).to_bytes(8, "big")
            part = await self._network.request(holder, CONTENT, question, timeout_s=FETCH_TIMEOUT_S)
            if not part:
                raise TransientError(f"{holder.hex()[:8]} does not hold {name.hex()[:8]}", waits_for="a holder")
            content += part
        if content_hash(content) != name:
            raise PeerFaultError("wrong-content", f"what {holder.hex()[:8]} gave as {name.hex()[:8]} is something else")
        return content

    async def _on_content(self, _peer: NodeId, data: bytes) -> bytes:
        if len(data) != 40:
            raise PeerFaultError("malformed-frame", "a question for a content has 40 bytes")
        content = await self._store.blobs.get(Hash(data[:32])) or b""
        start = int.from_bytes(data[32:], "big")
        return content[start : start + REQUEST_BYTES_MAX]

    async def _keep(self, found: _Announced, envelope: bytes, content: bytes) -> None:
        await self._store.envelopes.put(_row(found.message, envelope))
        await self._store.blobs.put(content, tag=EXAMPLE, expires=found.notice.height)
        self._tell(found)

    async def close(self) -> None:
        """Stop what is under way."""
        await self._background.close()


async def _quietly(work: Awaitable[None]) -> None:
    try:
        await work
    except (PeerFaultError, TransientError) as error:
        log.debug("content traffic: %s", error)
    except NodeError:
        log.exception("content traffic")


def _row(message: Signed[object], envelope: bytes) -> EnvelopeRow:
    # A pseudonym's notice is nobody's own: kept as received, so that the rows do not tell its author either.
    return EnvelopeRow(message.digest, message.kind, height_of(message), message.sender, False, envelope)
