"""Candidates from a language model: a scripted one, a checker that obliges, the fixture crate."""

import asyncio
import json
from functools import cache

import pytest

from node.engines.interface import Failure, Finish, ModelRefusedError, ModelUnavailableError
from node.engines.opening import require_context
from node.errors import OperatorError
from node.prompts import PROMPTS
from node.tasks.categories import TABLE
from node.tasks.inspection import inspect
from node.tasks.interface import Request
from node.tasks.model.engine import ModelEngine, Terms, seed_of
from node.tasks.model.prompts import context_needs
from node.tasks.model.states import End
from node.tasks.probes import probe_plan
from node.tasks.report import parse_report
from node.tasks.source import SourceEngine
from node.values.example import CATEGORIES
from node.values.job import Sampling
from node.values.verdict import Outcome
from tests.support.obliging_checker import ObligingChecker
from tests.support.scripted_model import MODEL, ScriptedModel, answers_from, info_of
from tests.support.wordwise import wordwise, wordwise_crate

SAMPLING = Sampling(temperature_milli=700, top_p_milli=900, max_tokens=1000, seed=42)


def source(checker=None):
    return SourceEngine(wordwise(), wordwise_crate(), checker or ObligingChecker(wordwise()))


@cache
def rows():
    """What the crate itself gives: the answers of a model that is always right."""
    requests = [Request(category, tuple(range(12))) for category in CATEGORIES]
    return tuple(row for proposal in asyncio.run(source().propose(requests)) for _, row in proposal.examples)


def engine_of(model, checker=None, sampling=SAMPLING):
    checker = checker or ObligingChecker(wordwise())
    terms = Terms(sampling, answer_s=60)
    return ModelEngine(wordwise(), model, terms, source=source(), crate=wordwise_crate(), checker=checker)


def propose(engine, *requests):
    return asyncio.run(engine.propose(requests))


def knowing():
    return answers_from(rows())


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_is_filled_by_a_model_that_knows_the_answers(category):
    engine = engine_of(ScriptedModel(knowing()))
    (proposal,) = propose(engine, Request(category, (0, 1, 2, 3)))
    assert proposal.examples
    for _, example in proposal.examples:
        assert inspect(example, wordwise()).problems == ()
        assert example.task_category == category


def test_a_row_says_its_model_its_prompt_and_how_it_was_sampled():
    model = ScriptedModel(knowing())
    (proposal,) = propose(engine_of(model), Request("code_summarization", (0,)))
    ((_, example),) = proposal.examples
    assert example.model == MODEL
    assert example.engine == "model/1 openai temperature=0.7 top_p=0.9 max_tokens=1000 seed=42"
    assert example.prompt_digest == PROMPTS.generate["code_summarization"].digest.hex()
    assert example.prompt_tokens > example.completion_tokens > 0


def test_sampling_is_the_jobs_and_no_longer_than_the_category_needs():
    model = ScriptedModel(knowing())
    propose(engine_of(model), Request("code_summarization", (0, 1)), Request("bug_detection", (0,)))
    by_label = {request.label: request.sampling for request in model.asked}
    assert by_label["code_summarization"].max_tokens == PROMPTS.generate["code_summarization"].answer_tokens
    assert by_label["bug_detection"].max_tokens == 1000
    assert {(s.temperature_milli, s.top_p_milli) for s in by_label.values()} == {(700, 900)}
    assert len({request.sampling.seed for request in model.asked}) == len(model.asked)


def test_a_seed_follows_from_the_job_and_the_candidate_alone():
    assert seed_of(1, "a@1", "code_search", 3) == seed_of(1, "a@1", "code_search", 3)
    assert len({seed_of(s, c, "code_search", n) for s in (1, 2) for c in ("a@1", "b@1") for n in range(5)}) == 20


def test_schemas_bound_no_string():
    model = ScriptedModel(knowing())
    propose(engine_of(model), *(Request(category, (0,)) for category in CATEGORIES))
    schemas = {request.label: request.schema for request in model.asked}
    assert set(schemas) == set(CATEGORIES)
    for category, schema in schemas.items():
        assert "Length" not in schema
        assert json.loads(schema)["required"] == list(PROMPTS.generate[category].asks)
        assert json.loads(schema)["additionalProperties"] is False


