"""The group that keys live in, and ways into it: edwards25519's points of prime order, through libsodium."""

from __future__ import annotations

import hashlib

from nacl import bindings
from nacl.exceptions import RuntimeError as SodiumError

ORDER = (1 << 252) + 27742317777372353535851937790883648493
"""Of the group; scalars are below it."""

_IDENTITY = b"\x01" + bytes(31)
_FIELD = (1 << 255) - 19


def secret_halves(secret_seed: bytes) -> tuple[bytes, bytes]:
    """The secret scalar behind a 32-byte Ed25519 seed, and the prefix that nonces come from (RFC 8032, 5.1.5)."""
    assert len(secret_seed) == 32, "the seed of an Ed25519 key, not the expanded key"
    expanded = hashlib.sha512(secret_seed).digest()
    return bytes([expanded[0] & 248]) + expanded[1:31] + bytes([expanded[31] & 127 | 64]), expanded[32:]


def point_of(front: bytes, back: bytes = b"") -> bytes:
    """A point that nobody knows the logarithm of: try-and-increment (RFC 9381, section 5.4.1.1).

    The first of 256 hashes of `front`, a counter and `back` that is a point, moved into the group. About every second
    hash is one; that none of 256 is has a chance of 2^-256, which ends in an assertion.
    """
    for counter in range(256):
        candidate = hashlib.sha512(front + bytes([counter]) + back).digest()[:32]
        if not _is_canonical(candidate):
            continue
        try:
            point = times_cofactor(candidate)
        except SodiumError:
            continue  # not a point of the curve
        if point != _IDENTITY:
            return point
    raise AssertionError("256 hashes in a row are not points of the curve")


def times_cofactor(point: bytes) -> bytes:
    """Eight times the point, by doubling: libsodium multiplies only points that are in the group already."""
    for _ in range(3):
        point = bindings.crypto_core_ed25519_add(point, point)
    return point


def is_group_member(point: bytes) -> bool:
    """Canonical, on the curve, in the prime-order subgroup, and not of small order."""
    return len(point) == 32 and _is_canonical(point) and bool(bindings.crypto_core_ed25519_is_valid_point(point))


def _is_canonical(point: bytes) -> bool:
    """Whether y is reduced and zero has no sign (RFC 8032, section 5.1.3); libsodium's decoder lets both pass."""
    y = int.from_bytes(point, "little") & ((1 << 255) - 1)
    return y < _FIELD and not (y in {1, _FIELD - 1} and point[31] >> 7)
