"""Every fault of a server against the real client over real sockets, in simulated time.

No crash, nothing lost, nothing beyond its deadline, and the states add up each time.
"""

from __future__ import annotations

import asyncio
import json

import pytest

from node.engines.interface import (
    Condition,
    Failure,
    Finish,
    ModelRefusedError,
    ModelUnavailableError,
)
from tests.support.engines import now, opened, request
from tests.support.scripted_server import Cut, Hang, Raw, Refuse, Say, serving
from tests.support.socket_time import run

SCHEMA = json.dumps({"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]})


async def batch(model, count: int, within_s: float) -> dict[str, int]:
    """Ask `count` times at once; how many ended how."""
    asked = [model.generate(request(within_s)) for _ in range(count)]
    ends: dict[str, int] = {}
    for outcome in await asyncio.gather(*asked, return_exceptions=True):
        name = (
            outcome.failure
            if isinstance(outcome, ModelUnavailableError | ModelRefusedError)
            else type(outcome).__name__
        )
        ends[name] = ends.get(name, 0) + 1
    return ends


@pytest.mark.parametrize(
    "faults",
    [
        [Refuse(429, headers={"Retry-After": "2"})] * 6,
        [Refuse(503)] * 6,
        [Refuse(500)] * 3,
        [Cut()] * 3,
        [Cut(sent=b"")] * 3,
        [Raw(b'{"choices":[{"message":{"content":"fn')] * 3,
        [Raw(b'{"choices":[]}')] * 3,
        [Raw(b"<html>gateway</html>")] * 3,
        [Raw(b"\xff\xfe\x00")] * 3,
        [Refuse(429), Cut(), Refuse(503), Raw(b"{}"), Refuse(502), Refuse(500)],
    ],
    ids=["429", "503", "500", "cut", "no-body", "truncated", "no-choices", "html", "binary", "mixed"],
)
def test_a_candidate_survives_a_burst_of(faults):
    async def scene():
        async with serving() as server, opened(server) as model:
            server.script.extend(faults)
            answer = await model.generate(request())
            assert answer.text == "fn main() {}"
            assert answer.finish is Finish.STOP
            assert answer.attempts == len(faults) + 1
            assert model.tally().retries == len(faults)

    run(scene())


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        (Refuse(429), Failure.OVERLOADED),
        (Refuse(503), Failure.UNAVAILABLE),
        (Refuse(500), Failure.UNAVAILABLE),
        (Cut(), Failure.UNAVAILABLE),
        (Raw(b"{"), Failure.GARBLED),
        (Hang(), Failure.DEADLINE),
        (Refuse(400, "bad request"), Failure.REFUSED),
        (Refuse(422), Failure.REFUSED),
        (Refuse(400, "maximum context length is 4096 tokens"), Failure.TOO_LONG),
        (Refuse(401), Failure.UNAUTHORISED),
        (Refuse(404), Failure.MODEL_MISSING),
        (Refuse(302), Failure.REFUSED),
    ],
    ids=str,
)
def test_a_fault_that_stays_ends_by_its_name_and_in_time(fault, failure):
    async def scene():
        async with serving() as server, opened(server) as model:
            server.usual = fault
            begun = now()
            with pytest.raises((ModelUnavailableError, ModelRefusedError)) as caught:
                await model.generate(request(20.0))
            assert caught.value.failure is failure
            assert now() - begun <= 20.0 + 0.1
            assert model.tally().failed == {failure: 1}

    run(scene())


def test_raw_control_characters_are_forgiven_and_said_so():
    async def scene():
        async with serving(schema="ignored") as server, opened(server) as model:
            server.script.append(Say('```json\n{"code":"a\nb\tc"}\n```'))
            answer = await model.generate(request(schema=SCHEMA))
            assert answer.json is not None
            assert answer.json.salvaged
            assert answer.json.value == {"code": "a\nb\tc"}

    run(scene())


def test_an_ignored_schema_and_a_cut_off_answer_come_back_as_no_json():
    async def scene():
        async with serving(schema="ignored") as server, opened(server) as model:
            server.script += [Say("Sure! Here is the code."), Say('{"code":"fn ma', finish="length")]
            free = await model.generate(request(schema=SCHEMA))
            short = await model.generate(request(schema=SCHEMA))
            assert free.json is None
            assert (short.json, short.finish) == (None, Finish.LENGTH)

    run(scene())


def test_a_server_that_was_down_is_used_again_within_thirty_seconds():
    async def scene():
        async with serving() as server, opened(server) as model:
            await server.stop()
            waiting = asyncio.create_task(batch(model, 20, 600.0))
            await asyncio.sleep(100.0)
            assert model.health().condition is Condition.DEGRADED
            await server.start()
            back = now()
            assert await waiting == {"TextResponse": 20}
            assert now() - back < 30.0
            assert model.health().condition is Condition.WELL

    run(scene())


