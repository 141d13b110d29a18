"""Two nodes on one local network find each other by mDNS, and only those of the same swarm."""

import asyncio

from consensus.types import NodeId
from node.network.addresses import Address
from node.network.mdns import LanDiscovery, announced, believed, machine_addresses, network_tag

A, B, C = (NodeId(bytes([number]) * 32) for number in (1, 2, 3))
LOOPBACK = "127.0.0.1"
TAG = network_tag("net", bytes(32))


def lan(node, network_id, found):
    return LanDiscovery(
        node=node,
        network_id=network_id,
        preset_hash=bytes(32),
        host=LOOPBACK,
        p2p_port=4000 + node[0],
        grpc_port=5000 + node[0],
        found=lambda peer, address: found.append((node, peer, str(address))),
    )


def test_nodes_of_one_swarm_find_each_other_and_a_stranger_is_not_found():
    async def story():
        found = []
        each = [lan(A, "net", found), lan(B, "net", found), lan(C, "another", found)]
        try:
            await asyncio.gather(*[one.start() for one in each])
            async with asyncio.timeout(120):
                while len(found) < 4:  # noqa: ASYNC110 - multicast tells nobody when it is done
                    await asyncio.sleep(0.1)
        finally:
            await asyncio.gather(*[one.stop() for one in each])
        return sorted(found)

    assert asyncio.run(story()) == [
        (A, B, "grpc://127.0.0.1:5002"),
        (A, B, "p2p://127.0.0.1:4002"),
        (B, A, "grpc://127.0.0.1:5001"),
        (B, A, "p2p://127.0.0.1:4001"),
    ]


def properties(node=A, tag=TAG, grpc_port=0):
    return {key.encode(): value.encode() for key, value in announced(node, tag, grpc_port).items()}


def test_an_announcement_is_believed_as_it_was_made():
    seen = believed(properties(grpc_port=7), ["10.0.0.1", "10.0.0.2"], 9, me=B, tag=TAG)
    assert seen == (
        A,
        tuple(
            Address(scheme, host, port)
            for host in ("10.0.0.1", "10.0.0.2")
            for scheme, port in (("p2p", 9), ("grpc", 7))
        ),
    )


def test_ones_own_and_other_networks_announcements_are_ignored():
    assert believed(properties(), [LOOPBACK], 9, me=A, tag=TAG) is None
    assert believed(properties(tag=network_tag("other", bytes(32))), [LOOPBACK], 9, me=B, tag=TAG) is None
    assert network_tag("net", bytes(32)) != network_tag("net", b"x" * 32)


def test_a_node_that_listens_everywhere_announces_concrete_addresses():
    assert machine_addresses(LOOPBACK) == [LOOPBACK]
    assert not {"0.0.0.0", LOOPBACK} & set(machine_addresses("0.0.0.0"))
