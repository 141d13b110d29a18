"""The few byte layouts between drivers that are not signed messages: hints, lists of names, batches.

Nothing here is trusted: what they carry is verified by signature or by hash afterwards. Every parser is strict and
bounded and raises `PeerFaultError("malformed-frame")`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consensus.types import Hash
from node.errors import PeerFaultError

HASH_BYTES = 32
NAMES_MAX = 4096
"""Hashes in one list."""
BATCH_MAX = 4096
"""Messages in one batch."""
PREFIX_BYTES = 8
"""Of a digest, where a list only says what the other side need not send: a collision costs one round of sync."""


def _malformed(what: str) -> PeerFaultError:
    return PeerFaultError("malformed-frame", what)


def pack_names(names: Sequence[Hash]) -> bytes:
    """Hashes, one after the other."""
    return b"".join(names)


def parse_names(data: bytes) -> tuple[Hash, ...]:
    """Read a list of hashes."""
    if len(data) % HASH_BYTES or len(data) > NAMES_MAX * HASH_BYTES:
        raise _malformed(f"{len(data)} bytes are no list of hashes")
    return tuple(Hash(data[at : at + HASH_BYTES]) for at in range(0, len(data), HASH_BYTES))


def pack_batch(messages: Iterable[bytes], *, bytes_max: int) -> bytes:
    """Messages with their lengths, as many as fit, in order."""
    parts: list[bytes] = []
    size = 0
    for message in messages:
        size += 4 + len(message)
        if size > bytes_max or len(parts) >= 2 * BATCH_MAX:
            break
        parts += [len(message).to_bytes(4, "big"), message]
    return b"".join(parts)


def parse_batch(data: bytes) -> tuple[bytes, ...]:
    """Read messages with their lengths."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        if at + 4 > len(data) or end > len(data) or len(found) >= BATCH_MAX:
            raise _malformed("a batch does not end where its lengths say")
        found.append(data[at + 4 : end])
        at = end
    return tuple(found)


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What I have, so that you send what I lack."""

    height: int
    """Last decided round."""
    held: frozenset[bytes]
    """Prefixes of the digests held of the rounds after it."""

    def pack(self) -> bytes:
        """As bytes."""
        return self.height.to_bytes(8, "big") + b"".join(sorted(self.held))


def parse_sync_request(data: bytes) -> SyncRequest:
    """Read a sync request."""
    rest = data[8:]
    if len(data) < 8 or len(rest) % PREFIX_BYTES or len(rest) > 16 * NAMES_MAX * PREFIX_BYTES:
        raise _malformed(f"{len(data)} bytes are no sync request")
    held = frozenset(rest[at : at + PREFIX_BYTES] for at in range(0, len(rest), PREFIX_BYTES))
    return SyncRequest(int.from_bytes(data[:8], "big"), held)


@dataclass(frozen=True, slots=True)
class SyncAnswer:
    """My last decided round, and messages you lack of the rounds after yours."""

    height: int
    messages: tuple[bytes, ...]

    def pack(self, *, bytes_max: int) -> bytes:
        """As bytes; messages beyond the bound wait for the next time."""
        return self.height.to_bytes(8, "big") + pack_batch(self.messages, bytes_max=bytes_max - 8)


def parse_sync_answer(data: bytes) -> SyncAnswer:
    """Read a sync answer."""
    if len(data) < 8:
        raise _malformed(f"{len(data)} bytes are no sync answer")
    return SyncAnswer(int.from_bytes(data[:8], "big"), parse_batch(data[8:]))


@dataclass(frozen=True, slots=True)
class RoundRecord:
    """A decided round as one member gives it to another: what certified it, what it was decided from."""

    certificate: bytes
    """The certificate message's envelope."""
    attestations: tuple[Hash, ...]
    messages: tuple[Hash, ...]

    def pack(self) -> bytes:
        """As bytes."""
        return pack_batch(
            (self.certificate, pack_names(self.attestations), pack_names(self.messages)), bytes_max=1 << 30
        )


def parse_round_record(data: bytes) -> RoundRecord:
    """Read a round's record."""
    parts = parse_batch(data)
    if len(parts) != 3:
        raise _malformed("a round's record has three parts")
    return RoundRecord(parts[0], parse_names(parts[1]), parse_names(parts[2]))
