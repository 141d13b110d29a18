"""For all tests: what one library, or one worker, does to a whole machine must not decide how another's tests end."""

import os
import sys

from hypothesis import settings

from node.demo import ground

# How long an example takes is a matter of what else the machine does; how many there are is bounded, 100 by default.
settings.register_profile("swarm", deadline=None)
settings.load_profile("swarm")

_DEPTH = sys.getrecursionlimit()


def pytest_configure(config):
    """Ports are found before anything listens on them: workers that run side by side each have their own."""
    del config
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = len(ground.PORTS) // count
    ground.PORTS = ground.PORTS[int(worker) * share : (int(worker) + 1) * share]


def pytest_runtest_setup(item):
    """Importing an EVM lets Python nest calls beyond what a stack holds; hostile nesting would end the test process."""
    del item
    sys.setrecursionlimit(_DEPTH)
