"""Our names and signatures are libp2p's own."""

from libp2p.crypto.ed25519 import Ed25519PublicKey, create_new_key_pair
from libp2p.peer.id import ID

from node.identity import NodeKey, parse_node_id, peer_id, verify


def test_the_peer_id_is_the_one_that_libp2p_computes_from_the_same_seed():
    for first in range(16):
        seed = bytes([first]) + bytes(31)
        theirs = ID.from_pubkey(create_new_key_pair(seed).public_key)
        assert peer_id(NodeKey(seed).node) == theirs.to_base58()
        assert parse_node_id(theirs.to_base58()) == NodeKey(seed).node


def test_each_side_accepts_the_other_sides_signatures():
    seed = bytes(range(32))
    ours, theirs = NodeKey(seed), create_new_key_pair(seed)
    assert verify(ours.node, b"words", theirs.private_key.sign(b"words"))
    assert Ed25519PublicKey.from_bytes(ours.node).verify(b"words", ours.sign(b"words"))
