"""How a node id is written for people: as libp2p writes peer ids, in hex, and short.

The peer id of an Ed25519 key is base58btc of an identity multihash over the key's protobuf form:
`00 24` (identity, 36 bytes) `08 01` (type Ed25519) `12 20` (32 bytes follow) and the key (libp2p peer-ids
specification). So the text holds the whole key, and all of them begin with `12D3KooW`.
"""

from __future__ import annotations

from consensus.types import NodeId
from node.errors import OperatorError

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PREFIX = bytes.fromhex("002408011220")
_NODE_BYTES = 32
_TEXT_MAX = 80
"""Longer than any form of a node id (64 digits, 52 letters): what is longer is not looked at."""


def peer_id(node: NodeId) -> str:
    """The libp2p peer id, 52 characters from `12D3KooW` on."""
    # The leading zero byte of the multihash is the one leading `1`; the rest never begins with a zero byte.
    number = int.from_bytes(_PREFIX + node, "big")
    letters = []
    while number:
        number, digit = divmod(number, 58)
        letters.append(_ALPHABET[digit])
    return "1" + "".join(reversed(letters))


def short_name(node: NodeId) -> str:
    """The last eight characters of the peer id: for tables and logs, never to decide anything by."""
    return peer_id(node)[-8:]


def parse_node_id(text: str) -> NodeId:
    """Read a node id as a person gives it: a peer id or 64 hexadecimal digits.

    Raises:
        OperatorError: It is neither.
    """
    found = _from_hex(text.strip()) or _from_peer_id(text.strip())
    if found is None:
        raise OperatorError(
            f"not a node id: {text[:_TEXT_MAX]!r}",
            hint="Give the peer id (12D3KooW...) or the 64 hex digits that `swarm-node identity show` prints.",
        )
    return found


def _from_hex(text: str) -> NodeId | None:
    if len(text) != 2 * _NODE_BYTES or not all(letter in "0123456789abcdefABCDEF" for letter in text):
        return None
    return NodeId(bytes.fromhex(text))


def _from_peer_id(text: str) -> NodeId | None:
    if len(text) > _TEXT_MAX or not text.startswith("1") or not all(letter in _ALPHABET for letter in text):
        return None
    number = 0
    for letter in text:
        number = number * 58 + _ALPHABET.index(letter)
    if number.bit_length() > 8 * (len(_PREFIX) + _NODE_BYTES):
        return None
    data = number.to_bytes(len(_PREFIX) + _NODE_BYTES, "big")
    node = NodeId(data[len(_PREFIX) :])
    # Compared as text, so that one node has one spelling: further leading ones would decode to the same number.
    return node if data.startswith(_PREFIX) and peer_id(node) == text else None
