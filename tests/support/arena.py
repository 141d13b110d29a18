"""A sandbox of a given level with bait around it, for attacks to be tried in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from node.checks.sandbox.choice import Choice, choose
from node.checks.sandbox.launcher import LauncherSession, open_session
from node.checks.sandbox.limits import BUILD_LIMITS, TEST_LIMITS, Command, Level, Limits, Profile, Ran
from node.checks.toolchain import Toolchain, find_toolchain

SMALL = replace(TEST_LIMITS, cpu_ms=300, wall_ms=10_000, memory_bytes=512 << 20, output_bytes=4096)
BUILD = replace(
    BUILD_LIMITS, cpu_ms=3_000, wall_ms=60_000, memory_bytes=2 << 30, file_bytes=64 << 20, output_bytes=1 << 20
)


@dataclass(frozen=True, slots=True)
class Canary:
    """All that an attack could change about a file."""

    content: bytes
    mode: int
    owner: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """As the file is now; of a missing file, nothing."""
        if not path.exists():
            return cls(b"", 0, 0, 0)
        state = path.stat()
        return cls(path.read_bytes(), state.st_mode, state.st_uid, state.st_mtime_ns)


class Arena:
    """Runs programs at one level. Use as a context manager; synchronous outside."""

    def __init__(self, level: Level, folder: Path) -> None:
        self.folder = folder
        self.folder.chmod(0o755)
        self.toolchain: Toolchain = find_toolchain()
        self.program = f"attacks{os.getpid()}"
        """Name of the attack program, which no other test of this machine has."""
        self._level = level
        self._runner = asyncio.Runner()
        self._stack = contextlib.AsyncExitStack()
        self.choice: Choice
        self.session: LauncherSession

    def __enter__(self) -> Self:
        self._runner.run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()

    async def _open(self) -> None:
        tools = self._made("tools")
        self.choice = await choose(self.toolchain.rustc, sysroot=self.toolchain.sysroot, cache=tools, asked=self._level)
        # Bait that ordinary permissions would not protect: it is the sandbox that must.
        self.secret = self._made("outside") / "secret"
        self.secret.write_text("canary\n")
        self.secret.chmod(0o666)
        self.secret.parent.chmod(0o777)
        self._canaries = self._lay_canaries()
        self.sources = self._made("sources")
        self.output = self._made("output")
        self.session = await self._stack.enter_async_context(
            open_session(
                self.choice.confinement,
                slot=1,
                root=self._made("work"),
                readable=(self.toolchain.sysroot, self.sources),
                writable=(self.output,),
            )
        )
        self.session.give(self.output)

    def _lay_canaries(self) -> dict[Path, Canary]:
        """What a node keeps beside its sandbox: its key, its database, another example's results."""
        for name, text, mode in (("key", "private\n", 0o600), ("store.db", "rows\n", 0o644), ("seed", "1\n", 0o666)):
            path = self.secret.parent / name
            path.write_text(text)
            path.chmod(mode)
        sibling = self._made("sibling") / "verdict.json"
        sibling.write_text('{"verdict": "pass"}\n')
        sibling.chmod(0o666)
        return {path: Canary.of(path) for path in (*sorted(self.secret.parent.iterdir()), sibling)}

    @property
    def canaries(self) -> tuple[Path, ...]:
        """Files that no attack may change; most of them with modes that would allow it."""
        return tuple(self._canaries)

    def disturbed(self) -> list[str]:
        """Names of canaries that are not as they were laid, and of files that were not there."""
        found = [path.name for path, canary in self._canaries.items() if Canary.of(path) != canary]
        around = {path for folder in {path.parent for path in self._canaries} for path in folder.iterdir()}
        return found + sorted(path.name for path in around - self._canaries.keys())

    def _made(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir()
        path.chmod(0o755)
        return path

    def run(self, command: Command) -> Ran:
        """Run to the end."""
        return self._runner.run(self.session.run(command))

    def compile(self, source: Path | str, *options: str, limits: Limits = BUILD, name: str = "program") -> Ran:
        """Compile a Rust source as untrusted code is compiled."""
        if isinstance(source, str):
            path = self.sources / f"{name}.rs"
            path.write_text(source)
        else:
            path = source
        arguments = (str(self.toolchain.rustc), "--edition", "2021", *options, str(path))
        return self.run(
            Command(
                argv=(*arguments, "--out-dir", str(self.output)),
                profile=Profile.BUILD,
                limits=limits,
                directory=self.sources,
                environment={"PATH": "/usr/bin:/bin"},
                readable=(self.toolchain.sysroot, self.sources),
                writable=(self.output,),
            )
        )

    def attack(self, *words: str, limits: Limits = SMALL, profile: Profile = Profile.TEST) -> Ran:
        """Run the compiled attack program as tests are run."""
        program = self.output / self.program
        return self.run(
            Command(
                argv=(str(program), *words),
                profile=profile,
                limits=limits,
                directory=Path("/"),
                environment={"GIVEN": "1"},
                readable=(program,),
            )
        )


def processes_called(name: str) -> list[int]:
    """Processes of this machine whose program has that name."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "comm").read_text().strip() == name:
                    found.append(int(entry.name))
    return found


def own_ids() -> tuple[int, int]:
    """Of this process: what an attack must not be able to signal."""
    return os.getpid(), threading.get_native_id()
