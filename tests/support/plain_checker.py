"""A checker that asks cargo about one step at a time, in a copy of the crate: slow, obvious, and never wrong.

What `node.checks` must agree with. Nothing is sandboxed: for crates we trust only.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.values.crate import PreparedCrate, Span
from node.values.verdict import (
    Baseline,
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

STEP_TIMEOUT_S = 40
_RUNNING = re.compile(r"^\s+Running (?:unittests )?(\S+)", re.MULTILINE)
_TEST = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED)", re.MULTILINE)


@dataclass(frozen=True)
class _Run:
    built: bool
    passed: frozenset[TestName]
    failed: frozenset[TestName]
    timed_out: bool
    codes: tuple[str, ...]


def changed_file(data: bytes, edits: Iterable[Edit]) -> bytes:
    """A file with its edits applied."""
    for edit in sorted(edits, reverse=True):
        data = data[: edit.span.start] + edit.text.encode() + data[edit.span.end :]
    return data


class PlainChecker:
    """Implements `node.tasks.interface.Checker` for one crate folder."""

    def __init__(self, sources: Mapping[str, bytes], folder: Path) -> None:
        self._sources = sources
        self._project = folder / "project"
        self._target = folder / "target"
        self._known: Baseline | None = None
        self.steps_run = 0

    async def baseline(self, crate: PreparedCrate) -> Baseline:
        if self._known is None:
            run = await asyncio.to_thread(self._test, Project(crate.pin), ())
            reason = "" if run.built else "it does not build"
            self._known = Baseline(run.built, tuple(sorted(run.passed)), tuple(sorted(run.failed)), reason)
        return self._known

    async def run(self, crate: PreparedCrate, plans: Sequence[CheckPlan]) -> tuple[PlanResult, ...]:
        known = await self.baseline(crate)
        return tuple([await asyncio.to_thread(self._plan, plan, known) for plan in plans])

    def _plan(self, plan: CheckPlan, known: Baseline) -> PlanResult:
        steps = tuple(self._step(step, known) for step in plan.steps)
        held = [step.outcome is Outcome.HOLDS for step in steps]
        mutants = [holds for step, holds in zip(steps, held, strict=True) if step.name.startswith("mutant-")]
        others = [holds for step, holds in zip(steps, held, strict=True) if not step.name.startswith("mutant-")]
        needed = len(mutants) if plan.required < 0 else plan.required
        rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
        return PlanResult(steps, all(others) and sum(mutants) >= needed, checked=True, rustc=rustc, sandbox="none")

    def _step(self, step: Step, known: Baseline) -> StepResult:
        self.steps_run += 1
        if step.expect in {Expect.COMPILES, Expect.DOES_NOT_COMPILE}:
            run = self._check(step.project)
            holds = run.built == (step.expect is Expect.COMPILES)
            return self._result(step, run, Outcome.HOLDS if holds else Outcome.FAILS, ())
        wanted = frozenset(step.tests or known.tests)
        run = self._test(step.project, step.tests)
        failed = tuple(sorted(wanted - run.passed)) if run.built else ()
        if run.timed_out:
            outcome = Outcome.TIMED_OUT
        elif step.expect is Expect.TESTS_PASS:
            outcome = Outcome.HOLDS if run.built and not failed else Outcome.FAILS
        else:
            outcome = Outcome.HOLDS if run.built and failed else Outcome.FAILS
        return self._result(step, run, outcome, failed, len(wanted))

    def _result(
        self, step: Step, run: _Run, outcome: Outcome, failed: tuple[TestName, ...], ran: int = 0
    ) -> StepResult:
        count = ran if run.built else 0
        lints = self._lints(step.project) if step.lint and run.built else ()
        return StepResult(
            step.name, outcome, run.built, count, count - len(failed), failed, run.codes, lints, outcome.value
        )

    # Cargo

    def _materialise(self, project: Project) -> None:
        shutil.rmtree(self._project, ignore_errors=True)
        edits: dict[str, list[Edit]] = {}
        for edit in project.edits:
            edits.setdefault(edit.span.path, []).append(edit)
        files = {path: changed_file(data, edits.get(path, ())) for path, data in self._sources.items()}
        files |= {file.path: file.text.encode() for file in project.files}
        for path, data in files.items():
            place = self._project / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)

    def _cargo(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "CARGO_TARGET_DIR": str(self._target),
            "CARGO_TERM_COLOR": "never",
            "CARGO_NET_OFFLINE": "true",
            "RUST_BACKTRACE": "0",
            "CARGO_PROFILE_DEV_DEBUG": "0",
            "CARGO_PROFILE_TEST_DEBUG": "0",
        }
        return subprocess.run(
            ["cargo", *arguments],
            cwd=self._project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=STEP_TIMEOUT_S,
            check=False,
        )

    def _check(self, project: Project) -> _Run:
        self._materialise(project)
        done = self._cargo("check", "--lib")
        return _Run(done.returncode == 0, frozenset(), frozenset(), timed_out=False, codes=_codes(done.stdout))

    def _test(self, project: Project, tests: Sequence[TestName]) -> _Run:
        self._materialise(project)
        files = sorted({test.file for test in tests if test.file})
        selected = [f"--test={file}" for file in files] + ["--lib"] * any(not test.file for test in tests)
        names = ["--exact", *(test.name for test in tests)] if tests else []
        try:
            done = self._cargo("test", "--no-fail-fast", *(selected or ["--lib", "--tests"]), "--", *names)
        except subprocess.TimeoutExpired:
            return _Run(True, frozenset(), frozenset(), timed_out=True, codes=())
        built = bool(_RUNNING.search(done.stdout))
        outcomes = dict(_outcomes(done.stdout))
        passed = frozenset(name for name, verdict in outcomes.items() if verdict == "ok")
        return _Run(built, passed, frozenset(outcomes) - passed, timed_out=False, codes=_codes(done.stdout))

    def _lints(self, project: Project) -> tuple[str, ...]:
        self._materialise(project)
        done = self._cargo("clippy", "--lib", "--message-format=json")
        messages = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
        found = [message["message"] for message in messages if message.get("reason") == "compiler-message"]
        changed = [_moved(project.edits, edit) for edit in project.edits]
        return tuple(
            sorted(
                message["code"]["code"]
                for message in found
                if message["code"] and any(_inside(span, changed) for span in message["spans"] if span["is_primary"])
            )
        )


def _moved(edits: Sequence[Edit], edit: Edit) -> Span:
    """Where an edit's new text stands in the changed file."""
    before = [other for other in edits if other.span.path == edit.span.path and other.span < edit.span]
    start = edit.span.start + sum(len(o.text.encode()) - (o.span.end - o.span.start) for o in before)
    return Span(edit.span.path, start, start + len(edit.text.encode()))


def _inside(span: dict[str, object], changed: Sequence[Span]) -> bool:
    start, end = int(str(span["byte_start"])), int(str(span["byte_end"]))
    return any(span["file_name"] == place.path and place.start <= start and end <= place.end for place in changed)


def _codes(output: str) -> tuple[str, ...]:
    return tuple(sorted(set(re.findall(r"^error\[(E\d+)\]", output, re.MULTILINE))))


def _outcomes(output: str) -> Iterable[tuple[TestName, str]]:
    """Each test's verdict; the line that names the running target stands before its tests."""
    parts = _RUNNING.split(output)
    for path, text in zip(parts[1::2], parts[2::2], strict=True):
        file = "" if path.startswith("src/") else path.removeprefix("tests/").removesuffix(".rs").removesuffix("/main")
        for name, verdict in _TEST.findall(text):
            yield TestName("integration" if file else "library", file, name), verdict
