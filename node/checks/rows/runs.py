"""Running a row's tests: all of them in one process of their own, whatever binary they stand in."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace

from node.checks import harness
from node.checks.builds import moved
from node.checks.harness import TestEnd
from node.checks.rows.building import Linked
from node.checks.rows.shape import Shape
from node.checks.running import test_environment
from node.checks.sandbox.launcher import LauncherSession
from node.checks.sandbox.limits import Command, Limits, Profile, Ran
from node.checks.schemata import STUB_VARIANT
from node.checks.workshop import Workshop

STUB = STUB_VARIANT
_RUNS_MAX = 4
_REFUSED = re.compile(
    rb'(Operation not permitted|Permission denied)(?:" }| \(os error)|(failed to lookup address information)'
)
"""How the standard library writes that the system refused something, in what a failing test leaves behind."""


@dataclass(frozen=True, slots=True)
class RowRun:
    """How the tests of a row ended."""

    passed: tuple[str, ...]
    failed: tuple[str, ...]
    ignored: tuple[str, ...]
    unproven: tuple[str, ...]
    """Of the failed ones, those whose line says they passed."""
    out_of_time: bool
    crashed: bool
    spent: bool
    """It used up all its CPU time, as it would anywhere; no question of a slow machine."""
    undefined: bool
    """It died as programs do whose unsafe code has met what it must not: by SIGSEGV, SIGBUS or SIGILL."""
    finished: bool
    overflowed: bool
    """It crashed because a stack was too small."""
    cpu_ms: float
    asserted: bool | None
    """It came to an assertion that is watched; None where that was not seen (`before_stubs`)."""
    notices_stub: bool | None
    """Some test failed with stubs for the code's functions; None when that was not tried to the end."""
    refused: str = ""
    """What its output says of something that it was not allowed, perhaps only here; empty if nothing."""

    @property
    def seen(self) -> tuple[str, ...]:
        """Tests that the harness named."""
        return self.passed + self.failed + self.ignored

    @property
    def all_passed(self) -> bool:
        """At least one ran, and every one that ran passed."""
        return self.finished and bool(self.passed) and not self.failed

    @property
    def reason(self) -> str:
        """One line about what is wrong; empty when nothing is."""
        if self.all_passed:
            return ""
        if self.out_of_time:
            return "its tests do not come to an end within their time"
        names = ", ".join(self.failed[:3]) + (", ..." if len(self.failed) > 3 else "") + self._may_be_ours
        if not self.finished:
            how = "a signal took it down" if self.crashed else "something in it ended the process"
            return f"the test run did not come to its end, {how}: {names or 'before any test'}"
        if self.unproven:
            return f"a test's result was forged: {', '.join(self.unproven[:3])} never returned"
        if self.failed:
            return f"{len(self.failed)} of {len(self.failed) + len(self.passed)} tests failed: {names}"
        if self.ignored:
            return "no test ran: all are ignored"
        return "no test ran: there is none"

    @property
    def _may_be_ours(self) -> str:
        ours = "perhaps the sandbox's: no programs, no network, no modes by path, no files of others"
        return f' (it met "{self.refused}", {ours})' if self.refused else ""


def runs_before_stubs(shape: Shape) -> int:
    """How often a row's tests run as they are, after their first time, before they run with stubs; 0 without stubs.

    Tests that could count their runs must not know which is the one that is to fail.
    """
    return int(shape.has_stub) and (1 + secrets.randbelow(_RUNS_MAX) if shape.keeps_state else 1)


