"""Sessions: a launcher process, inside bubblewrap or alone, that runs one command at a time.

The launcher's sources stand beside this file. They are compiled once by the toolchain that checks examples and cached
under a name that carries their hash.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import os
import struct
import subprocess
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from node.checks.sandbox import system
from node.checks.sandbox.bubblewrap import SCRATCH, wrap
from node.checks.sandbox.errors import SandboxError
from node.checks.sandbox.limits import Command, Ending, Level, Profile, Ran

_SOURCES = ("launcher.rs", "child.rs", "frames.rs", "landlock.rs", "probe.rs", "seccomp.rs", "server.rs", "sys.rs")
_TMP_BYTES = 256 << 20
"""Private tmpfs of a strict session."""
_RESPONSE_BYTES_MAX = 64 << 20
_SETUP_FAILURE = 3
_SIGKILL, _SIGXCPU, _SIGPROF = 9, 24, 27
UID_BASE, UIDS = 0x5300_0000, 1 << 22
"""First and number of the ids that commands run under; far above those that distributions and namespaces give out."""
_KEEP_UID = 0xFFFF_FFFF


def build_launcher(rustc: Path, cache: Path) -> Path:
    """Path of the compiled launcher; compiles it (1 s of CPU) unless the cache holds it. Blocks.

    Raises:
        SandboxError: It does not compile here: no linker, or a system that is not Linux.
    """
    sources = Path(__file__).parent
    digest = hashlib.sha256(str(rustc).encode())
    for name in _SOURCES:
        digest.update((sources / name).read_bytes())
    target = cache / f"launcher-{digest.hexdigest()[:16]}"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=cache) as work:
        made = Path(work) / "launcher"
        options = ("--edition", "2021", "-C", "opt-level=1", "-C", "debuginfo=0", "-C", "strip=symbols")
        arguments = [str(rustc), *options, str(sources / "launcher.rs"), "-o", str(made)]
        done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
            words = done.stderr.decode(errors="replace").strip().splitlines() or ["rustc says nothing"]
            raise SandboxError(f"the sandbox launcher does not compile: {words[0]}")
        made.chmod(0o755)
        made.replace(target)  # Several nodes may do this at once; all of them write the same bytes.
    return target


@dataclass(frozen=True, slots=True)
class Confinement:
    """How a level is enforced on this machine; found by `node.checks.sandbox.choice`."""

    level: Level
    launcher: Path
    bwrap: Path | None
    """Set at the level `strict` only."""
    landlock: bool
    signals_scoped: bool
    """Landlock confines signals too (version 6)."""
    changes_user: bool
    """Commands run as a user of their own, one per session. Only root can do that."""
    processes_before: int
    """Processes and threads that count against the same user outside; added to each command's own bound."""

    @property
    def per_command(self) -> bool:
        """Without Landlock, a bubblewrap per command does what the rules per command would."""
        return self.bwrap is not None and not self.landlock

    @property
    def forks(self) -> bool:
        """Whether commands may be copies of a process that waits (`Command.forked`): where signals end at the sandbox.

        Such a process may start others, itself only, and what it lets go of must not outlive its session.
        """
        contained = self.bwrap is not None or self.signals_scoped or self.changes_user
        return self.filtered and contained and not self.per_command

    @property
    def filtered(self) -> bool:
        """Whether system calls are filtered."""
        return self.level is not Level.NONE


@dataclass(slots=True)
class Meter:
    """What sandboxed commands have used so far."""

    commands: int = 0
    cpu_ms: float = 0.0

    def count(self, ran: Ran) -> None:
        """Add one command."""
        self.commands += 1
        self.cpu_ms += ran.cpu_ms


