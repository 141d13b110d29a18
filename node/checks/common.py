"""Generic code of the standard library for everyday types, compiled once and linked by large shared builds.

Without optimisation the compiler takes instances of generic code from crates that a build links, where they are those
it would make itself: the same compiler makes the same code of the same library for the same types. Rows ask for half of
theirs in common (`common.rs`), so a batch that links it makes only the rest. No row can name it (`RowBuilder`), and it
declares no trait, type or implementation that a row could meet.

It takes some 5 s of CPU time, and saves some 3 ms a row: it is compiled once that pays, unless somebody asks before.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path

from node.checks.cargo import UncheckedError, last_error
from node.checks.sandbox.errors import SandboxError
from node.checks.sandbox.limits import BUILD_LIMITS, Command, Profile, Ran
from node.checks.toolchain import Toolchain
from node.checks.yard import Yard, locked

COMMON_CRATE = "swarm_common"
ROWS_MIN = 40
"""In a build of fewer rows it costs more to look through than it saves."""
_PAYS_AFTER = 1_500
"""Rows. Whoever has settled as many is likely to settle as many more, and that is what it takes."""
_SOURCE = Path(__file__).with_name("common.rs")
_FLAGS = ("--edition", "2021", "--crate-type", "rlib", "--cap-lints", "allow")
_CODE = ("-C", "codegen-units=1", "-C", "debuginfo=0", "-C", "embed-bitcode=no")
"""Otherwise as cargo compiles tests: no optimisation, all assertions. Those are part of the code that is shared."""


class CommonCode:
    """The compiled crate, where it is worth having.

    Args:
        yard: Where it is compiled.
        toolchain: With what.
        cache: Where it is kept; several engines may share it.
    """

    def __init__(self, yard: Yard, toolchain: Toolchain, cache: Path) -> None:
        digest = hashlib.sha256(repr((toolchain.identity, _FLAGS, _CODE)).encode() + _SOURCE.read_bytes()).hexdigest()
        self._yard = yard
        self._toolchain = toolchain
        self._cache = cache
        self._name = f"common-{digest[:16]}"
        self._rows = 0
        self._failed = False

    @property
    def path(self) -> Path:
        """Where it stands once it is compiled, in a folder that holds nothing else."""
        return self._cache / self._name / f"lib{COMMON_CRATE}.rlib"

    async def for_rows(self, count: int) -> Path | None:
        """What a build of `count` rows should link, if anything."""
        self._rows += count
        if count < ROWS_MIN:
            return None
        if self._rows > _PAYS_AFTER and not self._failed:
            try:
                await self.build()
            except (UncheckedError, SandboxError):
                self._failed = True  # It saves time and decides nothing; whatever ails the machine shows elsewhere too.
        return self.path if self.path.exists() else None

    async def build(self) -> None:
        """Compile it, unless that is done.

        Raises:
            UncheckedError, SandboxError: It does not compile here.
        """
        async with locked(self._cache / f"{self._name}.lock", "compiling common code"):
            if self.path.exists():
                return
            async with self._yard.open(readable=(self._toolchain.sysroot,)) as (folder, workers):
                source, out = folder / "common.rs", folder / "out"
                await asyncio.to_thread(shutil.copyfile, _SOURCE, source)
                out.mkdir()
                async with workers.session() as session:
                    session.give(out)
                    ran = await session.run(self._command(source, out))
                if not ran.succeeded:
                    raise UncheckedError(f"common code does not compile: {_first_error(ran)}")
                await asyncio.to_thread(self._keep, out / self.path.name)

    def _command(self, source: Path, out: Path) -> Command:
        words = (*_FLAGS, *_CODE, "--crate-name", COMMON_CRATE, str(source), "--out-dir", str(out))
        return Command(
            argv=(str(self._toolchain.rustc), *words),
            profile=Profile.BUILD,
            limits=BUILD_LIMITS,
            directory=out,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            readable=(self._toolchain.sysroot, source),
            writable=(out,),
        )

    def _keep(self, made: Path) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.parent.chmod(0o755)  # The sandbox's users are others than ours.
        part = self.path.with_suffix(".part")
        shutil.copyfile(made, part)  # A copy is ours; what a sandbox's user wrote is not.
        part.chmod(0o644)
        part.replace(self.path)


def _first_error(ran: Ran) -> str:
    return last_error(ran.stderr.decode(errors="replace"))
