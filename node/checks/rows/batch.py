"""Many rows over one package: as modules of one crate, in as few compiler calls as give each the verdict of its own.

1. One pass of clippy's driver over all rows that can be modules. Rows at which errors point are dropped until the
   rest compiles: only what stands in a build without errors counts as compiled.
2. One build with tests, in which each function of a row's code can be told to panic.
3. Each row's tests run in a process of their own, as they are and then as stubs.
4. Whatever did not come through is settled alone (`alone`), where it gets the errors it would get from cargo. What was
   in the build of step 1 stays as compiled and linted there: then only its tests are built and run again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from node.checks.builds import Built
from node.checks.crate_wide import SAID_OF_CRATES
from node.checks.diagnostics import Diagnostic
from node.checks.reverify import Reverified
from node.checks.rows.alone import Known, settle_alone
from node.checks.rows.building import Linked, RowBuilder, root_of
from node.checks.rows.conclusions import BUILT, after_mutants, after_run, after_shared_lint, lacking, settle
from node.checks.rows.example import LIBRARY, Example
from node.checks.rows.formatting import look_at_formatting, may_lead_elsewhere
from node.checks.rows.mutating import try_mutants
from node.checks.rows.runs import STUB, RowRun, Runner, runs_before_stubs
from node.checks.rows.shape import Shape, as_module, code_in_module, with_stub
from node.checks.rows.survey import Subject
from node.checks.rows.task import Task, make_task
from node.checks.rows.verdict import RowState, RowVerdict, agree, refused, sort_warnings
from node.checks.sandbox.errors import SandboxError
from node.checks.workers import together
from node.checks.workshop import Workshop

_SPLIT = 8
"""Into how many parts a build is cut whose failure nobody can be blamed for."""
SECOND_LOOK = "a second look"
_WORTH_A_BUILD = 64 << 10
"""Bytes of rows that become so much cheaper where panics abort (3 ms a KiB) that another build for the rest is paid."""
_WORTH_WITH_CRATES = 24 << 10
"""The same where rows use crates: 13 ms a KiB with itertools' generic code, 3 with crates that have little of it."""
_MODULE_FILE = re.compile(r"src/(row_[0-9a-f]{16}_\d+)\.rs$")
_UNSETTLED = "takes the compiler down or floods its output, or stood beside what does"


