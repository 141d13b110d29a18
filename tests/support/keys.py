"""Real Ed25519 keys for tests, always the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from nacl.signing import SigningKey

from consensus.certificate import build_certificate, header_hash, precommit_bytes
from consensus.committee import Committee
from consensus.types import Certificate, Header, NodeId, Seat


class Key:
    """A node's key pair."""

    def __init__(self, name: str) -> None:
        self.seed = hashlib.sha256(name.encode()).digest()
        self._key = SigningKey(self.seed)
        self.node = NodeId(bytes(self._key.verify_key))

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message).signature


def make_keys(count: int) -> list[Key]:
    """Keys in the order of their nodes, which is the order of their seats."""
    return sorted((Key(f"test key {index}") for index in range(count)), key=lambda key: key.node)


def make_seats(keys: Iterable[Key], weight: int = 10) -> tuple[Seat, ...]:
    return tuple(Seat(key.node, weight) for key in keys)


def certify(header: Header, committee: Committee, signers: Iterable[Key], view: int = 0) -> Certificate:
    """A certificate that these members really signed."""
    message = precommit_bytes(header.network, header.height, view, header_hash(header))
    return build_certificate(committee, header, view, {key.node: key.sign(message) for key in signers})
