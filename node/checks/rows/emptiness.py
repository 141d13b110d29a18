"""What a row's tests lack by their text alone, in the words of its verdict. Pure."""

from __future__ import annotations

from node.checks.guards.early import early_code
from node.checks.guards.vacuity import Vacuity, wholly_vacuous
from node.checks.rows.example import Example, tests_as_items

_BY_EXECUTION = frozenset({Vacuity.NO_TEST.value, Vacuity.IGNORED.value, Vacuity.CONFIGURED_OUT.value})
"""What the harness says too, and better: it sees the tests that macros make."""


def empty_tests(example: Example) -> tuple[str, ...]:
    """Why none of a row's tests can show anything; empty as long as one of them can.

    Args:
        example: A row with tests. What its context holds counts as part of the code: tests may come to it through that.
    """
    early = early_code(f"{example.context}\n{example.code}\n{example.tests}")
    if early:
        return (f"{early} could run before what watches its tests, so that they prove nothing",)
    code = f"{example.context}\n\n{example.code}" if example.context else example.code
    tests = tests_as_items(example.tests)
    found = wholly_vacuous(tests, code)
    told = [reason for reason in found if reason.kind not in _BY_EXECUTION]
    return tuple(f"{reason.test} {reason.text}" if reason.test else reason.text for reason in told)
