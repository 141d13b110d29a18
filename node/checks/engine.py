"""The engine: claims about crates in, verdicts out, by execution in a sandbox.

    engine = await open_engine(CheckSettings(folder=state / "checks"))
    baseline = await engine.baseline(crate)
    results = await engine.run(crate, plans)
    await engine.close()

A crate is built once (`bench`); the claims of many plans about it are settled together (`batch`) and remembered by
content (`cache`). Nothing here blocks the event loop, and cancelling a call kills whatever runs for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from node.checks.batch import Batch
from node.checks.bench import Bench
from node.checks.benches import Benches
from node.checks.cache import MemoryCache, VerdictCache
from node.checks.cargo import UncheckedError
from node.checks.common import CommonCode
from node.checks.disk import refuse_full_disk
from node.checks.isolated import observe_with_cargo
from node.checks.reverify import Reverified, Sampler, look_again
from node.checks.rows.batch import RowBatch, RowOptions
from node.checks.rows.example import Example
from node.checks.rows.reference import settle_by_cargo
from node.checks.rows.verdict import RowState, RowVerdict
from node.checks.sandbox.choice import Choice, choose
from node.checks.sandbox.errors import SandboxError
from node.checks.sandbox.limits import Level
from node.checks.selector import build_selector
from node.checks.sources import open_sources
from node.checks.toolchain import Toolchain, find_toolchain
from node.checks.verdicts import (
    Claim,
    MalformedObservationError,
    Observation,
    claim_key,
    claim_of,
    conclude,
    dump_observation,
    judge,
    load_observation,
)
from node.checks.witness import build_witness
from node.checks.workers import together
from node.checks.workshop import Workshop
from node.checks.yard import Yard
from node.errors import OperatorError
from node.values.crate import PreparedCrate
from node.values.verdict import Baseline, CheckPlan, PlanResult

TOOLS_VARIABLE = "SWARM_NODE_TOOLS"
"""Names a folder for what all engines of a machine's user may share."""


