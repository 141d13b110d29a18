"""Addresses: the forms that are read, and that everything else is refused."""

import pytest

from consensus.types import NodeId
from node.errors import OperatorError
from node.identity.names import peer_id
from node.network.addresses import Address, parse_address

NODE = NodeId(bytes(range(32)))


@pytest.mark.parametrize(
    ("text", "node", "kept"),
    [
        ("127.0.0.1:4001", None, "p2p://127.0.0.1:4001"),
        ("Seed.Example.org:4001", None, "p2p://seed.example.org:4001"),
        ("p2p://10.0.0.7:1", None, "p2p://10.0.0.7:1"),
        ("grpc://10.0.0.7:65535", None, "grpc://10.0.0.7:65535"),
        ("[::1]:4001", None, "p2p://[::1]:4001"),
        (f"{peer_id(NODE)}@10.0.0.7:4001", NODE, "p2p://10.0.0.7:4001"),
        (f"{NODE.hex()}@10.0.0.7:4001", NODE, "p2p://10.0.0.7:4001"),
        ("/ip4/10.0.0.7/tcp/4001", None, "p2p://10.0.0.7:4001"),
        ("/ip6/::1/tcp/4001", None, "p2p://[::1]:4001"),
        (f"/dns4/seed.example.org/tcp/4001/p2p/{peer_id(NODE)}", NODE, "p2p://seed.example.org:4001"),
    ],
)
def test_every_form_is_read_and_kept_in_one(text, node, kept):
    named, address = parse_address(text)
    assert (named, str(address)) == (node, kept)
    assert parse_address(kept) == (None, address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:\u0661",  # a digit, but not an ASCII one
        "http://127.0.0.1:80",
        "host name:80",
        "nobody@127.0.0.1:80",
        "/ip4/10.0.0.7/udp/4001/quic-v1",
        "/ip4/10.0.0.7/tcp/4001/p2p/12D3KooWnonsense",
        "h" * 251 + ":4001",
        "a:1\nb:2",
    ],
)
def test_everything_else_is_refused_with_a_hint(text):
    with pytest.raises(OperatorError) as caught:
        parse_address(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("host", "loopback", "dialable"),
    [
        ("127.0.0.1", True, True),
        ("127.9.9.9", True, True),
        ("::1", True, True),
        ("localhost", True, True),
        ("10.0.0.1", False, True),
        ("example.org", False, True),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.251", False, False),
    ],
)
def test_an_address_says_whether_it_is_this_machine_and_whether_it_is_one_host(host, loopback, dialable):
    address = Address("p2p", host, 1)
    assert (address.is_loopback, address.is_dialable) == (loopback, dialable)
