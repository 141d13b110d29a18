"""What a decided round leaves behind: a header and the signatures of more than two thirds of the weight (R45).

A certificate is checked from itself, the committee and the network id, years later and by strangers. So a
precommit is signed twice: the envelope's signature (R1) guards its way to the other members and is thrown away with the
envelope; the one made here is over `precommit_bytes`, which hold nothing but what the vote means, and ends up in the
certificate. Were only the envelope signed, every verifier would have to rebuild the wire form of each vote.

All who decide hold a certificate, not all the same one: which signatures it has depends on which came first.
So nothing may be derived from its bytes; what it certifies is the header.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from consensus.committee import Committee
from consensus.encoding import DOMAIN, encode, hash_value
from consensus.errors import RefusedError
from consensus.merkle import merkle_root
from consensus.types import Certificate, Hash, Header, NodeId, Snapshot

SIGNATURE_BYTES = 64

Verify = Callable[[NodeId, bytes, bytes], bool]
"""Whether `(signer, message, signature)` fit. A simulation puts a cheap stand-in here, all others `verify_ed25519`."""


@lru_cache(maxsize=64)  # asked for again by everybody who handles a proposal; headers are small and few are current
def header_hash(header: Header) -> Hash:
    """The name of a header: what is voted on and what the next header calls `previous`."""
    return hash_value("header", header)


def snapshot_root(snapshot: Snapshot) -> Hash:
    """What an epoch's last header says of the snapshot it fixes: the Merkle root over its head and its seats, in order.

    A tree and not one hash, so that a single seat can be shown to a contract without the others.
    """
    head = hash_value("snapshot", (snapshot.epoch, snapshot.seed, len(snapshot.seats)))
    return merkle_root([head, *(hash_value("seat", seat) for seat in snapshot.seats)])


@lru_cache(maxsize=256)  # one entry serves all signatures of a certificate
def precommit_bytes(network: Hash, height: int, view: int, header: Hash) -> bytes:
    """What a member signs to precommit a header: a domain tag, then the canonical encoding of the arguments in order.

    The network keeps a vote from counting in another swarm, height and view from counting in another slot. The text
    starts with the tag and is longer than 32 bytes, which `vrf` relies on.
    """
    return DOMAIN + b"precommit\0" + encode((network, height, view, header))


def verify_ed25519(signer: NodeId, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is `signer`'s over `message`, by libsodium's rules: canonical and not of small order."""
    if len(signature) != SIGNATURE_BYTES or len(signer) != 32:
        return False
    try:
        VerifyKey(signer).verify(message, signature)
    except BadSignatureError:
        return False
    return True


def build_certificate(committee: Committee, header: Header, view: int, signed: Mapping[NodeId, bytes]) -> Certificate:
    """Put precommit signatures, already checked, into the committee's order.

    Raises:
        KeyError: A signer has no seat.
    """
    bitmap = bytearray(_bitmap_bytes(committee))
    for node in signed:
        position = committee.position(node)
        bitmap[position // 8] |= 1 << position % 8
    signatures = tuple(signed[seat.node] for seat in committee.seats if seat.node in signed)
    return Certificate(header, view, bytes(bitmap), signatures)


def verify_certificate(
    certificate: Certificate, network: Hash, committee: Committee, verify: Verify = verify_ed25519
) -> None:
    """Check that more than two thirds of `committee` precommitted the header in the certificate's view (R45).

    Which committee that is follows from the header's height, and is the caller's to know (`draw.draw_committee`).
    Nothing is checked about the header's content: its signers vouch for that.

    Raises:
        RefusedError: It is not a certificate of this network and committee; the message says what does not hold, in
            numbers. One bad signature is enough: whoever put it together saw each of them verify.
    """
    header, view = certificate.header, certificate.view
    if header.network != network:
        raise _refused("wrong-network", f"the header is of network {header.network.hex()[:16]}")
    if not 0 <= header.builder_view <= view:
        raise _refused("bad-view", f"built in view {header.builder_view}, certified in view {view}")
    signers = _read_bitmap(certificate.signers, committee)
    if len(certificate.signatures) != len(signers):
        raise _refused("bad-bitmap", f"{len(certificate.signatures)} signatures for {len(signers)} set bits")
    weight = sum(committee.weight(node) for node in signers)
    if weight < committee.quorum:
        raise _refused(
            "too-little-weight",
            f"{len(signers)} of {len(committee.seats)} signatures, {weight} of {committee.quorum} weight",
        )
    message = precommit_bytes(network, header.height, view, header_hash(header))
    for number, (node, signature) in enumerate(zip(signers, certificate.signatures, strict=True), start=1):
        if not verify(node, message, signature):
            raise _refused("bad-signature", f"signature {number} of {len(signers)}, by {node.hex()[:16]}, does not fit")


def _read_bitmap(bitmap: bytes, committee: Committee) -> list[NodeId]:
    if len(bitmap) != _bitmap_bytes(committee):
        raise _refused("bad-bitmap", f"{len(bitmap)} bytes for {len(committee.seats)} seats")
    bits = int.from_bytes(bitmap, "little")
    if bits >> len(committee.seats):
        raise _refused("bad-bitmap", f"a bit beyond the last of {len(committee.seats)} seats is set")
    return [seat.node for position, seat in enumerate(committee.seats) if bits >> position & 1]


def _bitmap_bytes(committee: Committee) -> int:
    return (len(committee.seats) + 7) // 8


def _refused(rule: str, message: str) -> RefusedError:
    return RefusedError(rule, f"not a certificate: {message}")
