"""From what was observed of a project to the verdict on a claim about it. Pure.

A claim says what must be observed; how (many claims in one build, one alone, or cargo itself) is the engine's affair.
Equal observations give equal verdicts, whichever way they came about.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from node.values.crate import PreparedCrate
from node.values.verdict import (
    AddedFile,
    CheckPlan,
    Edit,
    Expect,
    Outcome,
    PlanResult,
    Project,
    Step,
    StepResult,
    TestName,
)

ENGINE_VERSION = 5
"""Raised when the same project could be observed differently; part of every cache key."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be observed of one project."""

    project: Project
    runs_tests: bool
    """False: only whether the library compiles."""
    tests: tuple[TestName, ...] = ()
    """Sorted, each once; empty with `runs_tests`: all that pass on the unchanged crate."""
    lint: bool = False


def claim_of(step: Step) -> Claim:
    """What must be observed to judge the step."""
    runs = step.expect in {Expect.TESTS_PASS, Expect.TESTS_FAIL}
    project = Project(step.project.crate, tuple(sorted(step.project.edits)), tuple(sorted(step.project.files)))
    return Claim(project, runs, tuple(sorted(set(step.tests))) if runs else (), step.lint)


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one claim. Test names are sorted; every test asked for is in exactly one of the lists."""

    compiled: bool
    error_codes: tuple[str, ...] = ()
    message: str = ""
    """First error, why nothing could be observed, or which results were forged; one line."""
    passed: tuple[TestName, ...] = ()
    failed: tuple[TestName, ...] = ()
    """Ran and did not pass, or were still to come when the run died."""
    missing: tuple[TestName, ...] = ()
    """The harness does not know them: their file does not compile into the project, or they are misnamed."""
    unsettled: tuple[TestName, ...] = ()
    """The part of `failed` that has no result of its own: out of time, or after that."""
    timed_out: bool = False
    """The build, or a test, exceeded its time."""
    lints: tuple[str, ...] = ()
    undefined: bool = False
    """A test's process ended by SIGSEGV, SIGBUS or SIGILL: elsewhere the same program may do something else."""
    unchecked: bool = False
    """Nothing was settled, for the reason in `message`. Never cached."""


def judge(step: Step, seen: Observation) -> StepResult:
    """The verdict on a step, by the words of `Expect` and `Outcome`."""
    outcome, reason = _settle(step, seen)
    return StepResult(
        name=step.name,
        outcome=outcome,
        compiled=seen.compiled,
        tests_run=len(seen.passed) + len(seen.failed) - len(seen.unsettled),
        tests_passed=len(seen.passed),
        failed=seen.failed,
        error_codes=seen.error_codes,
        lints=seen.lints,
        reason=reason,
    )


def _settle(step: Step, seen: Observation) -> tuple[Outcome, str]:
    if seen.unchecked:
        return Outcome.UNCHECKED, seen.message
    if not seen.compiled:
        if seen.timed_out:
            return Outcome.TIMED_OUT, "the build exceeded its time"
        outcome = Outcome.HOLDS if step.expect is Expect.DOES_NOT_COMPILE else Outcome.FAILS
        return outcome, f"does not compile: {seen.message}"
    if step.expect is Expect.DOES_NOT_COMPILE:
        return Outcome.FAILS, "compiles"
    if step.expect is Expect.COMPILES:
        return Outcome.HOLDS, "compiles"
    return _settle_tests(step, seen)


def _settle_tests(step: Step, seen: Observation) -> tuple[Outcome, str]:
    if seen.missing:
        return Outcome.FAILS, f"not among the project's tests: {_names(seen.missing)}"
    total = len(seen.passed) + len(seen.failed)
    if total == 0:
        return Outcome.FAILS, "there are no tests to run"
    text = f"{len(seen.passed)} of {total} tests passed"
    if seen.failed:
        text += f"; failed: {_names(seen.failed)}"
    if seen.timed_out:
        text += "; out of time"
    if seen.message:
        text += f"; {seen.message}"
    if seen.undefined and step.expect is Expect.TESTS_FAIL:
        # A mutant that is killed here by a wild pointer may live on another rater's machine.
        return Outcome.UNCHECKED, f"{text}; crashed by undefined behaviour, which settles nothing"
    settled_failure = len(seen.failed) > len(seen.unsettled)
    if step.expect is Expect.TESTS_FAIL and settled_failure:
        return Outcome.HOLDS, text
    if seen.timed_out:
        return Outcome.TIMED_OUT, text
    if step.expect is Expect.TESTS_FAIL:
        return (Outcome.HOLDS if seen.failed else Outcome.FAILS), text
    return (Outcome.FAILS if seen.failed else Outcome.HOLDS), text


