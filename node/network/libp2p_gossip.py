"""Gossip over the library's GossipSub (`/meshsub/1.1.0`), with everything a peer sends looked at first.

What stays the library's: the wire format, subscriptions, grafting, the message cache with IHAVE and IWANT, the
per-peer sending task. What is replaced, and why:

- Reading: messages are bounded, counted against the link's and the author's rate and checked one after the other;
  the library starts an unbounded number of tasks, and one message it cannot parse ends the process.
- Control words: only those about our own topics and of bounded number reach the library; its bookkeeping keeps
  whatever topic a peer invents. Peer records and peer exchange are dropped: they would make it dial on its own.
- Forwarding: to every link that subscribed. Links are few and never pruned, so the mesh is the link graph; the
  library's pruning cut three of ten nodes off for good.
- Queues and caches: bounded in bytes, not only in number.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import cast

import trio
from libp2p.abc import IHost, INetStream
from libp2p.exceptions import BaseLibp2pError
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.validators import signature_validator
from libp2p.tools.timed_cache.last_seen_cache import LastSeenCache

from consensus.types import NodeId
from node.errors import PeerFaultError
from node.network.handlers import Tally
from node.network.interface import GOSSIP_BYTES_MAX, UnreachableError
from node.network.libp2p_gossip_parts import (
    RPC_BYTES_MAX,
    Authors,
    BoundedMessageCache,
    BoundedQueue,
    SeenMessages,
    message_id,
)
from node.network.libp2p_streams import FrameReader, reset_quietly
from node.network.libp2p_transport import node_of
from node.network.limits import Buckets, NetworkLimits

RPC_MESSAGES_MAX = 256
"""Messages in one RPC."""

CONTROL_IDS_MAX = 256
"""Message ids taken from the IHAVEs or IWANTs of one RPC."""

HEARTBEAT_S = 1
"""The message cache keeps five heartbeats; a late joiner is sent the last three."""

ID_BYTES_MAX = 128

FORWARDERS_MAX = 256
"""Peers whose rates are measured apart."""

REOPEN_S = 1.0
"""Before gossip is opened again on a link where that failed."""

DEGREE = 64
"""More than a node has links (`NetworkLimits.links_max`): nothing is pruned."""

Deliver = Callable[[NodeId, str, bytes], None]


class FloodRouter(GossipSub):
    """GossipSub that never prunes and forwards to every subscribed link."""

    def __init__(self, tally: Tally) -> None:
        super().__init__(
            [PROTOCOL_ID_V11],
            degree=DEGREE,
            degree_low=DEGREE,
            degree_high=DEGREE,
            heartbeat_interval=HEARTBEAT_S,
            spam_protection_enabled=False,
            adaptive_gossip_enabled=False,
            eclipse_protection_enabled=False,
        )
        self.mcache = BoundedMessageCache()
        self._tally = tally

    async def publish(self, msg_forwarder: ID, pubsub_msg: rpc_pb2.Message) -> None:
        """Queue a checked message for everybody subscribed but its forwarder and its author."""
        pubsub = self.pubsub
        assert pubsub is not None
        self.mcache.put(pubsub_msg)
        rpc = rpc_pb2.RPC(publish=[pubsub_msg])
        skipped = (msg_forwarder, ID(pubsub_msg.from_id))
        for topic in pubsub_msg.topicIDs:
            for peer in pubsub.peer_topics.get(topic, ()):
                queue = pubsub.peer_queues.get(peer)
                if queue is None or peer in skipped:
                    continue
                if not queue.push(rpc):
                    self._tally.drop("gossip-queue-full")

    def send_rpc(self, peer_id: ID, rpc: rpc_pb2.RPC, priority: bool = False) -> None:
        """Queue what the library wants to say, without the peer record it adds to every RPC."""
        rpc.ClearField("senderRecord")
        super().send_rpc(peer_id, rpc, priority)

    async def handle_rpc(self, rpc: rpc_pb2.RPC, sender_peer_id: ID) -> None:
        """Obey control words; `SafePubsub` has reduced them to what may be obeyed."""
        for ihave in rpc.control.ihave:
            await self.handle_ihave(ihave, sender_peer_id)
        for iwant in rpc.control.iwant:
            await self.handle_iwant(iwant, sender_peer_id)
        for graft in rpc.control.graft:
            await self.handle_graft(graft, sender_peer_id)
        for prune in rpc.control.prune:
            await self.handle_prune(prune, sender_peer_id)


class SafePubsub(Pubsub):
    """The library's pubsub behind a door."""

    def __init__(
        self,
        host: IHost,
        router: FloodRouter,
        *,
        topics: Sequence[str],
        limits: NetworkLimits,
        tally: Tally,
        deliver: Deliver,
        is_linked: Callable[[ID], bool],
    ) -> None:
        super().__init__(host, router, strict_signing=True, max_inbound_rpc_size=RPC_BYTES_MAX)
        self.seen_messages.stop()  # ends the thread of the cache that is replaced here
        self.seen_messages = cast("LastSeenCache", SeenMessages())
        # Copies are told by (author, number). Counting on from the clock, no restart says a number twice.
        self.counter = time.time_ns()
        self._topics = frozenset(topics)
        self._limits = limits
        self._tally = tally
        self._deliver = deliver
        self._is_linked = is_linked
        self._authors = Authors(limits)
        # Kept when a link ends: coming back is no way to a full bucket.
        self._forwarders: Buckets[ID] = Buckets(limits.forwarder_rate, limits.forwarder_burst, count_max=FORWARDERS_MAX)
        self._write_locks: weakref.WeakKeyDictionary[INetStream, trio.Lock] = weakref.WeakKeyDictionary()

    async def stream_handler(self, stream: INetStream) -> None:
        """Read one link's gossip until it ends or breaks a rule; what it raises is the caller's to judge."""
        await self.continuously_read_stream(stream)

    async def continuously_read_stream(self, stream: INetStream) -> None:
        """Take RPC after RPC.

        Raises:
            UnreachableError: The stream ended.
            PeerFaultError: An RPC is too long or does not parse.
        """
        peer = stream.muxed_conn.peer_id
        reader = FrameReader(stream)
        while True:
            frame = await reader.varint_frame(RPC_BYTES_MAX, rest_s=self._limits.frame_s)
            rpc = rpc_pb2.RPC()
            try:
                rpc.ParseFromString(frame)
            except Exception as error:  # protobuf's DecodeError; only `wire` and `rpc` may name protobuf
                raise PeerFaultError("gossip-malformed-rpc", "a gossip RPC does not parse") from error
            if len(rpc.publish) > RPC_MESSAGES_MAX:
                raise PeerFaultError("gossip-malformed-rpc", f"{len(rpc.publish)} messages in one RPC")
            for message in rpc.publish:
                await self.push_msg(peer, message)
            self._take_subscriptions(peer, rpc)
            if rpc.HasField("control"):
                await self.router.handle_rpc(self._reduced(peer, rpc.control), peer)

    def _take_subscriptions(self, peer: ID, rpc: rpc_pb2.RPC) -> None:
        for subscription in rpc.subscriptions[:RPC_MESSAGES_MAX]:
            if subscription.topicid in self._topics:
                self.handle_subscription(peer, subscription)

    def _reduced(self, peer: ID, control: rpc_pb2.ControlMessage) -> rpc_pb2.RPC:
        """The part of a control message that may be obeyed; it costs as much as a message, an IWANT as its answer."""
        kept = rpc_pb2.RPC()
        now = trio.current_time()
        if not self._forwarders.take(peer, now):
            self._tally.drop("gossip-forwarder-rate")
            return kept
        grafts = {graft.topicID for graft in control.graft[:RPC_MESSAGES_MAX]} & self._topics
        prunes = {prune.topicID for prune in control.prune[:RPC_MESSAGES_MAX]} & self._topics
        kept.control.graft.extend(rpc_pb2.ControlGraft(topicID=topic) for topic in sorted(grafts))
        kept.control.prune.extend(rpc_pb2.ControlPrune(topicID=topic) for topic in sorted(prunes))
        room = CONTROL_IDS_MAX
        for ihave in control.ihave[:RPC_MESSAGES_MAX]:
            if ihave.topicID in self._topics and room:
                ids = _short_ids(ihave.messageIDs[:room])
                kept.control.ihave.add(topicID=ihave.topicID).messageIDs.extend(ids)
                room -= len(ids)
        asked = [mid for iwant in control.iwant[:RPC_MESSAGES_MAX] for mid in iwant.messageIDs[:CONTROL_IDS_MAX]]
        granted = [
            mid for mid in _short_ids(asked[:CONTROL_IDS_MAX]) if self._forwarders.take(peer, trio.current_time())
        ]
        if granted:
            kept.control.iwant.add().messageIDs.extend(granted)
        return kept

    async def push_msg(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        """Deliver and forward a message that is new, well-formed, within its rates and truly its author's."""
        own = msg_forwarder == self.my_id
        if not own and not self._is_acceptable(msg_forwarder, msg):
            return
        self.seen_messages.add(message_id(msg))
        if not own:
            self._deliver(node_of(msg_forwarder), msg.topicIDs[0], msg.data)
        await self.router.publish(msg_forwarder, msg)

    def _is_acceptable(self, forwarder: ID, msg: rpc_pb2.Message) -> bool:
        now = trio.current_time()
        if not self._forwarders.take(forwarder, now):
            self._tally.drop("gossip-forwarder-rate")
            return False
        if self.seen_messages.has(message_id(msg)) or msg.from_id == self.my_id.to_bytes():
            queue = self.peer_queues.get(forwarder)
            if isinstance(queue, BoundedQueue):
                queue.note(message_id(msg))
            return False  # a copy over another link, or our own come back: what gossip is
        fault = self._fault_of(msg)
        if not fault and not signature_validator(msg):
            fault = "gossip-signature"
        # Only what the author has truly said is charged to the author, or anybody could silence it.
        fault = fault or self._authors.fault_of(msg.from_id, int.from_bytes(msg.seqno, "big"), now)
        if fault:
            self._tally.drop(fault)
        return not fault

    def _fault_of(self, msg: rpc_pb2.Message) -> str:
        """Why the form of a message is wrong; empty if it is not. Cheap: it comes before the signature."""
        if len(msg.data) > GOSSIP_BYTES_MAX:
            return "gossip-oversize"
        if len(msg.topicIDs) != 1 or msg.topicIDs[0] not in self._topics:
            return "gossip-topic"
        if len(msg.seqno) != 8 or len(msg.signature) != 64 or len(msg.key) > 64:
            return "gossip-malformed"
        try:
            node_of(ID(msg.from_id))
        except PeerFaultError:
            return "gossip-malformed"
        return ""

    async def publish_own(self, topic: str, data: bytes) -> None:
        """Sign and send a message of this node."""
        self._tally.gossip_sent += 1
        await self.publish(topic, data)

    async def _handle_new_peer(self, peer_id: ID) -> None:
        """Open our half of a link's gossip: a stream, our subscriptions, a bounded queue."""
        if peer_id in self.peers or not self._is_linked(peer_id):
            return
        stream = await self.host.new_stream(peer_id, self.protocols)
        if peer_id in self.peers:  # somebody else was quicker while this one was negotiating
            await reset_quietly(stream)
            return
        await self.write_msg(stream, self.get_hello_packet())
        self.router.add_peer(peer_id, stream.get_protocol())
        self.peers[peer_id] = stream
        queue = self.peer_queues[peer_id] = BoundedQueue()
        self.manager.run_task(self.handle_sending_messages, peer_id, stream, queue)
        await self._send_recent_messages_to_new_peer(peer_id)

    async def _handle_new_peer_with_retry(self, peer_id: ID, *_: object) -> None:
        """Try until it is open or the link has ended; the library gives up at the first error it does not know."""
        while self._is_linked(peer_id) and peer_id not in self.peers:
            try:
                await self._handle_new_peer(peer_id)
            except (UnreachableError, BaseLibp2pError):
                await trio.sleep(REOPEN_S)

    def forget_stream(self, peer_id: ID) -> None:
        """A new link has taken an old one's place: what was open on the old one is gone."""
        if peer_id in self.peers:
            del self.peers[peer_id]
            self.peer_queues.pop(peer_id).close()
            self.router.remove_peer(peer_id)

    def get_hello_packet(self) -> rpc_pb2.RPC:
        """Our subscriptions, without the peer record that the library adds."""
        packet = rpc_pb2.RPC()
        packet.subscriptions.extend(rpc_pb2.RPC.SubOpts(subscribe=True, topicid=topic) for topic in self.topic_ids)
        return packet

    async def write_msg(self, stream: INetStream, rpc_msg: rpc_pb2.RPC) -> bool:
        """Write one RPC; one writer at a time, because the replay to a new peer writes beside its queue."""
        lock = self._write_locks.setdefault(stream, trio.Lock())
        rpc_msg.ClearField("senderRecord")
        async with lock:
            try:
                return await super().write_msg(stream, rpc_msg)
            except Exception:  # noqa: BLE001 - the library raises whatever it was doing when the stream ended
                self._tally.drop("gossip-write")  # if the link stands, the library opens another stream
                self._handle_dead_peer(stream.muxed_conn.peer_id)
                return False


def _short_ids(ids: Iterable[bytes]) -> list[bytes]:
    """Message ids that could be: ours have 46 bytes, other systems' some more."""
    return [mid for mid in ids if len(mid) <= ID_BYTES_MAX]
