"""A model on another node of the same owner: over real connections, with the errors and deadlines of a local one."""

import asyncio
import contextlib

import pytest

from node.desks.inference import ModelDesk
from node.engines.interface import (
    ChoiceMethod,
    ChoiceRequest,
    Condition,
    Failure,
    Finish,
    Message,
    ModelRefusedError,
    ModelUnavailableError,
    SchemaSupport,
    TextRequest,
)
from node.errors import ExitCode, OperatorError, PeerFaultError
from node.rpc.desks import Desks
from node.rpc.server import RpcServer, RpcSettings
from node.values import views
from node.values.job import Sampling
from node.workshop.peer_model import open_peer_model
from tests.support.rpc_desks import CALLER, DOMAIN, FRIEND, NODE, client_of, fixed_desks
from tests.support.scripted_model import MODEL, ScriptedModel, info_of

MESSAGES = (Message("system", "You write Rust."), Message("user", "Say main.\n"))


def request(seconds=120.0, **changes):
    deadline = asyncio.get_running_loop().time() + seconds
    return TextRequest(MESSAGES, Sampling(300, 900, 64, 7), deadline, **changes)


def choice_request(choices=("1", "2", "3"), seconds=120.0):
    return ChoiceRequest(MESSAGES, choices, asyncio.get_running_loop().time() + seconds)


@contextlib.asynccontextmanager
async def lending(model, *, users=(CALLER.node,)):
    """A node that lends its model to CALLER."""
    fixed = fixed_desks(model=False)
    desks = Desks(fixed.jobs, fixed.shards, fixed.node, fixed.exchange, ModelDesk(model) if model else None)
    server = RpcServer(
        key=NODE,
        domain=DOMAIN,
        desks=desks,
        settings=RpcSettings(port=0),
        is_operator=lambda _: False,
        is_model_user=users.__contains__,
        clock=lambda: 1_700_000_000.0,
    )
    await server.start()
    try:
        yield server
    finally:
        await server.stop(grace_s=0)


@contextlib.asynccontextmanager
async def borrowed(model, **lent):
    async with lending(model, **lent) as server:
        peer = await open_peer_model(client_of(server), "127.0.0.1")
        try:
            yield peer
        finally:
            await peer.close()


def test_a_lent_model_answers_as_if_it_were_here():
    model = ScriptedModel(lambda _: '{"summary": "Says\\nmain."}', lambda _: {"1": 6, "2": 3, "3": 1})

    async def scenario():
        async with borrowed(model) as peer:
            assert (peer.info.backend, peer.info.model) == ("peer", MODEL)
            assert peer.info.capabilities.context_tokens == 16_384
            assert peer.info.capabilities.schema is SchemaSupport.IGNORED
            found = await peer.generate(request(schema='{"type":"object"}'))
            assert (found.text, found.finish, found.model) == ('{"summary": "Says\\nmain."}', Finish.STOP, MODEL)
            assert found.json.value == {"summary": "Says\nmain."}
            assert found.usage.prompt_tokens > 0
            chosen = await peer.choose(choice_request())
            assert chosen.probabilities == pytest.approx((0.6, 0.3, 0.1))
            assert (chosen.method, chosen.low_mass) == (ChoiceMethod.LOGPROBS, False)
            assert peer.health().condition is Condition.WELL
            tally = peer.tally()
            assert (tally.asked, tally.answered, tally.adds_up) == (2, 2, True)
        asked = model.asked[0]
        assert (asked.messages, asked.sampling, asked.schema) == (
            MESSAGES,
            Sampling(300, 900, 64, 7),
            '{"type":"object"}',
        )

    asyncio.run(scenario())


def test_an_answer_comes_in_pieces_and_then_whole():
    async def scenario():
        async with borrowed(ScriptedModel(lambda _: "fn main() { println!(); }")) as peer:
            parts = [part async for part in peer.stream(request())]
            assert "".join(parts[:-1]) == parts[-1].text == "fn main() { println!(); }"
            assert peer.tally().adds_up

    asyncio.run(scenario())


def test_stop_texts_end_the_answer():
    async def scenario():
        async with borrowed(ScriptedModel(lambda _: "one END two")) as peer:
            assert (await peer.generate(request(stop=("END",)))).text == "one "

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("raised", "kind", "failure"),
    [
        (ModelUnavailableError(Failure.OVERLOADED, "busy"), ModelUnavailableError, Failure.UNAVAILABLE),
        (ModelRefusedError(Failure.TOO_LONG, "too long", hint="Shorten it."), ModelRefusedError, Failure.REFUSED),
        (ZeroDivisionError("a bug over there"), ModelUnavailableError, Failure.UNAVAILABLE),
    ],
)
def test_the_other_nodes_failures_are_the_engines_failures_here(raised, kind, failure):
    async def scenario():
        async with borrowed(ScriptedModel(lambda _: raised)) as peer:
            with pytest.raises(kind) as caught:
                await peer.generate(request())
            assert caught.value.failure is failure
            assert peer.tally().failed == {failure: 1}
            assert peer.tally().adds_up
            assert peer.health().condition is Condition.DEGRADED

    asyncio.run(scenario())


class HangingModel(ScriptedModel):
    """Never answers, and remembers whether it was told to stop."""

    def __init__(self):
        super().__init__()
        self.begun = asyncio.Event()
        self.stopped = asyncio.Event()

    async def generate(self, request):
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()


