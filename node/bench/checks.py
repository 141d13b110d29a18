"""What checking a row costs here: our batches beside a cargo project per row, on the same rows in the same run.

CPU time is compared, not wall time: it is what a machine can sell, and what others do at the same time disturbs it
least. What is needed once (dependencies, the sandbox's self-test) is done before and reported apart, for both sides.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from node.bench.cargo_rows import CargoProjects, CargoSaid
from node.bench.cpu import CpuClock, Spent
from node.checking.packages import Packages
from node.checking.reading import MalformedRowError, PackageKey, Row, read_row
from node.checks import CheckEngine, CheckSettings, open_engine
from node.checks.rows import Example, RowOptions, RowVerdict
from node.errors import OperatorError
from node.values.crate import PreparedCrate

ROWS = Path(__file__).parent / "rows"
"""Rows of ours: no two of them differ in names only, because those would share most of their machine code."""
_TURNS = 3
"""Of cargo, with the engine before, between and after them: what disturbs the machine for a minute disturbs all."""
_FIRST = Example("pub fn nothing() {}", tests="#[test]\nfn nothing_happens() {\n    nothing();\n}")
"""Settled before the clock starts."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure."""

    rows: tuple[Row, ...]
    fresh: int
    """Rows that get a fresh cargo project and a cold target directory."""
    shared: int
    """Rows that get a fresh cargo project in a shared target directory."""
    batch: int
    """Rows that the engine compiles together."""
    options: RowOptions
    seed: int
    only_passing: bool = False
    """Leave out rows that fail: each costs builds of its own, so that their share decides what a mean says."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way costs."""

    name: str
    rows: int
    spent: Spent
    once: Spent
    """Before, for all rows together."""

    @property
    def cpu_ms(self) -> float:
        """Per row."""
        return self.spent.cpu_ms / self.rows

    @property
    def per_cpu_second(self) -> float:
        """Rows."""
        return 1000 / self.cpu_ms

    def times(self, other: Cost) -> float:
        """How many times as much CPU as another way."""
        return self.cpu_ms / other.cpu_ms


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    engine: Cost
    turns: tuple[float, ...]
    """CPU milliseconds a row of each of the engine's turns, whose mean is its cost."""
    shared: Cost | None
    fresh: Cost | None
    lines: float
    """Of code and tests per row."""
    rows: int
    """Measured."""
    left_out: int
    """Because they fail."""
    passing: int
    """Rows that the engine passed, of those measured."""
    agreeing: int
    """Rows whose verdict is cargo's, of those that cargo saw."""
    compared: int
    rustc: str
    sandbox: str
    cores: int
    load: float
    """Average over the last minute, at the end."""


def read_rows(path: Path) -> tuple[Row, ...]:
    """Rows of a file of JSON lines.

    Raises:
        OperatorError: It cannot be read, or some line is no row that could be tried.
    """
    rows = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}", hint="Name a file of rows as `check` takes them.") from error
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(read_row(line))
        except MalformedRowError as error:
            raise OperatorError(
                f"{path}, line {number}: {error}", hint="Leave such rows out of a measurement."
            ) from error
    if not rows:
        raise OperatorError(f"{path} holds no rows", hint="One JSON object per line, with `code` and `tests`.")
    return tuple(rows)


async def measure(plan: Plan, folder: Path, say: Callable[[str], None]) -> Report:
    """Measure all ways by turns, and take their means.

    Where only rows that pass are asked for, the engine settles all of them once before.

    Args:
        plan: What.
        folder: For packages and benches, which are kept.
        say: Told what comes next.

    Raises:
        OperatorError, TransientError: Some package cannot be made ready; or no row passes.
    """
    packages = Packages(folder)
    prepared = {row.package: await packages.prepare(row.package) for row in plan.rows}
    clock = CpuClock()
    say("the engine")
    turn, verdicts, engine = await _engine(plan, prepared, folder, clock)
    turns, given = [turn], len(plan.rows)
    if plan.only_passing:
        plan = replace(plan, rows=_passing(plan.rows, verdicts))
        say(f"the engine, {len(plan.rows)} rows that pass")
        turn, verdicts, engine = await _engine(plan, prepared, folder, clock)
        turns = [replace(turn, once=turns[0].once)]
    with tempfile.TemporaryDirectory(dir=folder) as work:
        shared, fresh = (
            _Cargo(plan, prepared, engine, Path(work) / kind, clock, shared=kind == "shared")
            for kind in ("shared", "fresh")
        )
        for number in range(_TURNS):
            say(f"turn {number + 1} of {_TURNS}: cargo, then the engine")
            for way in (shared, fresh):
                way.run(number)
            turns.append((await _engine(plan, prepared, folder, clock))[0])
    said = shared.said | fresh.said
    return Report(
        engine=_mean(turns),
        turns=tuple(turn.cpu_ms for turn in turns),
        shared=shared.cost,
        fresh=fresh.cost,
        lines=sum((row.example.code + row.example.tests).count("\n") for row in plan.rows) / len(plan.rows),
        rows=len(plan.rows),
        left_out=given - len(plan.rows),
        passing=sum(verdict.state.value == "pass" for verdict in verdicts),
        agreeing=sum(_agree(verdicts[number], found) for number, found in said.items()),
        compared=len(said),
        rustc=engine.toolchain.release,
        sandbox=engine.level.value,
        cores=os.cpu_count() or 1,
        load=os.getloadavg()[0],
    )


