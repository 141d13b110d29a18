"""Evidence of probes made of a generator's own text: what holds is executed, and what is forged is refused."""

import asyncio
import dataclasses
import json
from functools import cache

import pytest

from node.tasks.anchors import anchor
from node.tasks.derive.decoy import rewritten
from node.tasks.inspection import inspect
from node.tasks.measures import scrutiny_measures
from node.tasks.own_words import SLIP_FIELDS, own_code, own_mutants, with_change
from node.tasks.plans import scrutiny_for
from node.tasks.probe_evidence import Evidence, decode_evidence
from node.tasks.probes import probe_plan
from node.tasks.report import parse_report
from node.values.crate import Span
from node.values.verdict import TestName
from tests.support.paraphraser import tallies, tallies_crate
from tests.support.tallies import checker, kind_of, model_engine, play

pytestmark = pytest.mark.slow

SLOTS = 24


@cache
def checks():
    return checker()


@cache
def played(category: str):
    return play(model_engine(checks()), category, SLOTS)


def holds(example, evidence: Evidence) -> bool:
    check = probe_plan(evidence.encode(), example, tallies())
    results = asyncio.run(checks().run(tallies_crate(), check.plans))
    return check.static.holds and all(result.checked and result.holds for result in results)


def slip_of(category: str):
    probe = next(probe for probe in played(category).bad.values() if kind_of(probe) == "slip")
    return probe[0], decode_evidence(probe[1])


def original_of(example, evidence: Evidence):
    """The answer before it was spoiled."""
    about = anchor(example, tallies())
    code = own_code(about)
    was = code.text.encode()[: evidence.place.start].decode() + evidence.text
    return rewritten(about, {code.field: was + code.text.encode()[evidence.place.end :].decode()})


@pytest.mark.parametrize("category", [*SLIP_FIELDS, "test_generation", "bug_detection", "code_generation"])
def test_what_the_engine_hands_out_is_what_its_evidence_says(category):
    probes = {**played(category).good, **played(category).bad}
    assert probes
    for example, evidence in probes.values():
        assert holds(example, decode_evidence(evidence))
        assert decode_evidence(evidence).encode() == evidence


@pytest.mark.parametrize("category", SLIP_FIELDS)
def test_a_rater_who_runs_all_tests_finds_a_slip_and_not_what_it_was_before(category):
    example, evidence = slip_of(category)
    for shown, full in ((example, 0), (original_of(example, evidence), 10_000)):
        assert inspect(shown, tallies()).problems == ()
        plan = scrutiny_for(shown, tallies())
        (result,) = asyncio.run(checks().run(tallies_crate(), (plan,)))
        assert dict(scrutiny_measures(plan, result))["semantic_validity/all_tests"] == full


@pytest.mark.parametrize("category", SLIP_FIELDS)
def test_a_wrong_answer_cannot_be_called_good(category):
    example, _ = slip_of(category)
    assert not holds(example, Evidence("good"))


@pytest.mark.parametrize("category", SLIP_FIELDS)
def test_a_right_answer_cannot_be_called_bad(category):
    example, evidence = slip_of(category)
    right = original_of(example, evidence)
    assert not holds(right, evidence)
    code = own_code(anchor(right, tallies()))
    item = anchor(right, tallies()).item
    for mutant in own_mutants(code, item):  # as if what is right had been made of something that is wrong
        change = mutant.change
        was = with_change(code.text, change)
        place = Span(code.field, change.start, change.start + len(code.text.encode()) - len(was.encode()))
        if place.end >= place.start:
            assert not holds(right, dataclasses.replace(evidence, place=place, text=change.text))


@pytest.mark.parametrize("category", SLIP_FIELDS)
def test_a_test_that_is_not_the_crates_or_that_the_answer_names_shows_nothing(category):
    example, evidence = slip_of(category)
    named = parse_report(example.check_report, tallies().kb.pin).tests
    own = TestName("library", "", "swarm_row::fails_on_everything")
    for test in (*named, own, None):
        assert not probe_plan(dataclasses.replace(evidence, test=test).encode(), example, tallies()).static.holds


