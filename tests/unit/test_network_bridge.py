"""Two event loops and the way between them: bounded, in order, and survived by either side."""

import asyncio
import threading

import pytest
import trio

from node.network.bridge import Life, Mailbox, call_other_loop

LIMIT_S = 60.0
"""Ends a test that hangs."""


def test_a_mailbox_keeps_order_and_drops_what_it_has_no_room_for():
    scheduled = []
    mailbox = Mailbox(scheduled.append, calls_max=3)
    made = []
    assert [mailbox.post(lambda n=number: made.append(n)) for number in range(5)] == [True, True, True, False, False]
    (drain,) = scheduled
    drain()
    assert made == [0, 1, 2]
    assert mailbox.post(lambda: made.append(9))


def test_a_call_that_raises_does_not_stop_the_next():
    scheduled, made = [], []
    mailbox = Mailbox(scheduled.append, calls_max=9)
    mailbox.post(lambda: 1 / 0)
    mailbox.post(lambda: made.append(1))
    scheduled.pop()()
    assert made == [1]


def test_a_full_mailbox_lets_others_on_the_loop_have_their_turn():
    scheduled, made = [], []
    mailbox = Mailbox(scheduled.append, calls_max=1000)
    for number in range(200):
        mailbox.post(lambda n=number: made.append(n))
    turns = 0
    while scheduled:
        scheduled.pop()()
        turns += 1
    assert made == list(range(200))
    assert turns > 1


def test_a_mailbox_whose_loop_is_gone_says_so():
    def gone(_call):
        raise RuntimeError("closed")

    assert not Mailbox(gone, calls_max=9).post(lambda: None)


def life_story(main, story):
    """Start a life with `main` in its thread and run `story` beside it."""

    async def beside():
        life = Life(asyncio.get_running_loop(), calls_max=100)
        life.start(main, "test-life")
        async with asyncio.timeout(LIMIT_S):
            return await story(life)

    return asyncio.run(beside())


async def serve_for_ever(ready):
    ready()
    await trio.sleep_forever()


def test_a_life_ends_when_asked():
    async def story(life):
        await life.started.wait()
        life.end()
        await life.ended.wait()
        return life.error, await life.join(LIMIT_S)

    assert life_story(serve_for_ever, story) == (None, True)


def test_a_life_that_crashes_says_of_what():
    async def crash(ready):
        ready()
        raise KeyError("a bug")

    async def story(life):
        await life.ended.wait()
        return repr(life.error), life.post(lambda: None)

    assert life_story(crash, story) == ("KeyError('a bug')", False)


def test_a_life_gives_signs_while_it_lives_and_none_while_it_hangs():
    hang, hangs, release = trio.Event(), threading.Event(), threading.Event()

    async def live(ready):
        ready()
        await hang.wait()
        hangs.set()
        release.wait(LIMIT_S)
        await trio.sleep_forever()

    async def story(life):
        await life.started.wait()
        life.ask_beat()
        while not life.beats:  # noqa: ASYNC110 - a beat is a number
            await asyncio.sleep(0.01)
        life.post(hang.set)
        await asyncio.to_thread(hangs.wait, LIMIT_S)
        life.ask_beat()
        await asyncio.sleep(0.3)
        hanging = life.beats
        release.set()
        while life.beats < 2:  # noqa: ASYNC110 - likewise; what was asked of it while it hung, it does once it wakes
            await asyncio.sleep(0.01)
        life.end()
        await life.ended.wait()
        return hanging

    assert life_story(live, story) == 1


def asked_from_trio(work, *, room=100):
    """What `call_other_loop` brings to a trio thread when asyncio does `work`."""

    async def beside():
        loop = asyncio.get_running_loop()
        mailbox = Mailbox(loop.call_soon_threadsafe, room)

        async def main():
            with trio.fail_after(LIMIT_S):
                return await call_other_loop(mailbox.post, loop, work)

        return await asyncio.to_thread(trio.run, main)

    return asyncio.run(beside())


def test_work_in_the_other_loop_brings_its_outcome():
    async def work():
        await asyncio.sleep(0.01)
        return b"done"

    assert asked_from_trio(work) == b"done"


def test_work_that_raises_there_raises_here():
    async def work():
        raise KeyError("there")

    with pytest.raises(KeyError, match="there"):
        asked_from_trio(work)


def test_no_room_is_an_error_at_once():
    async def work():
        return b""

    with pytest.raises(trio.WouldBlock):
        asked_from_trio(work, room=0)


def test_work_that_nobody_waits_for_any_more_is_cancelled():
    async def beside():
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        mailbox = Mailbox(loop.call_soon_threadsafe, 100)

        async def main():
            token = trio.lowlevel.current_trio_token()
            with trio.CancelScope() as waiting:

                async def work():
                    token.run_sync_soon(waiting.cancel)
                    try:
                        return await loop.create_future()
                    finally:
                        ended.set()

                await call_other_loop(mailbox.post, loop, work)
            return waiting.cancelled_caught

        async with asyncio.timeout(LIMIT_S):
            given_up = await asyncio.to_thread(trio.run, main)
            await ended.wait()  # here, because the end of the loop would cancel it too
        return given_up

    assert asyncio.run(beside())
