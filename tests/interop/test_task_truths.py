"""Every promise of the source engine, executed: plans of its examples hold, probes are what they claim to be."""

import asyncio
import dataclasses
import json
import subprocess
from collections.abc import Sequence

import pytest

from node.checks import CheckSettings, open_engine
from node.tasks.categories import TABLE, parse, render
from node.tasks.export import export_project
from node.tasks.inspection import inspect
from node.tasks.interface import Request
from node.tasks.measures import scrutiny_measures
from node.tasks.plans import plan_for, scrutiny_for
from node.tasks.probes import probe_plan
from node.tasks.source import SourceEngine
from node.values.example import CATEGORIES, Example
from node.values.verdict import CheckPlan, Outcome, PlanResult, ProblemKind
from tests.support.plain_checker import PlainChecker
from tests.support.wordwise import wordwise, wordwise_crate, wordwise_sources

pytestmark = [pytest.mark.cargo, pytest.mark.slow]

NUMBERS = (0, 1)
PROBED = (0, 1, 2)


class Executed:
    """All examples, probes and verdicts that the tests below look at, made once."""

    def __init__(self, folder) -> None:
        self.examples: dict[str, list[Example]] = {}
        self.again: dict[str, list[Example]] = {}
        self.probes: dict[tuple[str, int, bool], tuple[Example, bytes]] = {}
        self.results: dict[CheckPlan, PlanResult] = {}
        asyncio.run(self._execute(folder))

    async def _execute(self, folder) -> None:
        checker = await open_engine(CheckSettings(folder=folder))
        crate = wordwise_crate()
        engine = SourceEngine(wordwise(), crate, checker)
        requests = [Request(category, NUMBERS) for category in CATEGORIES]
        for proposal in await engine.propose(requests):
            self.examples[proposal.category] = [example for _, example in proposal.examples]
        for proposal in await SourceEngine(wordwise(), crate, checker).propose(requests[::-1]):
            self.again[proposal.category] = [example for _, example in proposal.examples]
        wanted = [(category, number, good) for category in CATEGORIES for number in PROBED for good in (True, False)]
        made = zip(wanted, await engine.make_probes(wanted), strict=True)
        self.probes = {key: probe for key, probe in made if probe is not None}
        plans = list(dict.fromkeys(plan for plan in self._plans() if plan.steps))
        self.results = dict(zip(plans, await checker.run(crate, plans), strict=True))
        await checker.close()

    def _plans(self):
        shown = [example for found in self.examples.values() for example in found]
        for example, evidence in self.probes.values():
            shown.append(example)
            yield from probe_plan(evidence, example, wordwise()).plans
        for evidence, other in self.mixed_up():
            yield from probe_plan(evidence, other, wordwise()).plans
        for example in shown:
            yield from (plan_for(example, wordwise()), scrutiny_for(example, wordwise()))

    def mixed_up(self) -> list[tuple[bytes, Example]]:
        """Evidence of each probe with a probe of its category that is of the other kind."""
        return [
            (evidence, other)
            for (category, _, good), (_, evidence) in self.probes.items()
            for other, _ in self.probes_of(category, good=not good)[:1]
        ]

    def holds(self, plan: CheckPlan) -> bool:
        return not plan.steps or (self.results[plan].checked and self.results[plan].holds)

    def scrutiny(self, example: Example) -> dict[str, int]:
        plan = scrutiny_for(example, wordwise())
        return dict(scrutiny_measures(plan, self.results[plan])) if plan.steps else {}

    def probes_of(self, category: str, *, good: bool) -> list[tuple[Example, bytes]]:
        return [probe for (name, _, kind), probe in self.probes.items() if (name, kind) == (category, good)]


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> Executed:
    return Executed(tmp_path_factory.mktemp("checks"))


def told(example: Example) -> dict[str, object]:
    return {**json.loads(example.input_data), **json.loads(example.output_data)}


@pytest.mark.parametrize("category", CATEGORIES)
def test_the_fixture_gives_examples_of_every_category(executed, category):
    assert executed.examples[category]


@pytest.mark.parametrize("category", CATEGORIES)
def test_what_an_example_claims_holds_when_executed(executed, category):
    for example in executed.examples[category]:
        assert inspect(example, wordwise()).problems == ()
        assert executed.holds(plan_for(example, wordwise())), told(example)


