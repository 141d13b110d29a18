"""The reference: an ordinary cargo project per claim, written to disk and built by cargo from nothing.

Slow (half a second to many seconds each), and right by construction. The engine falls back to it where compiler calls
cannot be replayed; the differential tests hold everything faster against it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from node.checks.builds import Built, built_of
from node.checks.cargo import cargo_command, cargo_folders, lay_out_cargo, parse_artifacts, refuse_unavailable
from node.checks.diagnostics import parse_diagnostics
from node.checks.lints import names_inside
from node.checks.observing import after_tests, not_compiled
from node.checks.project import integration_stem, write_project
from node.checks.sandbox.launcher import LauncherSession
from node.checks.sandbox.limits import Ran
from node.checks.verdicts import Claim, Observation
from node.checks.workshop import TestEnds, Workshop, baseline_cpu_ms, wanted_by_binary
from node.values.verdict import TestName, TestTarget

_Place = tuple[str, str]


async def observe_with_cargo(workshop: Workshop, claim: Claim) -> Observation:
    """What `cargo check`, `cargo test` and `cargo clippy` of the exact project show."""
    folder = workshop.new_folder("cargo")
    async with workshop.workers.session() as session:
        await asyncio.to_thread(_lay_out, workshop, claim, folder)
        for directory in cargo_folders(folder):
            session.give(directory)
        if not claim.runs_tests:
            built, _ = await run_cargo(workshop, session, folder, "check", "--lib")
            seen = Observation(compiled=True) if built.ok else not_compiled(built)
            executables: dict[_Place, Path] = {}
        else:
            seen, executables = await _build_tests(workshop, session, claim, folder)
        if seen.compiled and claim.lint and workshop.toolchain.clippy is not None:
            # Warnings where clippy would stop at its first error, as everywhere.
            linted, _ = await run_cargo(workshop, session, folder, "clippy", "--lib", after=("--", "-W", "clippy::all"))
            seen = replace(seen, lints=names_inside(claim.project, linted.diagnostics))
    if seen.compiled and claim.runs_tests:
        return await _run_tests(workshop, claim, folder, executables, seen.lints)
    return seen


def _lay_out(workshop: Workshop, claim: Claim, folder: Path) -> None:
    write_project(workshop.bench.crate, claim.project, folder / "project")
    lay_out_cargo(folder, workshop.bench.crate.vendor)


async def run_cargo(
    workshop: Workshop, session: LauncherSession, folder: Path, *words: str, after: tuple[str, ...] = ()
) -> tuple[Built, Ran]:
    """One command of cargo's on the project that stands in `folder/project`, laid out by `lay_out_cargo`.

    Args:
        workshop: Of the batch.
        session: Where; always the same for one project, because what one user wrote another cannot change.
        folder: Of the project and of cargo's own folders.
        words: Subcommand and its options.
        after: Arguments behind all options.

    Raises:
        UncheckedError: Dependencies are missing, or the disk is full.
    """
    crate, limits = workshop.bench.crate, workshop.bench.build_limits
    ran = await session.run(cargo_command(crate, workshop.toolchain, folder, words, limits=limits, after=after))
    refuse_unavailable(crate, ran)
    if not ran.succeeded:
        workshop.refuse_full_disk()
    return built_of(ran, parse_diagnostics(ran.stdout)), ran


async def _build_tests(
    workshop: Workshop, session: LauncherSession, claim: Claim, folder: Path
) -> tuple[Observation, dict[_Place, Path]]:
    added = {integration_stem(file.path) for file in claim.project.files}
    known = {(item.target, item.file) for item in workshop.bench.binaries}
    targets: list[tuple[str, ...]] = []
    for target, file in wanted_by_binary(claim.tests or workshop.bench.baseline.tests):
        if target == TestTarget.LIBRARY.value:
            targets.append(("test", "--no-run", "--lib"))
        elif (target, file) in known or file in added:
            targets.append(("test", "--no-run", "--test", file))
    targets.insert(0, ("build" if any("--test" in words for words in targets) else "check", "--lib"))
    executables: dict[_Place, Path] = {}
    # One target after the other, because cargo given several stops at whichever happens to fail first.
    for words in targets:
        built, ran = await run_cargo(workshop, session, folder, *words)
        if not built.ok:
            return not_compiled(built), {}
        made = parse_artifacts(ran.stdout)
        executables |= {item.place: Path(item.executable) for item in made if item.place is not None}
    return Observation(compiled=True), executables


async def _run_tests(
    workshop: Workshop, claim: Claim, folder: Path, executables: Mapping[_Place, Path], lints: tuple[str, ...]
) -> Observation:
    bench = workshop.bench
    wanted = claim.tests or bench.baseline.tests
    ends: dict[_Place, TestEnds] = {}
    for place, names in wanted_by_binary(wanted).items():
        binary = bench.binary(TestName(*place, ""))
        invocation = binary.invocation if binary is not None else bench.template or bench.library
        if place in executables and invocation is not None:
            program = workshop.program(
                invocation, executables[place], directory=folder / "project", cpu_ms=baseline_cpu_ms(binary)
            )
            ends[place] = await (workshop.run_each if claim.tests else workshop.run_all)(program, names)
    return after_tests(wanted, ends, lints=lints)
