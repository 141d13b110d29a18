"""The attacks on the sandbox once more, where the node is an ordinary user's; a file of its own, because it is long."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.unprivileged import run_as_nobody

pytestmark = [pytest.mark.cargo, pytest.mark.slow, pytest.mark.timeout(1800)]


FILES = ("test_sandbox_attacks.py", "test_sandbox_copies.py", "test_check_containment.py")


def test_the_same_attacks_are_contained_for_an_unprivileged_user():
    if os.geteuid() != 0:
        # The files themselves are part of this very run, and it is an ordinary user's.
        pytest.skip("this run is unprivileged already")
    files = [str(Path(__file__).with_name(name)) for name in FILES]
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", *files]
    done = run_as_nobody(words, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