def _shared_tools() -> Path | None:
    named = os.environ.get(TOOLS_VARIABLE)
    return Path(named).expanduser() if named else None


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """One node's choices about checks."""

    folder: Path
    """Benches and work in progress. Several nodes of one machine may share it."""
    shared_tools: Path | None = field(default_factory=_shared_tools)
    """Where the launcher, the witness and the common crate are kept, each compiled once per toolchain; None for the
    settings' own folder. What `SWARM_NODE_TOOLS` says unless told otherwise."""
    cores: int = max(1, (os.cpu_count() or 1))
    """Compilers and tests at once."""
    level: Level | None = None
    """Exactly this sandbox level; None for the best of `STRICT` and `STANDARD` that holds here."""
    use_cargo: bool = False
    """Settle every claim by an ordinary cargo project of its own: slow, and the reference for everything else."""
    reverify_bp: int = 100
    """How many of 10,000 claims are settled a second time, alone, as a check on sharing."""
    reverify_rows_bp: int = 10
    """The same of rows that shared builds: fewer, because a look at one costs as much as ten others."""
    reverify_seed: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)
    """Decides which: this node's secret, or nobody would be surprised."""

    @property
    def tools(self) -> Path:
        """Where they are kept."""
        return self.shared_tools or self.folder / "tools"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call has come."""

    crate: str
    """`name@version`."""
    stage: str
    """`building` or `checking`."""
    done: int
    total: int


Watcher = Callable[[Progress], None]
"""Called on the event loop; must not block or raise."""


class CheckEngine:
    """Settles claims. Made by `open_engine`; safe to use from many tasks at once."""

    def __init__(
        self, settings: CheckSettings, toolchain: Toolchain, choice: Choice, selector: Path, cache: VerdictCache
    ) -> None:
        self._settings = settings
        self._toolchain = toolchain
        self._choice = choice
        self._selector = selector
        self._cache = cache
        confinement = choice.confinement
        self._yard = Yard(confinement, settings.cores, settings.folder / "work")
        self._benches = Benches(self._yard, toolchain, confinement.level, settings.folder / "benches", settings.cores)
        self._common = CommonCode(self._yard, toolchain, settings.tools)
        self._sampler = Sampler(settings.reverify_seed, settings.reverify_bp)
        self._reverified = Reverified()
        self._row_sampler = Sampler(settings.reverify_seed, settings.reverify_rows_bp)
        self._reverified_rows = Reverified()

    @property
    def toolchain(self) -> Toolchain:
        """The compiler that settles."""
        return self._toolchain

    @property
    def sandbox(self) -> Choice:
        """The level that was chosen, and why."""
        return self._choice

    @property
    def level(self) -> Level:
        """Sandbox level of every verdict."""
        return self._choice.confinement.level

    @property
    def uses_cargo(self) -> bool:
        """Whether every claim and row gets a cargo project of its own."""
        return self._settings.use_cargo

    @property
    def usage(self) -> tuple[int, float]:
        """Sandboxed commands run so far, and their CPU milliseconds, for metrics and benchmarks."""
        return self._yard.meter.commands, self._yard.meter.cpu_ms

    @property
    def reverified(self) -> tuple[int, int]:
        """Claims settled a second time alone, and those of them that came out differently: a defect of sharing."""
        return self._reverified.looked, self._reverified.disagreed

    @property
    def reverified_rows(self) -> tuple[int, int]:
        """The same of rows (`settle_rows`)."""
        return self._reverified_rows.looked, self._reverified_rows.disagreed

    async def baseline(self, crate: PreparedCrate, watch: Watcher | None = None) -> Baseline:
        """Build the unchanged crate, run its tests twice, and say which can serve as evidence.

        A crate that does not compile, or has no tests, is an answer: the baseline's reason says so.

        Raises:
            UncheckedError: It could not be tried: dependencies missing, disk full, the sandbox failed.
        """
        return (await self._bench(crate, watch)).baseline

    async def run(
        self, crate: PreparedCrate, plans: Sequence[CheckPlan], watch: Watcher | None = None
    ) -> tuple[PlanResult, ...]:
        """Verdicts on plans over one crate, in their order.

        Claims that recur, here or in an earlier call, are settled once. What could not be settled for reasons of
        this machine is UNCHECKED with the reason; such results are not remembered.

        Args:
            crate: The crate that every step's project is over.
            plans: What to settle; give all plans of a crate at once, they share builds.
            watch: Told as claims are settled.
        """
        claims = sorted(
            {claim_of(step) for plan in plans for step in plan.steps if step.project.crate == crate.pin}, key=_order
        )
        seen = await self._observe(crate, claims, watch)
        wrong = Observation(compiled=False, message="the project is over another crate", unchecked=True)
        return tuple(
            conclude(
                plan,
                tuple(judge(step, seen.get(claim_of(step), wrong)) for step in plan.steps),
                rustc=self._toolchain.release,
                sandbox=self.level.value,
            )
            for plan in plans
        )

    async def settle_rows(
        self, package: PreparedCrate, rows: Sequence[Example], options: RowOptions | None = None
    ) -> tuple[RowVerdict, ...]:
        """Verdicts on rows that may use a package's dependencies, in their order. Nothing of it is remembered.

        Args:
            package: A package with an empty library (`node.checking.packages`).
            rows: At best about a hundred at once: what they share is divided among them.
            options: How thorough to be.

        Raises:
            UncheckedError: None of it could be tried: dependencies missing, disk full.
        """
        bench = await self._bench(package, None)
        options = options or RowOptions()
        try:
            async with self._workshop(bench, await self._common.for_rows(len(rows))) as workshop:
                if self._settings.use_cargo:
                    edition = package.pin.edition
                    return tuple(await together(settle_by_cargo(workshop, row, edition=edition) for row in rows))
                return await self._settle_batch(workshop, rows, options)
        except SandboxError as error:
            if len(rows) == 1:
                return (RowVerdict(RowState.ERROR, (str(error),)),)
            # Something ended the launcher. If a row's code did, it shall be the only one to go without a verdict.
            found = [await self.settle_rows(package, [row], options) for row in rows]
            return tuple(verdict for (verdict,) in found)

    async def _settle_batch(
        self, workshop: Workshop, rows: Sequence[Example], options: RowOptions
    ) -> tuple[RowVerdict, ...]:
        batch = RowBatch(workshop, rows, options)
        verdicts = await batch.settle()
        with contextlib.suppress(UncheckedError, SandboxError):  # A look that cannot be taken contradicts nothing.
            return await batch.settle_again(self._row_sampler.is_chosen, self._reverified_rows)
        return verdicts

    async def prepare(self) -> None:
        """Build now what would otherwise be built once it pays: before a measurement, or a run that will be long.

        Raises:
            UncheckedError, SandboxError: The machine failed; rows are settled all the same, only slower.
        """
        await self._common.build()

    async def close(self) -> None:
        """Stop building benches. Calls in progress should be cancelled by those who made them."""
        await self._benches.close()

    async def _observe(
        self, crate: PreparedCrate, claims: Sequence[Claim], watch: Watcher | None
    ) -> dict[Claim, Observation]:
        identity, level = self._toolchain.identity, self.level.value
        keys = {claim: claim_key(crate, claim, toolchain=identity, level=level) for claim in claims}
        seen = await asyncio.to_thread(self._recall, keys)
        left = [claim for claim in claims if claim not in seen]

        def settle(claim: Claim, observation: Observation) -> None:
            seen[claim] = observation
            if watch is not None:
                watch(Progress(crate.pin.label, "checking", len(seen), len(claims)))

        known = frozenset(seen)
        try:
            if left:
                await self._settle(crate, left, settle, watch)
        except (UncheckedError, SandboxError, OSError) as error:  # The last where our own files cannot be written.
            for claim in left:
                seen.setdefault(claim, Observation(compiled=False, message=str(error), unchecked=True))
        fresh = {keys[claim]: found for claim, found in seen.items() if claim not in known and not found.unchecked}
        await asyncio.to_thread(self._remember, fresh)
        return seen

    async def _settle(
        self,
        crate: PreparedCrate,
        claims: Sequence[Claim],
        settle: Callable[[Claim, Observation], None],
        watch: Watcher | None,
    ) -> None:
        able = []
        for claim in claims:
            if claim.lint and self._toolchain.clippy is None:
                settle(claim, Observation(compiled=False, message="clippy is not installed", unchecked=True))
            else:
                able.append(claim)
        bench = await self._bench(crate, watch)
        if not bench.baseline.builds:
            for claim in able:
                message = f"{crate.pin.label} itself {bench.baseline.reason}"
                settle(claim, Observation(compiled=False, message=message, unchecked=True))
            return
        async with self._workshop(bench) as workshop:
            await self._settle_with(workshop, able, settle)

    async def _settle_with(
        self, workshop: Workshop, claims: Sequence[Claim], settle: Callable[[Claim, Observation], None]
    ) -> None:
        if self._settings.use_cargo:

            async def alone(claim: Claim) -> None:
                settle(claim, await observe_with_cargo(workshop, claim))

            await together(alone(claim) for claim in claims)
            return
        settled: dict[Claim, Observation] = {}

        def note(claim: Claim, observation: Observation) -> None:
            settled[claim] = observation
            settle(claim, observation)

        try:
            await Batch(workshop, claims, note).observe()
        except SandboxError:
            # Something ended the launcher. If a claim's code did, it shall be the only one to go without a verdict.
            for claim in claims:
                if claim not in settled:
                    with contextlib.suppress(SandboxError):
                        await Batch(workshop, [claim], settle).observe()
            raise
        await self._verify_again(workshop, settled, settle)

    async def _verify_again(
        self, workshop: Workshop, settled: Mapping[Claim, Observation], settle: Callable[[Claim, Observation], None]
    ) -> None:
        """Take back every verdict of a batch in which one does not stand a second look."""
        level = self.level.value
        with contextlib.suppress(UncheckedError, SandboxError):  # A look that cannot be taken contradicts nothing.
            found = await look_again(workshop, settled, self._sampler, self._reverified, level=level)
            message = "set aside: it comes out differently from one run to the next"
            for claim in found.unsteady:
                settle(claim, Observation(compiled=False, message=message, unchecked=True))
            if found.differing:
                message = f"set aside: {len(found.differing)} of its batch came out differently when settled alone"
                for claim in settled:
                    settle(claim, Observation(compiled=False, message=message, unchecked=True))

    async def _bench(self, crate: PreparedCrate, watch: Watcher | None) -> Bench:
        task = self._benches.start(crate)
        if watch is not None and not task.done():
            watch(Progress(crate.pin.label, "building", 0, 1))
        # One caller's cancellation must not take the build from the others.
        return await asyncio.shield(task)

    @contextlib.asynccontextmanager
    async def _workshop(self, bench: Bench, common: Path | None = None) -> AsyncIterator[Workshop]:
        vendor = (bench.crate.vendor,) if bench.crate.vendor else ()
        compiled = (self._selector.parent, *((common.parent,) if common else ()))
        readable = (*self._toolchain.readable, bench.root, *compiled, *vendor)
        async with open_sources() as sources:
            shown = (*readable, sources) if sources is not None else readable
            async with self._yard.open(readable=shown) as (folder, workers):
                yield Workshop(bench, self._toolchain, workers, folder, self._selector, common, sources)

    def _recall(self, keys: dict[Claim, bytes]) -> dict[Claim, Observation]:
        found = {}
        for claim, key in keys.items():
            raw = self._cache.get(key)
            # A cache that gives back something else has lost the entry: execute again.
            with contextlib.suppress(MalformedObservationError):
                if raw is not None:
                    found[claim] = load_observation(raw)
        return found

    def _remember(self, fresh: dict[bytes, Observation]) -> None:
        for key, observation in fresh.items():
            self._cache.put(key, dump_observation(observation))


async def open_engine(settings: CheckSettings, cache: VerdictCache | None = None) -> CheckEngine:
    """Find the toolchain, choose a sandbox by attacking it, and be ready.

    Raises:
        OperatorError: No usable toolchain (`ToolchainError`), or no sandbox holds here; the hint says what to install.
        UncheckedError: The disk is full.
    """
    settings = replace(settings, folder=settings.folder.absolute())
    toolchain = await asyncio.to_thread(find_toolchain)
    tools = settings.tools.absolute()
    try:
        await asyncio.to_thread(tools.mkdir, parents=True, exist_ok=True)
        choice = await choose(toolchain.rustc, cache=tools, sysroot=toolchain.sysroot, asked=settings.level)
        selector = await asyncio.to_thread(build_selector, toolchain, tools)
        witness = await asyncio.to_thread(build_witness, toolchain, tools)
    except (OperatorError, OSError):
        refuse_full_disk(tools)  # What compilers and linkers make of it would send the operator elsewhere.
        raise
    toolchain = replace(toolchain, witness=witness.folder, flags=witness.flags)
    return CheckEngine(settings, toolchain, choice, selector, cache if cache is not None else MemoryCache())


def _order(claim: Claim) -> tuple[object, ...]:
    return claim.project.edits, claim.project.files, claim.runs_tests, claim.tests, claim.lint
