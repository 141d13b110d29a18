"""The key itself: signing, verifying, and secrets derived from it.

Secrets that a protocol run needs (salts, one-time pseudonyms) are derived, not drawn: a node that was killed between
commitment and reveal computes them again from its key and the public names of what they are for.
"""

from __future__ import annotations

import hashlib
import hmac

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey
from nacl.utils import random as random_bytes

from consensus.types import NodeId

SEED_BYTES = 32
SIGNATURE_BYTES = 64

_DERIVE_SALT = b"swarm-node/v1/derive"


class NodeKey:
    """An Ed25519 private key (RFC 8032). Never printed, compared or pickled by accident: it shows its node id only."""

    __slots__ = ("_seed", "_signing", "node")

    def __init__(self, seed: bytes) -> None:
        """Take a 32-byte seed; equal seeds are equal keys on every machine.

        Raises:
            ValueError: The seed is not 32 bytes.
        """
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a seed has {SEED_BYTES} bytes, {len(seed)} given")
        self._seed = seed
        self._signing = SigningKey(seed)
        self.node = NodeId(self._signing.verify_key.encode())

    @classmethod
    def generate(cls) -> NodeKey:
        """Draw a new key from the operating system."""
        return cls(random_bytes(SEED_BYTES))

    @property
    def seed(self) -> bytes:
        """The secret itself, 32 bytes: the ECVRF's private key too (RFC 9381, 5.1), and libp2p's."""
        return self._seed

    def sign(self, data: bytes) -> bytes:
        """Sign `data`, 64 bytes. The caller puts a domain tag in front of what it signs; deterministic."""
        return self._signing.sign(data).signature

    def derive_secret(self, purpose: str, *context: bytes) -> bytes:
        """A 32-byte secret for one purpose: HKDF-SHA256 (RFC 5869, one output block) over the seed.

        Args:
            purpose: What it is for, e.g. `"rating-salt"`; a domain of its own.
            context: Which one, e.g. network and height; each part is length-prefixed, so that no two lists collide.
        """
        parts = (purpose.encode(), *context)
        info = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        extracted = hmac.digest(_DERIVE_SALT, self._seed, hashlib.sha256)
        return hmac.digest(extracted, info + b"\x01", hashlib.sha256)

    def derive_key(self, purpose: str, *context: bytes) -> NodeKey:
        """A one-time key, e.g. a pseudonym. Nobody without this key's seed can link the two."""
        return NodeKey(self.derive_secret(purpose, *context))

    def __repr__(self) -> str:
        return f"NodeKey(node={self.node.hex()[:16]}…)"

    def __reduce__(self) -> str | tuple[object, ...]:
        """Refuse to be pickled: a private key leaves the process encrypted or not at all."""
        raise TypeError("a NodeKey is not pickled; seal it (`seal_key`)")


def verify(node: NodeId, data: bytes, signature: bytes) -> bool:
    """Whether `signature` is the node's over `data`.

    False, too, for anything that is not a key or a signature. libsodium refuses non-canonical scalars and points and
    keys of small order, so a third party cannot turn one signature into a second valid one.
    """
    if len(node) != len(NodeId(bytes(32))) or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        VerifyKey(node).verify(data, signature)
    except BadSignatureError:
        return False
    return True
