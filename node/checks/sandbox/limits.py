"""What a sandboxed command is and may use: the values between the engine and whichever sandbox runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol


class Level(Enum):
    """How strongly untrusted code is confined; recorded in every verdict."""

    STRICT = "strict"
    """Bubblewrap around the launcher: own mount, network, process and IPC namespaces, and all of `standard`."""
    STANDARD = "standard"
    """The launcher alone: Landlock, a system call filter, resource limits, another user where we are root."""
    CONTAINER = "container"
    """The node runs in a container that the operator made for it: filter, limits and another user, no Landlock."""
    NONE = "none"
    """Resource limits only. By explicit permission, and every verdict says so."""


class Profile(Enum):
    """What kind of command runs."""

    BUILD = "build"
    """May start programs, execute what it wrote and change modes of its files: cargo, rustc, build scripts."""
    TEST = "test"
    """One process: no fork, no exec of what it wrote, no signals but to itself."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one command. Zero CPU or wall time is not allowed."""

    cpu_ms: int
    """Of one process, user and system time."""
    wall_ms: int
    """Of the whole tree: the answer to sleeping and waiting, generous because machines are loaded."""
    memory_bytes: int
    """Address space of one process."""
    file_bytes: int
    """Largest file it may write."""
    processes: int
    """Processes and threads of the sandbox's user at once."""
    open_files: int
    output_bytes: int
    """Kept of standard output and of standard error, each; the rest is read and dropped."""


BUILD_LIMITS = Limits(
    cpu_ms=300_000,
    wall_ms=900_000,
    memory_bytes=8 << 30,
    file_bytes=1 << 30,
    processes=512,
    open_files=1024,
    output_bytes=16 << 20,
)
"""For a crate and its dependencies as a whole (measured: 0.2 to 20 s for 25 crates)."""

TEST_LIMITS = Limits(
    cpu_ms=60_000,
    wall_ms=300_000,
    memory_bytes=2 << 30,
    file_bytes=128 << 20,
    # Threads: what tests of concurrency start by the hundred; on a loaded machine none has ended before the last began.
    processes=1024,
    open_files=1024,
    # What is written past the harness's capture stands between its lines, and what is cut off is no result.
    output_bytes=8 << 20,
)
"""For a whole test binary of an unchanged crate; changed ones get their CPU time relative to this run. Threads and
files are as many as a shell commonly grants and 2 GiB hold stacks for (`witness.rs` keeps the C library's heaps to a
few)."""


@dataclass(frozen=True, slots=True)
class Command:
    """One program to run. Paths are absolute."""

    argv: tuple[str, ...]
    profile: Profile
    limits: Limits
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """All of it: nothing is inherited."""
    readable: tuple[Path, ...] = ()
    """Files and directories that may be read and executed besides the system's."""
    writable: tuple[Path, ...] = ()
    """Directories that may be written besides the session's scratch directory."""
    nonce: str = ""
    """For a test binary: a secret that its witness reads before any of its code runs (`node.checks.witness`)."""
    variant: int = 0
    """For a test binary that selects bodies (`node.checks.schemata`): which; 0 for the published ones."""
    forked: bool = False
    """For a test binary with a nonce that will run often: where it can be, it is loaded once, and each run is a copy of
    that process, confined as if it had been started for this run alone. Runs may differ in times, variant, nonce and
    all of `argv` but the program, and their own code sees nothing of `argv` but the program, as under cargo."""
    own_directory: bool = False
    """Start in a copy of `directory` that it may write in, in the session's scratch directory under the same name."""


class Ending(Enum):
    """Why a command is over."""

    EXITED = 0
    SIGNALLED = 1
    WALL_TIME = 2
    """Killed when its wall time was over."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it wrote."""

    ending: Ending
    code: int
    """Exit status, or the signal's number."""
    stdout: bytes
    stderr: bytes
    truncated: bool
    """More was written than `Limits.output_bytes`."""
    cpu_ms: float
    """Of the whole tree, as far as it was waited for."""
    wall_ms: float
    memory_kb: int
    out_of_time: bool
    """Ended by its CPU or wall limit."""
    proof: bytes = b""
    """What the witness wrote; only with a nonce."""

    @property
    def succeeded(self) -> bool:
        """Exited with status 0. For a build that says it worked; for tests it says nothing (`node.checks.harness`)."""
        return self.ending is Ending.EXITED and self.code == 0


class Session(Protocol):
    """A place to run commands one after another."""

    @property
    def scratch(self) -> Path:
        """Writable directory for temporary files as commands see it; emptied after each command."""

    async def run(self, command: Command) -> Ran:
        """Run to its end. Cancelling kills the command and everything it started.

        Raises:
            SandboxError: The command could not be started under confinement. Never a verdict on the command.
        """