@pytest.mark.parametrize("category", [name for name in CATEGORIES if TABLE[name].executable])
def test_executable_categories_claim_something_executable(executed, category):
    for example in executed.examples[category]:
        assert plan_for(example, wordwise()).steps
        assert example.rustc_version


@pytest.mark.parametrize("category", CATEGORIES)
def test_two_engines_make_the_same_bytes(executed, category):
    contents = [example.content() for example in executed.examples[category]]
    assert contents == [example.content() for example in executed.again[category]]


def test_a_bug_is_described_by_what_changed_and_a_test_that_the_reader_sees(executed):
    for example in executed.examples["bug_detection"]:
        words = told(example)
        assert words["buggy_code"] != words["fixed_code"]
        quoted = words["bug_description"].split("`")[1]
        assert quoted in " ".join(words["buggy_code"].split()) or quoted in " ".join(words["fixed_code"].split())
        assert "#[test]" in words["code_context"]


def test_a_refactoring_keeps_behaviour_and_names_clippy_only_where_clippy_spoke(executed):
    for example in executed.examples["code_refactoring"]:
        before = plan_for(example, wordwise()).steps[1]
        assert before.name == "before"
        report = json.loads(example.check_report)
        assert ("Clippy" in told(example)["rationale"]) <= bool(report["clippy"])


def test_generated_tests_kill_mutants_that_the_rater_derives(executed):
    for example in executed.examples["test_generation"]:
        plan = plan_for(example, wordwise())
        mutants = [step for step in executed.results[plan].steps if step.name.startswith("mutant-")]
        assert any(step.outcome is Outcome.HOLDS for step in mutants)
        assert json.loads(example.check_report)["mutants_killed"] == sum(s.outcome is Outcome.HOLDS for s in mutants)


# Probes


@pytest.mark.parametrize("category", CATEGORIES)
def test_probes_of_both_kinds_can_be_made_and_proven(executed, category):
    for good in (True, False):
        for example, evidence in executed.probes_of(category, good=good):
            check = probe_plan(evidence, example, wordwise())
            assert check.static.holds, check.static.reason
            assert all(map(executed.holds, check.plans)), told(example)
    assert executed.probes_of(category, good=True)


def test_every_category_can_be_spoiled_even_on_so_small_a_crate(executed):
    assert all(executed.probes_of(category, good=False) for category in CATEGORIES)


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_bad_probe_passes_what_it_declares_and_shows_in_some_measure(executed, category):
    for example, _ in executed.probes_of(category, good=False):
        inspection = inspect(example, wordwise())
        assert inspection.problems == ()
        assert executed.holds(plan_for(example, wordwise()))
        seen = dict(inspection.measures) | executed.scrutiny(example)
        assert min(value for name, value in seen.items() if name.startswith("semantic_validity/")) <= 5_000, seen


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_good_probe_shows_nothing_of_the_kind(executed, category):
    for example, _ in executed.probes_of(category, good=True):
        inspection = inspect(example, wordwise())
        seen = dict(inspection.measures) | executed.scrutiny(example)
        low = {name: value for name, value in seen.items() if name.startswith("semantic_validity/") and value < 6_000}
        # How much there is to find in the question, and how much tests catch, tells good from better.
        assert set(low) <= {"semantic_validity/mutants_killed", "semantic_validity/grounded"}, low


def test_a_bad_probe_has_the_form_of_the_good_one(executed):
    columns = ("input_data", "output_data", "check_report")
    for category in CATEGORIES:
        good = {
            e.source_span: e
            for e in (*executed.examples[category], *(e for e, _ in executed.probes_of(category, good=True)))
        }
        alike = [
            (good[bad.source_span], bad)
            for bad, _ in executed.probes_of(category, good=False)
            if bad.source_span in good
        ]
        assert alike, category
        for right, wrong in alike:
            for column in columns:
                assert json.loads(getattr(right, column)).keys() == json.loads(getattr(wrong, column)).keys()


def test_evidence_does_not_hold_for_another_kind_of_example(executed):
    for evidence, other in executed.mixed_up():
        check = probe_plan(evidence, other, wordwise())
        assert not (check.static.holds and all(map(executed.holds, check.plans)))


def test_evidence_that_is_no_evidence_is_refused(executed):
    example = executed.examples["code_summarization"][0]
    for data in (b"", b"[]", b"{}", b"\xff", b'{"kind":"good"}', b'{"kind":"poem","place":null,"test":null,"text":""}'):
        assert not probe_plan(data, example, wordwise()).static.holds


