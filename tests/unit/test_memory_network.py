"""The network in memory: what arrives, what is lost, and that a seed decides it."""

import asyncio

import pytest

from consensus.types import NodeId
from node.errors import PeerFaultError, TransientError
from node.network import virtual_time
from node.network.interface import (
    GOSSIP_BYTES_MAX,
    REQUEST_BYTES_MAX,
    NoAnswerError,
    RefusedError,
    UnreachableError,
)
from node.network.memory import LinkConditions, MemoryHub

A, B, C, D = (NodeId(bytes([number]) * 32) for number in (1, 2, 3, 4))


async def echo(_asker, data):
    return data


class Swarm:
    """Started nodes on one hub, and what each of them heard, in order."""

    def __init__(self, hub, *nodes):
        self.hub = hub
        self.heard = {node: [] for node in nodes}
        self.of = {node: self.join(node) for node in nodes}

    def join(self, node):
        network = self.hub.network(node)
        network.subscribe("news", lambda forwarder, data: self.heard[node].append((forwarder, data)))
        network.serve("echo/1", echo)
        return network

    async def start(self):
        for network in self.of.values():
            await network.start()
        return self


def swarm_run(story, *nodes, **hub_options):
    async def main():
        return await story(await Swarm(MemoryHub(**hub_options), *nodes).start())

    return virtual_time.run(main())


def test_gossip_reaches_everybody_but_its_publisher():
    async def story(swarm):
        await swarm.of[A].publish("news", b"hello")
        await asyncio.sleep(1)
        return swarm.heard

    assert swarm_run(story, A, B, C) == {A: [], B: [(A, b"hello")], C: [(A, b"hello")]}


def test_a_topic_nobody_subscribed_to_is_no_fault():
    async def story(swarm):
        swarm.of[A].subscribe("other", lambda _forwarder, _data: None)
        await swarm.of[A].publish("other", b"hello")
        await asyncio.sleep(1)
        return swarm.heard[B], swarm.of[B].health().gossip_dropped

    assert swarm_run(story, A, B) == ([], 0)


def test_a_request_brings_the_answer_and_knows_who_asked():
    async def story(swarm):
        async def who(asker, data):
            return asker + data

        swarm.of[B].serve("who/1", who)
        return await swarm.of[A].request(B, "who/1", b"?", timeout_s=1)

    assert swarm_run(story, A, B) == A + b"?"


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (PeerFaultError("bad-signature", "forged"), "fault:bad-signature"),
        (TransientError("not yet", waits_for="round"), "waits:round"),
        (KeyError("a bug"), "failed"),
    ],
)
def test_an_exception_in_a_handler_becomes_an_answer_with_its_reason(raised, reason):
    async def story(swarm):
        async def fail(_asker, _data):
            raise raised

        swarm.of[B].serve("fail/1", fail)
        with pytest.raises(RefusedError) as caught:
            await swarm.of[A].request(B, "fail/1", b"", timeout_s=1)
        return caught.value.reason

    assert swarm_run(story, A, B) == reason


def test_what_nobody_serves_and_what_is_too_long_is_refused_by_name():
    async def story(swarm):
        async def flood(_asker, _data):
            return bytes(REQUEST_BYTES_MAX + 1)

        swarm.of[B].serve("flood/1", flood)
        reasons = []
        for protocol in ("nothing/1", "flood/1"):
            with pytest.raises(RefusedError) as caught:
                await swarm.of[A].request(B, protocol, b"", timeout_s=1)
            reasons.append(caught.value.reason)
        return reasons

    assert swarm_run(story, A, B) == ["unknown-protocol", "answer-too-long"]


def test_bounds_hold_at_the_sender():
    async def story(swarm):
        with pytest.raises(ValueError, match="beyond"):
            await swarm.of[A].publish("news", bytes(GOSSIP_BYTES_MAX + 1))
        with pytest.raises(ValueError, match="beyond"):
            await swarm.of[A].request(B, "echo/1", bytes(REQUEST_BYTES_MAX + 1), timeout_s=1)
        with pytest.raises(ValueError, match="not subscribed"):
            await swarm.of[A].publish("unheard of", b"")
        with pytest.raises(ValueError, match="no name"):
            swarm.of[A].subscribe("two words", lambda _forwarder, _data: None)
        return await swarm.of[A].request(B, "echo/1", bytes(REQUEST_BYTES_MAX), timeout_s=1)

    assert len(swarm_run(story, A, B)) == REQUEST_BYTES_MAX


def test_a_handler_that_raises_on_gossip_is_counted_and_does_not_stop_the_next_message():
    async def story(swarm):
        seen = []

        def handler(_forwarder, data):
            seen.append(data)
            if len(seen) == 1:
                raise KeyError("a bug")

        swarm.of[B].subscribe("odd", handler)
        swarm.of[A].subscribe("odd", handler)
        await swarm.of[A].publish("odd", b"1")
        await swarm.of[A].publish("odd", b"2")
        await asyncio.sleep(1)
        return seen, dict(swarm.of[B].health().drops)

    assert swarm_run(story, A, B) == ([b"1", b"2"], {"handler-raised": 1})


