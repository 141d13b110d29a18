"""The ways in which a test says nothing, and one finding of that. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Vacuity(Enum):
    """Why a test cannot tell working code from broken code."""

    NO_TEST = "no_test"
    """The text holds no function that a harness would run."""
    IGNORED = "ignored"
    CONFIGURED_OUT = "configured_out"
    """It stands under a condition that does not hold in an ordinary test build."""
    NO_ASSERTION = "no_assertion"
    CONSTANT_ASSERTION = "constant_assertion"
    """Every assertion's outcome stands in the test's own text: `assert!(true)`, `assert_eq!(1, 1)`."""
    SELF_COMPARISON = "self_comparison"
    """Every assertion compares an expression with itself (or is constant)."""
    UNRELATED_ASSERTION = "unrelated_assertion"
    """The code is used, and every assertion is about something else."""
    UNREACHED_ASSERTION = "unreached_assertion"
    """The only assertions stand in a closure or function that nothing calls, in a dead branch, or behind an exit."""
    NO_CALL = "no_call"
    """Nothing of the example is used."""
    PANIC_NOT_NAMED = "panic_not_named"
    """`#[should_panic]` without `expected`: any panic at all would do."""
    PANICS_ITSELF = "panics_itself"
    """`#[should_panic]`, and the test panics whatever the code does."""
    TARGET_REDEFINED = "target_redefined"
    """The tests bring an item of the same name and test that instead."""
    ASSERTION_REDEFINED = "assertion_redefined"
    """`assert!` or one of its kin is a macro of the row's own."""
    OTHER_CODE_IN_TESTS = "other_code_in_tests"
    """The code asks whether it is being tested: what passes is not what its users get."""


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """One test, or all of them, and why it proves nothing."""

    test: str
    """Path of the test, e.g. `tests::adds`; empty when it concerns every test of the row."""
    kind: str
    """Value of a `Vacuity`."""
    text: str
    """One line for people."""