def test_a_deadline_ends_the_request_here_and_the_work_there():
    async def scenario():
        model = HangingModel()
        async with borrowed(model) as peer:
            for seconds in (0.5, 5, 50):  # until it comes there before its time is up
                with pytest.raises(ModelUnavailableError) as caught:
                    await peer.generate(request(seconds=seconds))
                assert caught.value.failure in {Failure.DEADLINE, Failure.UNAVAILABLE}
                if model.begun.is_set():
                    break
            await asyncio.wait_for(model.stopped.wait(), 60)
            assert peer.tally().adds_up

    asyncio.run(scenario())


def test_a_request_taken_back_here_is_stopped_there():
    async def scenario():
        model = HangingModel()
        async with borrowed(model) as peer:
            asking = asyncio.create_task(peer.generate(request()))
            await asyncio.wait_for(model.begun.wait(), 60)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await asyncio.wait_for(model.stopped.wait(), 60)
            assert peer.tally().failed == {Failure.CANCELLED: 1}
            assert peer.tally().adds_up

    asyncio.run(scenario())


def test_strangers_may_not_use_the_model_and_are_told_whose_turn_it_is():
    async def scenario():
        async with lending(ScriptedModel(), users=(FRIEND.node,)) as server:
            with pytest.raises(OperatorError) as caught:
                await open_peer_model(client_of(server, CALLER), "box")
            assert "rpc.model_users" in caught.value.hint
            friend = await open_peer_model(client_of(server, FRIEND), "box")
            await friend.close()
            # What lets somebody use the model lets them do nothing else.
            async with client_of(server, FRIEND) as client:
                with pytest.raises(PeerFaultError):
                    await client.shutdown("because")

    asyncio.run(scenario())


def test_a_node_without_a_model_or_without_a_server_is_refused_before_any_job():
    async def scenario():
        async with lending(None) as server:
            with pytest.raises(OperatorError, match="no model for us"):
                await open_peer_model(client_of(server), "box")
        with pytest.raises(OperatorError, match="does not answer") as caught:
            await open_peer_model(client_of(server), "box")
        assert caught.value.exit_code is ExitCode.UNAVAILABLE

    asyncio.run(scenario())


@pytest.mark.parametrize("choices", [("yes",), ("1", "10"), ("a", "a"), tuple(f"c{n:02}" for n in range(21))])
def test_choices_that_cannot_be_told_apart_are_refused_there(choices):
    async def scenario():
        async with lending(ScriptedModel()) as server, client_of(server) as client:
            with pytest.raises(OperatorError, match="cannot be scored"):
                await client.score(views.Prompt("", "x"), choices)

    asyncio.run(scenario())


@pytest.mark.parametrize("schema", ["{", "[]", "7", '{"a":' * 70 + "1" + "}" * 70, "[" * 60_000])
def test_a_schema_that_is_none_is_refused_there(schema):
    async def scenario():
        model = ScriptedModel()
        async with lending(model) as server, client_of(server) as client:
            with pytest.raises(OperatorError, match="JSON schema"):
                await client.generate(views.Prompt("", "x"), views.GenerationSettings(64, 0, 1000, 0, schema))
        assert model.asked == []

    asyncio.run(scenario())


def test_more_tokens_than_the_model_has_are_refused_there():
    async def scenario():
        async with lending(ScriptedModel(info=info_of(context_tokens=512))) as server, client_of(server) as client:
            with pytest.raises(OperatorError, match="reads and writes 512"):
                await client.generate(views.Prompt("", "x"), views.GenerationSettings(600, 0, 1000, 0, ""))

    asyncio.run(scenario())


class LyingClient:
    """Answers scores that are no distribution."""

    def __init__(self, scores):
        self._scores = scores

    async def describe_model(self):
        return views.ModelView(MODEL, "openai", 1024, schema_enforced=True)

    async def score(self, prompt, choices, *, timeout_s):
        return self._scores

    async def close(self):
        pass


@pytest.mark.parametrize(
    "scores",
    [
        views.ChoiceScores((0.5, 0.5, 0.5), MODEL, "logprobs"),
        views.ChoiceScores((-1.0, -1.0), MODEL, "logprobs"),
        views.ChoiceScores((-1e9, -1e9, -1e9), MODEL, "logprobs"),
        views.ChoiceScores((-1.0, -2.0, -3.0), MODEL, "invented"),
    ],
)
def test_probabilities_that_are_none_are_no_answer(scores):
    async def scenario():
        peer = await open_peer_model(LyingClient(scores), "box")
        with pytest.raises(ModelUnavailableError) as caught:
            await peer.choose(choice_request())
        assert caught.value.failure is Failure.GARBLED
        assert peer.tally().adds_up

    asyncio.run(scenario())


def test_the_mass_of_all_choices_travels_with_them():
    async def scenario():
        peer = await open_peer_model(LyingClient(views.ChoiceScores((-3.0, -3.0, -4.0), MODEL, "logprobs")), "box")
        found = await peer.choose(choice_request())
        assert sum(found.probabilities) == pytest.approx(1)
        assert found.mass == pytest.approx(0.1179, abs=1e-3)
        assert found.low_mass

    asyncio.run(scenario())
