"""A crate's bench: its unchanged project built once, with every compiler call written down.

Everything that is checked about the crate starts from here: dependencies are compiled, build scripts have run, the
calls of rustc are known with all their flags, and the crate's own tests have run twice.

The folder is named by the hash of all that goes into it and built under a lock, so that several nodes of one machine
may share it. It is only read afterwards.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from node.checks.cargo import (
    Artifact,
    cargo_command,
    cargo_folders,
    last_error,
    lay_out_cargo,
    parse_artifacts,
    refuse_unavailable,
)
from node.checks.diagnostics import first_error, parse_diagnostics
from node.checks.harness import TestEnd
from node.checks.invocation import RECORDER, Invocation, RecordError, parse_record
from node.checks.project import write_project
from node.checks.running import list_tests, run_tests, test_environment
from node.checks.sandbox.launcher import LauncherSession
from node.checks.sandbox.limits import BUILD_LIMITS, TEST_LIMITS, Limits, Ran
from node.checks.toolchain import Toolchain
from node.values.crate import PreparedCrate
from node.values.verdict import AddedFile, Baseline, Project, TestName

STUB = "swarm_stub"
"""An integration test that does nothing, built with the crate so that its compiler call is known."""
_STUB_FILE = AddedFile(f"tests/{STUB}.rs", "#[test]\nfn stub() {}\n")


@dataclass(frozen=True, slots=True)
class TestBinary:
    """A compiled test target of the unchanged crate."""

    __test__ = False

    target: str
    """Value of a `TestTarget`."""
    file: str
    """Name of the integration test target; empty for the library."""
    invocation: Invocation
    executable: Path
    cpu_ms: float = 0.0
    """Of one whole run."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What is known after the unchanged crate was built and its tests ran."""

    root: Path
    crate: PreparedCrate
    library: Invocation | None
    """The library without tests; None when the crate has none or it does not compile."""
    binaries: tuple[TestBinary, ...]
    """Test targets that compile, the library's first."""
    template: Invocation | None
    """How an integration test is compiled."""
    sources: frozenset[str]
    """Files the library is compiled from, relative to the project."""
    build_cpu_ms: float
    baseline: Baseline

    @property
    def project(self) -> Path:
        """The unchanged project's folder."""
        return self.root / "project"

    @property
    def library_file(self) -> Path:
        """The compiled library."""
        if self.library is None:
            raise AssertionError("asked for the library of a crate without one")
        return Path(self.library.value("--out-dir")) / f"lib{self.library.output}.rlib"

    def binary(self, test: TestName) -> TestBinary | None:
        """The test target a test stands in; None when the unchanged crate has no such target."""
        return next((item for item in self.binaries if (item.target, item.file) == (test.target, test.file)), None)

    @property
    def build_limits(self) -> Limits:
        """For one compiler call on a variant: generous beside the whole crate's build, so that only bombs exceed it."""
        cpu_ms = int(20_000 + 10 * self.build_cpu_ms)
        return replace(BUILD_LIMITS, cpu_ms=cpu_ms, wall_ms=10 * cpu_ms)


async def build_bench(
    crate: PreparedCrate, root: Path, session: LauncherSession, toolchain: Toolchain, jobs: int
) -> Bench:
    """Build the unchanged crate and run its tests twice.

    Args:
        crate: The crate.
        root: Empty folder of the bench, writable for the session.
        session: Where to build and run.
        toolchain: With what.
        jobs: Compilers at once.

    Raises:
        UncheckedError: Dependencies or the machine are at fault. A crate that does not compile is no error: its
            baseline says so.
    """
    await asyncio.to_thread(_lay_out, crate, root)
    records = root / "records"
    for directory in (*cargo_folders(root), records):
        session.give(directory)
    command = cargo_command(
        crate,
        toolchain,
        root,
        ("build", "--tests", "--keep-going"),
        limits=BUILD_LIMITS,
        jobs=jobs,
        environment={"RUSTC_WORKSPACE_WRAPPER": str(root / "record.sh"), "SWARM_RECORDS": str(records)},
        writable=(records,),
    )
    ran = await session.run(command)
    refuse_unavailable(crate, ran)
    made = parse_artifacts(ran.stdout)
    calls = await asyncio.to_thread(_read_calls, records)
    library = next(
        (call for item in made if item.is_library and not item.for_tests for call in _calls_of(item, calls)), None
    )
    if library is None:
        return Bench(root, crate, None, (), None, frozenset(), ran.cpu_ms, Baseline(False, (), (), _reason(ran, made)))
    binaries = sorted(_test_binaries(made, calls), key=lambda item: item.file)
    template = next((item.invocation for item in binaries if item.file == STUB), None)
    own = [item for item in binaries if item.file != STUB]
    timed, baseline = await _run_baseline(own, root, session, toolchain)
    if not ran.succeeded:
        error = first_error(parse_diagnostics(ran.stdout)) or last_error(ran.stderr.decode(errors="replace"))
        baseline = replace(baseline, reason=f"part of its tests does not compile: {error}")
    dep_info = Path(library.value("--out-dir")) / f"{library.output}.d"
    sources = await asyncio.to_thread(_read_sources, dep_info, root / "project")
    return Bench(root, crate, library, timed, template, sources, ran.cpu_ms, baseline)


