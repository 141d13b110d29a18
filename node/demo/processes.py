"""Node processes: started, watched, and ended whatever happens.

Each is `swarm-node start` in a session of its own, so that Ctrl-C reaches the demo alone, which then stops them in good
order. Each holds the read end of a pipe whose other end is ours: even if this process is killed, they end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from node.errors import ExitCode, OperatorError
from node.home import NodeHome

STOP_S = 12.0
"""For all nodes together to stop in good order; then they are killed. A node gives its parts 10 s."""

LOOK_EVERY_S = 0.5
LOG_TAIL_BYTES = 8192


class NodeProcess:
    """One node's process."""

    def __init__(self, name: str, home: NodeHome) -> None:
        self.name, self.home = name, home
        self.log = home.root / "log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "node.cli", "start", "--data", str(home.root), "--with-stdin"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=home.root,  # whatever lies in our own working directory is not to be imported
                env=_environment(),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Begin to stop it."""
        if self.code is None:
            self._process.terminate()

    def end(self, until: float) -> bool:
        """Wait for its end until a moment of the monotonic clock, then kill it; whether it ended by itself."""
        try:
            self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            return False
        finally:
            assert self._process.stdin is not None, "asked for at the start"
            self._process.stdin.close()
        return True

    def last_words(self) -> str:
        """The last line of its log."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "nothing")


def start_all(homes: Sequence[NodeHome]) -> tuple[NodeProcess, ...]:
    """Start a process per data folder: all of them, or none."""
    processes: list[NodeProcess] = []
    try:
        for home in homes:
            processes.append(NodeProcess(home.root.name, home))  # noqa: PERF401  (what has started must be known)
    except BaseException:
        stop_all(processes)
        raise
    return tuple(processes)


def stop_all(processes: Sequence[NodeProcess]) -> None:
    """End processes in good order, and those that do not heed it without. None is left."""
    for process in processes:
        process.ask_to_stop()
    until = time.monotonic() + STOP_S
    for process in processes:
        process.end(until)


async def watch_over(processes: Sequence[NodeProcess]) -> None:
    """Return never; raise when a process ends that should run.

    Raises:
        OperatorError: Names the process and its last words.
    """
    while True:
        for process in processes:
            if process.code is not None:
                raise OperatorError(
                    f"{process.name} ended with exit code {process.code}; its last words: {process.last_words()}",
                    hint="Run `swarm-node doctor`; with --keep the whole logs stay.",
                    exit_code=ExitCode.UNAVAILABLE,
                )
        await asyncio.sleep(LOOK_EVERY_S)


def cpu_seconds(processes: Sequence[NodeProcess]) -> float:
    """What running processes have used so far by themselves, without what they started (proc_pid_stat(5))."""
    ticks = 0
    for process in processes:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # utime, stime
    return ticks / os.sysconf("SC_CLK_TCK")


def _environment() -> dict[str, str]:
    """Ours, with our own code's folder on Python's search path: the processes run the same code."""
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "PYTHONUNBUFFERED": "1"}
