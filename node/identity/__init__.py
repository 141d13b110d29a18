"""Who this node is: one Ed25519 key, which is its node id, its libp2p peer id and the signer of all it says.

Decided here: what a signature covers is not (that is `node.wire`); how the key is kept, named, handed over to a
successor and held by one process at a time is.
"""

from node.identity.keys import NodeKey, verify
from node.identity.lock import DataDirLock
from node.identity.names import parse_node_id, peer_id, short_name
from node.identity.rotation import HandOver, parse_hand_over, succeed
from node.identity.sealing import Protection, ScryptCost, open_sealed_key, seal_key
from node.identity.store import IdentityStore, load_passphrase

__all__ = [
    "DataDirLock",
    "HandOver",
    "IdentityStore",
    "NodeKey",
    "Protection",
    "ScryptCost",
    "load_passphrase",
    "open_sealed_key",
    "parse_hand_over",
    "parse_node_id",
    "peer_id",
    "seal_key",
    "short_name",
    "succeed",
    "verify",
]
