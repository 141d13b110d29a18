"""Two ways to a peer: a link where there is one, the carrier where there is none."""

import asyncio

import pytest

from consensus.types import NodeId
from node.network import virtual_time
from node.network.fallback import CUT_OFF_AFTER_S, LEASE_S, TWICE_S, FallbackNetwork
from node.network.interface import NoAnswerError, RefusedError, UnreachableError
from node.network.memory import MemoryHub
from tests.support.direct_wires import Wires

A, B, C = (NodeId(bytes([number]) * 32) for number in (1, 2, 3))


class Nodes:
    """Three nodes on one hub, joined by wires as well."""

    def __init__(self):
        self.hub = MemoryHub()
        self.wires = Wires()
        self.heard = {node: [] for node in (A, B, C)}
        self.asked = []
        self.of = {node: self.join(node) for node in (A, B, C)}

    def join(self, node):
        carrier = self.wires.carrier(node)
        network = FallbackNetwork(self.hub.network(node), carrier)
        self.wires.servers[node] = network
        network.subscribe("news", lambda forwarder, data: self.heard[node].append((forwarder, data)))
        network.serve("who/1", self.who(node))
        for peer in {A, B, C} - {node}:
            network.add_address(peer, "grpc://10.0.0.1:1", source="exchange")
        return network

    def who(self, node):
        async def answer(asker, data):
            self.asked.append((asker, node, data))
            if data == b"slow":
                await asyncio.sleep(100)
            if data == b"bad":
                raise KeyError("a bug")
            return node

        return answer


def run(story):
    async def main():
        nodes = Nodes()
        for network in nodes.of.values():
            await network.start()
        result = await story(nodes)
        for network in nodes.of.values():
            await network.stop()
        return result

    return virtual_time.run(main())


def test_with_links_the_carrier_is_not_used():
    async def story(nodes):
        await nodes.of[A].publish("news", b"hello")
        answer = await nodes.of[A].request(B, "who/1", b"", timeout_s=1)
        await asyncio.sleep(CUT_OFF_AFTER_S + LEASE_S)
        return answer, nodes.heard[B], nodes.wires.delivered

    assert run(story) == (B, [(A, b"hello")], [])


def test_a_peer_without_a_link_is_asked_by_the_carrier():
    async def story(nodes):
        nodes.hub.cut(A, B)
        answer = await nodes.of[A].request(B, "who/1", b"", timeout_s=1)
        info = next(info for info in nodes.of[A].peers() if info.node == B)
        return answer, nodes.asked, (info.connected, info.via), nodes.of[A].health().summary

    answer, asked, shown, summary = run(story)
    assert (answer, asked, shown) == (B, [(A, B, b"")], (True, "rpc"))
    assert "1 peers by rpc" in summary


def test_a_peer_that_neither_reaches_is_unreachable():
    async def story(nodes):
        nodes.hub.cut(A, B)
        nodes.wires.down.add(B)
        with pytest.raises(UnreachableError):
            await nodes.of[A].request(B, "who/1", b"", timeout_s=1)
        return nodes.asked

    assert run(story) == []


@pytest.mark.parametrize("linked", [True, False])
def test_a_refusal_and_a_slow_answer_are_final_whichever_way_they_came(linked):
    async def story(nodes):
        if not linked:
            nodes.hub.cut(A, B)
        with pytest.raises(RefusedError) as caught:
            await nodes.of[A].request(B, "who/1", b"bad", timeout_s=1)
        with pytest.raises(NoAnswerError):
            await nodes.of[A].request(B, "who/1", b"slow", timeout_s=1)
        return caught.value.reason, len(nodes.asked)

    assert run(story) == ("failed", 2)


def test_a_node_without_gossip_delivers_to_everybody_it_knows():
    async def story(nodes):
        nodes.hub.partition({A}, {B, C})
        await nodes.of[A].publish("news", b"from the cut-off")
        await asyncio.sleep(1)
        return nodes.heard[B], nodes.heard[C]

    assert run(story) == ([(A, b"from the cut-off")], [(A, b"from the cut-off")])


def test_peers_deliver_to_a_node_that_said_it_is_cut_off_and_only_to_it():
    async def story(nodes):
        nodes.hub.partition({A}, {B, C})
        await asyncio.sleep(CUT_OFF_AFTER_S + 5)
        nodes.wires.delivered.clear()
        await nodes.of[B].publish("news", b"to all")
        await asyncio.sleep(1)
        by_b = [(peer, topic) for sender, peer, topic in nodes.wires.delivered if sender == B]
        return nodes.heard[A], nodes.heard[C], by_b

    assert run(story) == ([(B, b"to all")], [(B, b"to all")], [(A, "news")])


def test_the_lease_ends_when_gossip_is_back():
    async def story(nodes):
        nodes.hub.partition({A}, {B, C})
        await asyncio.sleep(CUT_OFF_AFTER_S + 5)
        nodes.hub.heal()
        await asyncio.sleep(LEASE_S + 5)
        nodes.wires.delivered.clear()
        await nodes.of[B].publish("news", b"by gossip again")
        await asyncio.sleep(1)
        return nodes.heard[A], nodes.wires.delivered

    assert run(story) == ([(B, b"by gossip again")], [])


def test_what_comes_both_ways_is_heard_once_and_what_is_said_again_later_is_heard_again():
    async def story(nodes):
        await nodes.of[B].exchange.deliver(A, "news", b"both ways")
        await nodes.of[A].publish("news", b"both ways")
        await asyncio.sleep(1)
        once = list(nodes.heard[B])
        await asyncio.sleep(TWICE_S)
        await nodes.of[A].publish("news", b"both ways")
        await asyncio.sleep(1)
        return once, len(nodes.heard[B])

    assert run(story) == ([(A, b"both ways")], 2)


def test_deliveries_that_fail_are_counted():
    async def story(nodes):
        nodes.hub.partition({A}, {B, C})
        nodes.wires.down.add(B)
        await nodes.of[A].publish("news", b"hello")
        await asyncio.sleep(1)
        return dict(nodes.of[A].health().drops), nodes.of[A].health().gossip_dropped

    assert run(story) == ({"gossip-carrier-failed": 1}, 1)
