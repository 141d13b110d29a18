"""What swarms of processes may have in common: the crate as cargo prepared it, and what is built of it."""

import asyncio
import os
from pathlib import Path

import pytest

from node.checks.engine import TOOLS_VARIABLE
from tests.support.preloaded import Preloaded
from tests.support.process_swarm import build_crate


@pytest.fixture(scope="session")
def built():
    """For swarms that show something else than building: one place for all workers, built before any node starts.

    A node that is stopped while it builds would make the others wait for it.
    """
    folder = Path(os.environ[TOOLS_VARIABLE]).with_name("built")
    asyncio.run(build_crate(folder))
    return folder


@pytest.fixture(scope="session")
def start():
    """How swarms here start their nodes: each node is a process of its own, and what all import is imported once."""
    with Preloaded() as preloaded:
        yield preloaded.start
