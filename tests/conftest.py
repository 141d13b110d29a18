"""For all tests: what one library, or one worker, does to a whole machine must not decide how another's tests end."""

import gc
import os
import sys

import pytest
from hypothesis import HealthCheck, settings

from node.checks.engine import TOOLS_VARIABLE
from node.demo import ground
from tests.support import chance

# How long an example takes is a matter of what else the machine does; how many there are is bounded, 100 by default.
settings.register_profile(
    "swarm", deadline=None, derandomize=not chance.ANEW, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("swarm")

_DEPTH = sys.getrecursionlimit()


def pytest_configure(config):
    """Ports are found before anything listens on them: workers that run side by side each have their own."""
    del config
    # Crates come over a network, whose bad minute should fail no test; cargo's own number of tries is three.
    os.environ.setdefault("CARGO_NET_RETRY", "10")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    share = len(ground.PORTS) // count
    ground.PORTS = ground.PORTS[int(worker) * share : (int(worker) + 1) * share]


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collecting makes 400,000 objects that stay: looking for garbage among them, then and ever after, finds none."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """In place of the scheduler that `--dist loadfile` asks for."""
    from tests.support.schedule import ByFile

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items):
    """Workers begin with what takes longest; whoever runs tests without them sees them in their own order."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        from tests.support.schedule import rank_of

        items.sort(key=lambda item: rank_of(item.nodeid))


@pytest.fixture(scope="session", autouse=True)
def tools_are_compiled_once(tmp_path_factory):
    """Some seventy tests open an engine, or start nodes that do, in empty folders: the launcher and the witness are the
    same in all of them, and cost two seconds of a core.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder  # All workers' own.
    os.environ[TOOLS_VARIABLE] = str(folder / "tools")
    yield
    del os.environ[TOOLS_VARIABLE]


def pytest_runtest_setup(item):
    """Importing an EVM lets Python nest calls beyond what a stack holds; hostile nesting would end the test process."""
    del item
    sys.setrecursionlimit(_DEPTH)
