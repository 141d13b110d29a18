"""One row by itself: the package it makes, compiled by the calls that cargo would make.

For rows that cannot stand beside others, and to confirm whatever failed there.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace

from node.checks.builds import Built
from node.checks.guards.reach import Watched
from node.checks.rows.building import Linked, RowBuilder
from node.checks.rows.emptiness import empty_tests
from node.checks.rows.example import Example, SourceText, assemble
from node.checks.rows.formatting import look_at_formatting
from node.checks.rows.mutating import Subject, Survey, try_mutants
from node.checks.rows.runs import STUB, RowRun, Runner
from node.checks.rows.shape import Shape, as_const_stub, look_at, with_stub
from node.checks.rows.verdict import RowState, RowVerdict, refused, sort_warnings
from node.checks.schemata import SELECTOR_CRATE
from node.checks.syntax import observes_position, parse_rust
from node.checks.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Task:
    """A row to be settled."""

    source: SourceText
    shape: Shape
    tests_given: bool
    """Tests came with the row, or stand in its code: some must run."""
    static: tuple[str, ...] = ()
    """What is wrong with its tests by their text alone."""
    watched: tuple[Watched, ...] = ()
    """Assertions one of which must be come to."""

    @property
    def is_tested(self) -> bool:
        """Whether to build it with the test harness; what only mentions tests may turn out to have none."""
        return self.tests_given or self.shape.may_have_tests


def make_task(example: Example, edition: str) -> Task:
    """What there is to settle about a row that is compiled in a package of that edition."""
    source = assemble(example)
    root = parse_rust(source.text)
    shape = look_at(source, root, edition=edition)
    given = bool(example.tests.strip()) or shape.has_tests
    if not given:
        return Task(source, shape, tests_given=False)
    static, watched = empty_tests(example, source, root)
    return Task(source, shape, given, static, watched if shape.has_stub else ())


async def settle_alone(workshop: Workshop, builder: RowBuilder, task: Task, why: str, mutants: int = 0) -> RowVerdict:
    """The verdict on one row.

    Args:
        workshop: Of the batch.
        builder: Over the row's package.
        task: The row.
        why: What kept it from sharing builds, for the record.
        mutants: How many to try its tests on.

    Raises:
        UncheckedError, SandboxError: The machine failed.
    """
    source = task.source
    linted = await builder.lint({source.path: source.text})
    formatted, parsed = await look_at_text(workshop, source, builder.edition)
    verdict = RowVerdict(
        RowState.FAIL,
        parsed=linted.ok or parsed,
        formatted=formatted,
        uses_unsafe=task.shape.has_unsafe,
        alone=why,
        cpu_ms=linted.cpu_ms,
    )
    if not linted.ok:
        return not_compiled(verdict, linted, "the code")
    said = sort_warnings(linted.diagnostics)
    verdict = replace(verdict, compiled=True, clippy=said.clippy, warnings=said.warnings)
    if not task.is_tested:
        return replace(verdict, state=RowState.PASS)
    verdict, cpu_ms = await _test(workshop, builder, task, verdict)
    if not mutants or verdict.state is not RowState.PASS or not verdict.tests_passed:
        return verdict
    subject = Subject(source.path, source.text, source.code, "", cpu_ms)
    (survey,) = await try_mutants(workshop, builder, [subject], {}, mutants)
    return after_mutants(verdict, survey)


async def look_at_text(workshop: Workshop, source: SourceText, edition: str) -> tuple[bool | None, bool]:
    """Whether the code is formatted, and whether the whole file parses."""
    code = source.text[slice(*source.code)] + b"\n"
    whole = await look_at_formatting(workshop, {"whole": source.text}, edition)
    own = await look_at_formatting(workshop, {"code": code}, edition)
    formatted = None if own is None or own.broken else not own.differing
    return formatted, whole is not None and not whole.broken


def not_compiled(verdict: RowVerdict, built: Built, what: str) -> RowVerdict:
    """The verdict on a row that a compiler refused."""
    if built.out_of_time:
        return replace(verdict, reasons=(f"{what} does not compile within its time",))
    reason, codes, classes = refused(built.diagnostics, what=what)
    return replace(verdict, reasons=(reason,), error_codes=codes, error_classes=classes)


async def _test(workshop: Workshop, builder: RowBuilder, task: Task, verdict: RowVerdict) -> tuple[RowVerdict, float]:
    """The verdict, and the CPU milliseconds of its tests."""
    source = task.source
    # Where nothing speaks against the row, one build that has the stub in it is enough; columns are not the row's own.
    as_it_is = observes_position(source.text) or SELECTOR_CRATE.encode() in source.text
    if task.shape.bodies and verdict.alone == task.shape.alone and not as_it_is:
        verdict, run = await _test_with_stub(workshop, builder, task, verdict)
        if run is not None and run.all_passed:
            return verdict, run.cpu_ms
    linked = await builder.link({source.path: source.text}, instrumented=False)
    verdict = replace(verdict, cpu_ms=verdict.cpu_ms + linked.built.cpu_ms)
    if not linked.built.ok:
        return not_compiled(verdict, linked.built, "the code with its tests"), 0.0
    async with workshop.workers.session() as session:
        run = await Runner(workshop, session, linked).run()
    verdict = after_run(verdict, run, task)
    if run.all_passed:
        verdict = await _stub(workshop, builder, task, verdict, run)
    return verdict, run.cpu_ms


async def _test_with_stub(
    workshop: Workshop, builder: RowBuilder, task: Task, verdict: RowVerdict
) -> tuple[RowVerdict, RowRun | None]:
    """The verdict if all tests pass in a build that can choose the stub, and how they ran; otherwise only its cost."""
    source = task.source
    linked = await builder.link({source.path: with_stub(source, task.shape, watched=task.watched)}, instrumented=True)
    verdict = replace(verdict, cpu_ms=verdict.cpu_ms + linked.built.cpu_ms)
    if not linked.built.ok:
        return verdict, None
    async with workshop.workers.session() as session:
        runner = Runner(workshop, session, linked)
        run = await runner.run(before_stubs=runs_before_stubs(task.shape))
        if not run.all_passed:
            return replace(verdict, cpu_ms=verdict.cpu_ms + run.cpu_ms), run
        noticed = bool(run.notices_stub)
        if not noticed:
            # What the first run left behind may answer for a stub: only a process of its own can tell.
            stubbed = await runner.run(variant=STUB, bound_ms=run.cpu_ms)
            noticed = not stubbed.all_passed
            verdict = replace(verdict, cpu_ms=verdict.cpu_ms + stubbed.cpu_ms)
    return settle(after_run(verdict, run, task), noticed, lacking(task, run)), run


async def _stub(workshop: Workshop, builder: RowBuilder, task: Task, verdict: RowVerdict, run: RowRun) -> RowVerdict:
    source, shape = task.source, task.shape
    if not shape.has_stub:
        return settle(verdict, None, task.static)
    chosen = bool(shape.bodies)
    text = with_stub(source, shape) if chosen else as_const_stub(source, shape)
    linked = await builder.link({source.path: text}, instrumented=chosen)
    verdict = replace(verdict, cpu_ms=verdict.cpu_ms + linked.built.cpu_ms)
    if not linked.built.ok:
        kept = _EXPORTS.search(source.text) is not None  # A symbol of the stub's own would keep it away.
        return settle(verdict, None, ("it cannot be linked with a stub", *task.static) if kept else task.static)
    killed = await _notices_stub(workshop, linked, run)
    return settle(verdict, killed, task.static)


async def _notices_stub(workshop: Workshop, linked: Linked, run: RowRun) -> bool:
    """Whether some test fails once the row's functions panic."""
    async with workshop.workers.session() as session:
        stubbed = await Runner(workshop, session, linked).run(variant=STUB, bound_ms=run.cpu_ms)
    return not stubbed.all_passed


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


_TELLING = 3
"""Fewer mutants than this may all be changes that nobody could notice."""


def after_mutants(verdict: RowVerdict, survey: Survey) -> RowVerdict:
    """The verdict with what its tests noticed of mutants."""
    verdict = replace(verdict, mutants=survey.mutants, cpu_ms=verdict.cpu_ms + survey.cpu_ms)
    if survey.mutants.killed or survey.mutants.made < _TELLING:
        return verdict
    reason = f"its tests notice none of {survey.mutants.made} changes of the code"
    return replace(verdict, state=RowState.FAIL, vacuous=True, reasons=(reason,))


def runs_before_stubs(shape: Shape) -> int:
    """How often a row's tests run as they are, after their first time, before they run with stubs; 0 without stubs.

    Tests that could count their runs must not know which is the one that is to fail.
    """
    return int(shape.has_stub) and (1 + secrets.randbelow(_RUNS_MAX) if shape.keeps_state else 1)


_RUNS_MAX = 4
_EXPORTS = re.compile(rb"\b(?:no_mangle|export_name)\b")


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
