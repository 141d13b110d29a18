"""A sandbox of a given level with bait around it, for attacks to be tried in."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pytest

from node.checks.engine import CheckSettings
from node.checks.sandbox.choice import Choice, choose
from node.checks.sandbox.launcher import LauncherSession, build_launcher, open_session
from node.checks.sandbox.limits import BUILD_LIMITS, TEST_LIMITS, Command, Level, Limits, Profile, Ran
from node.checks.toolchain import Toolchain, find_toolchain
from node.checks.witness import build_witness
from node.errors import OperatorError

SMALL = replace(TEST_LIMITS, cpu_ms=300, wall_ms=60_000, memory_bytes=512 << 20, output_bytes=4096)
"""What an attack may take is CPU time; on a busy machine it waits long for that."""
BUILD = replace(
    BUILD_LIMITS, cpu_ms=3_000, wall_ms=300_000, memory_bytes=2 << 30, file_bytes=64 << 20, output_bytes=1 << 20
)


_NUMBERS = itertools.count()


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
    """Runs programs at one level; `open_arena` opens it. Synchronous outside.

    Args:
        level: How to confine.
        folder: For everything; must be there.
        forked: Attacks stand in a test binary, and each is made by a copy of a process that has loaded it.
    """

    def __init__(self, level: Level, folder: Path, *, forked: bool = False) -> None:
        self.forked = forked
        self.folder = folder
        self.folder.chmod(0o755)
        self.toolchain: Toolchain = find_toolchain()
        self._tools = CheckSettings(folder).tools  # Compiled once for all arenas of a run.
        self._tools.mkdir(parents=True, exist_ok=True)
        self._tools.chmod(0o755)
        # Compiled before: to `choose`, a launcher that does not compile is a machine without a sandbox.
        self.witness = build_witness(self.toolchain, self._tools)
        build_launcher(self.toolchain.rustc, self._tools)
        self.program = f"atk{os.getpid()}x{next(_NUMBERS)}"
        """Name of the attack program, which nothing else on this machine has."""
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
        self.choice = await choose(
            self.toolchain.rustc, sysroot=self.toolchain.sysroot, cache=self._tools, asked=self._level
        )
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
                readable=(self.toolchain.sysroot, self.witness.folder, self.sources),
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

    def close_session(self) -> None:
        """End the launcher; the next command starts another."""
        self._runner.run(self.session.close())

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
                readable=(self.toolchain.sysroot, self.witness.folder, self.sources),
                writable=(self.output,),
            )
        )

    def compile_attacks(self, source: Path) -> Ran:
        """Compile the attack program, with the harness where attacks are tests."""
        harness = ("--test", *self.witness.flags) if self.forked else ()
        options = ("-C", "opt-level=1", "--crate-name", self.program, *harness)
        return self.compile(source, *options, limits=replace(BUILD, cpu_ms=60_000))

    def attack(self, *words: str, limits: Limits = SMALL, profile: Profile = Profile.TEST) -> Ran:
        """Run the compiled attack program as tests are run."""
        program = self.output / self.program
        command = Command(
            argv=(str(program), *words),
            profile=profile,
            limits=limits,
            directory=Path("/"),
            environment={"GIVEN": "1"},
            readable=(program,),
        )
        if not self.forked:
            return self.run(command)
        ran = self.run(
            replace(
                command,
                argv=(str(program), "attack", "--nocapture", "--test-threads=1"),
                environment={"GIVEN": "1", "ATTACK": "\n".join(words)},
                nonce=secrets.token_hex(16),
                forked=True,
            )
        )
        return ran if ran.truncated else replace(ran, stdout=_own_words(ran.stdout))


@contextlib.contextmanager
def open_arena(level: Level, folder: Path, *, forked: bool = False) -> Iterator[Arena]:
    """An arena. Skips where no such sandbox holds on this machine; what does not compile is a failure, not a skip."""
    for parent in (folder, *folder.parents):  # The sandbox's users are others than ours.
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    with contextlib.ExitStack() as stack:
        arena = Arena(level, folder, forked=forked)
        try:
            stack.enter_context(arena)
        except OperatorError as error:
            # The kernel's offer, which no test may change; test_check_infrastructure asserts that some level holds.
            pytest.skip(f"not on this machine: {error}")
        yield arena


def _own_words(output: bytes) -> bytes:
    """What a test printed, without what the harness says around it."""
    return output.partition(b"test attack ... ")[2].partition(b"ok\n\ntest result")[0]


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
