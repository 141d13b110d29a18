"""Real libp2p between networks in this process: who is admitted, who is found, and what an operator is told."""

import asyncio
import contextlib
import logging
import socket
import threading

import pytest
import trio
from libp2p.security.insecure.transport import PLAINTEXT_PROTOCOL_ID

from consensus.types import NodeId
from node.demo.ground import find_ports
from node.errors import OperatorError, PeerFaultError
from node.identity.names import peer_id
from node.network.fallback import FallbackNetwork
from node.network.interface import PeerInfo, UnreachableError
from node.network.libp2p_network import Libp2pConfig, Libp2pNetwork
from node.network.libp2p_transport import BoundedCommunicator, TcpStream, Upgrader, key_pair_of
from node.network.limits import NetworkLimits
from tests.support.direct_wires import Wires
from tests.support.network_process import QUICK


def network(number, *bootstrap, network_id="test", limits=None, **settings):
    config = Libp2pConfig(
        seed=bytes([number]) * 32,
        network_id=network_id,
        preset_hash=bytes(32),
        bootstrap=bootstrap,
        limits=NetworkLimits(**(QUICK | (limits or {}))),
        **settings,
    )
    made = Libp2pNetwork(config)
    made.heard = []
    made.subscribe("news", lambda _forwarder, data: made.heard.append(data))
    return made


@contextlib.asynccontextmanager
async def running(*networks):
    async with contextlib.AsyncExitStack() as stack:
        for each in networks:
            stack.push_async_callback(each.stop)
            await each.start()
        yield


async def until(holds, within_s=120.0):
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.05)


def links(of):
    return {peer.node for peer in of.peers() if peer.connected}


def address(of):
    return f"127.0.0.1:{of.port}"


def test_a_node_alone_says_what_it_does():
    async def story():
        lonely, hopeful = network(1), network(2, "127.0.0.1:9")
        async with running(lonely, hopeful):
            assert lonely.health().running
            assert "no peer is known" in lonely.health().summary
            assert "being tried" in hopeful.health().summary
            await lonely.publish("news", b"to nobody")
        assert "down: stopped" in lonely.health().summary

    asyncio.run(story())


def test_a_port_in_use_is_the_operators_turn_and_leaves_nothing_behind():
    async def story():
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            second = network(1, listen_port=taken.getsockname()[1])
            with pytest.raises(OperatorError, match="in use"):
                await second.start()
            await second.stop()
        first = network(2)
        async with running(first):
            with pytest.raises(OperatorError, match="in use"):
                await network(3, listen_port=first.port).start()

    asyncio.run(story())


@pytest.mark.parametrize("host", ["256.1.1.1", "192.0.2.1", "no such host"])
def test_an_address_that_cannot_be_bound_is_the_operators_turn(host):
    with pytest.raises(OperatorError, match=r"no address|cannot listen"):
        asyncio.run(network(1, listen_host=host).start())


def test_a_malformed_bootstrap_address_is_refused_before_anything_starts():
    with pytest.raises(OperatorError, match="not an address"):
        network(1, "nonsense")


@pytest.mark.parametrize(
    "wrong", [{"network_id": ""}, {"network_id": "a\nb"}, {"network_id": "n" * 256}, {"listen_port": 65536}]
)
def test_settings_that_no_peer_would_accept_are_refused_before_anything_starts(wrong):
    with pytest.raises(ValueError, match=r"network id|port"):
        network(1, **wrong)


def test_a_node_does_not_link_to_itself():
    async def story():
        (port,) = find_ports(1)
        own = network(1, f"127.0.0.1:{port}", listen_port=port)
        async with running(own):
            await asyncio.sleep(1)
            assert links(own) == set()

    asyncio.run(story())


def test_a_named_address_where_somebody_else_answers_is_not_linked():
    async def story():
        owner, impostor = network(1), network(2)
        async with running(impostor):
            seeker = network(3, f"{peer_id(owner.node)}@{address(impostor)}")
            async with running(seeker):
                with pytest.raises(UnreachableError):
                    await seeker.request(owner.node, "echo/1", b"", timeout_s=2)
                assert links(seeker) == set()
                assert owner.node not in links(impostor)

    asyncio.run(story())


