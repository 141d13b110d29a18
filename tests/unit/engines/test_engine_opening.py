"""What an operator can get wrong ends at opening, with what to do; what a server can do is seen, not assumed."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from node.config import EngineSection, parse_config
from node.engines.interface import Capabilities, ModelInfo, SchemaSupport
from node.engines.opening import open_model, require_context
from node.engines.settings import RANDOM_MARK, Secret, load_key, parse_url, refuse_random
from node.engines.surroundings import Surroundings
from node.errors import ExitCode, OperatorError
from tests.support.engines import opened, request
from tests.support.scripted_server import Refuse, serving
from tests.support.socket_time import run

KEY = "sk-very-secret-0123456789"


def refusal(section: EngineSection, environment: dict[str, str] | None = None) -> OperatorError:
    """How opening fails."""

    async def scene():
        with pytest.raises(OperatorError) as caught:
            await open_model(section, Surroundings(environment=environment or {}, dice=lambda: 0.5))
        return caught.value

    return run(scene())


def refusal_of(server_settings: dict, environment: dict[str, str] | None = None, **settings) -> OperatorError:
    async def scene():
        async with serving(**server_settings) as server:
            section = EngineSection(kind="openai", url=server.url, **settings)
            with pytest.raises(OperatorError) as caught:
                await open_model(section, Surroundings(environment=environment or {}, dice=lambda: 0.5))
            return caught.value

    return run(scene())


def test_an_unknown_backend_is_refused():
    error = refusal(EngineSection(kind="tgi"))
    assert "'tgi'" in str(error)
    assert "openai, vllm, vllm-managed" in error.hint


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "magic"}, "`engine.kind` is 'magic'"),
        ({"kind": "openai"}, "`engine.url` is missing"),
        ({"kind": "vllm"}, "`engine.model` is missing"),
        ({"concurrency": 0}, "`engine.concurrency` is 0"),
        ({"context_tokens": -1}, "`engine.context_tokens` is -1"),
        ({"start_s": 0}, "`engine.start_s` is 0"),
        ({"key": "sk-123"}, "unknown setting `key`"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_when_they_are_read(values, said):
    with pytest.raises(OperatorError) as caught:
        parse_config({"engine": values}, "config.toml")
    assert said in str(caught.value)
    assert caught.value.hint
    assert "sk-123" not in f"{caught.value}{caught.value.hint}"


def test_a_missing_key_is_told_with_where_to_put_it():
    error = refusal_of({"key": KEY})
    assert "none is set" in str(error)
    assert "engine.key_file" in error.hint


def test_a_wrong_key_is_told_without_the_key():
    error = refusal_of({"key": "another"}, {"SWARM_NODE_ENGINE_KEY": KEY})
    assert "refuses the key" in str(error)
    assert KEY not in f"{error} {error.hint} {error.__cause__!r}"


def test_an_unreachable_address_is_told_in_ten_seconds():
    error = refusal(EngineSection(kind="openai", url="http://127.0.0.1:1/v1"))
    assert error.exit_code is ExitCode.UNAVAILABLE
    assert "127.0.0.1:1" in str(error)
    assert "curl" in error.hint


def test_a_model_that_is_not_served_is_told_with_those_that_are():
    error = refusal_of({"models": ("qwen", "llama")}, model="gemma")
    assert "does not serve 'gemma'" in str(error)
    assert "qwen, llama" in str(error)


def test_of_several_models_one_has_to_be_named():
    assert "serves 2 models" in str(refusal_of({"models": ("qwen", "llama")}))


def test_a_server_that_refuses_schemas_is_told_what_to_start_with():
    error = refusal_of({"schema": "refused"})
    assert "refuses JSON schemas" in str(error)
    assert "--structured-outputs-config" in error.hint


def test_what_is_no_engine_is_told():
    async def scene():
        async with serving() as server:
            with pytest.raises(OperatorError) as caught:
                await open_model(EngineSection(kind="openai", url=server.url.removesuffix("/v1") + "/elsewhere"))
            return caught.value

    assert "no engine we know" in str(run(scene()))


def test_a_server_that_lists_models_but_completes_nothing_is_told_in_bounded_time():
    error = refusal_of({"usual": Refuse(500, "CUDA out of memory")})
    assert "CUDA out of memory" in str(error)
    assert error.exit_code is ExitCode.UNAVAILABLE


def test_a_context_too_small_for_a_category_names_the_category():
    capabilities = Capabilities(SchemaSupport.ENFORCED, True, 20, 2048, True, ("tiny",))
    info = ModelInfo("openai", "tiny", "here", capabilities)
    require_context(info, {"code_search": 2048})
    with pytest.raises(OperatorError, match="2048 tokens: too small for code_review") as caught:
        require_context(info, {"code_search": 1024, "code_review": 6000})
    assert "6000" in caught.value.hint


@pytest.mark.parametrize("url", ["http://10.0.0.7:8000/v1", "http://models.example/v1", "http://[2001:db8::1]:80"])
def test_a_key_never_goes_over_plain_http_to_another_host(url):
    with pytest.raises(OperatorError, match="plain HTTP") as caught:
        parse_url(url, Secret(KEY))
    assert KEY not in str(caught.value)
    parse_url(url, Secret(""))
    parse_url(url.replace("http:", "https:"), Secret(KEY))


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("https://models.example/api/v1", "https://models.example/api/v1"),
    ],
)
def test_an_address_is_brought_into_one_form(url, meant):
    assert parse_url(url, Secret(KEY)) == meant


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://x/v1", "http://", "http://a:99999/", "http://u:p@h/v1", "http://h/v1?key=1"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(OperatorError):
        parse_url(url, Secret(""))


def test_a_key_comes_from_a_file_before_the_environment(tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\nrest\n")
    section = EngineSection(key_file=str(file))
    assert load_key(section, {"SWARM_NODE_ENGINE_KEY": "other"}).reveal() == KEY
    assert load_key(EngineSection(), {"SWARM_NODE_ENGINE_KEY": "other"}).reveal() == "other"
    assert not load_key(EngineSection(), {})


@pytest.mark.parametrize("content", [b"", b"\n", b"two words\n", b"\xff\xfe", b"x" * 5000])
def test_a_file_without_a_key_is_refused(tmp_path, content):
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(OperatorError):
        load_key(EngineSection(key_file=str(file)), {})
    with pytest.raises(OperatorError):
        load_key(EngineSection(key_file=str(tmp_path / "none")), {})


def test_a_secret_shows_itself_nowhere():
    secret = Secret(KEY)
    assert KEY not in f"{secret} {secret!r}"
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_a_key_is_sent_and_never_logged_or_repeated(caplog):
    caplog.set_level(logging.DEBUG)

    async def scene():
        async with serving(key=KEY) as server, opened(server) as model:
            await model.generate(request())
            assert server.keys[-1] == f"Bearer {KEY}"
            server.usual = Refuse(400, f"you sent {KEY}")
            with pytest.raises(OperatorError) as caught:
                await model.generate(request())
            assert KEY not in str(caught.value)
            assert "[key]" in str(caught.value)
            assert KEY not in f"{model.info} {model.health()}"

    run(scene())
    assert KEY not in caplog.text


def test_a_random_checkpoint_is_refused_by_folder_and_by_name(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({RANDOM_MARK: True}))
    for model in (str(tmp_path), f"x-{RANDOM_MARK}"):
        with pytest.raises(OperatorError, match="random weights"):
            refuse_random(model)
    (tmp_path / "config.json").write_text("{}")
    refuse_random(str(tmp_path))
    assert "random weights" in str(refusal_of({"models": (RANDOM_MARK,)}))
    for kind in ("vllm", "vllm-managed"):
        assert "random weights" in str(refusal(EngineSection(kind=kind, model=RANDOM_MARK)))


@pytest.mark.parametrize(
    ("settings", "schema", "choices", "logprobs", "tokenizer"),
    [
        ({}, SchemaSupport.ENFORCED, True, 7, True),
        ({"schema": "ignored", "choices": False, "logprobs": 0}, SchemaSupport.IGNORED, False, 0, True),
        ({"logprobs": 5, "tokenizer": False}, SchemaSupport.ENFORCED, True, 5, False),
    ],
)
def test_capabilities_are_what_the_server_was_seen_to_do(settings, schema, choices, logprobs, tokenizer):
    async def scene():
        async with serving(context=None, **settings) as server, opened(server, context_tokens=9000) as model:
            return model.info

    info = run(scene())
    assert info.capabilities == Capabilities(schema, choices, logprobs, 9000, tokenizer, ("tiny",))
    assert (info.backend, info.model) == ("openai", "tiny")


@pytest.mark.parametrize(("extended", "seed"), [(True, True), (False, True), (False, False)])
def test_a_request_holds_every_sampling_field_that_the_server_takes(extended, seed):
    async def scene():
        async with serving(knows_extended=extended, knows_seed=seed) as server, opened(server) as model:
            await model.generate(request())
            return server.bodies[-1]

    body = run(scene())
    assert {"temperature": 0.2, "top_p": 0.95, "max_tokens": 64, "n": 1}.items() <= body.items()
    assert ("top_k" in body, "repetition_penalty" in body, "seed" in body) == (extended, extended, seed)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_opening_rides_out_a_server_that_is_starting():
    async def scene():
        async with serving() as server:
            server.script.extend([Refuse(503)] * 4)
            model = await open_model(EngineSection(kind="openai", url=server.url), Surroundings(dice=lambda: 0.5))
            await model.close()
            return model.info.capabilities

    assert run(scene()).schema is SchemaSupport.ENFORCED


def test_a_token_count_is_exact_where_the_server_counts_and_an_upper_estimate_elsewhere():
    async def scene():
        async with serving() as server, opened(server) as model:
            exact = await model.count_tokens("fn main ( )")
            await server.stop()
            estimate = await model.count_tokens("fn main ( )")
            return exact, estimate

    exact, estimate = run(scene())
    assert (exact.tokens, exact.exact) == (4, True)
    assert not estimate.exact
    assert estimate.tokens >= exact.tokens


def test_nothing_is_left_open_when_opening_fails():
    async def scene():
        async with serving(models=("a", "b")) as server:
            with pytest.raises(OperatorError):
                await open_model(EngineSection(kind="openai", url=server.url))
            await asyncio.sleep(0)
            names = [task.get_name() for task in asyncio.all_tasks()]
            assert "engine watch" not in names

    run(scene())
