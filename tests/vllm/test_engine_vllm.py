"""Real vLLM with a tiny random checkpoint: the engine within the process and a managed API server.

It proves the plumbing; a random model knows nothing. Skipped where vLLM is not installed: `make test-vllm` installs it.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
from pathlib import Path

import pytest

from node.config import EngineSection
from node.engines.interface import (
    ChoiceMethod,
    ChoiceRequest,
    Condition,
    Failure,
    Finish,
    Message,
    ModelRefusedError,
    SchemaSupport,
    TextRequest,
)
from node.engines.opening import open_model
from node.engines.surroundings import Surroundings
from node.errors import OperatorError
from node.values.job import Sampling
from tests.support.process_tree import leashed_by
from tests.support.tiny_checkpoint import build_tiny_checkpoint

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]
pytest.importorskip("vllm", reason="vLLM is not installed (make test-vllm)")
pytest.importorskip("torch", reason="torch is not installed (make test-vllm)")

ROOT = Path(__file__).parents[2]
CONTEXT = 2048
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "code": {"type": "string"},
            "score": {"type": "integer", "minimum": 1, "maximum": 5},
            "kind": {"enum": ["bug", "style"]},
        },
        "required": ["code", "score", "kind"],
        "additionalProperties": False,
    }
)
SCORES = ("1", "2", "3", "4", "5")
OFFLINE = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny") / "swarm_node_random_weights"
    return build_tiny_checkpoint(folder, sorted(ROOT.glob("*/**/*.py")))


@pytest.fixture(scope="session")
def runner():
    """One event loop for all: an engine belongs to the loop it was made in."""
    os.environ.update(OFFLINE)
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session", params=["vllm", "vllm-managed"])
def engine(request, checkpoint, runner):
    section = EngineSection(
        kind=request.param,
        model=str(checkpoint),
        context_tokens=CONTEXT,
        args=("--no-enable-chunked-prefill", "--distributed-executor-backend=uni", "--enforce-eager"),
        start_s=600,
    )
    surroundings = Surroundings(environment={**os.environ, **OFFLINE}, random_weights_allowed=True)
    model = runner.run(open_model(section, surroundings))
    yield model
    runner.run(model.close())
    assert model.tally().adds_up
    assert model.tally().in_flight == 0


def ask(text: str, within_s: float = 120.0, sampling: Sampling | None = None, **changes) -> TextRequest:
    sampling = sampling or Sampling(temperature_milli=1000, top_p_milli=1000, max_tokens=256)
    return TextRequest((Message("user", text),), sampling, asyncio.get_running_loop().time() + within_s, **changes)


def test_what_it_can_do_is_found_out(engine):
    found = engine.info.capabilities
    assert found.schema is SchemaSupport.ENFORCED
    assert found.choices
    assert found.logprobs == 20
    assert found.context_tokens == CONTEXT
    assert found.tokenizer


def test_of_64_answers_64_follow_the_schema(engine, runner):
    async def scene():
        sampling = [Sampling(temperature_milli=1000, top_p_milli=1000, max_tokens=1024, seed=n) for n in range(64)]
        asked = [engine.generate(ask(f"Find the bug, {n}.", sampling=sampling[n], schema=SCHEMA)) for n in range(64)]
        return await asyncio.gather(*asked)

    answers = runner.run(scene())
    valid = [answer for answer in answers if answer.finish is Finish.STOP and follows(answer)]
    cut = [answer for answer in answers if answer.finish is Finish.LENGTH]
    # A random model may write a string that never ends: such an answer is incomplete and says so.
    assert len(valid) + len(cut) == 64
    assert len(valid) == 64, f"{len(cut)} were cut off at max_tokens"


def follows(answer) -> bool:
    value = answer.json.value if answer.json is not None and not answer.json.salvaged else None
    return (
        isinstance(value, dict)
        and value.keys() == {"code", "score", "kind"}
        and isinstance(value["code"], str)
        and value["score"] in range(1, 6)
        and value["kind"] in {"bug", "style"}
    )


def test_a_choice_is_a_distribution_whatever_the_model_wants_to_say(engine, runner):
    async def scene():
        deadline = asyncio.get_running_loop().time() + 60.0
        messages = (Message("system", "Answer with 1 to 5."), Message("user", "fn main() {}"))
        return await engine.choose(ChoiceRequest(messages, SCORES, deadline))

    found = runner.run(scene())
    assert math.fsum(found.probabilities) == pytest.approx(1.0, abs=1e-6)
    assert all(0.0 <= chance <= 1.0 for chance in found.probabilities)
    assert found.method is ChoiceMethod.CONSTRAINED, "a random model hardly wants to say a digit"
    assert found.low_mass
    assert len({round(chance, 6) for chance in found.probabilities}) > 1


def test_the_same_seed_gives_the_same_text_and_another_one_another(engine, runner):
    async def scene():
        texts = []
        for seed in (7, 7, 8):
            sampling = Sampling(temperature_milli=1000, top_p_milli=1000, max_tokens=24, seed=seed)
            texts.append((await engine.generate(ask("Write.", sampling=sampling))).text)
        return texts

    first, again, other = runner.run(scene())
    assert first == again != other


def test_a_cancelled_request_is_no_more_work(engine, runner):
    async def scene():
        before = await tokens_made(engine)
        long = Sampling(temperature_milli=1000, top_p_milli=1000, max_tokens=1900)
        calls = [asyncio.create_task(engine.generate(ask(f"Go on, {n}.", sampling=long))) for n in range(8)]
        await asyncio.sleep(0.3)
        for call in calls:
            call.cancel()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        await engine.generate(ask("Short.", sampling=Sampling(max_tokens=4)))
        await asyncio.sleep(2.0)
        cancelled = sum(isinstance(end, asyncio.CancelledError) for end in ends)
        return cancelled, await tokens_made(engine) - before

    cancelled, tokens = runner.run(scene())
    assert cancelled == engine.tally().failed[Failure.CANCELLED] > 4
    if engine.info.backend == "vllm":
        assert engine._backend._engine.get_num_unfinished_requests() == 0
    else:
        assert tokens < 8 * 1900 / 4, "the server went on with what nobody waits for"


async def tokens_made(engine) -> float:
    """How many tokens the server has made since its start, by its own count; 0 within the process."""
    if engine.info.backend == "vllm":
        return 0.0
    metrics = await engine._backend._client.get(engine.info.endpoint.removesuffix("/v1") + "/metrics")
    lines = [line for line in metrics.decode().splitlines() if line.startswith("vllm:generation_tokens_total")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_a_stream_gives_the_text_in_pieces(engine, runner):
    async def scene():
        request = ask("Write.", sampling=Sampling(temperature_milli=1000, top_p_milli=1000, max_tokens=32, seed=3))
        return [part async for part in engine.stream(request)]

    *pieces, whole = runner.run(scene())
    assert len(pieces) > 1
    assert "".join(pieces) == whole.text
    assert whole.usage.completion_tokens > 1


def test_a_prompt_beyond_the_context_is_refused_by_name(engine, runner):
    with pytest.raises(ModelRefusedError) as caught:
        runner.run(_ask_for(engine, "word " * 5000))
    assert caught.value.failure is Failure.TOO_LONG


def test_tokens_are_counted_exactly(engine, runner):
    count = runner.run(engine.count_tokens("fn main() {}"))
    assert count.exact
    assert 0 < count.tokens < 12


def test_a_random_checkpoint_cannot_be_chosen_outside_tests(checkpoint):
    for kind in ("vllm", "vllm-managed"):
        with pytest.raises(OperatorError, match="random weights"):
            asyncio.run(open_model(EngineSection(kind=kind, model=str(checkpoint))))


async def _ask_for(engine, text: str):
    return await engine.generate(ask(text))


def test_a_killed_server_is_degraded_and_recovers_without_losing_a_request(engine, runner):
    if engine.info.backend != "vllm-managed":
        pytest.skip("an engine within this process dies with it")

    async def scene():
        first = leashed_by(os.getpid())
        os.kill(first, signal.SIGKILL)
        await asyncio.sleep(2.0)
        assert engine.health().condition is Condition.DEGRADED
        begun = asyncio.get_running_loop().time()
        request = ask("Write.", within_s=600.0, sampling=Sampling(max_tokens=8))
        answers = await asyncio.gather(*(engine.generate(request) for _ in range(4)))
        assert leashed_by(os.getpid()) != first
        return len(answers), asyncio.get_running_loop().time() - begun

    count, seconds = runner.run(scene())
    print(f"back after {seconds:.1f} s")
    assert count == 4
    assert engine.health().condition is Condition.WELL