class Runner:
    """Runs the tests of rows that stand in one binary.

    Args:
        workshop: Of the batch.
        session: Where.
        linked: The binary.
        rows: How many rows it holds: for several it is not loaded anew each time.
    """

    def __init__(self, workshop: Workshop, session: LauncherSession, linked: Linked, *, rows: int = 1) -> None:
        # Not the folder that several were built in: other rows' sources are none of its business.
        project = linked.project or workshop.bench.project
        self._workshop = workshop
        self._session = session
        self._command = Command(
            argv=(str(linked.executable),),
            profile=Profile.TEST,
            limits=workshop.limits_for(None),
            directory=project,
            own_directory=True,  # As below cargo, where tests leave files beside the package's own.
            environment=moved(
                test_environment(linked.invocation), workshop.bench.project, session.scratch / project.name
            )
            | _stack_of(linked),
            # What is the package's own in a row's folder are links.
            readable=(linked.executable, project, workshop.bench.project),
            forked=rows > 1,
        )

    async def run(
        self, *, module: str = "", variant: int = 0, before_stubs: int = 0, bound_ms: float | None = None
    ) -> RowRun:
        """Run the tests of one row.

        Args:
            module: The row's module in the binary; empty when that is the row's own.
            variant: 0 for the code as it is.
            before_stubs: Once all passed, run them so often as they are and then with stubs, in the same process
                (`RowRun.notices_stub`); 0 for no stubs.
            bound_ms: CPU milliseconds of the unchanged row, for bounds; None when that is not known.

        Raises:
            UncheckedError: Tests failed on a full disk.
        """
        # The harness takes a name's part for a filter, and nobody else's tests have this module in their names.
        chosen = (f"{module}::",) if module else ()
        command = replace(
            self._command,
            argv=(*self._command.argv, *chosen, "--test-threads=1", "--color=never"),
            limits=self._command.limits if bound_ms is None else self._workshop.limits_for(bound_ms),
            variant=variant,
            nonce=secrets.token_hex(16) + harness.STUBS_TOO * before_stubs,
        )
        ran = await self._session.run(command)
        starved = _SHARE_MIN * command.limits.wall_ms < ran.cpu_ms < command.limits.cpu_ms * 0.9
        if ran.out_of_time and starved:
            # Stopped by the wall clock with CPU time to spare, at work all the time. Once more, patiently.
            ran = await self._session.run(replace(command, limits=_patient(command.limits)))
        run = _row_run(ran, module, command)
        if not run.all_passed:
            self._workshop.refuse_full_disk()
        return run


def _stack_of(linked: Linked) -> dict[str, str]:
    """Without what debuggers ask for, functions take as little as half of a stack: there they have half of it, too."""
    return {} if linked.for_debuggers else {"RUST_MIN_STACK": str(_STACK_BYTES // 2)}


_STACK_BYTES = 2 << 20
"""Of a test's thread, and of those that it starts."""
_SHARE_MIN = 0.01
"""Of a core's time: whoever takes less waits for what never comes, and not for others to leave it some."""


def _patient(limits: Limits) -> Limits:
    return replace(limits, wall_ms=4 * limits.wall_ms)


def _row_run(ran: Ran, module: str, command: Command) -> RowRun:
    run = harness.read_run(ran, command.nonce)
    beginning = f"{module}::" if module else ""
    ends = {name.removeprefix(beginning): end for name, end in run.ends.items() if name.startswith(beginning)}

    def having(*wanted: TestEnd) -> tuple[str, ...]:
        return tuple(sorted(name for name, end in ends.items() if end in wanted))

    whole = {name for name, end in run.ends.items() if end is TestEnd.PASSED}
    refused = _REFUSED.search(ran.stdout) or _REFUSED.search(ran.stderr)
    return RowRun(
        passed=having(TestEnd.PASSED),
        failed=having(TestEnd.FAILED, TestEnd.NO_RESULT, TestEnd.UNPROVEN),
        unproven=having(TestEnd.UNPROVEN),
        ignored=having(TestEnd.IGNORED),
        out_of_time=run.out_of_time,
        crashed=run.crashed,
        spent=ran.out_of_time and ran.cpu_ms >= command.limits.cpu_ms * 0.9,
        undefined=run.undefined,
        finished=run.finished,
        overflowed=run.overflowed,
        cpu_ms=run.cpu_ms,
        asserted=run.asserted,
        notices_stub=run.noticed or (None if run.survivors is None else not run.survivors.issuperset(whole)),
        refused=(refused[1] or refused[2]).decode() if refused else "",
    )
