"""Probabilities of choices: from log-probabilities, within a restriction, or counted; always a distribution."""

from __future__ import annotations

import math

import pytest

from node.engines.answers import read_json
from node.engines.backend import Completion
from node.engines.choosing import compute_masses, count_samples, normalise
from node.engines.interface import ChoiceMethod, ChoiceRequest, Finish, Message, Token, TokenAlternative, Usage
from tests.support.engines import now, opened
from tests.support.scripted_server import serving
from tests.support.socket_time import run

SCORES = ("1", "2", "3", "4", "5")


def distribution(**settings):
    async def scene():
        async with serving(**settings) as server, opened(server) as model:
            request = ChoiceRequest((Message("user", "Rate it."),), SCORES, now() + 60.0, seed=3)
            found = await model.choose(request)
            assert model.tally().answered == 1
            return found, server.bodies

    return run(scene())


def test_equal_answers_with_and_without_white_space_are_merged_and_made_one():
    found, bodies = distribution()
    assert found.method is ChoiceMethod.LOGPROBS
    assert found.mass == pytest.approx(0.9)
    assert found.probabilities == pytest.approx([0.05 / 0.9, 0.1 / 0.9, 0.25 / 0.9, 0.4 / 0.9, 0.1 / 0.9])
    assert math.fsum(found.probabilities) == pytest.approx(1.0)
    assert not found.low_mass
    assert len(bodies) == 1
    assert (bodies[0]["max_tokens"], bodies[0]["temperature"]) == (1, 1.0)


def test_a_model_that_wants_to_say_something_else_is_restricted_and_marked():
    found, bodies = distribution(likely={"The": 0.7, "3": 0.1, "4": 0.2})
    assert found.method is ChoiceMethod.CONSTRAINED
    assert found.low_mass
    assert found.mass == pytest.approx(0.3)
    assert found.probabilities == pytest.approx([0, 0, 1 / 3, 2 / 3, 0])
    assert len(bodies) == 2


def test_without_restriction_a_low_mass_is_normalised_and_marked():
    found, bodies = distribution(likely={"The": 0.7, "3": 0.1, "4": 0.2}, choices=False)
    assert found.method is ChoiceMethod.LOGPROBS
    assert found.low_mass
    assert found.probabilities == pytest.approx([0, 0, 1 / 3, 2 / 3, 0])
    assert len(bodies) == 1


def test_without_log_probabilities_it_is_sampled_and_never_certain():
    found, bodies = distribution(logprobs=0)
    assert found.method is ChoiceMethod.SAMPLED
    assert math.fsum(found.probabilities) == pytest.approx(1.0)
    assert max(found.probabilities) < 0.8
    assert [body["seed"] for body in bodies] == [3, 4, 5, 6, 7]


def completion(*alternatives: tuple[str, float]) -> Completion:
    tokens = tuple(TokenAlternative(text, math.log(chance)) for text, chance in alternatives)
    return Completion("x", Finish.STOP, Usage(), "m", (Token("x", -1.0, tokens),))


def test_a_token_counts_for_the_one_choice_it_begins():
    found = compute_masses(completion(("y", 0.5), ("no", 0.2), ("n", 0.1), ("", 0.1), ("nobody", 0.1)), ("yes", "no"))
    assert found == pytest.approx((0.5, 0.3))


def test_a_token_that_begins_two_choices_counts_for_none():
    assert compute_masses(completion(("A", 1.0)), ("AB", "AC")) == (0.0, 0.0)


def test_samples_count_what_begins_with_a_choice():
    probabilities, hits = count_samples(["4", " 4\n", "4/5", "five", "2"], SCORES)
    assert probabilities == pytest.approx(normalise([0.5, 1.5, 0.5, 3.5, 0.5]))
    assert hits == 0.8


@pytest.mark.parametrize(
    ("text", "value", "salvaged"),
    [
        ('{"a": 1}', {"a": 1}, False),
        (' {"a": "x\\ny"} ', {"a": "x\ny"}, False),
        ('{"a": "x\ny"}', {"a": "x\ny"}, True),
        ('```json\n{"a": 1}\n```', {"a": 1}, True),
        ('<think>hm {</think>\n{"a": 1}', {"a": 1}, True),
    ],
)
def test_json_is_read_strictly_then_with_two_forgivings(text, value, salvaged):
    found = read_json(text)
    assert found is not None
    assert (found.value, found.salvaged) == (value, salvaged)


@pytest.mark.parametrize(
    "text", ["", "Sure!", '{"a": 1', '{"a": NaN}', '{"a": "\\ud800"}', "[" * 100_000, '{"a": 1} and more']
)
def test_what_is_no_json_is_not_guessed_at(text):
    assert read_json(text) is None
