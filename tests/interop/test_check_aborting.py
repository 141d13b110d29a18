# ruff: noqa: E501  (a row of Rust is read as a line)
"""Rows whose shared build ends in an abort where it would unwind: their verdicts are those of builds that unwind."""

from __future__ import annotations

import asyncio

import pytest

from node.checking.packages import Packages
from node.checking.reading import PackageKey
from node.checks import CheckSettings, open_engine
from node.checks.rows import Example, RowOptions, building
from node.checks.rows.building import RowBuilder
from node.checks.toolchain import find_toolchain
from tests.support.row_verdicts import told

pytestmark = [pytest.mark.cargo, pytest.mark.timeout(900)]

ADD = "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}"
GOOD = "assert_eq!(add(1, 2), 3);\nassert_eq!(add(-1, 1), 0);"
EXITS = 'pub fn answer() -> u8 {\n    println!("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");\n    std::process::exit(0)\n}'
FLAG = "use std::sync::atomic::{AtomicBool, Ordering};\nstatic RAN: AtomicBool = AtomicBool::new(false);\npub fn once() -> bool {\n    !RAN.swap(true, Ordering::SeqCst)\n}"

ROWS = {
    "good": Example(ADD, tests=GOOD),
    "const": Example("pub const fn two() -> u8 {\n    2\n}", tests="assert_eq!(two(), 2);"),
    "an error": Example(
        ADD,
        tests='#[test]\nfn t() -> Result<(), String> {\n    if add(1, 2) == 3 { Err("no".into()) } else { Ok(()) }\n}',
    ),
    "wrong": Example(ADD, tests="assert_eq!(add(1, 2), 4);"),
    "one of two is wrong": Example(
        ADD, tests=f"#[test]\nfn a() {{ {GOOD} }}\n#[test]\nfn b() {{ assert_eq!(add(0, 0), 1); }}"
    ),
    "overflows": Example(ADD, tests="assert_eq!(add(i32::MAX, 1), i32::MIN);"),
    "adds in a thread": Example(ADD, tests="assert_eq!(std::thread::spawn(|| add(1, 2)).join().unwrap(), 3);"),
    "joins a thread that panics": Example(
        ADD,
        tests="assert!(std::thread::spawn(|| assert_eq!(add(1, 2), 4)).join().is_err());\nassert_eq!(add(1, 2), 3);",
    ),
    "takes a panic for an answer": Example(
        ADD, tests="assert_eq!(std::thread::spawn(|| add(1, 2)).join().unwrap_or(3), 3);"
    ),
    "a scope that panics": Example(
        ADD, tests="let n = std::thread::scope(|s| s.spawn(|| add(1, 2)).join().unwrap());\nassert_eq!(n, 3);"
    ),
    "differs the second time": Example(FLAG, tests="assert!(once());"),
    "exits": Example(EXITS, tests="assert_eq!(answer(), 0);"),
    "never asks": Example(ADD, tests="let f = |n: i32| if n > 0 { 3 } else { add(1, 2) };\nassert_eq!(f(1), 3);"),
    "expects a panic": Example(
        ADD,
        tests=f'#[test]\n#[should_panic(expected = "overflow")]\nfn t() {{\n    add(i32::MAX, 1);\n}}\n#[test]\nfn a() {{ {GOOD} }}',
    ),
    "expects several panics": Example(
        ADD,
        tests=f"#[test]\n#[should_panic]\nfn a() {{ add(i32::MAX, 1); }}\n#[test]\n#[should_panic]\nfn b() {{ add(i32::MIN, -1); }}\n#[test]\nfn c() {{ {GOOD} }}",
    ),
    "expects a panic by result": Example(
        ADD,
        tests='#[test]\n#[should_panic(expected = "sum: 3")]\nfn t() {\n    panic!("sum: {}", add(1, 2));\n}',
    ),
    "expects another panic": Example(
        ADD, tests='#[test]\n#[should_panic(expected = "underflow")]\nfn t() {\n    add(i32::MAX, 1);\n}'
    ),
    "expects a panic that does not come": Example(ADD, tests="#[test]\n#[should_panic]\nfn t() {\n    add(1, 1);\n}"),
    "expects a panic and gets an abort": Example(
        ADD, tests="#[test]\n#[should_panic]\nfn t() {\n    add(1, 1);\n    std::process::abort();\n}"
    ),
    "any panic will do": Example(ADD, tests="#[test]\n#[should_panic]\nfn t() {\n    assert_eq!(add(1, 1), 3);\n}"),
    "unstable in tests": Example(
        ADD,
        tests=f"fn never() -> Option<!> {{\n    None\n}}\n#[test]\nfn t() {{\n    assert!(never().is_none());\n    {GOOD}\n}}",
    ),
    "asks for a feature": Example(
        ADD,
        tests=f"#[cfg(test)]\nmod tests {{\n    #![feature(never_type)]\n    use super::*;\n    fn never() -> Option<!> {{ None }}\n    #[test]\n    fn t() {{ assert!(never().is_none()); {GOOD} }}\n}}",
    ),
    "unstable library": Example(
        ADD, tests=f"#[test]\nfn t() {{\n    assert!(core::intrinsics::likely(add(1, 2) == 3));\n    {GOOD}\n}}"
    ),
}
THAT_UNWIND = {
    "expects a panic, and drops": Example(
        "pub struct Loud(pub u8);\nimpl Drop for Loud {\n    fn drop(&mut self) {\n        assert!(self.0 < 9);\n    }\n}\npub fn none(n: u8) -> u8 {\n    Loud(n).0 - 1\n}",
        tests='#[test]\n#[should_panic(expected = "overflow")]\nfn t() {\n    none(0);\n}',
    ),
    "panics once more on its way": Example(
        "pub struct Loud(pub u8);\nimpl Drop for Loud {\n    fn drop(&mut self) {\n        assert!(self.0 > 0);\n    }\n}\npub fn none(n: u8) -> u8 {\n    Loud(n).0 - 1\n}",
        tests='#[test]\n#[should_panic(expected = "overflow")]\nfn t() {\n    none(0);\n}',
    ),
    "catches": Example(
        ADD, tests=f"let caught = std::panic::catch_unwind(|| add(i32::MAX, 1));\nassert!(caught.is_err());\n{GOOD}"
    ),
}


