"""One batch's place of work: the bench it starts from, the workers, and a folder for what it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from node.checks.bench import Bench, TestBinary
from node.checks.builds import Built, Call, compile_overlay, moved
from node.checks.disk import refuse_full_disk
from node.checks.harness import TestEnd, TestRun
from node.checks.invocation import Invocation
from node.checks.running import run_tests, test_environment
from node.checks.sandbox.launcher import LauncherSession
from node.checks.sandbox.limits import TEST_LIMITS, Limits
from node.checks.toolchain import Toolchain
from node.checks.workers import Workers
from node.values.verdict import TestName

_CPU_FLOOR_MS = 500
"""A changed test may take this long however fast the original was: 5 to 100 times what a small test takes."""
_CPU_FACTOR = 20
_CPU_UNKNOWN_MS = 10_000
"""For tests that never ran on the unchanged crate."""
_STARVED_MS = 20
"""A process that used this much and was stopped by the wall clock may have been starved, not asleep."""
_TIMEOUTS_MAX = 2
"""Out of a variant's named tests, this many may run out of time before the rest is not started."""


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled test binary, where it runs, and what it may use."""

    executable: Path
    directory: Path
    environment: Mapping[str, str]
    limits: Limits
    variant: int = 0
    """Which bodies it uses."""


@dataclass(frozen=True, slots=True)
class TestEnds:
    """Ends of the tests that were asked for."""

    __test__ = False

    ends: Mapping[str, TestEnd]
    out_of_time: bool
    overflowed: bool
    """A stack was too small."""
    cpu_ms: float
    """Of the longest process."""
    undefined: bool = False
    """A process crashed as only undefined behaviour does (`TestRun.undefined`)."""

    @property
    def passed(self) -> frozenset[str]:
        """Names of the tests that passed."""
        return frozenset(name for name, end in self.ends.items() if end is TestEnd.PASSED)


class Workshop:
    """What every part of a batch needs. Holds no state of its own but names of folders."""

    def __init__(
        self,
        bench: Bench,
        toolchain: Toolchain,
        workers: Workers,
        folder: Path,
        selector: Path,
        common: Path | None = None,
        sources: Path | None = None,
    ) -> None:
        self.bench = bench
        self.toolchain = toolchain
        self.workers = workers
        self.selector = selector
        """Compiled `schemata.SELECTOR_SOURCE`."""
        self.common = common
        """Compiled `common.rs` (`CommonCode`), where builds of many rows should link it."""
        self._folder = folder
        self._sources = sources or folder
        self._used = 0

    @property
    def compiled(self) -> tuple[Path, ...]:
        """Folders of the crates of ours that builds may link."""
        return tuple(path.parent for path in (self.selector, self.common) if path is not None)

    def new_folder(self, name: str) -> Path:
        """A path nobody has used yet."""
        self._used += 1
        return self._folder / f"{name}-{self._used}"

    def new_sources(self, name: str) -> Path:
        """The same for files that only we write and commands only read: in memory, if there is room (`sources`)."""
        self._used += 1
        return self._sources / f"{name}-{self._used}"

    def refuse_full_disk(self) -> None:
        """Do nothing, unless the disk is full. Asked after something failed.

        Raises:
            UncheckedError: It is.
        """
        refuse_full_disk(self._folder)

    async def compile(
        self, invocation: Invocation, arguments: tuple[str, ...], *, overlay: Path, out_dir: Path, clippy: bool = False
    ) -> Built:
        """Compile in an overlay with the next free worker.

        Raises:
            UncheckedError: The machine failed, not the code: the disk is full.
        """
        call = Call(invocation, arguments, overlay, out_dir, clippy)
        readable = (self._folder, self.selector.parent)
        async with self.workers.session() as session:
            built = await compile_overlay(session, self.bench, self.toolchain, call, readable=readable)
        if not built.ok:
            self.refuse_full_disk()
        return built

    def limits_for(self, cpu_ms: float | None) -> Limits:
        """Bounds of a test that took `cpu_ms` on the unchanged crate; None where that is not known."""
        bound = _CPU_UNKNOWN_MS if cpu_ms is None else max(_CPU_FLOOR_MS, int(_CPU_FACTOR * cpu_ms))
        bound = min(bound, TEST_LIMITS.cpu_ms)
        return replace(TEST_LIMITS, cpu_ms=bound, wall_ms=10_000 + 10 * bound)

    def program(
        self, invocation: Invocation, executable: Path, *, directory: Path, cpu_ms: float | None, variant: int = 0
    ) -> Program:
        """A binary as cargo would run it, with a variant chosen."""
        environment = moved(test_environment(invocation), self.bench.project, directory)
        return Program(executable, directory, environment, self.limits_for(cpu_ms), variant)

    async def run_each(self, program: Program, names: Sequence[str]) -> TestEnds:
        """Run each test in a process of its own."""
        ends: dict[str, TestEnd] = {}
        timeouts = 0
        overflowed = undefined = False
        cpu_ms = 0.0
        async with self.workers.session() as session:
            for name in names:
                if timeouts == _TIMEOUTS_MAX:
                    ends[name] = TestEnd.NO_RESULT
                    continue
                run = await self._run(session, program, (name,))
                ends.update({name: run.ends[name]} if name in run.ends else _unseen(run, name))
                timeouts += run.out_of_time
                overflowed |= run.overflowed
                undefined |= run.undefined
                cpu_ms = max(cpu_ms, run.cpu_ms)
        return TestEnds(ends, timeouts > 0, overflowed, cpu_ms, undefined)

    async def run_all(self, program: Program, names: Sequence[str]) -> TestEnds:
        """Run tests of one binary together, in as few processes as their deaths allow."""
        async with self.workers.session() as session:
            run = await self._run(session, program, names)
        ends = {name: run.ends.get(name, TestEnd.NO_RESULT) for name in names}
        return TestEnds(ends, run.out_of_time, run.overflowed, run.cpu_ms, run.undefined)

    async def _run(self, session: LauncherSession, program: Program, names: Sequence[str]) -> TestRun:
        limits = program.limits
        while True:
            run = await run_tests(
                session,
                program.executable,
                names,
                directory=program.directory,
                environment=program.environment,
                # Not the batch's whole folder: a test has no business in other examples' files.
                readable=(self.bench.root, program.directory, self.toolchain.sysroot),
                limits=limits,
                variant=program.variant,
            )
            starved = run.out_of_time and _STARVED_MS <= run.cpu_ms < limits.cpu_ms * 0.9
            if not starved or limits.wall_ms > program.limits.wall_ms:
                if any(run.ends.get(name) is not TestEnd.PASSED for name in names):
                    self.refuse_full_disk()
                return run
            limits = replace(limits, wall_ms=4 * limits.wall_ms)


def _unseen(run: TestRun, name: str) -> dict[str, TestEnd]:
    """Not named by a harness that finished: there is no such test. Otherwise its process died before."""
    return {} if run.finished else {name: TestEnd.NO_RESULT}


def wanted_by_binary(tests: Sequence[TestName]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Names of tests by target and file: the library's first, then integration tests by name."""
    groups: dict[tuple[str, str], list[str]] = {}
    for test in sorted(tests, key=lambda test: (test.file, test.target, test.name)):
        groups.setdefault((test.target, test.file), []).append(test.name)
    return {place: tuple(names) for place, names in groups.items()}


def baseline_cpu_ms(binary: TestBinary | None) -> float | None:
    """CPU time of a whole run of the unchanged target; None for targets it does not have."""
    return None if binary is None else binary.cpu_ms
