"""A row by itself, by cargo: an ordinary project on disk, `cargo clippy` and `cargo test` on it, from nothing.

Half a second each, and right by construction: what everything faster is held against, and what `--engine cargo` runs.
Whether its tests notice a stub is found out in the obvious way, by a copy of the project whose functions panic.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from node.checks.builds import Built
from node.checks.cargo import (
    UncheckedError,
    cargo_folders,
    lay_out_cargo,
    parse_artifacts,
)
from node.checks.isolated import run_cargo
from node.checks.rows.building import LIBRARY_TESTS, Linked
from node.checks.rows.conclusions import after_build, after_lint, after_run, not_compiled, settle
from node.checks.rows.example import Example, SourceText
from node.checks.rows.exporting import write_row
from node.checks.rows.formatting import look_at_text
from node.checks.rows.runs import RowRun, Runner
from node.checks.rows.shape import as_panicking
from node.checks.rows.task import Task, make_task
from node.checks.rows.verdict import RowVerdict
from node.checks.sandbox.launcher import LauncherSession
from node.checks.sandbox.limits import Ran
from node.checks.workshop import Workshop

WHY = "by cargo, in a project of its own"


async def settle_by_cargo(workshop: Workshop, example: Example, *, edition: str, stubs: bool = True) -> RowVerdict:
    """The verdict on one row.

    Args:
        workshop: Over the package that the row is compiled in.
        example: The row.
        edition: Of the package.
        stubs: Whether to try a stub.

    Raises:
        UncheckedError, SandboxError: The machine failed.
    """
    task = make_task(example, edition)
    source = task.source
    async with workshop.workers.session() as session:
        project = _Project(workshop, session, source)
        linted = await project.lint()
        linked = await project.link() if linted.ok and task.is_tested else None
        needs_build = not task.is_tested or task.shape.may_refuse
        built = await project.build() if linted.ok and needs_build else None
    verdict = after_lint(task, linted, await look_at_text(workshop, source, edition), WHY)
    verdict = after_build(verdict, built, task) if built is not None else verdict
    if linked is None or (built is not None and not built.ok):
        return verdict
    verdict = replace(verdict, cpu_ms=verdict.cpu_ms + linked.built.cpu_ms)
    if not linked.built.ok:
        return not_compiled(verdict, linked.built, "the code with its tests")
    run = await _run(workshop, linked)
    verdict = after_run(verdict, run, task)
    if not run.all_passed:
        return verdict
    return settle(verdict, await _notices_stub(workshop, task, run) if stubs else None, task.static)


async def _notices_stub(workshop: Workshop, task: Task, run: RowRun) -> bool | None:
    if not task.shape.has_stub:
        return None
    async with workshop.workers.session() as session:
        source = replace(task.source, text=as_panicking(task.source, task.shape))
        linked = await _Project(workshop, session, source).link()
    return not (await _run(workshop, linked, run.cpu_ms)).all_passed if linked.built.ok else None


async def _run(workshop: Workshop, linked: Linked, bound_ms: float | None = None) -> RowRun:
    async with workshop.workers.session() as session:
        return await Runner(workshop, session, linked).run(bound_ms=bound_ms)


class _Project:
    """A row's project, and cargo's commands on it, all in one session: what one user wrote another cannot change."""

    def __init__(self, workshop: Workshop, session: LauncherSession, source: SourceText) -> None:
        self._workshop = workshop
        self._session = session
        self._source = source
        self._folder = workshop.new_folder("by-cargo")
        self._written = False
        self._target = "--bins" if source.is_program else "--lib"

    async def lint(self) -> Built:
        """Compile without tests, through clippy where it is installed."""
        if self._workshop.toolchain.clippy is None:
            return (await self._cargo("check", self._target))[0]
        # Warnings where clippy would stop at its first error, as everywhere.
        return (await self._cargo("clippy", self._target, after=("--", "-W", "clippy::all")))[0]

    async def build(self) -> Built:
        """Compile without tests, to the end."""
        return (await self._cargo("build", self._target))[0]

    async def link(self) -> Linked:
        """Compile with tests."""
        bench = self._workshop.bench
        tests = bench.binary(LIBRARY_TESTS)
        if tests is None:
            raise UncheckedError(f"{bench.crate.pin.label}: {bench.baseline.reason}")
        # As by default, unlike all other builds here: it decides how much of a stack functions take.
        built, ran = await self._cargo("test", "--no-run", self._target, "--config", "profile.test.debug=2")
        executables = [item.executable for item in parse_artifacts(ran.stdout) if item.for_tests and item.executable]
        executable = Path(executables[0] if executables else "/")
        return Linked(built, executable, tests.invocation, for_debuggers=True, project=self._folder / "project")

    async def _cargo(self, *words: str, after: tuple[str, ...] = ()) -> tuple[Built, Ran]:
        if not self._written:
            self._written = True
            await asyncio.to_thread(self._write, self._folder)
            for directory in cargo_folders(self._folder):
                self._session.give(directory)
        return await run_cargo(self._workshop, self._session, self._folder, *words, after=after)

    def _write(self, folder: Path) -> None:
        folder.mkdir()
        write_row(self._workshop.bench.crate, self._source, folder / "project")
        lay_out_cargo(folder, self._workshop.bench.crate.vendor)
