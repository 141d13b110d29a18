"""How much a node keeps. Its own choice, hence configuration; the defaults suit a machine with 20 GB to spare."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """Bounds of one node's store. Bytes and counts are of stored values, without the database's own overhead."""

    envelope_bytes_max: int = 2 << 20
    """Of one envelope: the protocol's 1 MiB payload with room for what is around it."""
    envelope_bytes_per_sender_max: int = 8 << 20
    """Of all envelopes of one member for one height: what fills each of its slots three times, and a thousand views of
    votes. Own ones, and those that a round cannot be decided without, are never refused."""
    envelope_bytes_per_height_max: int = 256 << 20
    """Of all envelopes of kinds that others than members send, for one height."""
    blob_bytes_max: int = 64 << 20
    blob_inline_bytes_max: int = 256 << 10
    """Larger blobs become files: a database page chain gains nothing there and makes every backup copy it."""
    blob_bytes_total_max: int = 16 << 30
    verdicts_max: int = 50_000
    verdict_bytes_max: int = 64 << 10
    peers_max: int = 10_000
    jobs_max: int = 10_000
    value_bytes_max: int = 64 << 20
    """Of a state, a manifest, a piece of work, a setting, an explanation."""
    page_max: int = 1000
    """Rows that one query returns; callers page on."""


def bounded(name: str, data: bytes, bytes_max: int) -> bytes:
    """Return `data`, refusing it above `bytes_max`.

    Raises:
        ValueError: It is longer. What comes from outside was bounded at the door, so this is the caller's bug.
    """
    if len(data) > bytes_max:
        raise ValueError(f"{name}: {len(data)} bytes, at most {bytes_max} are kept")
    return data
