"""Node processes that need not import anything: forked from processes that have imported what nodes need, and idle.

    with Preloaded() as preloaded:
        layout = lay_swarm(folder, start=preloaded.start)

Nearly all of what a node costs until it has worked a small job, four seconds of a core, are imports, and the swarms of
`tests/processes` start some forty nodes. From the fork on, a node is what `python -m node.cli start` is: a process
with a session, a working directory, an environment, descriptors and memory of its own. That such a node also begins
from nothing is shown by `test_demo_processes.py`, which starts its nodes as the demo does.

Python seeds its hashes once per process. Nodes forked from one process iterate over their sets in one order, and would
hide it if what they agree on depended on that; so there are two such processes, and nodes come from them in turn.
"""

from __future__ import annotations

import gc
import importlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

from node.demo import processes
from node.demo.processes import NodeProcess
from node.home import NodeHome

MODULES = ("node.cli.run", "node.app", "node.network.libp2p_core", "pyarrow.parquet", "pandas")
"""What a node has imported after its first job. pandas is pyarrow's wish, where it is installed."""

STEMS = 2
BYTES_MAX = 1 << 16
"""Of one message between us and a stem: a folder and an environment."""

LOOK_EVERY_S = 0.02


class Preloaded:
    """Starts nodes from stems, which begin with the first node. Use as a context manager: its nodes end before it."""

    def __init__(self) -> None:
        self._stems: list[_Stem] = []
        self._turns = itertools.cycle(range(STEMS))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stem in self._stems:
            stem.close()

    def start(self, name: str, home: NodeHome) -> NodeProcess:
        """As `NodeProcess(name, home)`."""
        if not self._stems:
            self._stems = [_Stem() for _ in range(STEMS)]
        return _PreloadedNode(name, home, self._stems[next(self._turns)])


class _PreloadedNode(NodeProcess):
    """A node's process whose parent is a stem."""

    def __init__(self, name: str, home: NodeHome, stem: _Stem) -> None:
        self.name, self.home = name, home
        self.log = home.root / "log"
        with self.log.open("ab") as log:
            self._process = stem.fork(home.root, log.fileno())


class _Stem:
    """The process that nodes are forked from. Any thread may ask it."""

    def __init__(self) -> None:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            words = [sys.executable, "-m", "tests.support.preloaded", str(theirs.fileno())]
            self._process = subprocess.Popen(
                words,
                pass_fds=[theirs.fileno()],
                env=processes._environment(),
                start_new_session=True,  # Ctrl-C is ours alone, as with the demo's nodes
            )

    def fork(self, folder: Path, log: int) -> _Forked:
        """A new node over a data folder."""
        theirs, ours = os.pipe()
        stdin = os.fdopen(ours, "wb")
        try:
            pid = self._ask({"folder": str(folder), "environment": processes._environment()}, theirs, log)
        finally:
            os.close(theirs)
        return _Forked(self, pid, stdin)

    def code(self, pid: int) -> int | None:
        """How a node of this stem ended, as `subprocess` has it; None while it runs."""
        found = self._ask({"pid": pid})
        return None if found < 0 else os.waitstatus_to_exitcode(found)

    def _ask(self, asked: dict, *descriptors: int) -> int:
        with self._lock:
            socket.send_fds(self._link, [json.dumps(asked).encode()], descriptors)
            answer = self._link.recv(BYTES_MAX)
        assert answer, f"a stem has ended with {self._process.poll()}"
        return int(answer)

    def close(self) -> None:
        """End the stem; a node of it that still runs goes on until its standard input ends."""
        self._link.close()
        assert self._process.wait(20) == 0


class _Forked:
    """A forked node, with what `NodeProcess` uses of `subprocess.Popen`."""

    def __init__(self, stem: _Stem, pid: int, stdin) -> None:
        self.pid, self.stdin = pid, stdin
        self._stem = stem
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            self._code = self._stem.code(self.pid)
        return self._code

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("a preloaded node", timeout)
            time.sleep(LOOK_EVERY_S)
        return self._code


def _serve(link: socket.socket) -> None:
    """The stem's life, until the other end of its link is closed; in a fork of it, the node's."""
    for name in MODULES:
        importlib.import_module(name)
    gc.freeze()  # or a node's first collections would copy every page
    while True:
        message, descriptors, _, _ = socket.recv_fds(link, BYTES_MAX, 2)
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
            _become_node(asked["folder"], asked["environment"], *descriptors)
        link.send(b"%d" % pid)
        for descriptor in descriptors:
            os.close(descriptor)


def _become_node(folder: str, environment: dict[str, str], stdin: int, log: int) -> None:
    """What `Popen` and the interpreter do before the command line begins. Ends with the command's SystemExit."""
    from node.cli import main

    os.setsid()
    for descriptor, place in ((stdin, 0), (log, 1), (log, 2)):
        os.dup2(descriptor, place)
    for descriptor in {stdin, log}:
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    main(["start", "--data", folder, "--with-stdin"], prog_name="swarm-node")


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
