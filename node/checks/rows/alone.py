"""One row by itself: the package it makes, compiled by the calls that cargo would make.

For rows that cannot stand beside others, and to confirm whatever failed there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from node.checks.diagnostics import is_past_parsing
from node.checks.rows.building import Linked, RowBuilder
from node.checks.rows.conclusions import (
    after_build,
    after_lint,
    after_mutants,
    after_run,
    lacking,
    not_compiled,
    settle,
)
from node.checks.rows.formatting import TextLook, look_at_text
from node.checks.rows.mutating import try_mutants
from node.checks.rows.runs import STUB, RowRun, Runner, runs_before_stubs
from node.checks.rows.shape import as_const_stub, with_stub
from node.checks.rows.survey import Subject
from node.checks.rows.task import Task
from node.checks.rows.verdict import RowState, RowVerdict
from node.checks.schemata import SELECTOR_CRATE
from node.checks.syntax import observes_position
from node.checks.workshop import Workshop

_EXPORTS = re.compile(rb"\b(?:no_mangle|export_name)\b")


@dataclass(frozen=True, slots=True)
class Known:
    """What need not be asked again of a row."""

    formatted: bool | None = None
    """None where that is not known."""
    verdict: RowVerdict | None = None
    """How it compiles, lints and is formatted; nothing yet of its tests."""


async def settle_alone(
    workshop: Workshop, builder: RowBuilder, task: Task, why: str, mutants: int = 0, known: Known | None = None
) -> RowVerdict:
    """The verdict on one row.

    Args:
        workshop: Of the batch.
        builder: Over the row's package.
        task: The row.
        why: What kept it from sharing builds, for the record.
        mutants: How many to try its tests on.
        known: What need not be asked again.

    Raises:
        UncheckedError, SandboxError: The machine failed.
    """
    known = known or Known()
    verdict = known.verdict or await _lint(workshop, builder, task, why, known.formatted)
    if not verdict.compiled:
        return verdict
    if not task.is_tested or task.shape.may_refuse:
        built = await builder.build({task.source.path: task.source.text}, to_code=True)
        verdict = after_build(verdict, built, task)
        if not task.is_tested or not built.ok:
            return verdict
    verdict, cpu_ms = await _test(workshop, builder, task, verdict)
    if not mutants or verdict.state is not RowState.PASS or not verdict.tests_passed:
        return verdict
    subject = Subject(task.source.path, task.source.text, task.source.code, "", cpu_ms, task.shape.has_stub)
    (survey,) = await try_mutants(workshop, builder, [subject], mutants)
    return after_mutants(verdict, survey)


async def _lint(workshop: Workshop, builder: RowBuilder, task: Task, why: str, formatted: bool | None) -> RowVerdict:
    source = task.source
    linted = await builder.lint({source.path: source.text})
    if linted.ok and linted.cut:
        return RowVerdict(RowState.ERROR, ("its warnings are more than is kept of them",), parsed=True, alone=why)
    if formatted is not None and (linted.ok or is_past_parsing(linted.diagnostics)):
        look = TextLook(formatted, parsed=True)
    else:
        look = await look_at_text(workshop, source, builder.edition)
    return after_lint(task, linted, look, why)


async def _test(workshop: Workshop, builder: RowBuilder, task: Task, verdict: RowVerdict) -> tuple[RowVerdict, float]:
    """The verdict, and the CPU milliseconds of its tests."""
    source = task.source
    # Where nothing speaks against the row, one build that has the stub in it is enough; columns are not the row's own.
    as_it_is = observes_position(source.text) or SELECTOR_CRATE.encode() in source.text
    if task.shape.bodies and verdict.alone == task.shape.alone and not as_it_is:
        verdict, run = await _test_with_stub(workshop, builder, task, verdict)
        if run is not None and run.all_passed:
            return verdict, run.cpu_ms
    verdict, run = await _test_as_it_is(workshop, builder, task, verdict)
    if run is not None and run.overflowed:
        # How deep is too deep is cargo's to say, whose functions keep more on the stack.
        verdict, run = await _test_as_it_is(workshop, builder, task, verdict, for_debuggers=True)
    if run is None:
        return verdict, 0.0
    verdict = after_run(verdict, run, task)
    if run.all_passed:
        verdict = await _stub(workshop, builder, task, verdict, run)
    return verdict, run.cpu_ms


async def _test_as_it_is(
    workshop: Workshop, builder: RowBuilder, task: Task, verdict: RowVerdict, *, for_debuggers: bool = False
) -> tuple[RowVerdict, RowRun | None]:
    """How the tests of a row run; none, and the verdict, if it does not compile with them."""
    files = {task.source.path: task.source.text}
    linked = await builder.link(files, instrumented=False, for_debuggers=for_debuggers)
    verdict = replace(verdict, cpu_ms=verdict.cpu_ms + linked.built.cpu_ms)
    if not linked.built.ok:
        return not_compiled(verdict, linked.built, "the code with its tests"), None
    async with workshop.workers.session() as session:
        return verdict, await Runner(workshop, session, linked).run()


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