def test_what_stood_there_before_has_to_be_one_mutation_away():
    example, evidence = slip_of("code_completion")
    place = evidence.place
    text = json.loads(example.output_data)["completion"]
    whole = Span(place.path, 0, len(text.encode()))
    forged = [
        dataclasses.replace(evidence, text="0"),  # something else altogether
        dataclasses.replace(evidence, text=evidence.text + "\n\n"),  # moves the lines below
        dataclasses.replace(evidence, place=whole, text=text),  # nothing changed
        dataclasses.replace(evidence, place=Span(place.path, place.start, 1 << 40)),
        dataclasses.replace(evidence, place=Span(place.path, -5, -1)),
        dataclasses.replace(evidence, place=Span("prefix", place.start, place.end)),
        dataclasses.replace(evidence, place=None),
        dataclasses.replace(evidence, text="(" * 16_000),  # would keep the parser busy
        dataclasses.replace(evidence, text="!" * 17_000),  # beyond the bound of evidence
    ]
    for attempt in forged:
        assert not probe_plan(attempt.encode(), example, tallies()).static.holds


def test_what_stood_there_before_has_to_pass_all_tests_itself():
    slips = [probe for probe in played("code_refactoring").bad.values() if kind_of(probe) == "slip"]
    for example, evidence in ((example, decode_evidence(data)) for example, data in slips[:3]):
        about = anchor(example, tallies())
        code, item = own_code(about), about.item
        for mutant in own_mutants(code, item)[:6]:  # wrong twice: what was before the second slip is wrong as well
            change = mutant.change
            twice = rewritten(about, {code.field: with_change(code.text, change)})
            was = code.text.encode()[change.start : change.end].decode()
            place = Span(code.field, change.start, change.start + len(change.text.encode()))
            assert not holds(twice, Evidence("slip", place, was, evidence.test))


def test_a_refactoring_that_fails_a_test_it_does_not_name_is_no_good_one_though_its_answer_is_published():
    example, _ = slip_of("code_refactoring")
    check = probe_plan(Evidence("good").encode(), example, tallies())
    assert check.static.holds
    assert not holds(example, Evidence("good"))


def test_tests_that_assert_nothing_or_hardly_notice_anything_are_no_good_ones():
    example = next(iter(played("test_generation").good.values()))[0]
    about = anchor(example, tallies())
    name = about.item.name
    assert holds(example, Evidence("good"))
    for body in (f"let _ = {name}(1, 2);", "assert_eq!(1, 1);", f"assert_eq!({name}(0, 0), {name}(0, 0));"):
        case = f"#[test]\nfn thin() {{\n    use super::*;\n    {body}\n}}"
        assert not holds(rewritten(about, {"test_cases": (case,)}), Evidence("good"))


def test_a_text_is_about_another_item_only_by_the_authors_words_on_both():
    example, data = next(p for p in played("code_generation").bad.values() if kind_of(p) == "words_of")
    evidence = decode_evidence(data)
    right = next(iter(played("code_generation").candidates.values()))
    own = anchor(example, tallies()).item
    assert not holds(right, evidence)
    assert not holds(example, dataclasses.replace(evidence, place=own.code_span))
    others = [item for item in tallies().functions if item not in {own, tallies().item_at(*place_of(evidence))}]
    assert not any(holds(example, dataclasses.replace(evidence, place=item.code_span)) for item in others[:40])
    assert not holds(example, Evidence("good"))


def place_of(evidence: Evidence) -> tuple[str, int, int]:
    return evidence.place.path, evidence.place.start, evidence.place.end


def test_evidence_of_one_category_says_nothing_of_another():
    _, slip = slip_of("code_completion")
    for category in ("code_generation", "bug_detection", "test_generation"):
        for example in played(category).candidates.values():
            assert not probe_plan(slip.encode(), example, tallies()).static.holds
