"""One run of `swarm-node check`: rows in, verdicts out, in order, as fast as the cores allow."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from node.checking.journal import Journal
from node.checking.naming import Named, Namer
from node.checking.packages import Packages
from node.checking.plan import Plan, make_plan, planned
from node.checking.reading import MalformedRowError, PackageKey, Row, read_row, refusal
from node.checks import CheckEngine
from node.checks.rows import RowOptions, RowState, RowVerdict
from node.checks.sandbox.errors import SandboxError
from node.errors import OperatorError, TransientError


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run does."""

    options: RowOptions
    batch: int
    """Rows compiled together, at most."""
    cores: int
    """Batches under way; one more waits, so that no core does."""
    likeness: bool = True
    """Name what rows repeat."""
    held_out: Path | None = None
    """Rows that none should repeat."""


_REFUSED_AT_ONCE = 1_000
_NOTHING = Named()
"""What is said of a row that is not looked at."""


@dataclass(slots=True)
class Tally:
    """How far a run has come."""

    read: int = 0
    """Rows that are known of so far."""
    total: int = 0
    """All rows; 0 until they are read."""
    done: int = 0
    found: int = 0
    """Of them, by an earlier run."""
    begun_anew: bool = False
    """What an earlier run settled was settled under other conditions, and is not used."""
    states: Counter[str] = field(default_factory=Counter)
    cpu_ms: float = 0.0
    unlike: int = 0
    """Rows that were not compared with all before them: near copies of rows beyond the bound are not known."""
    looked_again: int = 0
    """Rows that shared builds settled and that were settled once more, alone."""
    disagreed: int = 0
    """Of them, those with another verdict alone, which counts; their whole batch was settled alone then."""


