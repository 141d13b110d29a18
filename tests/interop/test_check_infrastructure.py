"""What is this machine's fault is nobody's verdict: no toolchain, a full disk, a sandbox that is killed, a busy CPU."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.checking.packages import Packages
from node.checking.reading import PackageKey
from node.checks import CheckSettings, Level, examine, open_engine
from node.checks.engine import TOOLS_VARIABLE
from node.checks.rows import Example, RowOptions
from node.errors import OperatorError
from node.values.crate import Span
from node.values.verdict import CheckPlan, Edit, Expect, Outcome, Project, Step
from tests.support import crowded_checks
from tests.support.prepared import make_crate
from tests.support.row_verdicts import told

pytestmark = pytest.mark.cargo

LIB = """pub fn one() -> u8 { 1 }
#[test]
fn t() { assert_eq!(one(), 1); }
#[test]
fn takes_a_while() { assert!((0..1_000_000u64).fold(0, |a, b| a ^ b) < u64::MAX); }
"""
BODY = Span("src/lib.rs", LIB.index("{"), LIB.index("}") + 1)
TEXTS = ("{ 2 - 1 }", "{ 2 }", "{ loop {} }", '{ "" }')


@pytest.fixture(autouse=True)
def own_tools(monkeypatch):
    """What goes wrong while tools are compiled, and whose processes are killed, is about these tests' engines alone."""
    monkeypatch.delenv(TOOLS_VARIABLE)


@pytest.fixture(scope="module")
def crate(tmp_path_factory):
    return make_crate(tmp_path_factory.mktemp("crate"), {"src/lib.rs": LIB})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("checks")


def plans(crate, texts=TEXTS):
    return [CheckPlan((Step("s", Project(crate.pin, (Edit(BODY, t),)), Expect.TESTS_PASS),)) for t in texts]


def settle(crate, folder, texts=TEXTS, watch=None):
    async def run():
        engine = await open_engine(CheckSettings(folder, cores=2))
        try:
            await engine.baseline(crate)
            results = await engine.run(crate, plans(crate, texts), watch=watch)
            return [result.steps[0] for result in results]
        finally:
            await engine.close()

    return asyncio.run(run())


def test_without_a_toolchain_the_operator_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OperatorError, match="rustc is not on the search path") as caught:
        asyncio.run(open_engine(CheckSettings(tmp_path)))
    assert "Install Rust" in caught.value.hint
    found = asyncio.run(examine(CheckSettings(tmp_path)))
    assert (found.usable, found.level, found.findings[0].good) == (False, "", False)


def test_a_toolchain_without_its_libraries_is_the_operators_turn_too(tmp_path, monkeypatch):
    fake = tmp_path / "rustc"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(OperatorError, match="failed"):
        asyncio.run(open_engine(CheckSettings(tmp_path / "state")))


def test_the_level_without_confinement_is_taken_only_when_asked_for_and_says_what_it_is(folder):
    found = asyncio.run(examine(CheckSettings(folder, level=Level.NONE)))
    assert found.level == "none"
    assert found.weaker == (
        "Code from crates and peers runs unconfined: it can read and change everything that this user can.",
    )
    assert [finding.good for finding in found.findings if finding.subject == "sandbox"] == [False]
    chosen = asyncio.run(examine(CheckSettings(folder)))
    assert chosen.level in {"strict", "standard"}


