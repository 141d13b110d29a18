"""What each step with a row makes of its verdict: linting, a run of its tests, a stub, mutants. Pure."""

from __future__ import annotations

from dataclasses import replace

from node.checks.builds import Built
from node.checks.rows.formatting import TextLook
from node.checks.rows.runs import RowRun
from node.checks.rows.survey import TELLING, Survey
from node.checks.rows.task import Task
from node.checks.rows.verdict import RowState, RowVerdict, refused, sort_warnings


def after_lint(task: Task, linted: Built, look: TextLook, why: str) -> RowVerdict:
    """The verdict on a row that was compiled by itself, without tests; `FAIL` until they have run.

    Args:
        task: The row.
        linted: How that went.
        look: What rustfmt thinks of it; what compiles parses in any case.
        why: It was built alone.
    """
    verdict = RowVerdict(
        RowState.FAIL,
        parsed=linted.ok or look.parsed,
        formatted=look.formatted,
        uses_unsafe=task.shape.has_unsafe,
        alone=why,
        cpu_ms=linted.cpu_ms + look.cpu_ms,
    )
    if not linted.ok:
        return not_compiled(verdict, linted, "the code")
    said = sort_warnings(linted.diagnostics)
    state = RowState.FAIL if task.is_tested else RowState.PASS
    return replace(verdict, state=state, compiled=True, clippy=said.clippy, warnings=said.warnings)


def after_shared_lint(shared: RowVerdict, why: str) -> RowVerdict:
    """The verdict on a row of which only what was found before its tests shall count; `why` it is built alone."""
    return RowVerdict(
        RowState.FAIL,
        parsed=True,
        formatted=shared.formatted,
        compiled=True,
        clippy=shared.clippy,
        warnings=shared.warnings,
        uses_unsafe=shared.uses_unsafe,
        alone=why,
        cpu_ms=shared.cpu_ms,
    )


def after_build(verdict: RowVerdict, built: Built, task: Task) -> RowVerdict:
    """The verdict on a row that compiles, once it was made into code without its tests; `FAIL` until those have run."""
    verdict = replace(verdict, state=RowState.FAIL, cpu_ms=verdict.cpu_ms + built.cpu_ms)
    if not built.ok:
        return not_compiled(verdict, built, BUILT)
    return verdict if task.is_tested else replace(verdict, state=RowState.PASS)


BUILT = "the code, as it is built,"
"""What is refused there."""


def not_compiled(verdict: RowVerdict, built: Built, what: str) -> RowVerdict:
    """The verdict on a row that a compiler refused."""
    if built.out_of_time:
        return replace(verdict, reasons=(f"{what} does not compile within its time",))
    if built.overflowed:
        # How deep is too deep says the compiler's stack, which is its user's to choose.
        return replace(verdict, state=RowState.ERROR, reasons=("nested too deep: the compiler overflows its stack",))
    reason, codes, classes = refused(built.diagnostics, what=what)
    return replace(verdict, reasons=(reason,), error_codes=codes, error_classes=classes)


def after_run(verdict: RowVerdict, run: RowRun, task: Task) -> RowVerdict:
    """The verdict with what its tests showed; `PASS` and `FAIL` alike are final unless all tests passed."""
    if run.finished and not run.seen and not task.tests_given:
        return replace(verdict, state=RowState.PASS, cpu_ms=verdict.cpu_ms + run.cpu_ms)
    return replace(
        verdict,
        state=RowState.FAIL,
        tests_passed=run.passed,
        tests_failed=run.failed,
        tests_ignored=run.ignored,
        vacuous=run.finished and not run.passed and not run.failed,
        reasons=(run.reason,) if run.reason else (),
        cpu_ms=verdict.cpu_ms + run.cpu_ms,
    )


def after_mutants(verdict: RowVerdict, survey: Survey) -> RowVerdict:
    """The verdict with what its tests noticed of mutants."""
    stub = verdict.stub_killed if survey.stub_killed is None else survey.stub_killed
    verdict = replace(verdict, mutants=survey.mutants, stub_killed=stub, cpu_ms=verdict.cpu_ms + survey.cpu_ms)
    if survey.mutants.killed or (survey.mutants.made < TELLING and survey.stub_killed is not False):
        return verdict
    reason = f"its tests notice none of {survey.mutants.made} changes of the code"
    if survey.stub_killed is False:
        reason = "its tests still pass when every macro of the code panics"
    return replace(verdict, state=RowState.FAIL, vacuous=True, reasons=(reason,))


def lacking(task: Task, run: RowRun) -> tuple[str, ...]:
    """What is wrong with tests that all passed in a build that watches their assertions."""
    passed_by = bool(task.watched) and not task.static and run.asserted is False
    return ("its tests pass by all their assertions",) if passed_by else task.static


def settle(verdict: RowVerdict, stub_killed: bool | None, static: tuple[str, ...]) -> RowVerdict:
    """The verdict on a row whose tests pass, once it is known what they notice."""
    reasons = static
    if stub_killed is False:
        reasons = (*reasons, "its tests still pass when every function of the code panics")
    state = RowState.FAIL if reasons else RowState.PASS
    return replace(verdict, state=state, reasons=reasons, vacuous=bool(reasons), stub_killed=stub_killed)