def test_a_handler_that_keeps_raising_is_logged_once_because_peers_could_fill_the_log(caplog):
    async def story(swarm):
        async def fail(_asker, _data):
            raise KeyError("a bug")

        swarm.of[B].serve("fail/1", fail)
        for _ in range(5):
            with pytest.raises(RefusedError):
                await swarm.of[A].request(B, "fail/1", b"", timeout_s=1)
        return dict(swarm.of[B].health().drops)

    assert swarm_run(story, A, B) == {"handler-raised": 5}
    assert len(caplog.records) == 1


def test_a_partition_separates_and_heals():
    async def story(swarm):
        swarm.hub.partition({A, B}, {C, D})
        await swarm.of[A].publish("news", b"split")
        with pytest.raises(UnreachableError):
            await swarm.of[A].request(C, "echo/1", b"", timeout_s=1)
        await asyncio.sleep(1)
        during = [node for node in (B, C, D) if swarm.heard[node]]
        swarm.hub.heal()
        return during, await swarm.of[A].request(C, "echo/1", b"again", timeout_s=1)

    assert swarm_run(story, A, B, C, D) == ([B], b"again")


def test_a_cut_link_loses_what_was_under_way():
    async def story(swarm):
        await swarm.of[A].publish("news", b"under way")
        await asyncio.sleep(0.5)
        swarm.hub.cut(A, B)
        await asyncio.sleep(5)
        return swarm.heard[B], swarm.heard[C]

    late = LinkConditions(delay_min_s=1, delay_max_s=1)
    assert swarm_run(story, A, B, C, conditions=late) == ([], [(A, b"under way")])


def test_a_crashed_node_is_unreachable_and_returns_under_the_same_identity():
    async def story(swarm):
        swarm.hub.crash(B)
        with pytest.raises(UnreachableError):
            await swarm.of[A].request(B, "echo/1", b"", timeout_s=1)
        await swarm.of[A].publish("news", b"missed")
        swarm.of[B] = swarm.join(B)
        await swarm.of[B].start()
        await swarm.of[A].publish("news", b"heard")
        await asyncio.sleep(1)
        return swarm.heard[B]

    assert swarm_run(story, A, B) == [(A, b"heard")]


def test_a_node_that_crashes_while_it_answers_leaves_its_asker_with_an_error():
    async def story(swarm):
        async def slow(_asker, _data):
            await asyncio.sleep(10)

        swarm.of[B].serve("slow/1", slow)
        asking = asyncio.ensure_future(swarm.of[A].request(B, "slow/1", b"", timeout_s=30))
        await asyncio.sleep(1)
        swarm.hub.crash(B)
        with pytest.raises(UnreachableError, match="went away"):
            await asking
        return asyncio.get_running_loop().time()

    assert swarm_run(story, A, B) == 1


def test_a_lost_request_ends_at_its_limit():
    async def story(swarm):
        with pytest.raises(NoAnswerError):
            await swarm.of[A].request(B, "echo/1", b"", timeout_s=7)
        return asyncio.get_running_loop().time()

    assert swarm_run(story, A, B, conditions=LinkConditions(loss=1)) == 7


def test_an_impatient_asker_does_not_stop_the_work():
    async def story(swarm):
        done = asyncio.Event()

        async def slow(_asker, _data):
            await asyncio.sleep(2)
            done.set()
            return b""

        swarm.of[B].serve("slow/1", slow)
        with pytest.raises(NoAnswerError):
            await swarm.of[A].request(B, "slow/1", b"", timeout_s=1)
        await asyncio.wait_for(done.wait(), 5)
        return True

    assert swarm_run(story, A, B)


ROUGH = LinkConditions(loss=0.2, delay_min_s=0.01, delay_max_s=0.2, duplication=0.2, reordering=0.3)


def rough_run(seed):
    async def story(swarm):
        for number in range(100):
            await swarm.of[A].publish("news", bytes([number]))
            await asyncio.sleep(0.01)
        await asyncio.sleep(10)
        return swarm.heard

    return swarm_run(story, A, B, C, seed=seed, conditions=ROUGH)


def test_a_replay_of_a_seed_gives_the_same_run_and_another_seed_another():
    assert rough_run(1) == rough_run(1) != rough_run(2)


def test_rough_links_lose_duplicate_and_reorder():
    heard = [data for _, data in rough_run(1)[B]]
    assert set(heard) < {bytes([number]) for number in range(100)}
    assert len(heard) > len(set(heard))
    assert heard != sorted(heard)


@pytest.mark.parametrize("wrong", [{"loss": 1.1}, {"delay_min_s": 2, "delay_max_s": 1}, {"reordering_s": -1}])
def test_impossible_conditions_are_refused(wrong):
    with pytest.raises(ValueError, match=r"\[0, 1\]|delays"):
        LinkConditions(**wrong)


def test_simulated_time_leaps_and_waits_for_threads():
    async def main():
        loop = asyncio.get_running_loop()
        await asyncio.sleep(3600)
        before = loop.time()
        answer = await asyncio.to_thread(lambda: 42)
        return before, answer, loop.time()

    assert virtual_time.run(main()) == (3600, 42, 3600)
