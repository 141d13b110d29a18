"""Putting an observation together from builds and runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from node.checks.builds import Built
from node.checks.diagnostics import error_codes, first_error
from node.checks.harness import TestEnd
from node.checks.verdicts import Observation
from node.checks.workshop import TestEnds
from node.values.verdict import TestName


def not_compiled(built: Built) -> Observation:
    """What a failed build shows: the first that fails of the library, its tests, and integration tests by name."""
    message = first_error(built.diagnostics) or ("the compiler crashed" if built.crashed else "")
    return Observation(
        compiled=False,
        error_codes=error_codes(built.diagnostics),
        message=message,
        timed_out=built.out_of_time,
    )


def after_tests(
    wanted: Sequence[TestName], ends: Mapping[tuple[str, str], TestEnds], *, lints: tuple[str, ...]
) -> Observation:
    """What runs show of a project that compiles.

    Args:
        wanted: The tests asked for.
        ends: Per target and file, how its tests ended; a target that is not there has none of them.
        lints: As reported.
    """
    passed, failed, missing, unsettled = [], [], [], []
    forged, early, ignored = [], [], []
    for test in sorted(wanted):
        run = ends.get((test.target, test.file))
        end = run.ends.get(test.name) if run is not None else None
        if run is None or end is None:
            missing.append(test)
        elif end is TestEnd.PASSED:
            passed.append(test)
        else:
            failed.append(test)
            if end is TestEnd.NO_RESULT and run.out_of_time:
                unsettled.append(test)
            elif end is TestEnd.NO_RESULT:
                early.append(test.name)
            elif end is TestEnd.UNPROVEN:
                forged.append(test.name)
            elif end is TestEnd.IGNORED:
                ignored.append(test.name)
    return Observation(
        compiled=True,
        message=_told(forged, early, ignored),
        undefined=any(run.undefined for run in ends.values()),
        passed=tuple(passed),
        failed=tuple(failed),
        missing=tuple(missing),
        unsettled=tuple(unsettled),
        timed_out=any(run.out_of_time for run in ends.values()),
        lints=lints,
    )


def _told(forged: Sequence[str], early: Sequence[str], ignored: Sequence[str]) -> str:
    """Why tests count as failed that did not fail by themselves; the worst first."""
    if forged:
        return f"reported as passed without having returned: {', '.join(forged[:3])}"
    if early:
        return f"the process ended before they returned: {', '.join(early[:3])}"
    return f"ignored: {', '.join(ignored[:3])}" if ignored else ""