def test_prompts_about_a_crate_share_their_beginning_and_end_in_the_item():
    model = ScriptedModel(knowing())
    propose(engine_of(model), *(Request(category, (0, 1)) for category in CATEGORIES))
    users = [request.messages[-1].text for request in model.asked]
    assert len({request.messages[0].text for request in model.asked}) == 1
    about = users[0].partition("Task: ")[0]
    assert "wordwise::wrap: pub fn wrap" in about
    assert all(user.startswith(about) for user in users)


def test_a_documentation_to_be_written_is_not_shown():
    model = ScriptedModel(knowing())
    propose(engine_of(model), *(Request(c, (0, 1, 2)) for c in ("docstring_generation", "code_summarization")))
    docs = [line for item in wordwise().kb.items for line in item.doc.splitlines() if len(line) > 30]
    for request in model.asked:
        item = request.messages[-1].text.rpartition("documentation taken out:")[2]
        assert not [line for line in docs if line in item]


# What goes wrong


def ends_of(reply, *requests, checker=None):
    engine = engine_of(ScriptedModel(reply), checker)
    proposals = propose(engine, *requests)
    assert engine.account.adds_up
    assert engine.account.asked == sum(len(request.indices) for request in requests)
    proposed = sum(len(proposal.examples) for proposal in proposals)
    assert engine.account.ended[End.PROPOSED] + engine.account.ended[End.REPAIRED] == proposed
    return engine.account.ended, proposals


def first_bad(bad):
    """Answers badly once per prompt, then as one who knows."""
    seen = set()

    def reply(request):
        prompt = request.messages[-1].text.partition("Your first answer")[0].strip()
        if (request.label, prompt) not in seen:
            seen.add((request.label, prompt))
            return bad
        return knowing()(request)

    return reply


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ("no json at all", "it is not one JSON object"),
        ('{"summary": "x", "more": 1}', "the keys of the JSON object must be exactly: summary"),
        ('{"summary": 7}', '"summary" must be a string'),
        ('{"summary": "  "}', "missing or empty"),
        (("{}", Finish.LENGTH), "cut off after 200 tokens"),
        ('{"summary": "Speaks of `Histogram::no_such_member`."}', "which the crate does not have"),
    ],
)
def test_a_bad_answer_is_sent_back_once_with_what_is_wrong(bad, complaint):
    model = ScriptedModel(first_bad(bad))
    engine = engine_of(model)
    (proposal,) = propose(engine, Request("code_summarization", (0, 1)))
    assert len(proposal.examples) == 2
    assert engine.account.ended == {End.REPAIRED: 2}
    first, second = model.asked[0], model.asked[2]
    assert complaint in second.messages[-1].text
    assert second.messages[-1].text.startswith(first.messages[-1].text)
    assert second.sampling.seed != first.sampling.seed


def test_a_second_bad_answer_is_a_named_failure():
    cases = {
        "nothing": End.MALFORMED,
        ("{}", Finish.LENGTH): End.CUT_OFF,
        ModelUnavailableError(Failure.OVERLOADED, "busy"): End.NO_ANSWER,
        ModelRefusedError(Failure.TOO_LONG, "too long", hint=""): End.TOO_LONG,
        ModelRefusedError(Failure.UNAUTHORISED, "who are you", hint=""): End.REFUSED,
    }
    for reply, end in cases.items():
        ended, proposals = ends_of(lambda _, reply=reply: reply, Request("code_search", (0, 1, 2)))
        assert ended == {end: 3}
        assert end.value in proposals[0].shortfall


def test_what_fails_when_it_is_executed_is_sent_back_with_the_reason_and_then_dropped():
    checker = ObligingChecker(wordwise(), lambda step: Outcome.FAILS if step.name == "before" else Outcome.HOLDS)
    model = ScriptedModel(knowing())
    engine = engine_of(model, checker)
    (proposal,) = propose(engine, Request("bug_detection", (0, 1, 2)))
    assert proposal.examples == ()
    assert engine.account.ended[End.CHECK_FAILED] >= 1
    assert any("no test fails on the changed function" in request.messages[-1].text for request in model.asked[3:])


