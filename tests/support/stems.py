"""Processes that need not import anything: forked from one that has imported what they need, and is idle.

    stem = Stem("node.network.libp2p_network")
    process = stem.fork("tests.support.network_process:serve", config, stderr=log.fileno())

Most of what a short process of ours costs are its imports, one to four seconds of a core. From the fork on it is what
`python -m` would have started: a process with a session, descriptors and memory of its own. What it shares with others
of its stem is Python's hash seed; where sets of many processes must not iterate in one order, take several stems.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

BYTES_MAX = 1 << 16
"""Of one message between us and a stem."""

LOOK_EVERY_S = 0.02


class Stem:
    """The process that others are forked from, which begins with the first of them. Any thread may ask it.

    Args:
        modules: Imported before the first fork.
        environment: Of the stem, and of what is forked from it; None for ours.
    """

    def __init__(self, *modules: str, environment: Mapping[str, str] | None = None) -> None:
        self._modules, self._environment = modules, environment
        self._link: socket.socket | None = None
        self._process: subprocess.Popen | None = None
        self._lock = threading.Lock()

    def fork(self, entry: str, *given: object, stdout: int | None = None, stderr: int) -> Forked:
        """A new process, with a pipe of ours as its standard input.

        Args:
            entry: What it does, as `module:function`. It ends when that returns, or with the exit that it raises.
            given: Arguments, as JSON carries them.
            stdout: A descriptor; None for a pipe to us.
            stderr: A descriptor.
        """
        stdin, ours = os.pipe()
        read, write = os.pipe() if stdout is None else (None, os.dup(stdout))
        try:
            pid = self._ask({"entry": entry, "given": given}, stdin, write, stderr)
        finally:
            os.close(stdin)
            os.close(write)
        return Forked(self, pid, os.fdopen(ours, "wb"), None if read is None else os.fdopen(read, "rb"))

    def code(self, pid: int) -> int | None:
        """How a process of this stem ended, as `subprocess` has it; None while it runs. Ends are told once."""
        found = self._ask({"pid": pid})
        return None if found < 0 else os.waitstatus_to_exitcode(found)

    def _ask(self, asked: dict, *descriptors: int) -> int:
        with self._lock:
            link = self._link or self._start()
            socket.send_fds(link, [json.dumps(asked).encode()], descriptors)
            answer = link.recv(BYTES_MAX)
        assert answer, f"a stem has ended with {self._process and self._process.poll()}"
        return int(answer)

    def _start(self) -> socket.socket:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = [sys.executable, "-m", "tests.support.stems", str(theirs.fileno()), *self._modules]
            self._process = subprocess.Popen(
                words,
                pass_fds=[theirs.fileno()],
                cwd=Path(__file__).parents[2],  # where `-m` finds us, whatever folder a test is in
                env=self._environment,
                start_new_session=True,  # Ctrl-C is ours alone
            )
        return self._link

    def close(self) -> None:
        """End the stem; a process of it that still runs goes on until its standard input ends, or longer."""
        if self._link is not None:
            self._link.close()
            assert self._process.wait(120) == 0


class Forked:
    """A forked process, with what is used here of `subprocess.Popen`."""

    def __init__(self, stem: Stem, pid: int, stdin: BinaryIO, stdout: BinaryIO | None) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self.returncode: int | None = None
        self._stem = stem

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._stem.code(self.pid)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("a forked process", timeout)
            time.sleep(LOOK_EVERY_S)
        return self.returncode


def _serve(link: socket.socket, modules: list[str]) -> None:
    """The stem's life, until the other end of its link is closed; in a fork of it, the fork's."""
    for name in modules:
        importlib.import_module(name)
    gc.freeze()  # or a fork's first collections would copy every page
    while True:
        message, descriptors, _, _ = socket.recv_fds(link, BYTES_MAX, 3)
        if not message:
            return
        asked = json.loads(message)
        if "pid" in asked:
            pid, status = os.waitpid(asked["pid"], os.WNOHANG)
            link.send(b"%d" % (status if pid else -1))
            continue
        pid = os.fork()
        if not pid:
            link.close()
            _become(asked["entry"], asked["given"], descriptors)
            return
        link.send(b"%d" % pid)
        for descriptor in descriptors:
            os.close(descriptor)


def _become(entry: str, given: list, descriptors: list[int]) -> None:
    """What `Popen` and the interpreter do before a script begins, and the script."""
    os.setsid()
    for place, descriptor in enumerate(descriptors):
        os.dup2(descriptor, place)
    for descriptor in descriptors:
        os.close(descriptor)
    module, _, function = entry.partition(":")
    getattr(importlib.import_module(module), function)(*given)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])
