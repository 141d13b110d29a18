"""A model's candidates through the real compiler: what is wrong is found, told, and put right or dropped."""

import asyncio
import json

import pytest

from node.checks import CheckSettings, open_engine
from node.tasks.inspection import inspect
from node.tasks.interface import Request
from node.tasks.model.engine import ModelEngine, Terms
from node.tasks.model.states import End
from node.tasks.probe_evidence import Evidence, decode_evidence
from node.tasks.probes import probe_plan
from node.tasks.report import parse_report
from node.tasks.source import SourceEngine
from node.values.job import Sampling
from tests.support.scripted_model import ScriptedModel, answers_from
from tests.support.wordwise import wordwise, wordwise_crate

pytestmark = [pytest.mark.cargo, pytest.mark.slow]

CATEGORIES = ("code_completion", "test_generation", "bug_detection")

WRONG = {
    "code_completion": ('{"completion": "let wrong: u8 = \\"text\\"; loop {}"}', "does not compile"),
    "test_generation": ('{"test_cases": ["#[test]\\nfn t() { use super::*; assert!(true); }"]}', "do not call it"),
}


def test_wrong_answers_are_found_by_execution_and_right_ones_carry_what_was_executed(tmp_path):
    async def scenario():
        checker = await open_engine(CheckSettings(folder=tmp_path))
        try:
            source = SourceEngine(wordwise(), wordwise_crate(), checker)
            requests = [Request(category, (0, 1, 2)) for category in CATEGORIES]
            rows = [row for proposal in await source.propose(requests) for _, row in proposal.examples]
            knowing = answers_from(rows)

            def reply(request):
                first = "Your first answer" not in request.messages[-1].text
                wrong = WRONG.get(request.label)
                return wrong[0] if first and wrong else knowing(request)

            model = ScriptedModel(reply)
            engine = ModelEngine(
                wordwise(), model, Terms(Sampling(), 60), source=source, crate=wordwise_crate(), checker=checker
            )
            return engine.account, model.asked, await engine.propose(requests)
        finally:
            await checker.close()

    account, asked, proposals = asyncio.run(scenario())
    assert account.adds_up
    assert account.ended[End.REPAIRED] >= 2
    for category, (_, complaint) in WRONG.items():
        assert any(complaint in request.messages[-1].text for request in asked if request.label == category)
    assert all(proposal.examples for proposal in proposals)
    for proposal in proposals:
        for _, example in proposal.examples:
            report = parse_report(example.check_report, wordwise().kb.pin)
            assert inspect(example, wordwise()).problems == ()
            assert (report.compiled, example.rustc_version != "") == (True, True)
            assert report.tests_run == report.tests_passed > 0
            assert (report.mutants_killed > 0) == (proposal.category == "test_generation")
            assert (report.before is not None) == (proposal.category == "bug_detection")
            assert json.loads(example.output_data)


def test_probes_of_a_models_answers_are_proven_by_the_real_compiler_and_forged_ones_are_not(tmp_path):
    async def scenario():
        checker = await open_engine(CheckSettings(folder=tmp_path))
        try:
            source = SourceEngine(wordwise(), wordwise_crate(), checker)
            categories = ("code_completion", "code_refactoring")
            requests = [Request(category, tuple(range(8))) for category in categories]
            rows = [row for proposal in await source.propose(requests) for _, row in proposal.examples]
            engine = ModelEngine(
                wordwise(),
                ScriptedModel(answers_from(rows)),
                Terms(Sampling(), 60),
                source=source,
                crate=wordwise_crate(),
                checker=checker,
                salt=b"a test's",
            )
            wanted = [(category, number, number % 4 == 0) for category in categories for number in range(8)]
            _, probes = await engine.fill([], wanted)
            told = [(good, probe) for (_, _, good), probe in zip(wanted, probes, strict=True) if probe is not None]
            said = [
                pair for _, (example, own) in told for pair in ((example, own), (example, Evidence("good").encode()))
            ]
            checks = [probe_plan(evidence, example, wordwise()) for example, evidence in said]
            results = iter(await checker.run(wordwise_crate(), [plan for check in checks for plan in check.plans]))
            verdicts = [[next(results).holds for _ in check.plans] for check in checks]
            found = [check.static.holds and all(held) for check, held in zip(checks, verdicts, strict=True)]
            return told, found
        finally:
            await checker.close()

    told, found = asyncio.run(scenario())
    assert all(found[::2])
    assert found[1::2] == [good for good, _ in told]
    assert "slip" in {decode_evidence(evidence).kind for _, (_, evidence) in told}