def _lay_out(crate: PreparedCrate, root: Path) -> None:
    write_project(crate, Project(crate.pin, files=(_STUB_FILE,)), root / "project")
    lay_out_cargo(root, crate.vendor)
    (root / "records").mkdir()
    recorder = root / "record.sh"
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)


def _read_calls(records: Path) -> tuple[Invocation, ...]:
    found = []
    for path in sorted(records.iterdir()):
        try:
            call = parse_record(path.read_bytes())
        except RecordError:
            continue  # The compiler died while it was written: its target is not among the artifacts either.
        if call.source and call.crate_name not in {"", "___"}:
            found.append(call)
    return tuple(sorted(found, key=lambda call: (call.crate_name, call.source, call.tests)))


def _calls_of(artifact: Artifact, calls: Sequence[Invocation]) -> list[Invocation]:
    """The compiler call that made an artifact; none for another package's."""
    return [
        call
        for call in calls
        if str(call.directory / call.source) == artifact.source and call.tests is artifact.for_tests
    ]


def _test_binaries(made: Sequence[Artifact], calls: Sequence[Invocation]) -> list[TestBinary]:
    found = []
    for item in made:
        if item.place is not None:
            # Without the harness a target has no call with `--test`, and no tests that could be named.
            found += [TestBinary(*item.place, call, Path(item.executable)) for call in _calls_of(item, calls)[:1]]
    return found


def _reason(ran: Ran, made: Sequence[Artifact]) -> str:
    """Why there is no library."""
    if ran.out_of_time:
        return "does not build within its time"
    words = ran.stderr.decode(errors="replace")
    error = first_error(parse_diagnostics(ran.stdout))
    if error:
        return f"does not compile: {error}"
    if ran.succeeded or made:
        return "has no library that could be checked"
    cause = "its build script fails" if "failed to run custom build command" in words else "does not build"
    return f"{cause}: {last_error(words)}"


def _read_sources(dep_info: Path, project: Path) -> frozenset[str]:
    """Source files of a compiled crate, relative to its project; files that build scripts made are left out."""
    found = set()
    for line in dep_info.read_text().splitlines():
        target, separator, names = line.partition(": ")
        if not separator or target.startswith("#"):
            continue
        for name in shlex.split(names):
            full = project / name
            if full.is_relative_to(project):
                found.add(str(full.relative_to(project)))
    return frozenset(found)


async def _run_baseline(
    binaries: Sequence[TestBinary], root: Path, session: LauncherSession, toolchain: Toolchain
) -> tuple[tuple[TestBinary, ...], Baseline]:
    timed: list[TestBinary] = []
    passing: list[TestName] = []
    failing: list[TestName] = []
    ignored: list[TestName] = []
    for binary in binaries:
        ends, cpu_ms = await _run_twice(binary, root, session, toolchain)
        timed.append(replace(binary, cpu_ms=cpu_ms))
        for name, both in ends.items():
            test = TestName(binary.target, binary.file, name)
            if both == {TestEnd.PASSED}:
                passing.append(test)
            elif both == {TestEnd.IGNORED}:
                ignored.append(test)
            else:
                failing.append(test)
    reason = "" if passing else "has no tests that pass"
    baseline = Baseline(True, tuple(sorted(passing)), tuple(sorted(failing)), reason, tuple(sorted(ignored)))
    return tuple(timed), baseline


async def _run_twice(
    binary: TestBinary, root: Path, session: LauncherSession, toolchain: Toolchain
) -> tuple[dict[str, set[TestEnd]], float]:
    """How each test ended in two runs, and the CPU milliseconds of the longer one."""
    environment = test_environment(binary.invocation)
    project, readable = root / "project", (root, toolchain.sysroot)
    names = await list_tests(session, binary.executable, directory=project, environment=environment, readable=readable)
    ends: dict[str, set[TestEnd]] = {name: set() for name in names}
    cpu_ms = 0.0
    for _ in range(2 if names else 0):
        run = await run_tests(
            session,
            binary.executable,
            names,
            directory=project,
            environment=environment,
            readable=readable,
            limits=TEST_LIMITS,
        )
        cpu_ms = max(cpu_ms, run.cpu_ms)
        for name in names:
            ends[name].add(run.ends.get(name, TestEnd.NO_RESULT))
    return ends, cpu_ms
