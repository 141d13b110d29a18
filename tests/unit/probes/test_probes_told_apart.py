"""Whether a rater who knows the crate can tell probes from the same node's candidates, before they are revealed."""

import dataclasses
import json
from functools import cache

import pytest

from node.tasks.model import engine as model_engines
from node.tasks.model.places import place_at, places_of
from node.tasks.model.states import ProbeEnd
from tests.support.paraphraser import tallies
from tests.support.tallies import Round, checker, kind_of, model_engine, own_probes, play, source_engine
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


@cache
def like_with_like(category: str):
    """Candidates and good probes; and bad ones with the candidates that could have been made bad ones just as well.

    Where no mutation slips past the named tests no bad probe can stand: that, anybody can find out by trying.
    """
    played, _ = made_by_a_model(category)
    candidates, good, bad = played.seen()
    if {kind_of(probe) for probe in played.bad.values()} != {"slip"}:
        return (candidates, good), (candidates, bad)
    could = own_probes(model_engine(checks()), category, played.candidates, good=False)
    return (candidates, good), ([seen for seen in candidates if seen.place in could], bad)


def excess(candidates, probes) -> tuple[float, float]:
    """By how much the AUC is above one half, and its sampling error."""
    error = sampling_error(len(probes), len(candidates))
    return told_apart(tallies(), candidates, probes) - 0.5, error


@pytest.mark.parametrize("category", OWN)
def test_a_models_probes_are_not_told_from_its_candidates(category):
    for candidates, probes in like_with_like(category):
        assert len(probes) >= SLOTS // 8
        above, error = excess(candidates, probes)
        assert above < SIGMAS * error, above


def test_nor_over_all_categories_together():
    found = [excess(*pair) for category in OWN for pair in like_with_like(category)]
    mean = sum(above for above, _ in found) / len(found)
    assert mean < SIGMAS * sum(error**2 for _, error in found) ** 0.5 / len(found), mean


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
    above, error = excess(candidates, good)
    assert above < SIGMAS * error, above


def test_bad_probes_of_the_source_engine_are_not_told_by_their_text_where_that_is_an_authors_too():
    played = play(source_engine(checks()), "code_summarization", SLOTS)
    candidates, _, bad = played.seen()
    assert {kind_of(probe) for probe in played.bad.values()} == {"text_of"}
    above, error = excess(candidates, bad)
    assert above < SIGMAS * error, above


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
