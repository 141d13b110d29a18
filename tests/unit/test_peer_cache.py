"""The peer cache in a file: what was saved is loaded, and damage is no harm."""

import json

import pytest

from consensus.types import NodeId
from node.errors import OperatorError
from node.network.peer_cache import CACHE_BYTES_MAX, FilePeerCache
from node.values.peer import KnownPeer

PEERS = (
    KnownPeer(NodeId(bytes(32)), ("p2p://10.0.0.1:4001", "grpc://10.0.0.1:4002"), "bootstrap", 5),
    KnownPeer(NodeId(bytes(range(32))), (), "inbound", 0),
)


def test_what_was_saved_is_loaded(tmp_path):
    cache = FilePeerCache(tmp_path / "peers.json")
    assert cache.load() == ()
    cache.save(PEERS)
    assert FilePeerCache(tmp_path / "peers.json").load() == PEERS


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b'{"a": 1}', b"[" + b" " * CACHE_BYTES_MAX + b"]"]
)
def test_a_damaged_file_is_left_out(tmp_path, damage):
    (tmp_path / "peers.json").write_bytes(damage)
    assert FilePeerCache(tmp_path / "peers.json").load() == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("node", "00"),
        ("node", "zz" * 32),
        ("node", 7),
        ("addresses", "p2p://10.0.0.1:1"),
        ("source", None),
        ("seen_unix_ms", -1),
        ("seen_unix_ms", "5"),
        ("seen_unix_ms", 1 << 63),
    ],
)
def test_one_damaged_entry_costs_only_itself(tmp_path, key, value):
    cache = FilePeerCache(tmp_path / "peers.json")
    cache.save(PEERS)
    entries = json.loads((tmp_path / "peers.json").read_bytes())
    entries[0][key] = value
    (tmp_path / "peers.json").write_text(json.dumps(entries))
    assert cache.load() == PEERS[1:]


def test_a_place_that_cannot_be_written_is_the_operators_turn(tmp_path):
    with pytest.raises(OperatorError, match="cannot be written"):
        FilePeerCache(tmp_path / "missing" / "peers.json").save(PEERS)
