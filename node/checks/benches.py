"""Every crate's bench, built once: by this process, by another one, or long ago."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

from node.checks.bench import Bench, build_bench
from node.checks.bench_file import load_bench, save_bench
from node.checks.disk import refuse_full_disk
from node.checks.removal import remove_tree
from node.checks.sandbox.limits import Level
from node.checks.toolchain import Toolchain
from node.checks.verdicts import ENGINE_VERSION
from node.checks.yard import Yard, locked
from node.values.crate import PreparedCrate


class Benches:
    """Builds and finds benches.

    Args:
        yard: Where they are built.
        toolchain: With what.
        level: Sandbox level, which the tests of a baseline may show.
        folder: Where they are kept; several engines may share it.
        jobs: Compilers at once in one build.
    """

    def __init__(self, yard: Yard, toolchain: Toolchain, level: Level, folder: Path, jobs: int) -> None:
        self._yard = yard
        self._toolchain = toolchain
        self._level = level
        self._folder = folder
        self._jobs = jobs
        self._tasks: dict[str, asyncio.Task[Bench]] = {}

    def start(self, crate: PreparedCrate) -> asyncio.Task[Bench]:
        """The bench of a crate: done, under way, or begun now. Shield it: one caller must not take it from others."""
        key = self._key(crate)
        task = self._tasks.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._tasks[key] = asyncio.create_task(self._build(crate, key))
        return task

    async def close(self) -> None:
        """Stop building."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _key(self, crate: PreparedCrate) -> str:
        value = [
            ENGINE_VERSION,
            self._toolchain.identity,
            str(self._toolchain.witness),  # Stands in the recorded calls; another release's would not be readable.
            self._level.value,
            crate.pin.label,
            crate.pin.checksum.hex(),
            crate.pin.source_digest.hex(),
            str(crate.vendor),
            hashlib.sha256(crate.manifest).hexdigest(),
            hashlib.sha256(crate.lock).hexdigest(),
        ]
        digest = hashlib.sha256(json.dumps(value).encode()).hexdigest()
        return f"{crate.pin.name}-{crate.pin.version}-{digest[:16]}"

    async def _build(self, crate: PreparedCrate, key: str) -> Bench:
        root = self._folder / key
        async with locked(self._folder / f"{key}.lock", f"building {crate.pin.label}"):
            known = await asyncio.to_thread(load_bench, root, crate)
            if known is not None:
                return known
            await asyncio.to_thread(_empty, root)
            readable = (*self._toolchain.readable, *((crate.vendor,) if crate.vendor else ()))
            async with (
                self._yard.open(readable=readable, writable=(root,)) as (_, workers),
                workers.session() as session,
            ):
                bench = await build_bench(crate, root, session, self._toolchain, self._jobs)
            if bench.baseline.reason or bench.baseline.failing:
                refuse_full_disk(root)  # Before it is kept for good.
            await asyncio.to_thread(save_bench, bench)
            return bench


def _empty(root: Path) -> None:
    remove_tree(root)
    root.mkdir(parents=True)
    root.chmod(0o755)
