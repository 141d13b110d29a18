"""Whatever a server does, every request ends once, by name, in time, and leaves nothing behind."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from node.engines.faults import AttemptError, Circumstances
from node.engines.http_client import classify
from node.engines.interface import Failure, ModelError
from node.engines.traffic import Traffic
from node.network.virtual_time import run

ENDS = st.one_of(
    st.just("answer"),
    st.just("garbled"),
    st.just("cut"),
    st.just("refused connection"),
    st.sampled_from([400, 401, 404, 408, 429, 500, 502, 503]),
)
ACTS = st.tuples(ENDS, st.floats(0.0, 20.0), st.floats(0.0, 30.0))
"""How an attempt ends, after how many seconds, and the wish for a pause."""


def perform(end, pause_s):
    if end == "answer":
        return "text"
    if end == "garbled":
        raise AttemptError(Failure.GARBLED, end, Circumstances(sick=False))
    if end == "cut":
        raise AttemptError(Failure.UNAVAILABLE, end)
    if end == "refused connection":
        raise AttemptError(Failure.UNAVAILABLE, end, Circumstances(counts=False))
    raise classify(end, "said", pause_s)


@settings(max_examples=60, deadline=None)
@given(
    acts=st.lists(ACTS, min_size=1, max_size=30),
    deadlines=st.lists(st.floats(0.0, 120.0), min_size=1, max_size=20),
    cancelled=st.sets(st.integers(0, 19), max_size=4),
    closed_s=st.one_of(st.none(), st.floats(0.0, 60.0)),
    ceiling=st.integers(1, 12),
)
def test_every_request_ends_once_by_name_and_in_time(acts, deadlines, cancelled, closed_s, ceiling):
    async def scene():
        loop = asyncio.get_running_loop()
        traffic = Traffic(ceiling, lambda: 0.5)
        turn = iter(range(10**6))
        at_once = most = 0

        async def send():
            nonlocal at_once, most
            end, seconds, pause_s = acts[next(turn) % len(acts)]
            at_once += 1
            most = max(most, at_once)
            try:
                await asyncio.sleep(seconds)
                return perform(end, pause_s)
            finally:
                at_once -= 1

        async def ask(deadline_s):
            try:
                await traffic.ask(send, label="x", deadline_s=deadline_s, patience_s=15.0)
            except ModelError as error:
                return error.failure
            else:
                return "answered"
            finally:
                assert loop.time() <= deadline_s + 1e-6

        tasks = [asyncio.create_task(ask(deadline)) for deadline in deadlines]
        for number in cancelled & set(range(len(tasks))):
            loop.call_later(number, tasks[number].cancel)
        if closed_s is not None:
            loop.call_later(closed_s, traffic.close, "closed")
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [end for end in ends if isinstance(end, Exception)]
        tally = traffic.tally()
        assert tally.failed.get(Failure.CANCELLED, 0) == sum(isinstance(end, BaseException) for end in ends)
        assert tally.answered == sum(end == "answered" for end in ends)
        assert tally.adds_up
        assert (tally.asked, tally.in_flight, traffic.running, at_once) == (len(tasks), 0, 0, 0)
        assert most <= ceiling

    run(scene())
