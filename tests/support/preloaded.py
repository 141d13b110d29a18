"""Node processes that need not import anything: forked from processes that have imported what nodes need.

    with Preloaded() as preloaded:
        layout = lay_swarm(folder, start=preloaded.start)

Nearly all of what a node costs until it has worked a small job, four seconds of a core, are imports, and the swarms of
`tests/processes` start some forty nodes. That a node also begins from nothing is shown by `test_demo_processes.py`,
which starts its nodes as the demo does.

Python seeds its hashes once per process. Nodes forked from one process iterate over their sets in one order, and would
hide it if what they agree on depended on that; so there are two such processes, and nodes come from them in turn.
"""

from __future__ import annotations

import itertools
import os
from typing import Self

from node.demo import processes
from node.demo.processes import NodeProcess
from node.home import NodeHome
from tests.support.stems import Stem

MODULES = ("node.cli.run", "node.app", "node.network.libp2p_core", "pyarrow.parquet", "pandas", __name__)
"""What a node has imported after its first job. pandas is pyarrow's wish, where it is installed."""

STEMS = 2


class Preloaded:
    """Starts nodes from stems. Use as a context manager: its nodes end before it."""

    def __init__(self) -> None:
        self._stems = [Stem(*MODULES, environment=processes._environment()) for _ in range(STEMS)]
        self._turns = itertools.cycle(self._stems)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stem in self._stems:
            stem.close()

    def start(self, name: str, home: NodeHome) -> NodeProcess:
        """As `NodeProcess(name, home)`."""
        return _PreloadedNode(name, home, next(self._turns))


class _PreloadedNode(NodeProcess):
    """A node's process whose parent is a stem."""

    def __init__(self, name: str, home: NodeHome, stem: Stem) -> None:
        self.name, self.home = name, home
        self.log = home.root / "log"
        words = "tests.support.preloaded:become_node", str(home.root), processes._environment()
        with self.log.open("ab") as log:
            self._process = stem.fork(*words, stdout=log.fileno(), stderr=log.fileno())


def become_node(folder: str, environment: dict[str, str]) -> None:
    """What `NodeProcess` starts, in this process. Ends with the command's SystemExit."""
    from node.cli import main

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    main(["start", "--data", folder, "--with-stdin"], prog_name="swarm-node")
