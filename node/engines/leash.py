"""Runs a command that must not outlive us: `python leash.py COMMAND...`. Standard library only, run as a script.

The node holds the other end of our standard input. When that closes, however the node ended, the command and all its
children are told to end and then made to. The command runs in a session of its own; its process id is our first line.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

GRACE_S = 10.0
"""Between SIGTERM and SIGKILL; vLLM needs about 3 s to end its workers."""

LOOK_S = 0.1

PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the command; its exit code, or 128 plus the signal that ended it."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_us)  # noqa: PLW1509 - there is one thread here
    print(f"pid {child.pid}", flush=True)
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    while child.poll() is None and not asked and not _is_alone():
        pass
    end(child)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _is_alone() -> bool:
    """Whether the other end of our standard input is gone; waits a moment to find out."""
    readable, _, _ = select.select([0], [], [], LOOK_S)
    return bool(readable) and not os.read(0, 1024)


def end(child: subprocess.Popen[bytes]) -> None:
    """End the command and what it started."""
    _signal(child.pid, signal.SIGTERM)
    until = time.monotonic() + GRACE_S
    while child.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    _signal(child.pid, signal.SIGKILL)  # the whole session, workers whose parent is gone included


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _die_with_us() -> None:
    """On Linux the command ends with this process even if this one is killed with SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
