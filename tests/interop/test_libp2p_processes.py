"""Five libp2p nodes in five processes: gossip, requests, kills, freezes and a dying network thread."""

import base64
import contextlib
import signal

import pytest

from node.demo.ground import find_ports
from tests.support.network_process import NodeProcess, eventually

pytestmark = pytest.mark.processes


@contextlib.contextmanager
def nodes_of(*processes):
    try:
        for process in processes:
            process.ready()
        yield processes
    finally:
        for process in processes:
            process.stop()


def say(process, data):
    process.tell("publish", data=base64.b64encode(data).decode())


def hears(listener, speaker, data):
    """Gossip is a hint: said again until it is heard, which also waits for the links to stand."""

    def heard():
        say(speaker, data)
        return data in listener.heard()

    eventually(heard, what=f"hearing {data!r}")


@pytest.fixture(scope="module")
def swarm():
    """Four nodes that know only the first one's address, which comes up last, and the first one itself."""
    (port,) = find_ports(1)
    others = [NodeProcess(number, bootstrap=[f"127.0.0.1:{port}"]) for number in range(2, 6)]
    try:
        for process in others:
            process.ready()
        assert all(process.tell("links") == [] for process in others)
        first = NodeProcess(1, port=port).ready()
    except BaseException:
        for process in others:
            process.stop()
        raise
    with contextlib.ExitStack() as stack:
        for process in (first, *others):
            stack.callback(process.stop)
        yield (first, *others)


def test_nodes_whose_bootstrap_node_starts_late_find_it_and_then_each_other(swarm):
    everybody = {process.node for process in swarm}
    for process in swarm:
        eventually(lambda p=process: p.links() == everybody - {p.node}, what="a link to everybody")


def test_gossip_reaches_everybody_once_and_in_order_and_not_its_publisher(swarm):
    for listener in swarm[1:]:
        hears(listener, swarm[0], b"ready?")
    for number in range(50):
        say(swarm[1], b"message %d" % number)
    wanted = [b"message %d" % number for number in range(50)]
    for process in (swarm[0], *swarm[2:]):
        eventually(lambda p=process: wanted[-1] in p.heard(), what="the last message")
        assert [data for data in process.heard() if data.startswith(b"message")] == wanted
    assert not [data for data in swarm[1].heard() if data.startswith(b"message")]


def test_requests_of_every_size_come_back_whole(swarm):
    for size in (0, 1, 1000, 70_000, 300_000, 1 << 20):
        answer = swarm[3].tell("request", node=swarm[4].node.hex(), size=size)
        assert answer == {"length": size, "same": True}


def test_a_handler_that_fails_and_one_that_is_slow_are_told_apart(swarm):
    target = swarm[2].node.hex()
    failed = swarm[0].tell("request", node=target, protocol="fail/1")
    unknown = swarm[0].tell("request", node=target, protocol="nothing/1")
    nobody = swarm[0].tell("request", node="77" * 32, timeout_s=2)
    assert (failed["error"], failed["reason"]) == ("RefusedError", "failed")
    assert (unknown["error"], unknown["reason"]) == ("RefusedError", "unknown-protocol")
    assert nobody["error"] == "UnreachableError"

    def is_known_to_be_there():
        """Not before its link stands, which may have been given up while the machine was busy."""
        slow = swarm[0].tell("request", node=target, protocol="slow/1", data="5", timeout_s=1)
        return slow["error"] == "NoAnswerError"

    eventually(is_known_to_be_there, what="an error that tells slow from unreachable")


def test_a_dying_network_thread_is_replaced_while_the_node_serves_on(swarm):
    victim = swarm[1]
    victim.tell("crash_thread")
    eventually(lambda: victim.tell("health")["restarts"] == 1, what="the restart")
    assert victim.tell("count", seconds=2) > 10
    hears(swarm[4], victim, b"after the crash")
    hears(victim, swarm[4], b"to the crashed")
    assert swarm[0].tell("request", node=victim.node.hex(), size=10) == {"length": 10, "same": True}


def test_a_frozen_node_is_dropped_and_comes_back_when_it_thaws(swarm):
    frozen = swarm[2]
    others = [process for process in swarm if process is not frozen]
    frozen.signal(signal.SIGSTOP)
    for process in others:
        eventually(lambda p=process: frozen.node not in p.links(), what="the loss of the frozen node")
    assert others[0].tell("request", node=frozen.node.hex(), timeout_s=1)["error"] == "UnreachableError"
    frozen.signal(signal.SIGCONT)
    for process in others:
        eventually(lambda p=process: frozen.node in p.links(), what="the return of the frozen node")
    hears(frozen, others[0], b"thawed")


def test_a_killed_node_returns_under_its_identity_from_its_peer_cache_alone(swarm, tmp_path):
    (port,), cache = find_ports(1), tmp_path / "store"
    doomed = NodeProcess(9, bootstrap=[swarm[0].address], port=port, cache=cache).ready()
    try:
        hears(swarm[3], doomed, b"before")
        eventually(lambda: doomed.tell("kept"), what="the peer cache")
        doomed.kill()
        eventually(lambda: doomed.node not in swarm[3].links(), what="the loss of the killed node")
        with nodes_of(NodeProcess(9, port=port, cache=cache)) as (again,):
            assert again.node == doomed.node
            # Numbers of messages go on where the killed process stopped, or these would be taken for copies.
            hears(swarm[3], again, b"after")
            hears(again, swarm[3], b"welcome back")
    finally:
        doomed.stop()
