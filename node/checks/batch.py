"""All claims about one crate at once: as few builds as give every claim the verdict it would get alone.

1. Projects that change only function bodies share one instrumented library (`schemata`), built once with its unit
   tests and once for integration tests, as far as claims need either.
2. Added integration tests stand as modules in one test crate.
3. Whatever fails in a shared build, and whatever cannot share one, is observed alone (`solo`), or by cargo where
   compiler calls cannot be replayed (`isolated`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from node.checks import isolated, lints, shared, solo
from node.checks.bench import TestBinary
from node.checks.builds import make_overlay
from node.checks.harness import TestEnd
from node.checks.invocation import Invocation
from node.checks.observing import after_tests
from node.checks.project import MalformedProjectError, edited_files, integration_stem
from node.checks.routing import Route, Router, escalates_lints
from node.checks.schemata import Variant, replace_bodies
from node.checks.shared import Instrumented, SharedFile
from node.checks.verdicts import Claim, Observation
from node.checks.workers import together
from node.checks.workshop import Program, TestEnds, Workshop, baseline_cpu_ms, wanted_by_binary
from node.values.verdict import AddedFile, Project, TestName, TestTarget

Settled = Callable[[Claim, Observation], None]
"""Called on the event loop for each claim as soon as it is settled."""

Place = tuple[str, str]
"""Target and file of a test, as in `TestName`."""

_LIBRARY: Place = (TestTarget.LIBRARY.value, "")
_NOTHING = Instrumented(frozenset(), Path())
_ROOMY_STACK_BYTES = 64 << 20
"""Beside the 2 MiB that a test's thread gets."""
_SLOW_MS = 250
"""Targets that take longer as a whole have their tests timed one by one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the projects of a batch are observed."""

    routes: Mapping[Project, Route]
    numbers: Mapping[Project, int]
    """Variant of each project that may share builds; 0 where its library is the published one."""
    variants: Mapping[int, Variant]
    malformed: Mapping[Project, str]
    escalates: bool
    """Each variant must be confirmed to compile alone (`routing.escalates_lints`)."""


def lay_out(workshop: Workshop, router: Router, claims: Iterable[Claim]) -> Plan:
    """Route every project of the batch."""
    bench = workshop.bench
    routes: dict[Project, Route] = {}
    numbers: dict[Project, int] = {}
    variants: dict[int, Variant] = {}
    malformed: dict[Project, str] = {}
    known: dict[tuple[tuple[str, int, str], ...], int] = {(): 0}
    for project in sorted({claim.project for claim in claims}, key=lambda item: (item.edits, item.files)):
        try:
            edited_files(bench.crate.root, project)
        except MalformedProjectError as error:
            malformed[project] = str(error)
            continue
        route = routes[project] = router.route(project)
        if not route.alone:
            key = tuple((path, change.site.body, change.text) for path, change in route.changes)
            number = numbers[project] = known.setdefault(key, len(known))
            if number:
                variants[number] = Variant(number, route.changes)
    sources = {path: router.source(path) for path in bench.sources if path.endswith(".rs")}
    return Plan(routes, numbers, variants, malformed, escalates_lints(sources, bench.crate.manifest))


