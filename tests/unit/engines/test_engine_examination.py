"""`engine test`: what is good, what is not, and the exact fix, for engines of every kind of weakness."""

from __future__ import annotations

import json
import threading

import pytest
from click.testing import CliRunner

from node.bench.engine import measure_found, measure_overhead
from node.cli import main
from node.config import EngineSection
from node.engines.examination import examine_engine
from node.engines.surroundings import Surroundings
from node.findings import Grade
from tests.support.engines import opened
from tests.support.scripted_server import Refuse, Say, ScriptedServer, serving
from tests.support.socket_time import run

ANSWER = Say("a b c d e f g h", seconds=1.0)


def report(**settings):
    async def scene():
        async with serving(usual=ANSWER, **settings) as server, opened(server) as model:
            return await examine_engine(model)

    return run(scene())


def finding(found, subject):
    (item,) = [item for item in found.findings if item.subject == subject]
    return item


def test_a_good_engine_gets_nothing_but_good_findings():
    found = report(context=32_768)
    assert {item.grade for item in found.findings} == {Grade.GOOD}
    assert [speed.streams for speed in found.speeds] == [1, 8, 32]
    assert [round(speed.tokens_per_s) for speed in found.speeds] == [8, 64, 256]
    assert (found.obedience.asked, found.obedience.valid) == (16, 16)


@pytest.mark.parametrize(
    ("settings", "subject", "grade", "fix"),
    [
        ({"schema": "ignored"}, "schema", Grade.WRONG, "--structured-outputs-config"),
        ({"schema": "ignored"}, "obedience", Grade.WRONG, "enforced JSON schema"),
        ({"logprobs": 0}, "scores", Grade.NOTE, "--max-logprobs 20"),
        ({"choices": False}, "choices", Grade.NOTE, "vLLM 0.12"),
        ({"context": 2048}, "context", Grade.NOTE, "--max-model-len 8192"),
        ({"context": None}, "context", Grade.NOTE, "engine.context_tokens"),
        ({"tokenizer": False}, "tokenizer", Grade.NOTE, "/tokenize"),
        ({"capacity": 1, "queues": True}, "speed", Grade.NOTE, "--max-num-seqs"),
    ],
)
def test_a_weakness_comes_with_its_fix(settings, subject, grade, fix):
    item = finding(report(**settings), subject)
    assert item.grade is grade
    assert fix in item.hint


def test_answers_that_fail_are_findings_and_not_errors():
    async def scene():
        async with serving() as server, opened(server) as model:
            server.usual = Refuse(400, "no such thing")
            return await examine_engine(model, streams=(1, 8))

    item = finding(run(scene()), "answers")
    assert item.grade is Grade.WRONG
    assert "18 of 18" in item.text
    assert "no such thing" in item.text


def test_a_further_examination_adds_its_findings():
    async def scene():
        async with serving() as server, opened(server) as model:

            async def judge(given):
                assert given is model
                return [finding_of_judge]

            return await examine_engine(model, streams=(1,), extra=[judge])

    from node.findings import Finding

    finding_of_judge = Finding("judge", Grade.NOTE, "uncalibrated")
    assert run(scene()).findings[-1] is finding_of_judge


@pytest.mark.parametrize("extended", [True, False])
def test_the_bench_compares_both_clients_on_the_same_requests(extended):
    async def scene():
        async with serving(usual=ANSWER, knows_extended=extended) as server:
            section = EngineSection(kind="openai", url=server.url)
            found = await measure_overhead(section, Surroundings(), concurrency=4, requests=8, turns=2, max_tokens=16)
            bodies = [json.dumps(body, sort_keys=True) for body in server.bodies[-32:]]
            assert sorted(bodies[:8]) == sorted(bodies[8:16]) == sorted(bodies[16:24]) == sorted(bodies[24:])
            return found

    found = run(scene())
    assert len(found.bare) == len(found.node) == 2
    assert found.failed == 0
    assert found.ratio == pytest.approx(1.0, abs=0.01), "in simulated time no client costs anything"


def test_the_bench_holds_the_found_concurrency_against_fixed_ones():
    async def scene():
        async with serving(usual=ANSWER, capacity=8) as server:
            section = EngineSection(kind="openai", url=server.url)
            return await measure_found(section, Surroundings(), requests=160, max_tokens=16, fixed=(2, 8))

    found = run(scene())
    assert [count for count, _ in found.fixed] == [2, 8]
    assert 0.9 < found.ratio <= 1.01


@pytest.fixture
def server_address():
    """A server in a thread of its own: a command brings its own event loop."""
    import asyncio

    ready, done = threading.Event(), threading.Event()
    server = ScriptedServer(context=32_768)

    async def serve():
        await server.start()
        ready.set()
        await asyncio.to_thread(done.wait)
        await server.stop()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(120)
    yield server
    done.set()
    thread.join(120)


def test_the_command_prints_capabilities_speeds_and_findings(server_address, tmp_path):
    words = ["engine", "test", "--engine", "openai", "--url", server_address.url, "--data", str(tmp_path)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    for said in ("tiny at http://127.0.0.1", "streams", "ok      schema", "ok      context"):
        assert said in result.stdout
    as_json = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert as_json["info"]["capabilities"]["schema"] == "enforced"
    assert len(as_json["speeds"]) == 3


def test_the_command_ends_with_1_where_something_is_wrong(server_address, tmp_path):
    server_address.schema = "ignored"
    words = ["engine", "test", "--engine", "openai", "--url", server_address.url, "--data", str(tmp_path)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "NOT OK  schema" in result.stdout
    assert "not fit for a node: schema, obedience" in result.stderr


def test_the_bench_command_prints_its_ratio(server_address, tmp_path):
    words = ["bench", "engine", "--engine", "openai", "--url", server_address.url, "--data", str(tmp_path)]
    words += ["--requests", "16", "--turns", "2", "--concurrency", "4"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "node / bare, median" in result.stdout
    assert json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)["ratio"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["engine", "test"], "no language model is named"),
        (["engine", "test", "--engine", "magic"], "'magic'"),
        (["engine", "test", "--engine", "openai"], "`engine.url` is missing"),
        (["engine", "test", "--engine", "vllm-managed"], "`engine.model` is missing"),
        (["bench", "engine", "--engine", "vllm", "--model", "x"], "no address"),
    ],
)
def test_a_command_without_an_engine_says_what_is_missing(words, said, tmp_path):
    result = CliRunner().invoke(main, [*words, "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert said in result.stderr
    assert "hint:" in result.stderr