def _agree(verdict: RowVerdict, said: CargoSaid) -> bool:
    tested = verdict.compiled and not verdict.tests_failed and not verdict.error_codes
    return (verdict.compiled, tested) == (said.compiled, said.tested)


def _passing(rows: Sequence[Row], verdicts: Sequence[RowVerdict]) -> tuple[Row, ...]:
    passing = tuple(row for row, verdict in zip(rows, verdicts, strict=True) if verdict.state.value == "pass")
    if not passing:
        raise OperatorError("none of these rows passes", hint="Measure all of them, or give others.")
    return passing


def _mean(turns: Sequence[Cost]) -> Cost:
    first = turns[0]
    return Cost(first.name, sum(turn.rows for turn in turns), _sum(turn.spent for turn in turns), first.once)


def _sum(parts: Iterable[Spent]) -> Spent:
    return Spent(*map(sum, zip(*map(astuple, parts), strict=True)))


async def _engine(
    plan: Plan, prepared: dict[PackageKey, PreparedCrate], folder: Path, clock: CpuClock
) -> tuple[Cost, list[RowVerdict], CheckEngine]:
    clock.lap()
    engine = await open_engine(CheckSettings(folder / "checks"))
    await engine.prepare()
    for package in prepared.values():
        await engine.settle_rows(package, [_FIRST], plan.options)
    await engine.close()
    once = clock.lap()
    verdicts: dict[int, RowVerdict] = {}
    for key, package in prepared.items():
        numbers = [number for number, row in enumerate(plan.rows) if row.package == key]
        for start in range(0, len(numbers), plan.batch):
            part = numbers[start : start + plan.batch]
            found = await engine.settle_rows(package, [plan.rows[number].example for number in part], plan.options)
            verdicts.update(zip(part, found, strict=True))
    await engine.close()
    cost = Cost("engine, in batches", len(plan.rows), clock.lap(), once)
    return cost, [verdicts[number] for number in range(len(plan.rows))], engine


class _Cargo:
    """One of cargo's ways, on some of the rows at a time. Takes part in no turn before dependencies are compiled."""

    def __init__(
        self,
        plan: Plan,
        prepared: dict[PackageKey, PreparedCrate],
        engine: CheckEngine,
        folder: Path,
        clock: CpuClock,
        *,
        shared: bool,
    ) -> None:
        self._rows = plan.rows
        self._chosen = sample(plan.rows, plan.shared if shared else plan.fresh, plan.seed)
        self._name = "cargo, shared target directory" if shared else "cargo, fresh project"
        self._clock = clock
        self._projects = {
            key: CargoProjects(engine.toolchain, folder / str(number), package, shared=shared)
            for number, (key, package) in enumerate(prepared.items())
        }
        clock.lap()
        for project in self._projects.values() if self._chosen else ():
            project.warm_up()
        self._once = clock.lap()
        self._spent: list[Spent] = []
        self.said: dict[int, CargoSaid] = {}
        """By the numbers of rows."""

    def run(self, turn: int) -> None:
        """Every so many of the rows."""
        self._clock.lap()
        for number in self._chosen[turn::_TURNS]:
            row = self._rows[number]
            self.said[number] = self._projects[row.package].run(row.example)
        self._spent.append(self._clock.lap())

    @property
    def cost(self) -> Cost | None:
        """Of all turns; None where no rows were asked for."""
        return Cost(self._name, len(self.said), _sum(self._spent), self._once) if self.said else None


def sample(rows: Sequence[Row], count: int, seed: int) -> list[int]:
    """Numbers of `count` rows that only the seed and their texts choose; all rows if there are no more."""

    def draw(number: int) -> bytes:
        return hashlib.sha256(f"{seed}\n{rows[number].example.code}".encode()).digest()

    return sorted(sorted(range(len(rows)), key=draw)[:count])
