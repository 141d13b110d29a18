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

pytestmark = pytest.mark.slow

SLOTS = 56
DRAWS = (0, 1)
"""Of which slots hold probes: by one draw alone the dice may put them where the code happens to be of one kind."""
SIGMAS = 3.0
OWN = ("code_completion", "code_refactoring", "code_generation")


@cache
def checks():
    return checker()


@cache
def made_by_a_model(category: str, draw: int = 0) -> tuple[Round, dict[ProbeEnd, int]]:
    engine = model_engine(checks())
    played = play(engine, category, SLOTS, draw)
    return played, dict(engine.account.probes)


def like_with_like(category: str, draw: int):
    """Candidates and good probes; and bad ones with the candidates that could have been made bad ones just as well.

    Where no mutation slips past the named tests no bad probe can stand: that, anybody can find out by trying.
    """
    played, _ = made_by_a_model(category, draw)
    candidates, good, bad = played.seen()
    if "slip" not in map(kind_of, played.bad.values()):
        return (candidates, good), (candidates, bad)
    could = own_probes(model_engine(checks()), category, played.candidates, good=False)
    return (candidates, good), ([seen for seen in candidates if seen.place in could], bad)


def assert_alike(pairs) -> None:
    """Over all pairs of candidates and probes, the mean AUC is one half but for its sampling error, or less."""
    aucs = [told_apart(tallies(), candidates, probes) for candidates, probes in pairs]
    error = sum(sampling_error(len(probes), len(candidates)) ** 2 for candidates, probes in pairs) ** 0.5 / len(pairs)
    mean = sum(aucs) / len(aucs)
    assert mean < 0.5 + SIGMAS * error, (mean, error, aucs)


@pytest.mark.parametrize("category", OWN)
def test_a_models_probes_are_not_told_from_its_candidates(category):
    pairs = [like_with_like(category, draw) for draw in DRAWS]
    assert all(len(probes) >= SLOTS // 8 for kinds in pairs for _, probes in kinds)
    for kind in zip(*pairs, strict=True):  # good ones, then bad ones
        assert_alike(kind)


@pytest.mark.parametrize("category", OWN)
def test_most_of_a_models_probes_are_its_own_words(category):
    ends = made_by_a_model(category)[1]
    assert ends[ProbeEnd.OWN] > 0.8 * sum(ends.values())


@pytest.mark.parametrize("category", ["code_completion", "code_generation"])
def test_the_crates_own_text_under_a_models_name_is_told_at_once(category, monkeypatch):
    # What it was before: shows that the classifier of these tests finds out what there is to find out.
    monkeypatch.setattr(model_engines, "way_of", lambda category, *, good: None)
    engine = model_engine(checks())
    played = play(engine, category, SLOTS)
    assert set(engine.account.probes) <= {ProbeEnd.CRATE, ProbeEnd.NONE}
    candidates, good, _ = played.seen()
    assert told_apart(tallies(), candidates, good) > 0.95


@pytest.mark.parametrize("category", ["code_completion", "code_summarization"])
def test_good_probes_of_the_source_engine_are_not_told_from_its_candidates(category):
    engine = source_engine(checks())
    assert_alike([play(engine, category, SLOTS, draw).seen()[:2] for draw in DRAWS])


def test_bad_probes_of_the_source_engine_are_not_told_by_their_text_where_that_is_an_authors_too():
    engine = source_engine(checks())
    played = [play(engine, "code_summarization", SLOTS, draw) for draw in DRAWS]
    assert {kind_of(probe) for some in played for probe in some.bad.values()} == {"text_of"}
    assert_alike([(candidates, bad) for candidates, _, bad in (some.seen() for some in played)])


def is_own(probe) -> bool:
    """In a category whose bad probes are slips: not one of the source engine's, which stand in where there is none."""
    return kind_of(probe) in {"good", "slip"}


def place_of(example) -> tuple[str, str, str]:
    return example.source_path, example.source_span, json.loads(example.input_data).get("prefix", "")


@pytest.mark.parametrize("category", ["code_completion", "code_refactoring"])
def test_probes_are_about_the_places_that_the_rounds_numbers_name_and_no_others(category):
    played, _ = made_by_a_model(category)
    window = {place_at(places_of(tallies(), category), number).item.code_span for number in range(SLOTS)}
    own = [example for example, _ in filter(is_own, (*played.good.values(), *played.bad.values()))]
    seen = [place_of(example) for example in (*played.candidates.values(), *own)]
    assert len(set(seen)) == len(seen)
    for path, span, _ in seen:
        assert any((path, span) == (place.path, f"{place.start}..{place.end}") for place in window)


def test_probes_and_candidates_name_tests_in_the_same_manner():
    played, _ = made_by_a_model("code_refactoring")
    own = [example for example, _ in filter(is_own, (*played.good.values(), *played.bad.values()))]
    for example in (*played.candidates.values(), *own):
        report = json.loads(example.check_report)
        assert len(report["project"]["tests"]) == 3  # of five that reach each function
        assert report["tests_run"] == report["tests_passed"] == 3


def test_what_a_column_says_of_a_probe_it_says_of_a_candidate():
    played, _ = made_by_a_model("code_completion")
    own = [example for example, _ in filter(is_own, (*played.good.values(), *played.bad.values()))]
    same = ("engine", "model", "prompt_digest", "rustc_version", "crate_version", "license")
    examples = [*played.candidates.values(), *own]
    assert len({tuple(getattr(example, name) for name in same) for example in examples}) == 1
    shapes = {tuple(json.loads(example.check_report)) for example in examples}
    assert len(shapes) == 1
    assert {field.name for field in dataclasses.fields(examples[0])} >= set(same)