def test_a_full_disk_settles_nothing_and_afterwards_everything_is_as_before(tmp_path):
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    done = crowded_checks.run(tmp_path)
    if done.returncode == crowded_checks.NO_DISK or "Operation not permitted" in done.stderr:
        # Neither root, nor user namespaces to be root in: the kernel's setting, which no test may change.
        pytest.skip(f"only root may mount a small disk here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    outcomes = [line.partition("|")[0] for line in lines]
    assert outcomes == ["holds", "unchecked", "unchecked", "holds"], lines
    assert all("space left" in line or "disk" in line for line in lines[1:3]), lines


def test_root_of_a_namespace_with_one_user_gets_the_level_that_holds_there(tmp_path):
    """As in a container without root: commands cannot run as users of their own, and that is no reason to fail."""
    enter = ["unshare", "--user", "--map-root-user"]
    entered = subprocess.run([*enter, "true"], capture_output=True, text=True, check=False)
    if entered.returncode:  # The kernel's setting, which no test may change.
        pytest.skip(f"user namespaces are switched off here: {entered.stderr.strip()}")
    (tmp_path / "rows").write_text(f'{{"code": {json.dumps(LIB)}}}\n')
    words = ["check", "--in", "rows", "--out", "verdicts", "--cache", "cache"]
    done = subprocess.run(
        [*enter, sys.executable, "-m", "node.cli", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1 rows: 1 pass" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "verdicts").read_text())["sandbox"] == (
        "strict" if shutil.which("bwrap") else "standard"
    )


def launchers(folder: Path) -> list[int]:
    """Processes that confine commands for the engine of that folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if f"{folder}/tools/launcher".encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def test_killing_the_sandbox_never_makes_a_verdict(crate, folder):
    killed = []

    def kill(seen):
        if seen.stage == "checking" and not killed:
            killed.extend(launchers(folder))
            for pid in killed:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    expected = [Outcome.HOLDS, Outcome.FAILS, Outcome.TIMED_OUT, Outcome.FAILS]
    found = settle(crate, folder, watch=kill)
    assert killed
    for result, outcome in zip(found, expected, strict=True):
        assert result.outcome in {outcome, Outcome.UNCHECKED}, result
    assert [result.outcome for result in settle(crate, folder)] == expected


@contextlib.contextmanager
def busy_cores():
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3 * (os.cpu_count() or 2))]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


ADD = "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n"
MEET = """pub fn meet(count: usize) -> usize {
    let all = std::sync::Barrier::new(count);
    std::thread::scope(|scope| (0..count).map(|_| scope.spawn(|| all.wait().is_leader())).collect::<Vec<_>>()
        .into_iter().map(|one| one.join().unwrap()).filter(|leads| *leads).count())
}
"""
LATE = """pub fn late() -> bool {
    let (say, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || { std::thread::sleep(std::time::Duration::from_millis(50)); say.send(7) });
    hear.recv_timeout(std::time::Duration::from_secs(20)) == Ok(7)
}
"""
WORK = "pub fn work(n: u64) -> u64 {\n    (0..n).fold(7, |a, b| a ^ a.wrapping_mul(b | 1).rotate_left(9))\n}\n"
ROWS = (
    (Example(ADD, tests="assert_eq!(add(1, 2), 3);"), "pass"),
    (Example(ADD, tests="assert_eq!(add(1, 2), 4);"), "fail"),
    (Example(ADD, tests="assert!(add(1, 2) == add(1, 2));"), "fail"),
    (Example(MEET, tests="assert_eq!(meet(400), 1);\nassert_eq!(meet(1), 1);"), "pass"),
    (Example(LATE, tests="assert!(late());"), "pass"),
    (Example(WORK, tests="assert_ne!(work(3_000_000), work(3_000_001));\nassert_eq!(work(0), 7);"), "pass"),
    (Example(f"{ADD}pub fn sum() -> i32 {{\n    1{' + 1' * 900}\n}}\n", tests="assert_eq!(sum(), 901);"), "pass"),
    (Example("pub fn moved(v: Vec<u8>) -> Vec<u8> { let w = v; v }"), "fail"),
)


@pytest.mark.slow
def test_rows_get_the_same_verdicts_on_a_machine_whose_cores_are_all_busy(folder):
    async def settle_rows():
        engine = await open_engine(CheckSettings(folder, cores=2))
        try:
            package = await Packages(folder).prepare(PackageKey("2021"))
            return await engine.settle_rows(package, [row for row, _ in ROWS], RowOptions(mutants=0))
        finally:
            await engine.close()

    at_rest = asyncio.run(settle_rows())
    with busy_cores():
        loaded = asyncio.run(settle_rows())
    assert [(told(verdict), verdict.stub_killed) for verdict in loaded] == [
        (told(verdict), verdict.stub_killed) for verdict in at_rest
    ]
    assert [verdict.state.value for verdict in loaded] == [expected for _, expected in ROWS]


def test_a_machine_whose_cores_are_all_busy_gives_the_same_verdicts(crate, folder):
    at_rest = settle(crate, folder)
    with busy_cores():
        loaded = settle(crate, folder)
    assert loaded == at_rest
    assert [result.outcome for result in loaded] == [Outcome.HOLDS, Outcome.FAILS, Outcome.TIMED_OUT, Outcome.FAILS]


UNSAFE_LIB = """fn address(of: &u8) -> usize { of as *const u8 as usize }
pub fn seven() -> u8 {
    let seven = 7u8;
    unsafe { *(address(&seven) as *const u8) }
}
#[test]
fn t() { assert_eq!(seven(), 7); }
"""


def test_a_mutant_that_dies_of_undefined_behaviour_is_neither_killed_nor_alive(folder, tmp_path):
    crate = make_crate(tmp_path, {"src/lib.rs": UNSAFE_LIB}, name="wild")
    body = Span("src/lib.rs", UNSAFE_LIB.index("{"), UNSAFE_LIB.index("}") + 1)

    def mutant(text, expect):
        return CheckPlan((Step("mutant-1", Project(crate.pin, (Edit(body, text),)), expect),))

    wild, wrong = "{ let _ = of; 8 }", "{ static EIGHT: u8 = 8; let _ = of; &raw const EIGHT as usize }"

    async def run():
        engine = await open_engine(CheckSettings(folder, cores=2))
        try:
            asked = [mutant(wild, Expect.TESTS_FAIL), mutant(wrong, Expect.TESTS_FAIL), mutant(wild, Expect.TESTS_PASS)]
            return await engine.run(crate, asked)
        finally:
            await engine.close()

    undefined, killed, answer = (result.steps[0] for result in asyncio.run(run()))
    assert (undefined.outcome, killed.outcome) == (Outcome.UNCHECKED, Outcome.HOLDS)
    assert "undefined behaviour, which settles nothing" in undefined.reason
    assert answer.outcome is Outcome.FAILS  # As an answer it is wrong wherever it runs.
