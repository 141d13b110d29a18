"""Starting test binaries: which tests there are, and how each of them ends."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from node.checks import harness
from node.checks.harness import TestEnd, TestRun
from node.checks.invocation import Invocation
from node.checks.sandbox.launcher import LauncherSession
from node.checks.sandbox.limits import TEST_LIMITS, Command, Limits, Profile

_DEATHS_MAX = 4
"""How often a test binary is started again after a test took it down, before the rest is given up."""


def test_environment(invocation: Invocation) -> dict[str, str]:
    """What a test sees: what cargo would set, as far as its compiler saw it; and a path of places."""
    kept = re.compile(
        r"CARGO(?!_(HOME|TARGET_DIR|BUILD|INCREMENTAL|NET|TERM|PROFILE|ENCODED)).*|OUT_DIR|LD_LIBRARY_PATH|LC_ALL|TZ"
    )
    given = {name: value for name, value in invocation.environment.items() if kept.fullmatch(name)}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", **given}


async def run_tests(
    session: LauncherSession,
    executable: Path,
    names: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    readable: tuple[Path, ...],
    limits: Limits,
    variant: int = 0,
) -> TestRun:
    """Run the named tests of one binary, one after the other in one process.

    A test that takes the process down has no result; those after it run in another process, a few times. After a
    time-out nothing more is started: what loops once would only loop again.
    """
    left = list(names)
    whole: TestRun | None = None
    for _ in range(_DEATHS_MAX):
        command = Command(
            argv=(str(executable), *harness.arguments(left)),
            profile=Profile.TEST,
            limits=limits,
            directory=directory,
            environment=environment,
            readable=(executable, *readable),
            nonce=secrets.token_hex(16),
            variant=variant,
        )
        run = harness.read_run(await session.run(command), command.nonce)
        whole = run if whole is None else _joined(whole, run)
        settled = [name for name, end in run.ends.items() if end is not TestEnd.NO_RESULT]
        blamed = next((name for name, end in run.ends.items() if end is TestEnd.NO_RESULT), None)
        left = [name for name in left if name not in settled and name != blamed]
        if run.finished or run.out_of_time or not run.crashed or not left:
            break
    if whole is None:
        raise AssertionError("at least one run is made")
    return whole


def _joined(first: TestRun, second: TestRun) -> TestRun:
    ends = {**first.ends, **second.ends}
    return TestRun(
        ends=ends,
        finished=False,
        out_of_time=first.out_of_time or second.out_of_time,
        crashed=first.crashed or second.crashed,
        overflowed=first.overflowed or second.overflowed,
        undefined=first.undefined or second.undefined,
        cpu_ms=first.cpu_ms + second.cpu_ms,
    )


async def list_tests(
    session: LauncherSession,
    executable: Path,
    *,
    directory: Path,
    environment: Mapping[str, str],
    readable: tuple[Path, ...],
) -> tuple[str, ...]:
    """Names of a binary's tests, sorted; empty when it does not speak the harness's language."""
    command = Command(
        argv=(str(executable), "--list", "--format", "terse"),
        profile=Profile.TEST,
        limits=TEST_LIMITS,
        directory=directory,
        environment=environment,
        readable=(executable, *readable),
    )
    ran = await session.run(command)
    lines = ran.stdout.decode(errors="replace").splitlines() if ran.succeeded else []
    return tuple(sorted({line.removesuffix(": test") for line in lines if line.endswith(": test")}))
