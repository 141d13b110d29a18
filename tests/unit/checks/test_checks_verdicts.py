"""From observations to verdicts: the words of Expect and Outcome, case by case."""

import dataclasses

import pytest

from node.checks.verdicts import (
    Claim,
    MalformedObservationError,
    Observation,
    claim_key,
    claim_of,
    conclude,
    dump_observation,
    judge,
    load_observation,
)
from node.values.crate import CratePin, PreparedCrate, Span
from node.values.verdict import AddedFile, CheckPlan, Edit, Expect, Outcome, Project, Step, TestName

PIN = CratePin("c", "1.0.0", bytes(32), bytes(32), "", "2021")
A, B, C = (TestName("library", "", name) for name in "abc")
PROJECT = Project(PIN)

BROKEN = Observation(compiled=False, error_codes=("E0308",), message="E0308: mismatched types")
ENDLESS_BUILD = Observation(compiled=False, timed_out=True)
PASSED = Observation(compiled=True, passed=(A, B))
ONE_FAILED = Observation(compiled=True, passed=(A,), failed=(B,))
OUT_OF_TIME = Observation(compiled=True, passed=(A,), failed=(B,), unsettled=(B,), timed_out=True)
FAILED_AND_OUT_OF_TIME = Observation(compiled=True, failed=(A, B), unsettled=(B,), timed_out=True)
MISSING = Observation(compiled=True, passed=(A,), missing=(B,))
NO_TESTS = Observation(compiled=True)
UNCHECKED = Observation(compiled=False, message="the disk is full", unchecked=True)

HOLDS, FAILS, TIMED_OUT, NOT_CHECKED = Outcome.HOLDS, Outcome.FAILS, Outcome.TIMED_OUT, Outcome.UNCHECKED
COMPILES, PASS, FAIL, BREAK = Expect.COMPILES, Expect.TESTS_PASS, Expect.TESTS_FAIL, Expect.DOES_NOT_COMPILE

TABLE = [
    (BROKEN, {COMPILES: FAILS, PASS: FAILS, FAIL: FAILS, BREAK: HOLDS}),
    (ENDLESS_BUILD, {COMPILES: TIMED_OUT, PASS: TIMED_OUT, FAIL: TIMED_OUT, BREAK: TIMED_OUT}),
    (PASSED, {COMPILES: HOLDS, PASS: HOLDS, FAIL: FAILS, BREAK: FAILS}),
    (ONE_FAILED, {PASS: FAILS, FAIL: HOLDS}),
    (OUT_OF_TIME, {PASS: TIMED_OUT, FAIL: TIMED_OUT}),
    (FAILED_AND_OUT_OF_TIME, {PASS: TIMED_OUT, FAIL: HOLDS}),
    (MISSING, {PASS: FAILS, FAIL: FAILS}),
    (NO_TESTS, {PASS: FAILS, FAIL: FAILS}),
    (UNCHECKED, {COMPILES: NOT_CHECKED, PASS: NOT_CHECKED, FAIL: NOT_CHECKED, BREAK: NOT_CHECKED}),
]


@pytest.mark.parametrize(
    ("seen", "expect", "outcome"), [(seen, expect, row[expect]) for seen, row in TABLE for expect in row]
)
def test_each_claim_is_judged_by_what_was_seen(seen, expect, outcome):
    assert judge(Step("s", PROJECT, expect), seen).outcome is outcome


def test_a_verdict_counts_what_ran_and_says_why_in_one_line():
    result = judge(Step("answer", PROJECT, PASS), ONE_FAILED)
    assert (result.tests_run, result.tests_passed, result.failed) == (2, 1, (B,))
    assert result.reason == "1 of 2 tests passed; failed: b"
    assert judge(Step("answer", PROJECT, PASS), OUT_OF_TIME).tests_run == 1
    assert judge(Step("answer", PROJECT, COMPILES), BROKEN).reason == "does not compile: E0308: mismatched types"


def plan(*steps, required=-1):
    made = tuple(Step(name, PROJECT, expect) for name, expect, _ in steps)
    results = tuple(judge(step, seen) for step, (_, _, seen) in zip(made, steps, strict=True))
    return conclude(CheckPlan(made, required), results, rustc="1.0.0", sandbox="strict")


