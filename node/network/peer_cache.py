"""Known peers in a file, for nodes without a store and for tests. The store keeps them in its own table."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from consensus.types import NodeId
from node.errors import OperatorError
from node.network.interface import PeerCache
from node.values.peer import KnownPeer

logger = logging.getLogger(__name__)

CACHE_BYTES_MAX = 1 << 20
"""A larger file is not ours."""

PEERS_MAX = 1024
ADDRESSES_MAX = 8
TEXT_MAX = 255


class FilePeerCache(PeerCache):
    """A JSON list of peers, replaced as a whole, so that a reader sees the old or the new one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Sequence[KnownPeer]:
        """See `PeerCache.load`."""
        try:
            with self._path.open("rb") as file:
                entries = json.loads(file.read(CACHE_BYTES_MAX))  # what is longer ends in the middle and is refused
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, RecursionError) as error:
            logger.warning("the peer cache %s is left out: %s", self._path, error)
            return ()
        read = [_read(entry) for entry in entries[:PEERS_MAX]] if isinstance(entries, list) else []
        return tuple(peer for peer in read if peer is not None)

    def save(self, peers: Sequence[KnownPeer]) -> None:
        """See `PeerCache.save`."""
        entries = [
            {
                "node": peer.node.hex(),
                "addresses": list(peer.addresses),
                "source": peer.source,
                "seen_unix_ms": peer.seen_unix_ms,
            }
            for peer in peers[:PEERS_MAX]
        ]
        temporary = self._path.with_suffix(".new")
        try:
            temporary.write_text(json.dumps(entries, indent=1), encoding="utf-8")
            temporary.replace(self._path)
        except OSError as error:
            raise OperatorError(
                f"the peer cache {self._path} cannot be written: {error.strerror}",
                hint="Make the data directory writable and give it room.",
            ) from error


def _read(entry: object) -> KnownPeer | None:
    if not isinstance(entry, dict):
        return None
    node, addresses, source, seen = (entry.get(key) for key in ("node", "addresses", "source", "seen_unix_ms"))
    if not (isinstance(node, str) and isinstance(source, str) and isinstance(addresses, list)):
        return None
    if not isinstance(seen, int) or not 0 <= seen < 1 << 63:
        return None
    texts = tuple(text for text in addresses[:ADDRESSES_MAX] if isinstance(text, str) and len(text) <= TEXT_MAX)
    try:
        key = bytes.fromhex(node)
    except ValueError:
        return None
    return KnownPeer(NodeId(key), texts, source[:TEXT_MAX], seen) if len(key) == 32 else None
