"""The words two nodes exchange on a link beside gossip and requests: who they are, that they live, whom they know.

A frame is a length (4 bytes, big-endian), a kind byte, and the canonical encoding of one value (`consensus.encoding`).
The dialler speaks first:

    dialler   Hello                                  accepter
              -------------------------------------->
              <--------------------------------------  Reply(hello, refusal, peers)
              Ping(nonce) or Peers(...), repeated
              -------------------------------------->
              <--------------------------------------  Pong(nonce) or Peers(...)

Nothing in here is signed: Noise has proven who speaks, and whom a peer recommends is believed only after a dial.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import EncodingError, decode, encode
from consensus.types import NodeId
from node.errors import PeerFaultError

LINK_FRAME_BYTES_MAX = 32 * 1024
"""Longest frame on a link's own stream: `PEERS_MAX` peers with room to spare."""

PEERS_MAX = 32
"""Recommendations in one message."""

TEXT_MAX = 255
"""Characters of any text in a link message."""

LINK_VERSION_LOW = 1
LINK_VERSION_HIGH = 1
"""Versions of these messages that this node speaks; two nodes need one in common."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What each side says of itself once the channel is authenticated."""

    version_low: int
    version_high: int
    network_id: str
    preset_hash: bytes
    """32 bytes: the protocol's numbers (R1 of the handshake: all nodes of a swarm share them)."""
    p2p_port: int
    """Where it listens, on the address the other side sees; 0 when it cannot be dialled."""
    grpc_port: int
    """Likewise for gRPC."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A peer that the sender has itself been linked to."""

    node: NodeId
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """The accepter's hello and verdict."""

    hello: Hello
    refusal: str
    """Empty: welcome. Otherwise `other-network`, `other-preset`, `other-version` or `full`."""
    peers: tuple[Recommendation, ...]
    """Whom else to try, for the one who was refused for want of a place most of all."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""

    nonce: int


@dataclass(frozen=True, slots=True)
class Pong:
    """I am here."""

    nonce: int


@dataclass(frozen=True, slots=True)
class Peers:
    """Whom the sender knows; an answer to the same."""

    peers: tuple[Recommendation, ...]


LinkMessage = Hello | Reply | Ping | Pong | Peers

_KINDS: tuple[type[LinkMessage], ...] = (Hello, Reply, Ping, Pong, Peers)


def encode_link_message(message: LinkMessage) -> bytes:
    """One frame, length included."""
    body = bytes([_KINDS.index(type(message))]) + encode(message)
    return len(body).to_bytes(4, "big") + body


def decode_link_message(body: bytes) -> LinkMessage:
    """Read the body of a frame.

    Raises:
        PeerFaultError: `malformed-link-message`.
    """
    if not body or body[0] >= len(_KINDS):
        raise PeerFaultError("malformed-link-message", "a link message of unknown kind")
    try:
        message = decode(_KINDS[body[0]], body[1:])
    except EncodingError as error:
        raise PeerFaultError("malformed-link-message", f"a link message does not decode: {error}") from error
    _check(message)
    return message


def refusal_of(hello: Hello, ours: Hello) -> str:
    """Why the sender of `hello` is no peer of ours; empty if it is one."""
    if hello.network_id != ours.network_id:
        return "other-network"
    if min(hello.version_high, ours.version_high) < max(hello.version_low, ours.version_low):
        return "other-version"
    if hello.preset_hash != ours.preset_hash:
        return "other-preset"
    return ""


def _check(message: LinkMessage) -> None:
    if isinstance(message, Hello):
        _check_hello(message)
    elif isinstance(message, Reply):
        _check_hello(message.hello)
        _check_text(message.refusal)
        _check_peers(message.peers)
    elif isinstance(message, Peers):
        _check_peers(message.peers)
    elif not 0 <= message.nonce < 1 << 64:
        raise PeerFaultError("malformed-link-message", "a nonce beyond 64 bits")


def _check_hello(hello: Hello) -> None:
    _check_text(hello.network_id)
    numbers = (hello.version_low, hello.version_high, hello.p2p_port, hello.grpc_port)
    if len(hello.preset_hash) != 32 or not all(0 <= number <= 65535 for number in numbers):
        raise PeerFaultError("malformed-link-message", "a hello with numbers out of range")


def _check_peers(peers: tuple[Recommendation, ...]) -> None:
    if len(peers) > PEERS_MAX:
        raise PeerFaultError("malformed-link-message", f"{len(peers)} recommendations, {PEERS_MAX} are allowed")
    for peer in peers:
        if len(peer.node) != 32 or len(peer.addresses) > 8:
            raise PeerFaultError("malformed-link-message", "a recommendation out of bounds")
        for address in peer.addresses:
            _check_text(address)


def _check_text(text: str) -> None:
    if len(text) > TEXT_MAX or not text.isprintable():
        raise PeerFaultError("malformed-link-message", "a text that is too long or not printable")