def test_what_could_not_be_executed_is_not_proposed_as_if_it_had_been():
    checker = ObligingChecker(wordwise(), lambda step: Outcome.UNCHECKED if step.name == "answer" else Outcome.HOLDS)
    ended, _ = ends_of(knowing(), Request("code_generation", (0,)), checker=checker)
    assert ended == {End.UNCHECKED: 1}


def test_without_a_toolchain_only_what_needs_no_execution_is_asked_for():
    model = ScriptedModel(knowing())
    engine = ModelEngine(wordwise(), model, Terms(SAMPLING, 60), source=SourceEngine(wordwise()))
    requests = [Request(category, (0, 1)) for category in CATEGORIES]
    proposals = propose(engine, *requests)
    for proposal in proposals:
        if TABLE[proposal.category].needs_execution:
            assert proposal.examples == ()
        for _, example in proposal.examples:
            assert parse_report(example.check_report, wordwise().kb.pin).compiled is None
    assert engine.account.adds_up


def test_a_mixed_bag_of_answers_is_accounted_for_to_the_last_one():
    replies = iter(range(10_000))

    def reply(request):
        return [knowing()(request), "broken", ModelUnavailableError(Failure.UNAVAILABLE, "gone")][next(replies) % 3]

    ended, _ = ends_of(reply, *(Request(category, tuple(range(4))) for category in CATEGORIES))
    assert ended[End.PROPOSED] > 5
    assert ended[End.REPAIRED] > 0
    assert ended[End.NO_ANSWER] > 10


def test_the_same_example_twice_is_proposed_once():
    (proposal,) = propose(engine_of(ScriptedModel(knowing())), Request("code_explanation", (0, 1, 2)))
    claims = [example.claim for _, example in proposal.examples]
    assert len(set(claims)) == len(claims) >= 1


def test_numbers_past_the_end_are_no_work():
    model = ScriptedModel(knowing())
    engine = engine_of(model)
    (proposal,) = propose(engine, Request("code_search", (9_000,)))
    assert (model.asked, proposal.examples, engine.account.ended) == ([], (), {End.PAST_END: 1})


def test_completions_lose_what_they_repeat_of_their_surroundings():
    def repeating(request):
        answer = knowing()(request)
        text = json.loads(answer)["completion"]
        return json.dumps({"completion": f"```rust\n{text}\n```"})

    (proposal,) = propose(engine_of(ScriptedModel(repeating)), Request("code_completion", (0, 1)))
    assert len(proposal.examples) == 2


# Context


def test_too_short_a_context_is_refused_before_any_job_and_says_how_much_is_needed():
    needs = context_needs(SAMPLING)
    require_context(info_of(context_tokens=max(needs.values())), needs)
    with pytest.raises(OperatorError) as caught:
        require_context(info_of(context_tokens=1024), needs)
    assert str(max(needs.values())) in caught.value.hint


def test_prompts_keep_within_a_short_context_and_give_up_the_crates_text_first():
    needed = max(context_needs(SAMPLING).values())
    model = ScriptedModel(knowing(), info=info_of(context_tokens=needed))
    engine = engine_of(model)
    propose(engine, *(Request(category, tuple(range(4))) for category in CATEGORIES))
    assert model.asked
    for request in model.asked:
        prompt = sum(len(message.text.encode()) for message in request.messages)
        assert prompt // 2 + request.sampling.max_tokens <= needed + 1
    assert engine.account.adds_up


# Probes


def test_probes_look_like_the_engines_candidates_and_their_evidence_holds():
    engine = engine_of(ScriptedModel(knowing()))
    wanted = [("code_summarization", 4, True), ("code_summarization", 5, False)]
    (proposal,), probes = asyncio.run(engine.fill([Request("code_summarization", (0, 1))], wanted))
    candidate = proposal.examples[0][1]
    for example, evidence in filter(None, probes):
        for name in ("engine", "model", "prompt_digest"):
            assert getattr(example, name) == getattr(candidate, name)
        assert example.prompt_tokens > 0
        assert probe_plan(evidence, example, wordwise()).static.holds
    assert any(probes)
