"""Who is at the other end of a TLS connection: certificates bound to node keys.

Node keys are Ed25519, and gRPC's TLS refuses Ed25519 certificates. So each process makes a throw-away P-256 key when it
starts, and the node key signs for it: the leaf carries an extension

    node key (32) | expires_unix_s (8, big-endian) | Ed25519 signature over domain tag | expires | SPKI of the leaf (64)

Identity comes from that extension and from nothing else in the certificate. Names, dates and issuer are there because
TLS libraries want them. The expiry stands inside what the node key signs, for whoever stole a leaf's key could
otherwise renew the dates around it.

How each end makes gRPC present and check such leaves, with what Python offers:

- A server can only ask for client certificates together with a root that they must chain to. So all leaves are
  issued by one authority whose private key is public knowledge (derived from the protocol's name). It vouches for
  nothing: anybody can issue under it, and the caller is whoever the extension says.
- A client is given no way to look at the server's leaf after the handshake. So it looks first: `link` opens a TLS
  connection of its own, verifies the leaf's extension against the node it means to reach, and then gives gRPC
  exactly this leaf as its only root. Somebody in the middle would need the leaf's private key, or the node's.
- A server that restarted has another leaf; the pinned one no longer fits and the client looks again.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from consensus.types import NodeId
from node.errors import PeerFaultError
from node.identity import NodeKey, short_name, verify

TLS_NAME = "node.swarm.invalid"
"""The name in every leaf and what clients ask TLS to check. It identifies nobody; `.invalid` resolves nowhere."""

LEAF_LIFETIME_S = 30 * 24 * 3600
"""How long a binding holds. Renewed at half of it while the node runs, so clocks may be wrong by two weeks."""

EXTENSION = x509.ObjectIdentifier("2.25.254193021866412711408424371873107150283")
"""In the arc for UUIDs, which needs no registration."""

_DOMAIN = b"swarm-node/v1/tls-binding\0"
_CERTIFICATE_BYTES_MAX = 8192
_ALWAYS = (dt.datetime(2000, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate and its private key, PEM, as gRPC takes them."""

    key_pem: bytes
    certificate_pem: bytes
    expires_unix_s: int


@dataclass(frozen=True, slots=True)
class Binding:
    """What a leaf's extension proves: this node's key signed for the leaf, until then."""

    node: NodeId
    expires_unix_s: int


class LeafKeeper:
    """The process's current leaf, renewed in time. gRPC asks from threads of its own."""

    def __init__(self, key: NodeKey, *, clock: Callable[[], float]) -> None:
        """Take the node key to sign leaves with, and a clock in seconds since 1970."""
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        self._leaf: Leaf | None = None

    def current(self) -> Leaf:
        """The leaf to show now: the same one until half of its lifetime is over."""
        now = int(self._clock())
        with self._lock:
            if self._leaf is None or self._leaf.expires_unix_s - now < LEAF_LIFETIME_S // 2:
                self._leaf = make_leaf(self._key, expires_unix_s=now + LEAF_LIFETIME_S)
            return self._leaf


def make_leaf(key: NodeKey, *, expires_unix_s: int) -> Leaf:
    """Draw a P-256 key and have the node key sign for it."""
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    signature = key.sign(_signing_bytes(expires_unix_s, _spki(leaf_key.public_key())))
    extension = key.node + expires_unix_s.to_bytes(8, "big") + signature
    certificate = (
        _builder(_name("swarm-node leaf"), leaf_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(TLS_NAME)]), critical=False)
        # Not critical: TLS libraries refuse critical extensions that they do not know.
        .add_extension(x509.UnrecognizedExtension(EXTENSION, extension), critical=False)
        .sign(_authority_key(), hashes.SHA256())
    )
    key_pem = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Leaf(key_pem, certificate.public_bytes(serialization.Encoding.PEM), expires_unix_s)


def verify_leaf(certificate_pem: bytes, *, now_unix_s: float) -> NodeId:
    """Whose leaf this is. That the other end holds the leaf's private key, the handshake has shown.

    Raises:
        PeerFaultError: There is no valid binding in it (`bad-binding`), or not any more (`expired-binding`).
    """
    binding = _read_binding(certificate_pem)
    if binding.expires_unix_s <= now_unix_s:
        late_s = int(now_unix_s - binding.expires_unix_s)
        raise PeerFaultError(
            "expired-binding",
            f"the certificate of {short_name(binding.node)} ran out {late_s} s ago by the clock of this machine",
        )
    return binding.node


@functools.cache
def authority_pem() -> bytes:
    """The authority's certificate, for TLS libraries that insist on one. Trusted for transport only."""
    certificate = (
        _builder(_AUTHORITY_NAME, _authority_key().public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(_authority_key(), hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


# Many calls come over one connection, and each shows the same leaf again.
@functools.lru_cache(maxsize=1024)
def _read_binding(certificate_pem: bytes) -> Binding:
    if len(certificate_pem) > _CERTIFICATE_BYTES_MAX:
        raise PeerFaultError("bad-binding", f"a certificate of {len(certificate_pem)} bytes")
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        extension = certificate.extensions.get_extension_for_oid(EXTENSION).value
        spki = _spki(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise PeerFaultError("bad-binding", f"a certificate without a node's binding: {error}") from error
    assert isinstance(extension, x509.UnrecognizedExtension)
    data = extension.value
    if len(data) != 32 + 8 + 64:
        raise PeerFaultError("bad-binding", f"a binding of {len(data)} bytes")
    node, expires_unix_s, signature = NodeId(data[:32]), int.from_bytes(data[32:40], "big"), data[40:]
    if not verify(node, _signing_bytes(expires_unix_s, spki), signature):
        raise PeerFaultError("bad-binding", f"{short_name(node)} did not sign for this certificate's key")
    return Binding(node, expires_unix_s)


def _signing_bytes(expires_unix_s: int, spki: bytes) -> bytes:
    return _DOMAIN + expires_unix_s.to_bytes(8, "big") + spki


def _spki(public_key: object) -> bytes:
    # Only P-256: the key that TLS proved possession of is the one that is hashed into the signature.
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(public_key.curve, ec.SECP256R1):
        raise ValueError("the certificate's key is not a P-256 key")  # noqa: TRY004  (about the peer's bytes)
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


_AUTHORITY_NAME = _name("swarm-node transport (vouches for nothing)")


@functools.cache
def _authority_key() -> ec.EllipticCurvePrivateKey:
    # Any scalar from 1 to the group's order does; that of a hash reduced to 255 bits lies there with certainty.
    digest = hashlib.sha256(b"swarm-node/v1/transport-authority").digest()
    return ec.derive_private_key((int.from_bytes(digest, "big") >> 1) + 1, ec.SECP256R1())


def _builder(subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    not_before, not_after = _ALWAYS  # TLS must not judge by dates: a wrong clock deserves an error that says so
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_AUTHORITY_NAME)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
    )
