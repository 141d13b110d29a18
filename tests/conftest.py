"""For all tests: what one library does to the whole process must not decide how another room's tests end."""

import sys

_DEPTH = sys.getrecursionlimit()


def pytest_runtest_setup(item):
    """Importing an EVM lets Python nest calls beyond what a stack holds; hostile nesting would end the test process."""
    del item
    sys.setrecursionlimit(_DEPTH)