# False claims


def changed(example: Example, **words: object) -> Example:
    table = TABLE[example.task_category]
    inputs = {name: words.get(name, value) for name, value in parse(table.inputs, example.input_data).items()}
    outputs = {name: words.get(name, value) for name, value in parse(table.outputs, example.output_data).items()}
    return dataclasses.replace(
        example, input_data=render(table.inputs, inputs), output_data=render(table.outputs, outputs)
    )


def kinds(example: Example) -> set[ProblemKind]:
    return {problem.kind for problem in inspect(example, wordwise()).problems}


SHOWN = {
    "docstring_generation": "code",
    "test_generation": "code_to_test",
    "code_summarization": "code",
    "code_explanation": "code",
    "code_search": "code_snippet",
    "function_naming": "code",
    "variable_naming": "code",
    "comment_generation": "code",
    "code_generation": "code",
    "bug_detection": "fixed_code",
    "code_refactoring": "code_after",
    "code_optimization": "code_before",
    "code_review": "code_before",
}


@pytest.mark.parametrize("category", sorted(SHOWN))
def test_code_of_another_item_is_a_false_claim(executed, category):
    example = executed.examples[category][0]
    other = "fn __placeholder__(left: u8) -> u8 {\n    left + 1\n}"
    assert ProblemKind.FALSE_CLAIM in kinds(changed(example, **{SHOWN[category]: other}))


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_span_that_holds_something_else_is_a_false_claim(executed, category):
    example = executed.examples[category][0]
    start, _, end = example.source_span.partition("..")
    moved = dataclasses.replace(example, source_span=f"{int(start) + 1}..{end}")
    assert ProblemKind.FALSE_CLAIM in kinds(moved)


@pytest.mark.parametrize(
    "change",
    [
        {"crate_version": "0.3.2"},
        {"license": "MIT"},
        {"edition": "2018"},
    ],
)
def test_another_crate_than_the_pinned_one_is_refused(executed, change):
    example = executed.examples["code_search"][0]
    assert inspect(dataclasses.replace(example, **change), wordwise()).problems


def test_an_answer_that_stands_in_the_prompt_is_contaminated(executed):
    summary = executed.examples["code_summarization"][0]
    told_twice = changed(summary, code_context=f"// {told(summary)['summary']}\nfn helper() {{}}")
    named = executed.examples["function_naming"][0]
    context = f"fn caller() {{ {told(named)['function_name']}(); }}"
    for example in (told_twice, changed(named, code_context=context)):
        if "code_context" in json.loads(example.input_data):
            assert ProblemKind.CONTAMINATED in kinds(example)


def test_a_member_that_the_crate_does_not_have_is_an_invention(executed):
    example = executed.examples["code_summarization"][0]
    assert ProblemKind.FALSE_CLAIM in kinds(changed(example, summary="Same as `Histogram::sorted`, only faster."))


# The plain checker and a stranger


def executable(executed: Executed) -> Sequence[Example]:
    return [found[0] for category, found in executed.examples.items() if TABLE[category].executable]


def test_an_ordinary_cargo_run_agrees(executed, tmp_path):
    checker = PlainChecker(wordwise_sources(), tmp_path)
    plans = [plan_for(example, wordwise()) for example in executable(executed)]
    # One mutant is as good as five here, and each is a build.
    few = [dataclasses.replace(plan, steps=plan.steps[:3], required=-1) for plan in plans]
    results = asyncio.run(checker.run(wordwise_crate(), few))
    for plan, result in zip(plans, results, strict=True):
        fast = executed.results[plan].steps
        assert [step.outcome for step in result.steps] == [step.outcome for step in fast[: len(result.steps)]]


def test_a_stranger_rebuilds_a_row_with_plain_cargo(executed, tmp_path):
    example = executed.examples["bug_detection"][0]
    for path, data in export_project(example, wordwise_sources(), wordwise_crate()).items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    lines = [line.strip() for line in (tmp_path / "README.md").read_text().splitlines() if line.startswith("    cargo")]
    codes: dict[str, list[int]] = {"answer": [], "before": []}
    for line in lines:
        done = subprocess.run(
            [*line.split(" -- ")[0].split(), "--offline", "--", *line.split(" -- ")[1].split()],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        codes["before" if "before/" in line else "answer"].append(done.returncode)
    assert set(codes["answer"]) == {0}
    assert any(codes["before"])