class Batch:
    """One run over claims of one crate."""

    def __init__(self, workshop: Workshop, claims: Sequence[Claim], settled: Settled) -> None:
        self._workshop = workshop
        self._bench = workshop.bench
        self._claims = claims
        self._settled = settled
        self._router = Router(lambda path: (workshop.bench.crate.root / path).read_bytes(), workshop.bench.sources)
        self._unit = _NOTHING
        self._library = _NOTHING
        self._files: dict[AddedFile, SharedFile] = {}
        self._published: dict[str, Path] = {}
        self._added_cpu_ms: dict[AddedFile, float] = {}
        self._named_cpu_ms: dict[TestName, float] = {}

    async def observe(self) -> None:
        """Settle every claim.

        Raises:
            UncheckedError, SandboxError: The machine failed; claims not settled by then are not.
        """
        plan = await asyncio.to_thread(lay_out, self._workshop, self._router, self._claims)
        for claim in self._claims:
            if claim.project in plan.malformed:
                self._settled(claim, Observation(compiled=False, message=plan.malformed[claim.project]))
        sharing = [claim for claim in self._claims if claim.project in plan.numbers]
        await self._build_shared(plan, sharing)
        await self._drop_unfaithful()
        doubtful = await self._check_comments(plan, sharing)
        left = [claim for claim in self._claims if claim.project in plan.routes and claim.project not in plan.numbers]
        left += [claim for claim in sharing if claim.project in doubtful or not self._is_built(plan, claim)]
        built = [claim for claim in sharing if claim.project not in doubtful and self._is_built(plan, claim)]
        # The unchanged library first: how long an added test takes there bounds it on the variants.
        for changed in (False, True):
            group = [claim for claim in built if (plan.numbers[claim.project] > 0) is changed]
            seen = await together(self._run(plan, claim) for claim in group)
            left += [claim for claim, found in zip(group, seen, strict=True) if found is None]
            await self._lint_and_settle({c: found for c, found in zip(group, seen, strict=True) if found is not None})
        await together(self._observe_alone(claim) for claim in left)

    def _wanted(self, claim: Claim) -> dict[Place, tuple[str, ...]]:
        return wanted_by_binary(claim.tests or self._bench.baseline.tests) if claim.runs_tests else {}

    def _needs_unit(self, claim: Claim) -> bool:
        return _LIBRARY in self._wanted(claim)

    def _needs_linking(self, claim: Claim) -> bool:
        return any(place != _LIBRARY for place in self._wanted(claim))

    def _added(self, claim: Claim) -> dict[Place, AddedFile]:
        """The added files in which wanted tests stand."""
        files = {(TestTarget.INTEGRATION.value, integration_stem(file.path)): file for file in claim.project.files}
        return {place: files[place] for place in self._wanted(claim) if place in files}

    async def _build_shared(self, plan: Plan, sharing: Sequence[Claim]) -> None:
        """Make the instrumented library, and whatever wanted tests are in.

        The library comes first: what does not compile there need not be tried in the larger build with its tests.
        """
        changed = [claim for claim in sharing if plan.numbers[claim.project]]
        numbers = {plan.numbers[claim.project] for claim in changed}
        linked = {plan.numbers[claim.project] for claim in changed if self._needs_linking(claim)}
        emit = "metadata,link" if linked else "metadata"
        self._library = await self._instrument(plan, numbers, self._bench.library, emit)
        unit = {plan.numbers[claim.project] for claim in changed if self._needs_unit(claim)} & self._library.numbers
        unit_binary = self._bench.binary(TestName(*_LIBRARY, ""))
        host = self._bench.library_file
        published: list[TestBinary] = []
        if linked & self._library.numbers:
            host = self._library.out_dir / host.name
            places = {place for claim in changed for place in self._wanted(claim)} - {_LIBRARY}
            published = [item for item in self._bench.binaries if (item.target, item.file) in places]
        files = {file for claim in sharing for file in self._added(claim).values()}

        async def build_unit() -> None:
            self._unit = await self._instrument(plan, unit, unit_binary.invocation if unit_binary else None, "link")

        async def build_published() -> None:
            self._published = await shared.build_published(self._workshop, published, host)

        async def build_files() -> None:
            self._files = await shared.build_files(self._workshop, files, host)

        await together((build_unit(), build_published(), build_files()))

    async def _instrument(
        self, plan: Plan, numbers: set[int], invocation: Invocation | None, emit: str
    ) -> Instrumented:
        if not numbers or invocation is None:
            return _NOTHING
        variants = [plan.variants[number] for number in sorted(numbers)]
        built = await shared.build_instrumented(self._workshop, self._router.source, variants, invocation, emit)
        if not plan.escalates:
            return built
        # Lints that look at the whole crate were made errors: each variant must compile with the others gone.
        kept = sorted(built.numbers)
        confirmed = await together(self._compiles_alone(plan.variants[number], invocation) for number in kept)
        return replace(built, numbers=frozenset(number for number, good in zip(kept, confirmed, strict=True) if good))

    async def _compiles_alone(self, variant: Variant, invocation: Invocation) -> bool:
        folder = self._workshop.new_folder("confirm")
        contents = replace_bodies(self._router.source, variant)
        make_overlay(self._bench.project, folder / "project", contents)
        arguments = invocation.rebuilt(out_dir=folder / "out", emit="metadata")
        built = await self._workshop.compile(invocation, arguments, overlay=folder / "project", out_dir=folder / "out")
        return built.ok

    async def _drop_unfaithful(self) -> None:
        """With no variant chosen, an instrumented build must behave as the published crate; else it is not used."""
        passing = wanted_by_binary(self._bench.baseline.tests)
        if self._unit.numbers and _LIBRARY in passing:
            seen = await self._workshop.run_all(self._unit_program(0), passing[_LIBRARY])
            if seen.passed != set(passing[_LIBRARY]):
                self._unit = _NOTHING
        for file in sorted(self._published):
            place = (TestTarget.INTEGRATION.value, file)
            names = passing.get(place, ())
            seen = await self._workshop.run_all(self._published_program(file, 0), names)
            if names and seen.passed != set(names):
                del self._published[file]

    async def _check_comments(self, plan: Plan, sharing: Iterable[Claim]) -> frozenset[Project]:
        """Projects that change comments only and whose compilation is still in doubt after a shared one."""
        projects = {claim.project for claim in sharing if plan.routes[claim.project].comments_only}
        if not projects:
            return frozenset()
        passes = lints.plan_passes(projects, {project: self._router.regions(project) for project in projects})
        runs = await together(lints.run_pass(self._workshop, item.projects, clippy=False) for item in passes)
        return frozenset(
            project for item, run in zip(passes, runs, strict=True) if not run.built.ok for project in item.projects
        )

    def _is_built(self, plan: Plan, claim: Claim) -> bool:
        """Whether the shared builds hold everything that the claim needs."""
        added = self._added(claim)
        if not all(file in self._files for file in added.values()):
            return False
        number = plan.numbers[claim.project]
        if number == 0:
            return True
        if number not in self._library.numbers or (self._needs_unit(claim) and number not in self._unit.numbers):
            return False
        published = [place for place in self._wanted(claim) if place != _LIBRARY and place not in added]
        return all(
            place[1] in self._published for place in published if self._bench.binary(TestName(*place, "")) is not None
        )

    async def _run(self, plan: Plan, claim: Claim) -> Observation | None:
        """Run the wanted tests; None when what was seen may come from sharing and must be seen alone."""
        if not claim.runs_tests:
            return Observation(compiled=True)
        number = plan.numbers[claim.project]
        added = self._added(claim)
        ends: dict[Place, TestEnds] = {}
        for place, names in self._wanted(claim).items():
            if place in added:
                found = await self._run_added(added[place], names, number)
            elif number == 0:
                found = self._from_baseline(place)
            elif self._bench.binary(TestName(*place, "")) is None:
                continue  # No such target: its tests are missing.
            else:
                found = await self._run_variant(place, names, number, each=bool(claim.tests))
            if found is None:
                return None
            ends[place] = found
        return after_tests(claim.tests or self._bench.baseline.tests, ends, lints=())

    def _from_baseline(self, place: Place) -> TestEnds:
        """The unchanged crate's own tests ran already, in this sandbox, twice."""
        baseline = self._bench.baseline
        known = {TestEnd.PASSED: baseline.tests, TestEnd.FAILED: baseline.failing, TestEnd.IGNORED: baseline.ignored}
        ends = {test.name: end for end, tests in known.items() for test in tests if (test.target, test.file) == place}
        return TestEnds(ends, out_of_time=False, overflowed=False, cpu_ms=0.0)

    async def _run_added(self, file: AddedFile, names: Sequence[str], number: int) -> TestEnds | None:
        build = self._files[file]
        program = build.program(self._added_cpu_ms.get(file), number)
        prefixed = [build.prefix + name for name in names]
        seen = await self._workshop.run_each(program, prefixed)
        if number == 0:
            self._added_cpu_ms[file] = max(seen.cpu_ms, self._added_cpu_ms.get(file, 0.0))
        elif await self._needs_more_stack(program, seen):
            return None
        ends = {name.removeprefix(build.prefix): end for name, end in seen.ends.items()}
        return replace(seen, ends=ends)

    async def _run_variant(self, place: Place, names: Sequence[str], number: int, *, each: bool) -> TestEnds | None:
        cpu_ms = await self._cpu_ms(place, names) if each else None
        program = (
            self._unit_program(number, cpu_ms)
            if place == _LIBRARY
            else self._published_program(place[1], number, cpu_ms)
        )
        seen = await (self._workshop.run_each if each else self._workshop.run_all)(program, names)
        return None if await self._needs_more_stack(program, seen) else seen

    async def _needs_more_stack(self, program: Program, seen: TestEnds) -> bool:
        """Whether a stack overflow may be the fault of sharing.

        An unoptimised function has room for the locals of all its arms, so deep recursion may overflow here and not
        alone. With plenty of stack a test of that kind passes; endless recursion does not.
        """
        if not seen.overflowed:
            return False
        roomy = replace(program, environment={**program.environment, "RUST_MIN_STACK": str(_ROOMY_STACK_BYTES)})
        unsettled = sorted(name for name, end in seen.ends.items() if end is TestEnd.NO_RESULT)
        again = await self._workshop.run_all(roomy, unsettled)
        return bool(again.passed)

    async def _cpu_ms(self, place: Place, names: Sequence[str]) -> float | None:
        """CPU time of the longest of these tests on the unchanged crate."""
        binary = self._bench.binary(TestName(*place, ""))
        if binary is None or binary.cpu_ms <= _SLOW_MS:
            return baseline_cpu_ms(binary)
        program = self._workshop.program(
            binary.invocation, binary.executable, directory=self._bench.project, cpu_ms=binary.cpu_ms
        )
        for name in names:
            test = TestName(*place, name)
            if test not in self._named_cpu_ms:
                self._named_cpu_ms[test] = (await self._workshop.run_each(program, (name,))).cpu_ms
        return max(self._named_cpu_ms[TestName(*place, name)] for name in names)

    def _unit_program(self, number: int, cpu_ms: float | None = None) -> Program:
        return self._program(_LIBRARY, self._unit.out_dir, number, cpu_ms)

    def _published_program(self, file: str, number: int, cpu_ms: float | None = None) -> Program:
        return self._program((TestTarget.INTEGRATION.value, file), self._published[file].parent, number, cpu_ms)

    def _program(self, place: Place, folder: Path, number: int, cpu_ms: float | None) -> Program:
        binary = self._bench.binary(TestName(*place, ""))
        if binary is None:
            raise AssertionError("only targets of the crate are built")
        return self._workshop.program(
            binary.invocation,
            folder / binary.invocation.output,
            directory=self._bench.project,
            cpu_ms=binary.cpu_ms if cpu_ms is None else cpu_ms,
            variant=number,
        )

    async def _lint_and_settle(self, seen: Mapping[Claim, Observation]) -> None:
        """Report these claims, with what clippy says of those that ask."""
        asking = {claim.project for claim, found in seen.items() if claim.lint and found.compiled}
        regions = {project: self._router.regions(project) for project in asking}
        found = await lints.lint_projects(self._workshop, sorted(asking, key=_order), regions) if asking else {}
        for claim, observation in seen.items():
            said = found.get(claim.project, ()) if claim.lint else ()
            self._settled(claim, replace(observation, lints=said))

    async def _observe_alone(self, claim: Claim) -> None:
        can_replay = await asyncio.to_thread(solo.can_replay, self._workshop, claim.project)
        observe = solo.observe_alone if can_replay else isolated.observe_with_cargo
        self._settled(claim, await observe(self._workshop, claim))


def _order(project: Project) -> tuple[object, object]:
    return project.edits, project.files
