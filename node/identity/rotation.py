"""Handing an identity over to a new key, so that the history of the old one goes on under the new one.

Both keys sign: the old one says who follows, the new one shows that it exists and agrees, so that nobody can make a
stranger's key the heir of a bad name.
"""

from __future__ import annotations

from dataclasses import dataclass

from consensus.types import NodeId
from node.errors import PeerFaultError
from node.identity.documents import MALFORMED, read_document, read_hex, write_document
from node.identity.keys import SIGNATURE_BYTES, NodeKey, verify

_DOMAIN = b"swarm-node/v1/hand-over\0"
_FORMAT = "swarm-node hand-over 1"
DOCUMENT_BYTES_MAX = 2048


@dataclass(frozen=True, slots=True)
class HandOver:
    """The old key's statement that the new key is the same node from `at_unix_s` on, signed by both."""

    old: NodeId
    new: NodeId
    at_unix_s: int
    old_signature: bytes
    new_signature: bytes

    def holds(self) -> bool:
        """Whether both signatures are good and the keys differ."""
        words = _signing_bytes(self.old, self.new, self.at_unix_s)
        return (
            self.old != self.new
            and verify(self.old, words, self.old_signature)
            and verify(self.new, words, self.new_signature)
        )

    def document(self) -> bytes:
        """The statement as JSON, for files and for `parse_hand_over`."""
        fields = {
            "old": self.old.hex(),
            "new": self.new.hex(),
            "at_unix_s": self.at_unix_s,
            "old_signature": self.old_signature.hex(),
            "new_signature": self.new_signature.hex(),
        }
        return write_document(_FORMAT, fields)


def succeed(old: NodeKey, new: NodeKey, *, at_unix_s: int) -> HandOver:
    """Make the statement.

    Raises:
        ValueError: Both are the same key, or the time is negative.
    """
    if old.node == new.node or at_unix_s < 0:
        raise ValueError("a hand-over goes to another key, at a time")
    words = _signing_bytes(old.node, new.node, at_unix_s)
    return HandOver(old.node, new.node, at_unix_s, old.sign(words), new.sign(words))


def parse_hand_over(document: bytes) -> HandOver:
    """Read and verify a statement.

    Raises:
        PeerFaultError: It is malformed (`malformed-hand-over`) or not signed by both keys (`bad-signature`).
    """
    try:
        hand_over = _read_fields(document)
    except MALFORMED as error:
        raise PeerFaultError("malformed-hand-over", f"not a hand-over: {error}") from error
    if not hand_over.holds():
        raise PeerFaultError("bad-signature", "the hand-over is not signed by both keys")
    return hand_over


def _read_fields(document: bytes) -> HandOver:
    value = read_document(document, _FORMAT, DOCUMENT_BYTES_MAX)
    at_unix_s = value["at_unix_s"]
    if type(at_unix_s) is not int or not 0 <= at_unix_s < 1 << 63:
        raise ValueError("at_unix_s is not a time")
    return HandOver(
        NodeId(read_hex(value["old"], 32)),
        NodeId(read_hex(value["new"], 32)),
        at_unix_s,
        read_hex(value["old_signature"], SIGNATURE_BYTES),
        read_hex(value["new_signature"], SIGNATURE_BYTES),
    )


def _signing_bytes(old: NodeId, new: NodeId, at_unix_s: int) -> bytes:
    return _DOMAIN + old + new + at_unix_s.to_bytes(8, "big")