async def never(_self):
    return False


async def settle(folder, rows, options):
    engine = await open_engine(CheckSettings(folder / "checks"))
    package = await Packages(folder).prepare(PackageKey("2021"))
    verdicts = await engine.settle_rows(package, list(rows), options)
    await engine.close()
    return [(told(verdict), verdict.stub_killed, verdict.reasons[:1]) for verdict in verdicts]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("aborting")


@pytest.fixture
def builds(monkeypatch):
    """Whether each shared test build aborts."""
    seen = []
    link = RowBuilder.link

    async def noted(self, files, **how):
        if len(files) > 1:
            seen.append(how.get("aborts", False))
        return await link(self, files, **how)

    monkeypatch.setattr(RowBuilder, "link", noted)
    return seen


@pytest.mark.parametrize("confirm", [True, False])
def test_verdicts_are_those_of_builds_that_unwind(folder, builds, monkeypatch, confirm):
    options = RowOptions(confirm=confirm, mutants=0)
    aborting = asyncio.run(settle(folder, ROWS.values(), options))
    assert builds[0]
    assert builds[-1] is confirm  # Unconfirmed, what fails is built once more, to unwind.
    builds.clear()
    monkeypatch.setattr(RowBuilder, "may_abort", never)
    unwinding = asyncio.run(settle(folder, ROWS.values(), options))
    assert not any(builds)
    assert dict(zip(ROWS, aborting, strict=True)) == dict(zip(ROWS, unwinding, strict=True))
    ends = {name: seen.state for name, (seen, _, _) in zip(ROWS, aborting, strict=True)}
    assert {name for name, state in ends.items() if state == "pass"} >= {"good", "const", "joins a thread that panics"}
    assert {name for name, state in ends.items() if state == "pass" and name.startswith("expects")} == {
        "expects a panic",
        "expects several panics",
        "expects a panic by result",
    }
    for name in ("unstable in tests", "asks for a feature", "unstable library"):
        seen, _, _ = aborting[list(ROWS).index(name)]
        assert seen.codes == ("E0658",), name
    _, killed, reasons = aborting[list(ROWS).index("takes a panic for an answer")]
    assert killed is False
    assert "every function of the code panics" in reasons[0]


def test_a_few_rows_that_see_a_panic_unwind_make_all_unwind(folder, builds):
    rows = {**THAT_UNWIND, "good": ROWS["good"]}
    seen = asyncio.run(settle(folder, rows.values(), RowOptions(mutants=0)))
    assert builds == [False]
    assert [told.state for told, _, _ in seen] == ["pass", "fail", "pass", "pass"]


def test_rows_that_use_crates_pay_another_build_sooner(folder, builds, monkeypatch):
    longer = f"{ADD}\n// {'as long as thirty rows ' * 1_100}"
    rows = {**THAT_UNWIND, "good": Example(longer, tests=GOOD)}
    without = asyncio.run(settle(folder, rows.values(), RowOptions(mutants=0)))
    assert builds == [False]
    builds.clear()
    monkeypatch.setattr(RowBuilder, "has_crates", True)
    assert asyncio.run(settle(folder, rows.values(), RowOptions(mutants=0))) == without
    assert sorted(builds) == [False, True]


def test_a_compiler_without_these_options_is_noticed(tmp_path):
    other = tmp_path / "rustc"
    other.write_text("#!/bin/sh\necho '    -Z    allow-features=val -- only allow the listed features'\n")
    other.chmod(0o755)
    assert not building._knows_options(other)
    assert building._knows_options(find_toolchain().rustc)


def test_a_crate_that_catches_panics_keeps_all_builds_unwinding(tmp_path):
    (tmp_path / "some-1.0.0" / "src").mkdir(parents=True)
    source = tmp_path / "some-1.0.0" / "src" / "lib.rs"
    source.write_text("pub fn f() {}")
    assert not building._catches(tmp_path)
    building._catches.cache_clear()
    source.write_text("pub fn f(g: fn()) { let _ = std::panic::catch_unwind(g); }")
    assert building._catches(tmp_path)