def test_a_server_that_takes_requests_and_answers_nothing_is_noticed_and_left_within_thirty_seconds():
    async def scene():
        async with serving() as server, opened(server) as model:
            server.usual, server.alive = Hang(), False
            waiting = asyncio.create_task(batch(model, 8, 600.0))
            await asyncio.sleep(5.0)
            died = now()
            server.usual = Say()
            assert await waiting == {"TextResponse": 8}
            assert now() - died < 30.0

    run(scene())


def test_a_slow_server_is_left_to_its_work_while_it_is_alive():
    async def scene():
        async with serving(usual=Say()) as server, opened(server) as model:
            server.usual = Say(seconds=35.0)
            answer = await model.generate(request(120.0))
            assert answer.attempts == 1

    run(scene())


def test_the_deadline_holds_in_the_queue_while_the_server_works_and_between_attempts():
    async def scene():
        async with serving() as server, opened(server, concurrency=1) as model:
            server.usual = Say(seconds=10.0)
            begun = now()
            assert await batch(model, 3, 15.0) == {"TextResponse": 1, Failure.DEADLINE: 2}
            assert now() - begun <= 15.1
            server.usual = Refuse(429, headers={"Retry-After": "100"})
            begun = now()
            assert await batch(model, 1, 50.0) == {Failure.OVERLOADED: 1}
            assert now() - begun < 1.0, "what cannot come in time is not waited for"

    run(scene())


def test_cancelling_a_call_stops_the_servers_work():
    async def scene():
        async with serving() as server, opened(server) as model:
            server.usual = Hang()
            calls = [asyncio.create_task(model.generate(request())) for _ in range(3)]
            await asyncio.sleep(0.5)
            assert server.running == 3
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await asyncio.sleep(0.5)
            assert (server.running, server.given_up) == (0, 3)
            assert model.tally().failed == {Failure.CANCELLED: 3}

    run(scene())


def test_closing_ends_what_runs_and_what_waits_as_closed():
    async def scene():
        async with serving() as server, opened(server, concurrency=1) as model:
            server.usual = Hang()
            waiting = asyncio.create_task(batch(model, 3, 60.0))
            await asyncio.sleep(0.5)
            await model.close()
            assert await waiting == {Failure.CLOSED: 3}
            assert await batch(model, 1, 60.0) == {Failure.CLOSED: 1}
            assert model.health().condition is Condition.STOPPED

    run(scene())


def test_a_retry_after_is_waited_for():
    async def scene():
        async with serving() as server, opened(server) as model:
            server.script.append(Refuse(429, headers={"Retry-After": "7"}))
            begun = now()
            await model.generate(request())
            assert 7.0 <= now() - begun < 8.0

    run(scene())


def test_a_thousand_candidates_over_a_server_full_of_faults_all_end_by_name():
    async def scene():
        async with serving() as server, opened(server) as model:
            faults = [Refuse(429), Refuse(503), Cut(), Raw(b"{"), Refuse(500), Say(seconds=3.0)]
            server.script.extend((faults[n % 6] if n % 4 == 0 else Say(seconds=0.2)) for n in range(1200))
            ends = await batch(model, 1000, 600.0)
            assert sum(ends.values()) == 1000
            assert ends["TextResponse"] == 1000

    run(scene())


def test_a_stream_hands_out_pieces_then_the_whole():
    async def scene():
        async with serving() as server, opened(server) as model:
            server.script += [Refuse(503), Say("let answer = 42;")]
            parts = [part async for part in model.stream(request())]
            assert "".join(parts[:-1]) == parts[-1].text == "let answer = 42;"
            assert parts[-1].usage.completion_tokens == 4
            assert parts[-1].attempts == 2

    run(scene())


def test_a_stream_that_breaks_off_is_not_begun_again():
    async def scene():
        async with serving() as server, opened(server) as model:
            server.script.append(Say("let answer = 42;", finish="cut"))
            stream = model.stream(request())
            assert await anext(stream) == "let "
            with pytest.raises(ModelUnavailableError, match="within the answer"):
                [part async for part in stream]
            assert model.tally().failed == {Failure.UNAVAILABLE: 1}

    run(scene())


def test_leaving_a_stream_stops_the_servers_work():
    async def scene():
        async with serving() as server, opened(server) as model:
            server.script.append(Say("x" * 40_000))
            stream = model.stream(request())
            await anext(stream)
            await stream.aclose()
            await asyncio.sleep(0.5)
            assert (server.running, server.given_up) == (0, 1)
            assert model.tally().failed == {Failure.CANCELLED: 1}

    run(scene())
