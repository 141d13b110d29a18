"""Whether a rater who knows the crate can tell probes from the same node's candidates, before they are revealed."""

import dataclasses
import json
from functools import cache

import pytest

from node.tasks.model import engine as model_engines
from node.tasks.model.places import place_at, places_of
from node.tasks.model.states import ProbeEnd
from tests.support.paraphraser import tallies
from tests.support.tallies import Round, checker, kind_of, model_engine, play, source_engine
from tests.support.telling_apart import sampling_error, told_apart

SLOTS = 100
SIGMAS = 3.0
OWN = ("code_completion", "code_refactoring", "bug_detection", "code_generation")


@cache
def checks():
    return checker()


@cache
def made_by_a_model(category: str) -> tuple[Round, dict[ProbeEnd, int]]:
    engine = model_engine(checks())
    played = play(engine, category, SLOTS)
    return played, dict(engine.account.probes)


def assert_alike(candidates, probes):
    auc = told_apart(tallies(), candidates, probes)
    assert auc < 0.5 + SIGMAS * sampling_error(len(probes), len(candidates)), auc


@pytest.mark.parametrize("category", OWN)
def test_a_models_probes_are_not_told_from_its_candidates(category):
    candidates, good, bad = made_by_a_model(category)[0].seen()
    assert min(len(good), len(bad)) >= SLOTS // 10
    for probes in (good, bad, good + bad):
        assert_alike(candidates, probes)


@pytest.mark.parametrize("category", OWN)
def test_most_of_a_models_probes_are_its_own_words(category):
    ends = made_by_a_model(category)[1]
    assert ends[ProbeEnd.OWN] > 0.8 * sum(ends.values())


@pytest.mark.parametrize("category", ["code_completion", "code_generation"])
def test_the_crates_own_text_under_a_models_name_is_told_at_once(category, monkeypatch):
    # What it was before: shows that the classifier of these tests finds out what there is to find out.
    monkeypatch.setattr(model_engines, "way_of", lambda category, *, good: None)
    engine = model_engine(checks())
    played = play(engine, category, SLOTS // 2)
    assert set(engine.account.probes) <= {ProbeEnd.CRATE, ProbeEnd.NONE}
    candidates, good, _ = played.seen()
    assert told_apart(tallies(), candidates, good) > 0.95


@pytest.mark.parametrize("category", ["code_completion", "code_summarization"])
def test_good_probes_of_the_source_engine_are_not_told_from_its_candidates(category):
    candidates, good, _ = play(source_engine(checks()), category, SLOTS).seen()
    assert_alike(candidates, good)


def test_bad_probes_of_the_source_engine_are_not_told_by_their_text_where_that_is_an_authors_too():
    played = play(source_engine(checks()), "code_summarization", SLOTS)
    candidates, _, bad = played.seen()
    assert {kind_of(probe) for probe in played.bad.values()} == {"text_of"}
    assert_alike(candidates, bad)


def place_of(example) -> tuple[str, str, str]:
    return example.source_path, example.source_span, json.loads(example.input_data).get("prefix", "")


@pytest.mark.parametrize("category", ["code_completion", "code_refactoring"])
def test_probes_are_about_the_places_that_the_rounds_numbers_name_and_no_others(category):
    played, _ = made_by_a_model(category)
    window = {place_at(places_of(tallies(), category), number).item.code_span for number in range(SLOTS)}
    probes = {**played.good, **played.bad}
    own = [probe[0] for probe in probes.values() if kind_of(probe) in {"good", "slip"}]
    seen = [place_of(example) for example in (*played.candidates.values(), *own)]
    assert len(set(seen)) == len(seen)
    for path, span, _ in seen:
        assert any((path, span) == (place.path, f"{place.start}..{place.end}") for place in window)


def test_probes_and_candidates_name_tests_in_the_same_manner():
    played, _ = made_by_a_model("code_refactoring")
    probes = {**played.good, **played.bad}
    for example in (*played.candidates.values(), *(example for example, _ in probes.values())):
        report = json.loads(example.check_report)
        assert len(report["project"]["tests"]) == 3  # of five that reach each function
        assert report["tests_run"] == report["tests_passed"] == 3


def test_what_a_column_says_of_a_probe_it_says_of_a_candidate():
    played, _ = made_by_a_model("code_completion")
    probes = {**played.good, **played.bad}
    same = ("engine", "model", "prompt_digest", "rustc_version", "crate_version", "license")
    examples = [*played.candidates.values(), *(example for example, _ in probes.values())]
    assert len({tuple(getattr(example, name) for name in same) for example in examples}) == 1
    shapes = {tuple(json.loads(example.check_report)) for example in examples}
    assert len(shapes) == 1
    assert {field.name for field in dataclasses.fields(examples[0])} >= set(same)
