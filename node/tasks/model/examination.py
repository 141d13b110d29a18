"""A model's example is examined as a rater would: read against the source, then executed, a whole turn in a batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.prompts import PROMPTS
from node.tasks.inspection import inspect
from node.tasks.model.states import End, Ended
from node.tasks.plans import plan_for
from node.tasks.report import Report, parse_report
from node.tasks.trials import Driver, Trial
from node.tasks.view import SourceView
from node.values.example import Example
from node.values.verdict import CheckPlan, Expect, Outcome, PlanResult, Step, StepResult

COMPLAINT_CHARS_MAX = 600


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why an answer cannot be used."""

    end: End
    """How the request ends if the next answer cannot be used, either."""
    text: str
    """What the model is told."""
    answer: str = ""
    """What it had answered."""


class Examiner:
    """Finds out what holds of examples in the making."""

    def __init__(self, view: SourceView, driver: Driver) -> None:
        self._view, self._driver = view, driver

    async def examine(
        self, answers: Sequence[Example | Complaint | Ended], *, executes: bool
    ) -> list[Example | Complaint | Ended]:
        """Examples with what was found in their reports, or what is wrong with them; the rest stays as it is.

        Args:
            answers: Examples whose reports name their tests and nothing else yet; those with a report are done.
            executes: Whether anything can be executed here.
        """
        trials = [self.trial(answer, executes=executes) for answer in answers]
        return await self._driver.finish(trials)

    def trial(self, answer: Example | Complaint | Ended, *, executes: bool) -> Trial[Example | Complaint | Ended]:
        """Examine one of them; see `examine`."""
        if not isinstance(answer, Example) or _is_examined(answer):
            return answer
        problems = inspect(answer, self._view).problems
        if problems:
            return Complaint(End.MALFORMED, problems[0].text[:COMPLAINT_CHARS_MAX], written_in(answer))
        plan = plan_for(answer, self._view)
        if not (plan.steps and executes):
            return answer
        (result,) = yield (plan,)
        if not result.checked:
            return Ended(End.UNCHECKED, _first_reason(result))
        if not result.holds:
            return Complaint(End.CHECK_FAILED, complaint_about(plan, result), written_in(answer))
        return self._reported(answer, plan, result)

    def _reported(self, example: Example, plan: CheckPlan, result: PlanResult) -> Example:
        """The example with what was executed for it."""
        report = parse_report(example.check_report, self._view.kb.pin)
        steps = {step.name: step for step in plan.steps}
        answer = next(found for found in result.steps if found.name == plan.steps[0].name)
        ran = max(result.steps, key=lambda step: step.tests_passed) if "docs" in steps else answer
        generated = example.task_category == "test_generation"
        before = steps.get("before")
        full = Report(
            project=plan.steps[0].project,
            compiled=answer.compiled,
            tests_run=ran.tests_run,
            tests_passed=ran.tests_passed,
            mutants_killed=sum(_is_killed(step) for step in result.steps),
            before=before.project if before else None,
            tests=plan.steps[0].tests if generated else report.tests,
        )
        test = _cases(example) if generated else example.test
        return replace(example, check_report=full.text(), rustc_version=result.rustc, test=test)


def written_in(example: Example) -> str:
    """What the model wrote of an example, as the JSON object that it was asked for."""
    fields = {**json.loads(example.input_data), **json.loads(example.output_data)}
    asks = PROMPTS.generate[example.task_category].asks
    return json.dumps({name: fields[name] for name in asks}, ensure_ascii=False)


def complaint_about(plan: CheckPlan, result: PlanResult) -> str:
    """What execution has against an answer, for its author: the first thing that should have held and did not."""
    for step, found in zip(plan.steps, result.steps, strict=True):
        if found.outcome is not Outcome.HOLDS and not step.name.startswith("mutant-"):
            return _told(step, found)[:COMPLAINT_CHARS_MAX]
    return "the tests pass, and go on passing when the function is changed: they have to assert its results"


def _told(step: Step, found: StepResult) -> str:
    codes = f" ({', '.join(found.error_codes)})" if found.error_codes else ""
    what = "the changed function" if step.name == "before" else "your answer, put in its place,"
    if step.name == "stub":
        return "the tests do not fail when the function only panics: they do not call it"
    if not found.compiled and step.expect is not Expect.DOES_NOT_COMPILE:
        return f"{what} does not compile{codes}: {found.reason}"
    if step.expect is Expect.TESTS_FAIL:
        return "no test fails on the changed function: the change has to alter a result that the tests shown look at"
    return f"{what} fails: {found.reason}{codes}"


def _is_examined(example: Example) -> bool:
    return bool(example.rustc_version)


def _is_killed(step: StepResult) -> bool:
    return step.name.startswith("mutant-") and step.outcome in {Outcome.HOLDS, Outcome.TIMED_OUT}


def _first_reason(result: PlanResult) -> str:
    return next((step.reason for step in result.steps if step.outcome is Outcome.UNCHECKED), "")


def _cases(example: Example) -> str:
    return "\n\n".join(json.loads(example.output_data)["test_cases"]) + "\n"
