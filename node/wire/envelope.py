"""Envelopes: who said what in which swarm, provably (rule R1).

Signed is a domain tag, the protocol version, the network and the message's digest; the digest covers signer, kind and
payload. So a signature is good for one swarm and one kind only, a digest names one message of one sender (two
members' equal votes are two messages), and evidence needs nothing but the two envelopes. The payload's bytes are
verified as they came and parsed only afterwards (`messages`).
"""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from consensus.encoding import hash_bytes
from consensus.types import Hash, Kind, NodeId
from node.errors import PeerFaultError
from node.identity.keys import SIGNATURE_BYTES, NodeKey, verify
from protos.swarm.v1 import envelope_pb2 as pb

PROTOCOL_VERSION = 4
"""Of envelopes and payloads. Another number is another language: refused, never guessed at.

2: announcements carry tickets (R13).
3: leaves of slots name generator and round (R13); rater tables hold doubts (R22).
4: proposers take turns (R41), untried founders vote while fewer than four members have earned a weight (R34); plans say
of how many slots one holds a probe (R14)."""

ENVELOPE_BYTES_MAX = 1 << 20
"""What one request between nodes carries (`node.network.interface`); presets may ask for less, never for more."""

SLOT_ENVELOPE_BYTES_MAX = (ENVELOPE_BYTES_MAX - 1024) // 2
"""Of messages that can equivocate: two of them always fit into one piece of evidence, so none is too big to prove."""

_DOMAIN = b"swarm-node/v1/envelope\0"
_WHOLE_KINDS = frozenset({Kind.JOB, Kind.EVIDENCE})


@dataclass(frozen=True, slots=True)
class Domain:
    """Which swarm, in which version of the language: a signature made for one domain means nothing in another."""

    network: Hash
    """Hash of the genesis."""
    protocol: int = PROTOCOL_VERSION


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message whose signature holds, its payload not yet parsed."""

    kind: Kind
    payload: bytes
    signer: NodeId
    signature: bytes
    digest: Hash
    """Names the message: over signer, kind and payload."""


def message_digest(signer: NodeId, kind: Kind, payload: bytes) -> Hash:
    """What names a message, and what its signature covers."""
    return hash_bytes("message", signer + int(kind).to_bytes(4, "big") + payload)


def seal(domain: Domain, kind: Kind, payload: bytes, key: NodeKey) -> bytes:
    """Sign a payload and put it into an envelope, ready to be sent.

    Equal arguments give equal bytes. Whoever signs for a slot has stored the payload first (R4).

    Raises:
        ValueError: The envelope would be too long to be accepted.
    """
    digest = message_digest(key.node, kind, payload)
    data = pb.Envelope(
        protocol=domain.protocol,
        network=domain.network,
        kind=int(kind),  # type: ignore[arg-type]  # the stub wants its own enum; the numbers are the same by test
        payload=payload,
        signer=key.node,
        signature=key.sign(_signing_bytes(domain, digest)),
    ).SerializeToString(deterministic=True)
    if len(data) > _bytes_max(kind):
        raise ValueError(f"{kind.name} of {len(data)} bytes, at most {_bytes_max(kind)} are accepted")
    return data


def open_envelope(domain: Domain, data: bytes) -> Envelope:
    """Verify an envelope as received.

    Raises:
        PeerFaultError: It is too long (`oversized`), not an envelope (`malformed-envelope`), not in its one encoding
            (`non-canonical`), of another protocol or network (`wrong-protocol`, `wrong-network`), of a kind
            nobody sends (`unknown-kind`), or not signed by its signer (`bad-signature`).
    """
    if len(data) > ENVELOPE_BYTES_MAX:
        raise PeerFaultError("oversized", f"an envelope of {len(data)} bytes, at most {ENVELOPE_BYTES_MAX} allowed")
    message = _parse(data)
    if message.protocol != domain.protocol:
        raise PeerFaultError("wrong-protocol", f"protocol {message.protocol}, {domain.protocol} is spoken here")
    if message.network != domain.network:
        raise PeerFaultError(
            "wrong-network", f"for network {message.network[:8].hex()}, not {domain.network[:8].hex()}"
        )
    kind = _known_kind(message.kind)
    if len(data) > _bytes_max(kind):
        raise PeerFaultError("oversized", f"{kind.name} of {len(data)} bytes, at most {_bytes_max(kind)} allowed")
    signer = NodeId(message.signer)
    digest = message_digest(signer, kind, message.payload)
    if not verify(signer, _signing_bytes(domain, digest), message.signature):
        raise PeerFaultError("bad-signature", f"{kind.name} is not signed by {signer[:8].hex()}")
    return Envelope(kind, message.payload, signer, message.signature, digest)


def _parse(data: bytes) -> pb.Envelope:
    try:
        message = pb.Envelope.FromString(data)
    except DecodeError as error:
        raise PeerFaultError("malformed-envelope", f"not an envelope: {error}") from error
    # Rebuilt from the fields we know: unknown fields, repeated ones and longer spellings of a number all show.
    rebuilt = pb.Envelope(
        protocol=message.protocol,
        network=message.network,
        kind=message.kind,
        payload=message.payload,
        signer=message.signer,
        signature=message.signature,
    )
    if rebuilt.SerializeToString(deterministic=True) != data:
        raise PeerFaultError("non-canonical", "an envelope that is not in its one encoding")
    if len(message.signature) != SIGNATURE_BYTES:
        raise PeerFaultError("bad-signature", f"a signature of {len(message.signature)} bytes")
    return message


def _known_kind(number: int) -> Kind:
    try:
        kind = Kind(number)
    except ValueError as error:
        raise PeerFaultError("unknown-kind", f"kind {number} is not known") from error
    if kind is Kind.EXPIRY:
        raise PeerFaultError("unknown-kind", "an expiry stands in attestations and is never sent")
    return kind


def _bytes_max(kind: Kind) -> int:
    return ENVELOPE_BYTES_MAX if kind in _WHOLE_KINDS else SLOT_ENVELOPE_BYTES_MAX


def _signing_bytes(domain: Domain, digest: Hash) -> bytes:
    # The digest covers kind and payload already; fixed lengths throughout, so nothing needs a separator.
    return _DOMAIN + domain.protocol.to_bytes(4, "big") + domain.network + digest