class CheckRun:
    """Settles the rows of one file.

    Args:
        engine: What settles.
        packages: What rows are compiled in.
        settings: How.
        watch: Called as rows are settled; must not block.
    """

    def __init__(
        self,
        engine: CheckEngine,
        packages: Packages,
        settings: Settings,
        watch: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._packages = packages
        self._settings = settings
        self._watch = watch
        self._namer: Namer | None = None
        self._naming = asyncio.Lock()
        self.tally = Tally()

    async def run(self, source: Path, out: BinaryIO, journal: Path) -> Tally:
        """Write a line for each row of `source`.

        Args:
            source: The rows; read twice.
            out: Verdicts, in the order of the rows, as soon as all before them are there.
            journal: What is settled; removed at the end, found again by the next run after an interruption.
        """
        plan = await self._plan(source)
        conditions: dict[str, object] = {
            "rustc": self._engine.toolchain.identity,
            "lacking": self._engine.toolchain.lacking,
            "sandbox": self._engine.level.value,
            "options": "cargo" if self._engine.uses_cargo else self._settings.options.label,
            "likeness": self._settings.likeness,
            "held_out": _fingerprint(self._settings.held_out),
        }
        if self._settings.likeness:
            self._namer = await asyncio.to_thread(Namer, plan, self._settings.held_out)
        with Journal(journal, plan, conditions, out) as kept:
            self.tally.total = len(plan)
            self.tally.done = self.tally.found = kept.found
            self.tally.begun_anew = kept.is_other
            self._watch(self.tally)
            await self._refuse(plan, kept)
            await self._settle(plan, kept)
            kept.finish()
        self.tally.looked_again, self.tally.disagreed = self._engine.reverified_rows
        return self.tally

    async def _plan(self, source: Path) -> Plan:
        steps = planned(source)
        plan = Plan(source)
        while (further := await asyncio.to_thread(next, steps, None)) is not None:
            plan = further
            self.tally.read = len(plan)
            self._watch(self.tally)
        return plan

    async def _refuse(self, plan: Plan, kept: Journal) -> None:
        done = bytearray(kept.done())
        left = (row for row in plan.refused if not done[row])
        while rows := list(itertools.islice(left, _REFUSED_AT_ONCE)):
            for row, line in zip(rows, await asyncio.to_thread(plan.lines, rows), strict=True):
                error = refusal(line)
                self._keep(kept, row, error.id, RowVerdict(RowState.ERROR, (str(error),)))
            kept.flush()
            self._watch(self.tally)

    async def _settle(self, plan: Plan, kept: Journal) -> None:
        settings = self._settings
        slots = asyncio.Semaphore(settings.cores + 1)

        async def settle(key: PackageKey, numbers: list[int]) -> None:
            try:
                rows = [read_row(line) for line in await asyncio.to_thread(plan.lines, numbers)]
                began = time.monotonic()
                verdicts, named = await self._verdicts(key, numbers, rows)
                wall_s = time.monotonic() - began
                for number, row, verdict, names in zip(numbers, rows, verdicts, named, strict=True):
                    self._keep(kept, number, row.id, verdict, names, wall_s)
                kept.flush()
                self._watch(self.tally)
            finally:
                slots.release()

        try:
            async with asyncio.TaskGroup() as group:
                for key, numbers in plan.batches(settings.batch, kept.done(), cores=settings.cores):
                    await slots.acquire()
                    group.create_task(settle(key, numbers))
        except* OSError as errors:
            raise errors.exceptions[0] from None

    async def _verdicts(
        self, key: PackageKey, numbers: Sequence[int], rows: Sequence[Row]
    ) -> tuple[Sequence[RowVerdict], Sequence[Named]]:
        nothing = [_NOTHING] * len(rows)
        try:
            package = await self._packages.prepare(key)
            examples = [row.example for row in rows]
            verdicts = await self._engine.settle_rows(package, examples, self._settings.options)
        except (OperatorError, TransientError, SandboxError, OSError) as error:  # The last of a folder of ours.
            reason = " ".join(str(error).split())
            return [RowVerdict(RowState.ERROR, (f"{key}: {reason}",))] * len(rows), nothing
        if self._namer is None:
            return verdicts, nothing
        async with self._naming:
            while not await asyncio.to_thread(self._namer.earlier.look, numbers[-1]):
                pass  # in between, this can be cancelled
            self.tally.unlike = self._namer.earlier.unknown
            return verdicts, await asyncio.to_thread(self._namer.name, package, list(zip(numbers, rows, strict=True)))

    def _keep(
        self,
        kept: Journal,
        number: int,
        identifier: str | int | None,
        verdict: RowVerdict,
        named: Named = _NOTHING,
        wall_s: float = 0.0,
    ) -> None:
        kept.add(number, verdict_line(identifier, verdict, self._engine, named, wall_s))
        self.tally.done += 1
        self.tally.states[verdict.state.value] += 1
        self.tally.cpu_ms += verdict.cpu_ms


def _fingerprint(path: Path | None) -> str:
    """Of a file, whatever it is called; empty for none."""
    if path is None:
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_all(source: Path, reason: str) -> Iterator[bytes]:
    """A line for each row of a file of which none can be tried, for a reason of this machine."""
    plan = make_plan(source)
    for line in plan.each(range(len(plan))):
        try:
            identifier, why = read_row(line).id, reason
        except MalformedRowError as error:
            identifier, why = error.id, str(error)
        yield verdict_line(identifier, RowVerdict(RowState.ERROR, (why,)), None)


def verdict_line(
    identifier: str | int | None,
    verdict: RowVerdict,
    engine: CheckEngine | None,
    named: Named = _NOTHING,
    wall_s: float = 0.0,
) -> bytes:
    """A verdict as the output has it.

    Args:
        identifier: Of the row.
        verdict: On it.
        engine: What settled it; None where nothing could.
        named: What the row repeats.
        wall_s: How long its batch took by the clock.
    """
    by = engine if verdict.state is not RowState.ERROR else None
    unlinted = verdict.compiled and by is not None and by.toolchain.clippy is None
    value = {
        "id": identifier,
        "verdict": verdict.state.value,
        "parsed": verdict.parsed,
        "formatted": verdict.formatted,
        "compiled": verdict.compiled,
        "clippy_clean": None if unlinted else verdict.clippy_clean,
        "clippy": list(verdict.clippy),
        "warnings": list(verdict.warnings),
        "tests_run": verdict.tests_run,
        "tests_passed": len(verdict.tests_passed),
        "tests_failed": list(verdict.tests_failed),
        "tests": {"passed": list(verdict.tests_passed), "ignored": list(verdict.tests_ignored)},
        "vacuous": verdict.vacuous,
        "stub_killed": verdict.stub_killed,
        "mutants": {"made": verdict.mutants.made, "killed": verdict.mutants.killed},
        "error_codes": list(verdict.error_codes),
        "error_classes": list(verdict.error_classes),
        "unsafe": verdict.uses_unsafe,
        "copied": named.copied,
        "like": named.like,
        "held_out": named.held_out,
        "reasons": list(verdict.reasons),
        "seconds": round(verdict.cpu_ms / 1000, 4),
        "wall_seconds": round(wall_s, 4),
        "alone": verdict.alone,
        "rustc": by.toolchain.release if by else "",
        "sandbox": by.level.value if by else "",
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
