"""One project at a time: an overlay of the bench, compiled by the recorded calls of rustc.

For whatever cannot share a build, and to confirm what failed in one. Costs a compiler call per target it needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.checks import lints
from node.checks.bench import TestBinary
from node.checks.builds import Built, make_overlay
from node.checks.invocation import Invocation
from node.checks.observing import after_tests, not_compiled
from node.checks.project import edited_files, integration_stem
from node.checks.verdicts import Claim, Observation
from node.checks.workshop import TestEnds, Workshop, baseline_cpu_ms, wanted_by_binary
from node.values.verdict import Project, TestName, TestTarget


def can_replay(workshop: Workshop, project: Project) -> bool:
    """Whether the recorded calls can build the project; otherwise only cargo can.

    They cannot where the change concerns cargo's own work (build scripts, programs, procedural macros) or brings a new
    library file that no recorded call knows to be one of the library's.
    """
    bench = workshop.bench
    if bench.library is None or "proc-macro" in bench.library.crate_types:
        return False
    published = {edit.span.path for edit in project.edits}
    tests = {f"tests/{binary.file}.rs" for binary in bench.binaries}
    if not all(path in bench.sources or path in tests for path in published):
        return False
    return all(integration_stem(file.path) for file in project.files) and (
        not project.files or bench.template is not None
    )


@dataclass(frozen=True, slots=True)
class _Linked:
    """A test binary of the project, or why there is none."""

    built: Built
    invocation: Invocation
    executable: Path
    cpu_ms: float | None


async def observe_alone(workshop: Workshop, claim: Claim) -> Observation:
    """What an isolated build of the claim's project shows."""
    bench = workshop.bench
    contents = edited_files(bench.crate.root, claim.project)
    folder = workshop.new_folder("solo")
    overlay = folder / "project"
    make_overlay(bench.project, overlay, contents)
    if not claim.runs_tests:
        built = await _compile_library(workshop, overlay, folder / "out", "metadata")
        return Observation(compiled=True, lints=await _lints(workshop, claim)) if built.ok else not_compiled(built)
    wanted = claim.tests or bench.baseline.tests
    failed, programs = await _link(workshop, overlay, folder / "out", wanted, contents)
    if failed is not None:
        return not_compiled(failed)
    ends: dict[tuple[str, str], TestEnds] = {}
    for place, names in wanted_by_binary(wanted).items():
        linked = programs.get(place)
        if linked is None:
            continue
        program = workshop.program(linked.invocation, linked.executable, directory=overlay, cpu_ms=linked.cpu_ms)
        ends[place] = await (workshop.run_each if claim.tests else workshop.run_all)(program, names)
    return after_tests(wanted, ends, lints=await _lints(workshop, claim))


async def _lints(workshop: Workshop, claim: Claim) -> tuple[str, ...]:
    return (await lints.lint_projects(workshop, [claim.project]))[claim.project] if claim.lint else ()


async def _link(
    workshop: Workshop, overlay: Path, out: Path, wanted: tuple[TestName, ...], contents: dict[str, bytes]
) -> tuple[Built | None, dict[tuple[str, str], _Linked]]:
    """Build the library where it is changed, then the targets that hold the wanted tests.

    Returns:
        The first build that failed, in the order library, its tests, integration tests by name; and what was built.
    """
    bench = workshop.bench
    programs: dict[tuple[str, str], _Linked] = {}
    places = wanted_by_binary(wanted)
    library_file = bench.library_file
    if any(path in bench.sources for path in contents):
        linked = _any_integration(places)
        built = await _compile_library(workshop, overlay, out, "metadata,link" if linked else "metadata")
        if not built.ok:
            return built, {}
        library_file = out / library_file.name if linked else library_file
    added = {integration_stem(path) for path in contents}
    for target, file in places:
        binary = bench.binary(TestName(target, file, ""))
        if binary is None and file not in added:
            continue  # No such target: its tests are missing.
        target_built = await _link_target(workshop, overlay, out, file, binary, library_file)
        if target_built is not None:
            if not target_built.built.ok:
                return target_built.built, {}
            programs[target, file] = target_built
    return None, programs


async def _compile_library(workshop: Workshop, overlay: Path, out: Path, emit: str) -> Built:
    library = workshop.bench.library
    if library is None:
        raise AssertionError("can_replay was not asked")
    return await workshop.compile(library, library.rebuilt(out_dir=out, emit=emit), overlay=overlay, out_dir=out)


def _any_integration(places: dict[tuple[str, str], tuple[str, ...]]) -> bool:
    return any(target == TestTarget.INTEGRATION.value for target, _ in places)


async def _link_target(
    workshop: Workshop, overlay: Path, out: Path, file: str, binary: TestBinary | None, library_file: Path
) -> _Linked | None:
    """Build one test target in an overlay: a published one as it was built, an added one like the stub."""
    bench = workshop.bench
    invocation = binary.invocation if binary is not None else bench.template
    if invocation is None or bench.library is None:
        return None
    source, crate_name = "", ""
    if binary is None:
        source, crate_name = f"tests/{file}.rs", file.replace("-", "_")
    # A folder of its own: two targets may have the same crate name.
    place = out / f"target-{file or 'library'}"
    libraries = {} if not file else {bench.library.crate_name: library_file}
    arguments = invocation.rebuilt(
        out_dir=place,
        emit="link",
        source=source,
        crate_name=crate_name,
        libraries=libraries,
        search=(library_file.parent, workshop.selector.parent),
    )
    built = await workshop.compile(invocation, arguments, overlay=overlay, out_dir=place)
    executable = place / _executable_name(invocation, crate_name)
    return _Linked(built, invocation, executable, baseline_cpu_ms(binary))


def _executable_name(invocation: Invocation, crate_name: str) -> str:
    recorded = invocation.output
    return crate_name + recorded.removeprefix(invocation.crate_name) if crate_name else recorded
