"""Candidates through the real client of a flaky server: whatever it does, every candidate ends, and under a name."""

import asyncio
import contextlib
from functools import cache
from types import SimpleNamespace

import pytest

from node.engines.interface import Message
from node.prompts import PROMPTS
from node.tasks.interface import Request
from node.tasks.model.engine import ModelEngine, Terms
from node.tasks.model.states import GOOD, End
from node.tasks.source import SourceEngine
from node.values.job import Sampling
from tests.support.engines import opened
from tests.support.scripted_model import answers_from
from tests.support.scripted_server import Cut, Hang, Raw, Refuse, ScriptedServer
from tests.support.socket_time import run
from tests.support.wordwise import wordwise

CATEGORIES = ("code_summarization", "code_search", "function_naming", "variable_naming")
REQUESTS = [Request(category, (0, 1, 2)) for category in CATEGORIES]


@cache
def knowing():
    engine = SourceEngine(wordwise())
    proposals = asyncio.run(engine.propose([Request(category, tuple(range(6))) for category in CATEGORIES]))
    return answers_from(row for proposal in proposals for _, row in proposal.examples)


class KnowingServer(ScriptedServer):
    """Answers prompts about the fixture crate, unless its script has something else in mind."""

    def _constrained(self, body):
        text = body["messages"][-1]["content"]
        for category, prompt in PROMPTS.generate.items():
            if prompt.instruction.strip()[:45] in text:
                return knowing()(SimpleNamespace(label=category, messages=(Message("user", text),)))
        return super()._constrained(body)


@contextlib.asynccontextmanager
async def knowing_server():
    server = KnowingServer(context=16_384)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def propose(faults, answer_s=120.0):
    async def scene():
        async with knowing_server() as server, opened(server) as model:
            server.script.extend(faults)
            engine = ModelEngine(wordwise(), model, Terms(Sampling(), answer_s), source=SourceEngine(wordwise()))
            proposals = await engine.propose(REQUESTS)
            assert model.tally().adds_up
            return engine.account, proposals

    return run(scene())


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [Refuse(429, headers={"Retry-After": "1"})] * 8,
        [Refuse(503), Cut(), Cut(b""), Refuse(500), Raw(b"<html>")],
        [Raw(b'{"choices":[{"message":{"content":"{')] * 4,
    ],
    ids=["none", "busy", "flaky", "truncated"],
)
def test_no_candidate_is_lost_to_a_flaky_server(faults):
    knowing()
    account, proposals = propose(faults)
    assert account.adds_up
    assert account.asked == 12
    assert set(account.ended) <= GOOD | {End.MALFORMED, End.DUPLICATE, End.PAST_END}
    assert sum(len(proposal.examples) for proposal in proposals) >= 9


def test_a_server_that_never_answers_costs_the_time_that_it_was_given_and_every_candidate_says_so():
    knowing()
    account, proposals = propose([Hang()] * 200, answer_s=20.0)
    assert account.adds_up
    assert account.ended == {End.NO_ANSWER: 12}
    assert all("no-answer (deadline" in proposal.shortfall for proposal in proposals)
