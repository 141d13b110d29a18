"""A verifiable random function: ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381, with the node's Ed25519 key.

The holder of a key computes, for any input, one output that nobody can predict and everybody can check. Seeds (R7)
and hidden probes (R14) come from it: the key's owner can refuse to tell, but not choose.

The curve is libsodium's, through PyNaCl's point operations; this module holds what RFC 9381 puts around it. It is
stricter than the RFC in one thing that no honest proof meets: keys and Gamma must lie in the prime-order subgroup.

Signing and proving with one key is safe only because both derive their nonces from different texts: a proof's
comes from a 32-byte point, and everything else this key signs starts with a domain tag and is longer.
"""

from __future__ import annotations

import hashlib

from nacl import bindings
from nacl.exceptions import RuntimeError as SodiumError

from consensus.errors import RefusedError
from consensus.group import ORDER, is_group_member, point_of, secret_halves, times_cofactor

PROOF_BYTES = 80
"""Gamma (32), challenge (16), response (32)."""

OUTPUT_BYTES = 64

_SUITE = b"\x03"
_ENCODE, _CHALLENGE, _OUTPUT, _BACK = b"\x01", b"\x02", b"\x03", b"\x00"
"""Domain separators of RFC 9381, section 5.4, front and back."""


def prove(secret_seed: bytes, alpha: bytes) -> bytes:
    """The proof for `alpha` by the key whose 32-byte Ed25519 seed is given (RFC 9381, section 5.1).

    Deterministic: the same key and input give the same 80 bytes.
    """
    scalar, prefix = secret_halves(secret_seed)
    public = bindings.crypto_scalarmult_ed25519_base_noclamp(scalar)
    point = _encode_to_curve(public, alpha)
    gamma = bindings.crypto_scalarmult_ed25519_noclamp(scalar, point)
    nonce = bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(prefix + point).digest())
    challenge = _challenge(
        public,
        point,
        gamma,
        bindings.crypto_scalarmult_ed25519_base_noclamp(nonce),
        bindings.crypto_scalarmult_ed25519_noclamp(nonce, point),
    )
    masked = bindings.crypto_core_ed25519_scalar_mul(_scalar(challenge), scalar)
    return gamma + challenge + bindings.crypto_core_ed25519_scalar_add(nonce, masked)


def verify(public: bytes, alpha: bytes, proof: bytes) -> bytes:
    """The 64-byte output for `alpha` of the key `public`, if `proof` shows it (RFC 9381, section 5.3).

    Raises:
        RefusedError: The proof has the wrong length, its parts or the key are not canonical members of the group, or
            it does not show this output for this key and input.
    """
    _refuse_unless(len(proof) == PROOF_BYTES, f"{len(proof)} bytes where a proof has {PROOF_BYTES}")
    gamma, challenge, response = proof[:32], proof[32:48], proof[48:]
    _refuse_unless(is_group_member(public), "the key is not a point of the group")
    _refuse_unless(is_group_member(gamma), "gamma is not a point of the group")
    _refuse_unless(int.from_bytes(response, "little") < ORDER, "the response is not a reduced scalar")
    point = _encode_to_curve(public, alpha)
    try:
        shown = _challenge(
            public,
            point,
            gamma,
            _difference(bindings.crypto_scalarmult_ed25519_base_noclamp(response), challenge, public),
            _difference(bindings.crypto_scalarmult_ed25519_noclamp(response, point), challenge, gamma),
        )
    except SodiumError as error:
        # libsodium answers so for a scalar of zero: no proof with one can be made without breaking the hash.
        raise RefusedError("bad-vrf-proof", "the response or the challenge is zero") from error
    _refuse_unless(shown == challenge, "it does not belong to this key and input")
    return proof_to_hash(proof)


def proof_to_hash(proof: bytes) -> bytes:
    """The output behind a proof that is known to be good: one's own, or one of a decided header (section 5.2).

    Raises:
        RefusedError: `proof` is not even a proof by its form.
    """
    _refuse_unless(len(proof) == PROOF_BYTES, f"{len(proof)} bytes where a proof has {PROOF_BYTES}")
    _refuse_unless(is_group_member(proof[:32]), "gamma is not a point of the group")
    return hashlib.sha512(_SUITE + _OUTPUT + times_cofactor(proof[:32]) + _BACK).digest()


def _encode_to_curve(public: bytes, alpha: bytes) -> bytes:
    """Try-and-increment (section 5.4.1.1)."""
    return point_of(_SUITE + _ENCODE + public + alpha, _BACK)


def _challenge(*points: bytes) -> bytes:
    """Section 5.4.3: the first half of a hash, 16 bytes."""
    return hashlib.sha512(_SUITE + _CHALLENGE + b"".join(points) + _BACK).digest()[:16]


def _difference(point: bytes, challenge: bytes, base: bytes) -> bytes:
    """`point - challenge * base`."""
    multiple = bindings.crypto_scalarmult_ed25519_noclamp(_scalar(challenge), base)
    difference: bytes = bindings.crypto_core_ed25519_sub(point, multiple)
    return difference


def _scalar(challenge: bytes) -> bytes:
    return challenge + bytes(16)


def _refuse_unless(holds: bool, why: str) -> None:
    if not holds:
        raise RefusedError("bad-vrf-proof", f"not a proof: {why}")