def test_strangers_are_refused_on_both_sides_and_said_so_once(caplog):
    async def story():
        ours = network(1)
        friend = network(3)
        async with running(ours, friend):
            ours.add_address(friend.node, address(friend), source="bootstrap")
            await until(lambda: links(ours))
            theirs = network(2, address(ours), network_id="other")
            ours.add_address(theirs.node, "127.0.0.1:1", source="exchange")
            async with running(theirs):
                ours.add_address(theirs.node, address(theirs), source="bootstrap")
                for _ in range(3):
                    with pytest.raises(UnreachableError):
                        await ours.request(theirs.node, "echo/1", b"", timeout_s=2)
                assert (links(ours), links(theirs)) == ({friend.node}, set())
                await until(lambda: len(said()) >= 2)
                assert friend.node not in {peer.node for peer in theirs.peers()}  # strangers are told nothing

    def said():
        return [record.message for record in caplog.records if "not of our network" in record.message]

    with caplog.at_level(logging.WARNING, logger="node.network"):
        asyncio.run(story())
    assert len(said()) == 2  # one on either side, though they met more often
    assert "'other'" in said()[0]
    assert "'test'" in said()[0]


def test_two_halves_that_have_links_enough_merge_when_one_node_hears_of_another():
    few = {"links_wanted": 2, "links_max": 8}

    async def story():
        left = [network(1, limits=few)]
        right = [network(5, limits=few)]
        async with running(left[0], right[0]):
            left += [network(number, address(left[0]), limits=few) for number in (2, 3)]
            right += [network(number, address(right[0]), limits=few) for number in (6, 7)]
            async with running(*left[1:], *right[1:]):
                for each in (*left, *right):
                    await until(lambda n=each: len(links(n)) >= 2)
                left[2].add_address(right[2].node, address(right[2]), source="exchange")

                async def all_hear():
                    while not all(b"merged" in each.heard for each in right):
                        await left[0].publish("news", b"merged")
                        await asyncio.sleep(0.2)

                await asyncio.wait_for(all_hear(), 120)

    asyncio.run(story())


def test_peers_show_where_they_are_and_how_they_were_found():
    async def story():
        first = network(1, grpc_port=4321)
        async with running(first):
            second = network(2, address(first))
            async with running(second):
                await until(lambda: links(first) and links(second))
                (seen,) = second.peers()
                assert seen == PeerInfo(
                    first.node, (f"p2p://{address(first)}", "grpc://127.0.0.1:4321"), True, "gossip", "bootstrap"
                )
                (caller,) = first.peers()
                assert (caller.addresses, caller.source) == ((f"p2p://{address(second)}",), "inbound")

    asyncio.run(story())


def test_a_request_links_to_a_known_peer_that_gossip_does_not_need():
    async def story():
        first, second = network(1, limits={"links_wanted": 1}), network(2, limits={"links_wanted": 1})
        third = network(3, limits={"links_wanted": 1})

        async def echo(_asker, data):
            return data

        third.serve("echo/1", echo)
        async with running(first, second, third):
            first.add_address(second.node, address(second), source="exchange")
            await until(lambda: second.node in links(first))
            first.add_address(third.node, address(third), source="exchange")
            assert await first.request(third.node, "echo/1", b"hello", timeout_s=5) == b"hello"

    asyncio.run(story())


def test_stopping_twice_is_no_harm_and_a_stopped_network_refuses_by_name():
    async def story():
        only = network(1)
        await only.start()
        await only.stop()
        await only.stop()
        with pytest.raises(UnreachableError):
            await only.request(NodeId(bytes(32)), "echo/1", b"", timeout_s=1)
        await only.publish("news", b"lost")
        assert dict(only.health().drops)["gossip-not-running"] == 1

    asyncio.run(story())


