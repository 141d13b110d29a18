"""Claims about a small crate, settled by the real engine: shared builds, sandbox and all."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from node.checks import (
    CheckSettings,
    Level,
    UncheckedError,
    open_engine,
    write_project,
)
from node.values.crate import Span
from node.values.verdict import AddedFile, CheckPlan, Edit, Expect, Outcome, Project, Step, TestName, TestTarget
from tests.support.counting_cache import CountingCache
from tests.support.prepared import make_crate

pytestmark = pytest.mark.cargo

LIB = """//! Sums.
#![no_std]

/// Adds, at most `u8::MAX`.
pub fn add(a: u8, b: u8) -> u8 {
    a.saturating_add(b)
}

/// The sum of all.
pub fn sum(items: &[u8]) -> u8 {
    items.iter().fold(0, |total, item| add(total, *item))
}

/// Zero.
pub const fn zero() -> u8 {
    0
}

/// Even ones.
pub fn even(items: &[u8]) -> impl Iterator<Item = u8> + '_ {
    items.iter().copied().filter(|item| item % 2 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds() {
        assert_eq!(add(1, 2), 3);
    }

    #[test]
    fn saturates() {
        assert_eq!(add(200, 100), 255);
    }

    #[test]
    fn sums() {
        assert_eq!(sum(&[1, 2, 3]), 6);
    }

    #[test]
    fn starts_at_zero() {
        assert_eq!(zero(), 0);
    }

    #[test]
    #[ignore]
    fn is_ignored() {}

    #[test]
    fn always_fails() {
        panic!("as published");
    }
}
"""

OUTSIDE = """use sample::{even, sum};

#[test]
fn keeps_even_ones() {
    assert!(even(&[1, 2, 3, 4]).eq([2, 4]));
}