@dataclass(frozen=True, slots=True)
class _Member:
    """A row among others."""

    index: int
    name: str
    """Of its module; not to be guessed by a row that would use another one's items."""
    task: Task


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows that are in one build without errors."""

    members: tuple[_Member, ...]
    built: Built
    linked: Linked | None = None


_Compile = Callable[[Sequence[_Member]], Awaitable[tuple[Built, Linked | None]]]


@dataclass(frozen=True, slots=True)
class RowOptions:
    """How thorough a batch is."""

    confirm: bool = True
    """Settle alone whatever failed beside others. Without it failures are those of the shared build: the same in all
    but rare cases, with fewer error codes, and cheaper."""

    mutants: int = 4
    """Mutants per row that its tests are tried on; 0 for none: then a stub is all they have to notice."""

    @property
    def label(self) -> str:
        """Names what verdicts depend on."""
        return f"{'confirmed' if self.confirm else 'unconfirmed'}, {self.mutants} mutants"


class RowBatch:
    """One batch.

    Args:
        workshop: Over the package that the rows' crates are dependencies of.
        examples: Rows, at best about a hundred (facts on Rust verification, section 3).
        options: How thorough to be.

    Raises:
        UncheckedError: The package does not build here.
    """

    def __init__(self, workshop: Workshop, examples: Sequence[Example], options: RowOptions) -> None:
        self._workshop = workshop
        self._builder = RowBuilder(workshop)
        self._options = options
        self._tasks = [make_task(example, self._builder.edition) for example in examples]
        self._verdicts: dict[int, RowVerdict] = {}
        self._alone: dict[int, str] = {}
        self._formatted: dict[int, bool] = {}
        self._formatting_ms = 0.0

    async def settle(self) -> tuple[RowVerdict, ...]:
        """Verdicts in the order of the rows.

        Raises:
            UncheckedError, SandboxError: The machine failed; nothing is settled.
        """
        members = [
            _Member(index, _module_name(task.source.text, index), task)
            for index, task in enumerate(self._tasks)
            if not task.shape.alone
        ]
        self._alone = {index: task.shape.alone for index, task in enumerate(self._tasks) if task.shape.alone}
        await together((self._compile_all(members), self._look_at_formatting()))
        for index, formatted in self._formatted.items():
            if (seen := self._verdicts.get(index)) is not None:
                self._verdicts[index] = replace(seen, formatted=formatted, cpu_ms=seen.cpu_ms + self._formatting_ms)
        confirmed = await together(self._confirm(index, why) for index, why in sorted(self._alone.items()))
        self._verdicts.update(dict(zip(sorted(self._alone), confirmed, strict=True)))
        return tuple(self._verdicts[index] for index in range(len(self._tasks)))

    async def settle_again(self, is_chosen: Callable[[bytes], bool], counts: Reverified) -> tuple[RowVerdict, ...]:
        """The verdicts after a second look, alone, at some of those that shared builds.

        Where one look contradicts the other, sharing has failed in a way that nobody foresaw, and nothing of what the
        batch shared is believed: all of it is settled alone.

        Args:
            is_chosen: By the digest of a row's file, whether it is looked at.
            counts: Of looks and contradictions; added to.

        Raises:
            UncheckedError, SandboxError: The machine failed; the first verdicts stand.
        """
        sharing = [index for index, verdict in self._verdicts.items() if not verdict.alone]
        chosen = [index for index in sharing if is_chosen(hashlib.sha256(self._tasks[index].source.text).digest())]
        again = await together(self._settle_alone(index, SECOND_LOOK) for index in chosen)
        differing = sum(not agree(self._verdicts[index], seen) for index, seen in zip(chosen, again, strict=True))
        counts.looked += len(chosen)
        counts.disagreed += differing
        if differing:
            why = "its batch contradicted a second look"
            settled = await together(self._settle_alone(index, why) for index in sharing)
            self._verdicts.update(zip(sharing, settled, strict=True))
        return tuple(self._verdicts[index] for index in range(len(self._tasks)))

    async def _confirm(self, index: int, why: str) -> RowVerdict:
        """What becomes of a row alone. If a shared build said how it compiles without tests, that stands."""
        shared = self._verdicts.get(index)
        known = shared is not None and shared.compiled and shared.formatted is not None
        return await self._settle_alone(index, why, after_shared_lint(shared, why) if shared and known else None)

    async def _settle_alone(self, index: int, why: str, verdict: RowVerdict | None = None) -> RowVerdict:
        task, known = self._tasks[index], Known(self._formatted.get(index), verdict)
        try:
            return await settle_alone(self._workshop, self._builder, task, why, self._options.mutants, known)
        except SandboxError as error:
            return RowVerdict(RowState.ERROR, (str(error),), alone=why)

    async def _compile_all(self, members: Sequence[_Member]) -> None:
        """Settle every member, or put it among those to be settled alone."""
        groups = await self._rounds(members, self._lint, "failed beside others")
        await together(self._test_group(group) for group in groups)

    async def _lint(self, members: Sequence[_Member]) -> tuple[Built, None]:
        built = await self._builder.lint(_modules(members))
        # One row's flood of warnings must not hide what is said of others.
        return replace(built, ok=built.ok and not built.cut), None

    async def _link(self, members: Sequence[_Member]) -> tuple[Built, Linked]:
        return await self._link_so(members, aborts=False)

    async def _link_aborting(self, members: Sequence[_Member]) -> tuple[Built, Linked]:
        return await self._link_so(members, aborts=True)

    async def _link_so(self, members: Sequence[_Member], *, aborts: bool) -> tuple[Built, Linked]:
        files = {
            f"src/{item.name}.rs": with_stub(item.task.source, item.task.shape, item.name, item.task.watched)
            for item in members
        }
        linked = await self._builder.link(
            {**files, LIBRARY: root_of(item.name for item in members)}, instrumented=True, aborts=aborts
        )
        return linked.built, linked

    async def _rounds(self, members: Sequence[_Member], build: _Compile, why: str, depth: int = 0) -> list[_Group]:
        """Build without those at which errors point, until the rest builds.

        An error in one phase hides those of later phases, which cost another round. A failure that points nowhere (a
        crash, a time-out) is narrowed down by splitting, once.
        """
        left = list(members)
        while left:
            built, linked = await build(left)
            if built.ok:
                return [_Group(tuple(left), built, linked)]
            guilty = _blamed(built.diagnostics) & {item.name for item in left}
            if not guilty or built.out_of_time:
                return await self._narrow(left, build, why, depth)
            self._drop([item for item in left if item.name in guilty], built, why)
            left = [item for item in left if item.name not in guilty]
        return []

    def _drop(self, members: Sequence[_Member], built: Built, why: str) -> None:
        """Take rows at which errors point out of the batch."""
        if self._options.confirm:
            self._alone.update({item.index: why for item in members})
            return
        by_name = _by_module(built.diagnostics)
        for item in members:
            verdict = self._verdicts.get(item.index, RowVerdict(RowState.FAIL, uses_unsafe=item.task.shape.has_unsafe))
            what = ("the code with its tests" if item.task.is_tested else BUILT) if verdict.compiled else "the code"
            reason, codes, classes = refused(tuple(by_name[item.name]), what=what)
            self._verdicts[item.index] = replace(
                verdict, state=RowState.FAIL, parsed=True, reasons=(reason,), error_codes=codes, error_classes=classes
            )

    async def _narrow(self, members: Sequence[_Member], build: _Compile, why: str, depth: int) -> list[_Group]:
        if depth or len(members) == 1:
            self._alone.update({item.index: _UNSETTLED for item in members})
            return []
        size = -(-len(members) // _SPLIT)
        parts = [members[start : start + size] for start in range(0, len(members), size)]
        found = await together(self._rounds(part, build, why, depth + 1) for part in parts)
        return [group for groups in found for group in groups]

    async def _test_group(self, group: _Group) -> None:
        shares = group.built.cpu_ms / len(group.members)
        by_name = _by_module(group.built.diagnostics)
        members = [item for item in group.members if not self._misses_levels(item, by_name)]
        for item in members:
            said = sort_warnings(by_name.get(item.name, ()))
            self._verdicts[item.index] = RowVerdict(
                RowState.PASS,
                parsed=True,
                compiled=True,
                clippy=said.clippy,
                warnings=said.warnings,
                uses_unsafe=item.task.shape.has_unsafe,
                cpu_ms=shares,
            )
        untested = [item for item in members if not item.task.is_tested]
        await together((self._build(untested), self._test([item for item in members if item.task.is_tested])))

    async def _build(self, members: Sequence[_Member]) -> None:
        """Make rows without tests into code, nearly."""
        for group in await self._rounds(members, self._to_code, "failed as it was built beside others"):
            share = group.built.cpu_ms / len(group.members)
            for item in group.members:
                verdict = self._verdicts[item.index]
                self._verdicts[item.index] = replace(verdict, cpu_ms=verdict.cpu_ms + share)

    async def _to_code(self, members: Sequence[_Member]) -> tuple[Built, None]:
        return await self._builder.build(_modules(members), to_code=False), None

    def _misses_levels(self, item: _Member, by_name: Mapping[str, list[Diagnostic]]) -> bool:
        """Whether something was said of a row that its own lint levels did not reach; then it is settled alone."""
        said = {found.code for found in by_name.get(item.name, ())} if item.task.shape.sets_levels else set()
        if said.isdisjoint(SAID_OF_CRATES):
            return False
        self._verdicts.pop(item.index, None)
        self._alone[item.index] = "sets levels of lints that only a crate has"
        return True

    async def _test(self, members: Sequence[_Member]) -> None:
        """Build with tests and run them: where a panic aborts those that cannot tell, the others where it unwinds."""
        may_abort = bool(members) and await self._builder.may_abort()
        able = [item for item in members if may_abort and not self._must_unwind(item.task.shape)]
        worth = _WORTH_WITH_CRATES if self._builder.has_crates else _WORTH_A_BUILD
        if len(able) < len(members) and sum(len(item.task.source.text) for item in able) < worth:
            able = []
        taken = {item.index for item in able}
        rest = [item for item in members if item.index not in taken]
        why = "failed with its tests beside others"
        found = await together((self._rounds(able, self._link_aborting, why), self._rounds(rest, self._link, why)))
        await together(self._run_group(linked) for groups in found for linked in groups)

    def _must_unwind(self, shape: Shape) -> bool:  # What crates do with what a panic leaves behind stands in no row.
        return shape.may_unwind or (shape.should_panic and self._builder.has_crates)

    async def _run_group(self, group: _Group) -> None:
        if group.linked is None:
            raise AssertionError("test builds are linked")
        share = group.built.cpu_ms / len(group.members)
        passing: list[tuple[_Member, float]] = []
        unsettled: list[_Member] = []
        async with self._workshop.workers.session() as session:
            runner = Runner(self._workshop, session, group.linked, rows=len(group.members))
            levels = any(item.task.shape.sets_levels for item in group.members)
            by_name = _by_module(group.built.diagnostics) if levels else {}
            for item in group.members:
                if self._misses_levels(item, by_name):
                    continue
                verdict = self._verdicts[item.index]
                verdict = replace(verdict, cpu_ms=verdict.cpu_ms + share)
                run = await runner.run(module=item.name, before_stubs=runs_before_stubs(item.task.shape))
                self._verdicts[item.index] = after_run(verdict, run, item.task)
                if not run.all_passed:
                    unsettled += [item] if self._is_open(item, run, group.linked) else []
                    continue
                killed = await self._try_stub(runner, item, run, aborts=group.linked.aborts)
                if item.index in self._alone:
                    continue
                self._verdicts[item.index] = settle(self._verdicts[item.index], killed, lacking(item.task, run))
                if self._verdicts[item.index].state is RowState.PASS:
                    passing.append((item, run.cpu_ms))
        if unsettled:
            groups = await self._rounds(unsettled, self._link, "failed with its tests beside others")
            await together(self._run_group(linked) for linked in groups)
        if self._options.mutants and passing:
            await self._mutate(passing)

    def _is_open(self, item: _Member, run: RowRun, linked: Linked) -> bool:
        """Whether a failure must be looked at again beside others; notes those to be settled alone."""
        if self._verdicts[item.index].state is not RowState.FAIL or run.spent:
            return False
        if self._options.confirm or run.overflowed:
            self._alone[item.index] = "its tests failed beside others"
            return False
        return linked.aborts

    async def _try_stub(self, runner: Runner, item: _Member, run: RowRun, *, aborts: bool) -> bool | None:
        """Whether the tests of a row notice its stub; notes those of which only a build of their own can tell."""
        shape = item.task.shape
        if not shape.has_stub or run.notices_stub:
            return run.notices_stub
        # What the first run left behind may answer for a stub: only a process of its own can tell.
        stubbed = await runner.run(module=item.name, variant=STUB, bound_ms=run.cpu_ms)
        verdict = self._verdicts[item.index]
        self._verdicts[item.index] = replace(verdict, cpu_ms=verdict.cpu_ms + stubbed.cpu_ms)
        if stubbed.all_passed and not shape.bodies:
            self._alone[item.index] = "its const functions may have run in the compiler"
        elif not stubbed.all_passed and aborts:
            self._alone[item.index] = "its stub shows only where a panic unwinds"
        return not stubbed.all_passed

    async def _mutate(self, passing: Sequence[tuple[_Member, float]]) -> None:
        subjects = []
        for item, cpu_ms in passing:
            source, shape = item.task.source, item.task.shape
            text = as_module(source, shape, item.name)
            code = code_in_module(source, shape, item.name)
            subjects.append(Subject(f"src/{item.name}.rs", text, code, item.name, cpu_ms, shape.has_stub))
        surveys = await try_mutants(self._workshop, self._builder, subjects, self._options.mutants)
        for (item, _), survey in zip(passing, surveys, strict=True):
            self._verdicts[item.index] = after_mutants(self._verdicts[item.index], survey)

    async def _look_at_formatting(self) -> None:
        texts = {
            _module_name(task.source.text, index): task.source.text[slice(*task.source.code)] + b"\n"
            for index, task in enumerate(self._tasks)
            if task.shape.parses and not (task.shape.alone and may_lead_elsewhere(task.source.text))
        }
        if (found := await look_at_formatting(self._workshop, texts, self._builder.edition)) is not None:
            told = texts.keys() - found.broken - found.unknown
            self._formatted = {int(name.rpartition("_")[2]): name not in found.differing for name in told}
            self._formatting_ms = found.cpu_ms / len(texts)


def _modules(members: Sequence[_Member]) -> dict[str, bytes]:
    files = {f"src/{item.name}.rs": as_module(item.task.source, item.task.shape, item.name) for item in members}
    return files | {LIBRARY: root_of(item.name for item in members)}


def _module_name(text: bytes, index: int) -> str:
    return f"row_{hashlib.sha256(text).hexdigest()[:16]}_{index}"


def _modules_of(item: Diagnostic) -> set[str]:
    """Modules that a diagnostic points at; all of them: one error may be about several rows' imports."""
    found = set()
    for place in item.primary:
        match = _MODULE_FILE.search(place.file)
        if match is not None:
            found.add(match[1])
    return found


def _blamed(diagnostics: Iterable[Diagnostic]) -> set[str]:
    return {name for item in diagnostics if item.error for name in _modules_of(item)}


def _by_module(diagnostics: Iterable[Diagnostic]) -> Mapping[str, list[Diagnostic]]:
    found: dict[str, list[Diagnostic]] = {}
    for item in diagnostics:
        for name in _modules_of(item):
            found.setdefault(name, []).append(item)
    return found