def test_a_hanging_network_thread_is_replaced(monkeypatch):
    monkeypatch.setattr("node.network.supervisor.WATCH_S", 0.2)
    monkeypatch.setattr("node.network.supervisor.HANGS_S", 3.0)

    async def story():
        first = network(1)
        async with running(first):
            second = network(2, address(first))
            async with running(second):
                await until(lambda: links(first) and links(second))
                release = threading.Event()
                hung = first._life
                hung._token.run_sync_soon(release.wait)
                await until(lambda: first.health().restarts >= 1)
                assert first.health().summary.startswith("libp2p is down: no sign of life") or first._core
                await until(lambda: first.node in links(second) and second.node in links(first))
                assert first._life is not hung
                release.set()
                await asyncio.wait_for(hung.ended.wait(), 60)

    asyncio.run(story())


def test_a_node_whose_network_thread_keeps_dying_is_still_reached_and_heard_by_the_carrier(monkeypatch):
    monkeypatch.setattr("node.network.supervisor.RESTART_MIN_S", 60.0)
    monkeypatch.setattr("node.network.supervisor.RESTART_MAX_S", 60.0)

    async def story():
        wires = Wires()
        below = [network(1, grpc_port=1), network(2, grpc_port=2)]
        both = [FallbackNetwork(each, wires.carrier(each.node)) for each in below]
        heard = []
        for joined in both:
            joined.subscribe("fallback", lambda forwarder, data: heard.append((forwarder, data)))

        async def echo(_asker, data):
            return data

        for each, joined in zip(below, both, strict=True):
            joined.serve("echo/1", echo)
            wires.servers[each.node] = joined
        async with running(*both):
            both[0].add_address(below[1].node, address(below[1]), source="bootstrap")
            await until(lambda: links(below[0]) and links(below[1]))
            for one, other in zip(both, reversed(below), strict=True):  # the carrier learns where peers listen
                await until(lambda one=one, other=other: other.node in one._servers)
            below[0]._life._token.run_sync_soon(crash)
            await until(lambda: not below[0].health().running)
            assert await both[0].request(below[1].node, "echo/1", b"over the wire", timeout_s=30) == b"over the wire"
            assert await both[1].request(below[0].node, "echo/1", b"and back", timeout_s=60) == b"and back"
            await both[0].publish("fallback", b"cut off")
            await until(lambda: heard)
            assert heard == [(below[0].node, b"cut off")]
            assert "libp2p is down" in both[0].health().summary

    asyncio.run(story())


def crash():
    raise SystemError("injected")


# Impersonation


def dial(port, talk):
    """Run a trio client against a port of this machine."""

    async def main():
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        tcp = TcpStream(stream, write_s=5, on_close=lambda: None)
        with trio.fail_after(60):
            return await talk(tcp)

    return trio.run(main)


def test_plaintext_which_would_let_anybody_claim_any_key_is_not_spoken():
    async def story():
        victim = network(1)

        async def claim(tcp):
            words = BoundedCommunicator(tcp)
            await words.write("/multistream/1.0.0")
            assert await words.read() == "/multistream/1.0.0"
            answers = []
            for protocol in (PLAINTEXT_PROTOCOL_ID, "/secio/1.0.0", "/tls/1.0.0"):
                await words.write(protocol)
                answers.append(await words.read())
            return answers

        async with running(victim):
            assert await asyncio.to_thread(dial, victim.port, claim) == ["na", "na", "na"]

    asyncio.run(story())


def test_a_dialler_that_expects_one_key_refuses_another():
    async def story():
        other = network(2)

        async def expect_another(tcp):
            upgrader = Upgrader(key_pair_of(b"x" * 32), NetworkLimits(), lambda _reason: None)
            await upgrader.upgrade(tcp, dialled=True, expected=NodeId(bytes(range(32))))

        async with running(other):
            with pytest.raises(PeerFaultError, match="PeerIDMismatchesPubkey"):
                await asyncio.to_thread(dial, other.port, expect_another)

    asyncio.run(story())