def _names(tests: Sequence[TestName]) -> str:
    shown = ", ".join(f"{test.file}::{test.name}" if test.file else test.name for test in tests[:3])
    return shown if len(tests) <= 3 else f"{shown} and {len(tests) - 3} more"


def conclude(plan: CheckPlan, steps: tuple[StepResult, ...], *, rustc: str, sandbox: str) -> PlanResult:
    """The verdict on a plan: all its steps, and enough of its mutants, hold.

    A mutant or stub on which tests run out of time is a failing one: time counts as failing tests (`Outcome`).
    """
    checked = all(result.outcome is not Outcome.UNCHECKED for result in steps)
    held = [_holds(step, result) for step, result in zip(plan.steps, steps, strict=True)]
    mutants = [good for step, good in zip(plan.steps, held, strict=True) if _is_mutant(step)]
    others = [good for step, good in zip(plan.steps, held, strict=True) if not _is_mutant(step)]
    required = len(mutants) if plan.required < 0 else plan.required
    return PlanResult(
        steps=steps,
        holds=all(others) and sum(mutants) >= required,
        checked=checked,
        rustc=rustc if checked else "",
        sandbox=sandbox if checked else "",
    )


def _holds(step: Step, result: StepResult) -> bool:
    if result.outcome is Outcome.TIMED_OUT:
        return step.expect is Expect.TESTS_FAIL and result.compiled
    return result.outcome is Outcome.HOLDS


def _is_mutant(step: Step) -> bool:
    return step.name.startswith("mutant-")


def claim_key(crate: PreparedCrate, claim: Claim, *, toolchain: str, level: str) -> bytes:
    """Names an observation by everything that decides it; 32 bytes."""
    value = {
        "engine": ENGINE_VERSION,
        "toolchain": toolchain,
        "level": level,
        "crate": [crate.pin.label, crate.pin.checksum.hex(), crate.pin.source_digest.hex()],
        "manifest": hashlib.sha256(crate.manifest).hexdigest(),
        "lock": hashlib.sha256(crate.lock).hexdigest(),
        "edits": [_edit(edit) for edit in claim.project.edits],
        "files": [_file(file) for file in claim.project.files],
        "runs": claim.runs_tests,
        "tests": [_test(test) for test in claim.tests],
        "lint": claim.lint,
    }
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(b"swarm-node/v1/observation\0" + text.encode()).digest()


def dump_observation(seen: Observation) -> bytes:
    """Bytes for a cache."""
    value = {
        "compiled": seen.compiled,
        "error_codes": seen.error_codes,
        "message": seen.message,
        "passed": [_test(test) for test in seen.passed],
        "failed": [_test(test) for test in seen.failed],
        "missing": [_test(test) for test in seen.missing],
        "unsettled": [_test(test) for test in seen.unsettled],
        "timed_out": seen.timed_out,
        "undefined": seen.undefined,
        "lints": seen.lints,
    }
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode()


class MalformedObservationError(ValueError):
    """Bytes that `dump_observation` did not make."""


def load_observation(raw: bytes) -> Observation:
    """Back from `dump_observation`.

    Raises:
        MalformedObservationError: Not such bytes.
    """
    try:
        value = json.loads(raw)
        return Observation(
            compiled=bool(value["compiled"]),
            error_codes=tuple(map(str, value["error_codes"])),
            message=str(value["message"]),
            passed=_tests(value["passed"]),
            failed=_tests(value["failed"]),
            missing=_tests(value["missing"]),
            unsettled=_tests(value["unsettled"]),
            timed_out=bool(value["timed_out"]),
            undefined=bool(value["undefined"]),
            lints=tuple(map(str, value["lints"])),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedObservationError("not a stored observation") from error


def _tests(rows: Sequence[Sequence[str]]) -> tuple[TestName, ...]:
    return tuple(TestName(target, file, name) for target, file, name in rows)


def _edit(edit: Edit) -> list[object]:
    return [edit.span.path, edit.span.start, edit.span.end, edit.text]


def _file(file: AddedFile) -> list[str]:
    return [file.path, file.text]


def _test(test: TestName) -> list[str]:
    return [test.target, test.file, test.name]