def test_a_plan_holds_when_all_its_steps_do():
    assert plan(("answer", PASS, PASSED), ("stub", FAIL, ONE_FAILED)).holds
    assert not plan(("answer", PASS, PASSED), ("stub", FAIL, PASSED)).holds
    assert plan().holds


def test_as_many_mutants_must_hold_as_are_required():
    mutants = [("mutant-1", FAIL, PASSED), ("mutant-2", FAIL, ONE_FAILED), ("mutant-3", FAIL, OUT_OF_TIME)]
    assert not plan(*mutants).holds
    assert plan(*mutants, required=2).holds
    assert not plan(*mutants, required=3).holds
    assert not plan(("answer", PASS, ONE_FAILED), *mutants, required=1).holds


def test_time_counts_as_failing_tests_and_never_as_passing():
    assert plan(("stub", FAIL, OUT_OF_TIME)).holds
    assert not plan(("stub", FAIL, ENDLESS_BUILD)).holds
    assert not plan(("answer", PASS, OUT_OF_TIME)).holds


def test_a_plan_with_an_unchecked_step_says_nothing():
    found = plan(("answer", PASS, PASSED), ("stub", FAIL, UNCHECKED))
    assert (found.checked, found.holds, found.rustc, found.sandbox) == (False, False, "", "")


def test_steps_that_ask_for_the_same_make_one_claim():
    edits = (Edit(Span("b", 0, 1), ""), Edit(Span("a", 0, 1), ""))
    one = claim_of(Step("x", Project(PIN, edits), PASS, (B, A, A)))
    other = claim_of(Step("y", Project(PIN, edits[::-1]), FAIL, (A, B)))
    assert one == other
    assert claim_of(Step("x", PROJECT, COMPILES, (A,))) == claim_of(Step("y", PROJECT, BREAK))


CRATE = PreparedCrate(PIN, None, b"manifest", b"lock", None, dev_dependencies=True, notes=())
CLAIM = Claim(Project(PIN, (Edit(Span("a", 0, 1), "x"),), (AddedFile("t", "y"),)), runs_tests=True, tests=(A,))

DIFFERENT = [
    (CRATE, dataclasses.replace(CLAIM, lint=True), "rustc", "strict"),
    (CRATE, dataclasses.replace(CLAIM, tests=(B,)), "rustc", "strict"),
    (CRATE, dataclasses.replace(CLAIM, tests=()), "rustc", "strict"),
    (CRATE, dataclasses.replace(CLAIM, runs_tests=False), "rustc", "strict"),
    (CRATE, dataclasses.replace(CLAIM, project=PROJECT), "rustc", "strict"),
    (dataclasses.replace(CRATE, manifest=b"other"), CLAIM, "rustc", "strict"),
    (dataclasses.replace(CRATE, lock=b"other"), CLAIM, "rustc", "strict"),
    (dataclasses.replace(CRATE, pin=dataclasses.replace(PIN, source_digest=b"1" * 32)), CLAIM, "rustc", "strict"),
    (dataclasses.replace(CRATE, pin=dataclasses.replace(PIN, version="1.0.1")), CLAIM, "rustc", "strict"),
    (CRATE, CLAIM, "other", "strict"),
    (CRATE, CLAIM, "rustc", "none"),
]


def test_whatever_decides_an_observation_is_in_its_key():
    keys = {claim_key(crate, claim, toolchain=chain, level=level) for crate, claim, chain, level in DIFFERENT}
    keys.add(claim_key(CRATE, CLAIM, toolchain="rustc", level="strict"))
    assert len(keys) == len(DIFFERENT) + 1


@pytest.mark.parametrize("seen", [seen for seen, _ in TABLE if not seen.unchecked])
def test_a_remembered_observation_is_the_one_that_was_made(seen):
    assert load_observation(dump_observation(seen)) == seen


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"compiled":1}', b"\xff"])
def test_what_is_no_observation_is_refused(raw):
    with pytest.raises(MalformedObservationError):
        load_observation(raw)