#[test]
fn sums_from_outside() {
    assert_eq!(sum(&[9]), 9);
}
"""


def body_edit(name: str, text: str, source: str = LIB) -> Edit:
    start = source.index("{", source.index(f"fn {name}"))
    return Edit(Span("src/lib.rs", start, source.index("\n}", start) + 2), text)


def unit(name: str) -> TestName:
    return TestName(TestTarget.LIBRARY.value, "", f"tests::{name}")


def outside(file: str, name: str) -> TestName:
    return TestName(TestTarget.INTEGRATION.value, file, name)


class Bench:
    """The engine behind synchronous calls, one event loop for all."""

    def __init__(self, folder: Path, **settings) -> None:
        self.runner = asyncio.Runner()
        # Tools of its own: their processes are told from those of other tests by where they lie.
        self.settings = CheckSettings(folder, cores=2, shared_tools=None, **settings)
        self.engine = self.runner.run(open_engine(self.settings))

    def close(self) -> None:
        self.runner.run(self.engine.close())
        self.runner.close()

    def baseline(self, crate):
        return self.runner.run(self.engine.baseline(crate))

    def steps(self, crate, *steps):
        """Results of steps, each a plan of its own, settled in one call."""
        results = self.runner.run(self.engine.run(crate, [CheckPlan((step,)) for step in steps]))
        return [result.steps[0] for result in results]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    made = Bench(tmp_path_factory.mktemp("checks"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def crate(tmp_path_factory):
    return make_crate(tmp_path_factory.mktemp("crate"), {"src/lib.rs": LIB, "tests/outside.rs": OUTSIDE})


def step(crate, expect, *edits, tests=(), files=(), name="s", lint=False):
    return Step(name, Project(crate.pin, tuple(edits), tuple(files)), expect, tuple(tests), lint)


def test_the_baseline_names_what_passes_and_what_does_not(bench, crate):
    found = bench.baseline(crate)
    assert (found.builds, found.reason) == (True, "")
    assert found.tests == tuple(
        sorted(
            [
                outside("outside", "keeps_even_ones"),
                outside("outside", "sums_from_outside"),
                *(unit(name) for name in ("adds", "saturates", "sums", "starts_at_zero")),
            ]
        )
    )
    assert found.failing == (unit("always_fails"),)
    assert found.ignored == (unit("is_ignored"),)


def test_bodies_in_one_build_each_get_the_verdict_they_would_get_alone(bench, crate):
    right, wrong = body_edit("add", "{ (u16::from(a) + u16::from(b)).min(255) as u8 }"), body_edit("add", "{ a }")
    broken, moved = (
        body_edit("add", '{ "no" }'),
        body_edit("sum", "{ let v = core::cell::Cell::new(items); drop(v); drop(v); 0 }"),
    )
    stub, endless = body_edit("add", '{ panic!("stub") }'), body_edit("add", "{ loop {} }")
    found = bench.steps(
        crate,
        step(crate, Expect.TESTS_PASS, right),
        step(crate, Expect.TESTS_PASS, wrong),
        step(crate, Expect.TESTS_FAIL, stub),
        step(crate, Expect.COMPILES, broken),
        step(crate, Expect.DOES_NOT_COMPILE, broken),
        step(crate, Expect.COMPILES, moved),
        step(crate, Expect.TESTS_FAIL, endless, tests=[unit("adds")]),
        step(crate, Expect.TESTS_PASS, wrong, tests=[unit("starts_at_zero")]),
    )
    outcomes = [result.outcome for result in found]
    assert outcomes == [
        Outcome.HOLDS,
        Outcome.FAILS,
        Outcome.HOLDS,
        Outcome.FAILS,
        Outcome.HOLDS,
        Outcome.FAILS,
        Outcome.TIMED_OUT,
        Outcome.HOLDS,
    ]
    assert (found[0].tests_run, found[0].tests_passed) == (6, 6)
    touching = [outside("outside", "sums_from_outside"), unit("adds"), unit("saturates"), unit("sums")]
    assert found[2].failed == tuple(sorted(touching))
    assert found[3].error_codes == ("E0308",)
    assert found[5].error_codes == ("E0382",)


def test_functions_that_cannot_be_arms_are_built_alone(bench, crate):
    found = bench.steps(
        crate,
        step(crate, Expect.TESTS_FAIL, body_edit("zero", "{\n    1\n}"), tests=[unit("starts_at_zero")]),
        step(crate, Expect.TESTS_FAIL, body_edit("even", "{\n    items.iter().copied()\n}")),
        step(crate, Expect.TESTS_PASS, body_edit("add", "{ let _ = line!(); a.saturating_add(b) }")),
    )
    assert [result.outcome for result in found] == [Outcome.HOLDS] * 3
    assert found[1].failed == (outside("outside", "keeps_even_ones"),)


def test_a_variant_cannot_reach_out_of_its_arm(bench, crate):
    """Unbalanced braces would close the match; what is alone harmless must not change what others show."""
    escape = body_edit("add", "{ 0 } } pub fn sum(_: &[u8]) -> u8 { 0 } fn rest() { {")
    found = bench.steps(
        crate,
        step(crate, Expect.COMPILES, escape),
        step(crate, Expect.TESTS_PASS, body_edit("sum", "{ items.iter().fold(0, |a, b| add(a, *b)) }")),
    )
    assert [result.outcome for result in found] == [Outcome.FAILS, Outcome.HOLDS]


def test_no_std_crates_do_not_get_the_standard_library_by_sharing(bench, crate):
    found = bench.steps(crate, step(crate, Expect.COMPILES, body_edit("add", "{ (2.0f64).sqrt() as u8 + a + b }")))
    assert found[0].outcome is Outcome.FAILS


FILE = "use sample::add;\n\n#[test]\nfn works() {{\n    assert_eq!(add(1, 1), {});\n}}\n"


def test_added_tests_share_a_crate_and_fail_for_themselves(bench, crate):
    files = {
        "right": AddedFile("tests/mine.rs", FILE.format(2)),
        "wrong": AddedFile("tests/mine.rs", FILE.format(3)),
        "broken": AddedFile("tests/mine.rs", FILE.format('"x"')),
        "lone": AddedFile(
            "tests/mine.rs", "use sample::add;\n#[test]\nfn works() { assert_eq!(line!(), 3 + add(0, 0) as u32); }\n"
        ),
    }
    named = [outside("mine", "works")]
    found = bench.steps(
        crate,
        *(step(crate, Expect.TESTS_PASS, files=[file], tests=named) for file in files.values()),
        step(crate, Expect.TESTS_FAIL, body_edit("add", "{ a }"), files=[files["right"]], tests=named),
        step(crate, Expect.TESTS_PASS, files=[files["right"]], tests=[outside("mine", "is_not_there")]),
        step(crate, Expect.TESTS_PASS, files=[files["right"]], tests=[outside("nowhere", "works")]),
    )
    assert [result.outcome for result in found] == [
        Outcome.HOLDS,
        Outcome.FAILS,
        Outcome.FAILS,
        Outcome.HOLDS,
        Outcome.HOLDS,
        Outcome.FAILS,
        Outcome.FAILS,
    ]
    assert found[2].error_codes == ("E0308",)
    assert (found[1].tests_run, found[1].failed) == (1, (outside("mine", "works"),))
    assert "not among the project's tests" in found[5].reason


def test_the_unchanged_crate_is_known_from_its_baseline(bench, crate):
    found = bench.steps(
        crate,
        step(crate, Expect.TESTS_PASS),
        step(crate, Expect.TESTS_PASS, tests=[unit("always_fails")]),
        step(crate, Expect.TESTS_PASS, tests=[unit("is_ignored")]),
        step(crate, Expect.COMPILES),
    )
    assert [result.outcome for result in found] == [Outcome.HOLDS, Outcome.FAILS, Outcome.FAILS, Outcome.HOLDS]


def test_comments_are_compiled_together(bench, crate):
    def docs(text):
        at = LIB.index("/// Zero.")
        return Edit(Span("src/lib.rs", at, at + len("/// Zero.")), text)

    found = bench.steps(
        crate,
        step(crate, Expect.COMPILES, docs("/// Nought.\n///\n/// Always.")),
        step(crate, Expect.COMPILES, docs("/// Nil.")),
        step(crate, Expect.COMPILES, docs("/// Nil.\n\n/* unclosed")),
    )
    assert [result.outcome for result in found] == [Outcome.HOLDS, Outcome.HOLDS, Outcome.FAILS]


def test_clippy_is_heard_inside_the_edits_and_nowhere_else(bench, crate):
    clumsy = body_edit("add", "{ return a.saturating_add(b); }")
    counted = body_edit("sum", "{ let mut t = 0; for i in 0..items.len() { t = add(t, items[i]); } t }")
    neat = body_edit("sum", "{ items.iter().copied().fold(0, add) }")
    found = bench.steps(
        crate,
        *(step(crate, Expect.TESTS_PASS, edit, lint=True) for edit in (clumsy, counted, neat)),
        step(crate, Expect.COMPILES, clumsy),
    )
    assert [result.lints for result in found] == [
        ("clippy::needless_return",),
        ("clippy::needless_range_loop",),
        (),
        (),
    ]


def test_malformed_projects_fail_with_their_reason(bench, crate):
    found = bench.steps(
        crate,
        step(crate, Expect.COMPILES, Edit(Span("src/lib.rs", 0, 10_000), "")),
        step(crate, Expect.DOES_NOT_COMPILE, Edit(Span("src/gone.rs", 0, 0), "")),
    )
    assert [result.compiled for result in found] == [False, False]
    assert "leaves the file" in found[0].reason


def test_a_crate_that_does_not_compile_says_so_and_nothing_about_it_is_settled(bench, tmp_path):
    crate = make_crate(tmp_path / "c", {"src/lib.rs": 'pub fn f() -> u8 { "" }\n'}, name="broken")
    found = bench.baseline(crate)
    assert (found.builds, found.tests) == (False, ())
    assert found.reason == "does not compile: E0308: mismatched types"
    result = bench.steps(crate, step(crate, Expect.COMPILES))[0]
    assert result.outcome is Outcome.UNCHECKED
    assert "broken@0.1.0 itself does not compile" in result.reason


def test_a_crate_without_a_library_or_tests_says_so(bench, tmp_path):
    program = make_crate(tmp_path / "p", {"src/main.rs": "fn main() {}\n"}, name="program")
    assert bench.baseline(program).reason == "has no library that could be checked"
    silent = make_crate(tmp_path / "s", {"src/lib.rs": "pub fn f() {}\n"}, name="silent")
    assert (bench.baseline(silent).builds, bench.baseline(silent).reason) == (True, "has no tests that pass")


def test_dependencies_that_are_not_there_are_nobodys_verdict(bench, tmp_path):
    manifest = '[package]\nname = "needy"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nabsent = "1"\n'
    crate = make_crate(tmp_path / "n", {"src/lib.rs": ""}, name="needy", manifest=manifest)
    with pytest.raises(UncheckedError, match=r"needy@0\.1\.0"):
        bench.baseline(crate)
    assert bench.steps(crate, step(crate, Expect.COMPILES))[0].outcome is Outcome.UNCHECKED


BUILD_SCRIPT = """
fn main() {{
    let attempts = [
        std::fs::read("{secret}").is_ok(),
        std::fs::write("{outside}/written", "x").is_ok(),
        std::net::TcpListener::bind("127.0.0.1:0").is_ok(),
        std::env::var("HOME").is_ok(),
        std::fs::read("/etc/passwd").is_ok(),
        std::process::Command::new("/bin/sh").arg("-c").arg("cat {secret}").status().unwrap().success(),
    ];
    println!("cargo:rustc-env=ATTEMPTS={{attempts:?}}");
}}
"""


def test_a_build_script_gets_nowhere_and_its_crate_is_still_checked(bench, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("canary")
    script = BUILD_SCRIPT.format(secret=secret, outside=tmp_path)
    lib = '#[test]\nfn closed() { assert_eq!(env!("ATTEMPTS"), "[false, false, false, false, false, false]"); }\n'
    orders = "[build]\nrustc-wrapper = '/bin/false'\n[net]\noffline = false\n"
    files = {
        "build.rs": script,
        "src/lib.rs": lib,
        ".cargo/config.toml": orders,
        "rust-toolchain": "nightly-1999-01-01",
    }
    crate = make_crate(tmp_path / "c", files, name="scripted")
    found = bench.baseline(crate)
    assert (found.builds, [test.name for test in found.tests]) == (True, ["closed"])
    assert not (tmp_path / "written").exists()


def test_results_do_not_depend_on_order_or_on_what_else_is_asked(bench, crate):
    steps = [
        step(crate, Expect.TESTS_FAIL, body_edit("add", text), name=f"mutant-{number}")
        for number, text in enumerate(("{ a }", "{ b }", "{ a | b }", '{ "" }', "{ a.wrapping_add(b) }"))
    ]
    together = bench.steps(crate, *steps)
    fresh = Bench(bench.settings.folder)
    try:
        apart = [fresh.steps(crate, one)[0] for one in reversed(steps)]
    finally:
        fresh.close()
    assert together == apart[::-1]


def test_what_was_settled_once_is_remembered_by_content(bench, crate):
    cache = CountingCache()
    claim = CheckPlan((step(crate, Expect.TESTS_FAIL, body_edit("add", "{ b }")),))

    async def ask(settings):
        engine = await open_engine(settings, cache)
        first = await engine.run(crate, [claim, claim])
        seen = []
        await engine.run(crate, [claim], watch=seen.append)
        await engine.close()
        return first, seen

    first, seen = bench.runner.run(ask(bench.settings))
    assert first[0] == first[1]
    assert first[0].checked
    assert cache.stored == 1
    assert seen == []


def test_a_cancelled_call_leaves_nothing_running(bench, crate):
    endless = step(
        crate,
        Expect.TESTS_FAIL,
        body_edit(
            "sum", "{ let mut n = 0u8; loop { n = n.wrapping_add(1); if n == 255 && items.is_empty() { return n } } }"
        ),
    )

    async def start_and_stop():
        started = asyncio.Event()
        engine = await open_engine(replace(bench.settings, cores=1))
        plans = [CheckPlan((endless,)), CheckPlan((step(crate, Expect.TESTS_PASS),))]
        task = asyncio.create_task(engine.run(crate, plans, watch=lambda seen: seen.done and started.set()))
        await started.wait()  # The unchanged crate is settled; the endless loop is next.
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await engine.close()
        return engine

    bench.runner.run(start_and_stop())
    launcher = next((bench.settings.folder / "tools").glob("launcher-*")).name
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"{bench.settings.folder}/tools/{launcher}" not in listed
    assert list((bench.settings.folder / "work").iterdir()) == []


@pytest.mark.parametrize("level", [Level.STANDARD, Level.NONE])
def test_other_levels_give_the_same_verdicts_and_say_which_they_are(bench, crate, level):
    steps = [step(crate, Expect.TESTS_PASS, body_edit("add", text)) for text in ("{ a }", "{ a.saturating_add(b) }")]
    other = Bench(bench.settings.folder, level=level)
    try:
        results = other.runner.run(other.engine.run(crate, [CheckPlan(tuple(steps))]))
    finally:
        other.close()
    assert results[0].sandbox == level.value
    assert list(results[0].steps) == bench.steps(crate, *steps)


def test_the_exported_project_passes_and_fails_under_plain_cargo_as_it_did_here(bench, crate, tmp_path):
    file = AddedFile("tests/mine.rs", FILE.format(2))
    for text, expected in (("{ b.saturating_add(a) }", True), ("{ b }", False)):
        project = Project(crate.pin, (body_edit("add", text),), (file,))
        named = (outside("mine", "works"), unit("adds"))
        result = bench.steps(crate, Step("s", project, Expect.TESTS_PASS, named))[0]
        folder = tmp_path / str(expected)
        write_project(crate, project, folder)
        words = ["cargo", "test", "--quiet", "--offline", "--test", "mine"]
        plain = subprocess.run(words, cwd=folder, capture_output=True, check=False)
        assert (plain.returncode == 0) is expected
        assert (result.outcome is Outcome.HOLDS) is expected


def test_a_plan_about_another_crate_is_unchecked(bench, crate):
    other = replace(crate.pin, name="other")
    result = bench.steps(crate, Step("s", Project(other), Expect.COMPILES))[0]
    assert (result.outcome, result.reason) == (Outcome.UNCHECKED, "the project is over another crate")


def test_nodes_of_one_machine_may_share_a_folder_and_build_a_crate_once(bench, tmp_path):
    crate = make_crate(tmp_path / "c", {"src/lib.rs": "#[test]\nfn t() {}\n"}, name="common")

    async def both():
        engines = [await open_engine(bench.settings) for _ in range(2)]
        found = await asyncio.gather(*(engine.baseline(crate) for engine in engines))
        used = [engine.usage[0] for engine in engines]
        for engine in engines:
            await engine.close()
        return found, used

    found, used = bench.runner.run(both())
    assert found[0] == found[1]
    assert [test.name for test in found[0].tests] == ["t"]
    assert 0 in used