class LauncherSession:
    """One launcher process and its scratch directory. One command at a time; others wait their turn."""

    def __init__(
        self,
        confinement: Confinement,
        slot: int,
        scratch: Path,
        readable: tuple[Path, ...],
        writable: tuple[Path, ...],
        meter: Meter,
    ) -> None:
        self._confinement = confinement
        self._meter = meter
        self._readable = readable
        self._writable = writable
        self._own_scratch = scratch
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._uid = UID_BASE + (os.getpid() % (UIDS >> 6)) * 64 + slot % 64 if confinement.changes_user else _KEEP_UID
        self.give(scratch)

    @property
    def scratch(self) -> Path:
        """Temporary files as commands see them."""
        return SCRATCH if self._confinement.bwrap is not None else self._own_scratch

    def give(self, directory: Path) -> None:
        """Let this session's commands write in a directory that we made."""
        if self._uid != _KEEP_UID:
            os.chown(directory, self._uid, self._uid)

    async def run(self, command: Command) -> Ran:
        """See `Session.run`."""
        async with self._turn:
            frame = self._encode(command)
            try:
                process = await self._start(command)
                response = await _exchange(process, frame)
            except (OSError, EOFError, ValueError, struct.error) as error:
                raise SandboxError(f"the sandbox launcher ended: {await self._last_words(error)}") from error
            except BaseException:
                await self.close()
                raise
            if self._confinement.per_command:
                await self.close()
        ran = _decode(response, command)
        self._meter.count(ran)
        return ran

    async def close(self) -> None:
        """Kill what runs and the launcher. The next command starts another one."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()  # The launcher kills its command and ends when its input does.
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                process.kill()
            await process.wait()

    async def _start(self, command: Command) -> asyncio.subprocess.Process:
        if self._process is not None:
            return self._process
        program: tuple[str, ...] = (str(self._confinement.launcher), "serve")
        if self._confinement.bwrap is not None:
            narrow = self._confinement.per_command
            program = wrap(
                self._confinement.bwrap,
                program,
                readable=(*(command.readable if narrow else self._readable), self._confinement.launcher),
                writable=command.writable if narrow else self._writable,
                root=self._confinement.changes_user,
                tmp_bytes=_TMP_BYTES,
            )
        self._process = await asyncio.create_subprocess_exec(
            *program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},
            cwd="/",
            start_new_session=True,  # Ctrl-C is ours to handle.
        )
        if self._process.stdout is None or not (await self._process.stdout.readline()).startswith(b"landlock "):
            raise ValueError("no greeting")
        return self._process

    async def _last_words(self, error: Exception) -> str:
        process = self._process
        words = b""
        if process is not None and process.stderr is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    words = await process.stderr.read(2000)
        await self.close()
        return words.decode(errors="replace").strip() or str(error)

    def _encode(self, command: Command) -> bytes:
        confinement = self._confinement
        build = command.profile is Profile.BUILD
        contained = confinement.bwrap is not None
        flags = (
            build
            | (confinement.landlock << 1)
            | (confinement.filtered << 2)
            | ((contained or confinement.signals_scoped or confinement.changes_user) << 3)
            | ((contained or confinement.changes_user) << 4)
            | ((command.forked and confinement.forks) << 5)
            | (contained << 6)
            | (command.own_directory << 7)
        )
        limits = command.limits
        numbers = struct.pack(
            "<IIQQQQQQQI",
            flags,
            self._uid,
            limits.cpu_ms,
            limits.wall_ms,
            limits.memory_bytes,
            limits.file_bytes,
            limits.processes + confinement.processes_before,
            limits.open_files,
            limits.output_bytes,
            command.variant,
        )
        environment = tuple(sorted(command.environment.items()))
        seen = _seen(self.scratch, environment, command.readable, command.writable, build=build, contained=contained)
        places = _string(str(command.directory)) + _string(str(self.scratch))
        payload = b"".join((numbers, places, _strings(command.argv), seen, _string(command.nonce)))
        return struct.pack("<I", len(payload)) + payload


@contextlib.asynccontextmanager
async def open_session(
    confinement: Confinement,
    *,
    slot: int,
    root: Path,
    readable: tuple[Path, ...],
    writable: tuple[Path, ...],
    meter: Meter | None = None,
) -> AsyncIterator[LauncherSession]:
    """A session that may at most read `readable` and write `writable`; each command names its part of them.

    Args:
        confinement: How this machine confines.
        slot: Number of the worker; sessions of different slots run as different users where that is possible.
        root: Directory of ours for the session's temporary files.
        readable: What any of its commands may read.
        writable: What any of its commands may write.
        meter: Counts what its commands use.
    """
    scratch = root / f"tmp-{slot}"
    await asyncio.to_thread(scratch.mkdir, parents=True, exist_ok=True)
    session = LauncherSession(confinement, slot, scratch, readable, (*writable, scratch), meter or Meter())
    try:
        yield session
    finally:
        await session.close()


async def _exchange(process: asyncio.subprocess.Process, frame: bytes) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise ValueError("no pipes")
    process.stdin.write(frame)
    await process.stdin.drain()
    (length,) = struct.unpack("<I", await process.stdout.readexactly(4))
    if length > _RESPONSE_BYTES_MAX:
        raise ValueError(f"a response of {length} bytes")
    return await process.stdout.readexactly(length)


_HEAD = struct.Struct("<IiQQQI")


def _decode(response: bytes, command: Command) -> Ran:
    ending, code, cpu_us, wall_us, memory_kb, truncated = _HEAD.unpack_from(response)
    stdout, rest = _take(response[_HEAD.size :])
    stderr, rest = _take(rest)
    proof, _ = _take(rest)
    if ending == _SETUP_FAILURE:
        raise SandboxError(f"confinement failed: {stderr.decode(errors='replace')}")
    cpu_ms = cpu_us / 1000
    # The profiling timer and the soft limit have signals of their own; the hard limit kills like anybody.
    by_cpu = ending == Ending.SIGNALLED.value and (
        code in {_SIGPROF, _SIGXCPU} or (code == _SIGKILL and cpu_ms >= command.limits.cpu_ms)
    )
    return Ran(
        ending=Ending(ending),
        code=code,
        stdout=stdout,
        stderr=stderr,
        truncated=bool(truncated),
        cpu_ms=cpu_ms,
        wall_ms=wall_us / 1000,
        memory_kb=memory_kb,
        out_of_time=by_cpu or ending == Ending.WALL_TIME.value,
        proof=proof,
    )


def _take(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack_from("<I", data)
    return data[4 : 4 + length], data[4 + length :]


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<I", len(raw)) + raw


@functools.lru_cache(maxsize=64)
def _seen(
    scratch: Path,
    environment: tuple[tuple[str, str], ...],
    readable: tuple[Path, ...],
    writable: tuple[Path, ...],
    *,
    build: bool,
    contained: bool,
) -> bytes:
    """Environment and files; remembered, because they are the same for most commands of a batch."""
    # Tests ask for a home as for something that everybody has; theirs is the folder that they may write in.
    own = ("TMPDIR",) if build else ("TMPDIR", "HOME")
    variables = {**dict.fromkeys(own, str(scratch)), **dict(environment)}
    system_files = system.build_readable() if build else system.test_readable()
    if build and contained:
        system_files = (*system_files, Path("/proc"))  # Of its own pid namespace: nobody else's processes are in it.
    return b"".join(
        (
            _strings(tuple(f"{key}={value}" for key, value in sorted(variables.items()))),
            _strings(tuple(map(str, (*system_files, *readable)))),
            _strings(tuple(map(str, (*system.devices_writable(), scratch, *writable)))),
        )
    )


def _strings(texts: tuple[str, ...]) -> bytes:
    return struct.pack("<I", len(texts)) + b"".join(map(_string, texts))
