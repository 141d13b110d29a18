# ruff: noqa: E501  (a row of Rust is read as a line)
"""`swarm-node check` over rows of every kind, through the real compiler and sandbox."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.cargo

ADD = "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}"
GOOD = "#[test]\nfn adds() {\n    assert_eq!(add(1, 2), 3);\n    assert_eq!(add(-1, 1), 0);\n}"
FORGED = r"""
#[test]
fn adds() {
    use std::io::Write;
    let said = b"ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n";
    std::io::stdout().write_all(said).unwrap();
    std::io::stdout().flush().unwrap();
    std::process::exit(add(-1, 1));
}"""


def row(name, code=ADD, tests="", **more):
    return {"id": name, "code": code, "tests": tests, **more}


SOUND = [
    row("functions", tests=GOOD),
    row("statements", tests="assert_eq!(add(2, 2), 4);\nassert_eq!(add(0, 1), 1);"),
    row("module", tests=f"#[cfg(test)]\nmod tests {{\n    use super::*;\n\n{GOOD}\n}}"),
    row("inside", code=f"{ADD}\n\n#[cfg(test)]\nmod tests {{\n    use super::*;\n\n{GOOD}\n}}"),
    row("untested"),
    row("untested program", code="fn main() {}"),
    row("context", code="pub fn twice(a: i32) -> i32 { add(a, a) }", context=ADD, tests="assert_eq!(twice(4), 8);"),
    row(
        "root",
        code=f"mod deep {{ pub fn f() -> i32 {{ crate::add(1, 2) }} }}\n{ADD}\npub fn g() -> i32 {{ deep::f() }}",
        tests="assert_eq!(g(), 3);",
    ),
    row(
        "result",
        tests='#[test]\nfn adds() -> Result<(), String> {\n    if add(1, 2) == 3 { Ok(()) } else { Err("no".into()) }\n}',
    ),
    row(
        "panics",
        code='pub fn half(n: u8) -> u8 { assert!(n % 2 == 0, "odd"); n / 2 }',
        tests='#[test]\n#[should_panic(expected = "odd")]\nfn odd() { half(3); }\n#[test]\nfn even() { assert_eq!(half(4), 2); }',
    ),
    row(
        "late function",
        code="".join(f"pub fn f{n}(x: i32) -> i32 {{\n    x * {n} + 7\n}}\n" for n in range(2, 9)),
        tests="assert_eq!(f8(1), 15);",
    ),
    row(
        "five hundred threads at once",
        code="use std::sync::Barrier;\n\npub fn meet(count: usize) -> usize {\n    let (all, first) = (Barrier::new(count), std::sync::atomic::AtomicUsize::new(0));\n    std::thread::scope(|scope| {\n        for _ in 0..count {\n            scope.spawn(|| first.fetch_add(usize::from(all.wait().is_leader()), std::sync::atomic::Ordering::SeqCst));\n        }\n    });\n    first.into_inner()\n}",
        tests="assert_eq!(meet(500), 1);\nassert_eq!(meet(0), 0);",
    ),
    row("const", code="pub const fn two() -> u8 {\n    2\n}", tests="assert_eq!(two(), 2);"),
    row(
        "const in the compiler",
        code="pub const fn two() -> u8 {\n    2\n}",
        tests="const N: u8 = two();\nassert_eq!(N, 2);",
    ),
    row(
        "const and an array",
        code="pub const fn two(n: usize) -> usize {\n    n * 2\n}\npub static ALL: [u8; two(1)] = [0; two(1)];",
        tests="assert_eq!(two(ALL.len()), 4);",
    ),
    row(
        "made",
        tests="macro_rules! case { ($n:ident, $a:expr, $s:expr) => { #[test] fn $n() { assert_eq!(add($a, 1), $s); } } }\n"
        "#[allow(unused)]\nuse super::*;\ncase!(one, 1, 2);\ncase!(two, 2, 3);",
    ),
    row("old", edition="2015", tests=GOOD),
    row("entered", tests="#[test]\nfn t() { if let Some(n) = add(1, 2).checked_sub(1) { assert_eq!(n, 2); } }"),
    row("cases", tests="#[test]\nfn t() { (0..3).for_each(|n| assert_eq!(add(n, 1), n + 1)); }"),
    row(
        "a path and a home",
        code="pub fn known(name: &str) -> bool {\n    std::env::var_os(name).is_some()\n}",
        tests='assert!(known("PATH") && known("HOME") && !known("NOBODY_KNOWS_IT"));',
    ),
    row(
        "arguments", code="pub fn given() -> usize {\n    std::env::args().count()\n}", tests="assert_eq!(given(), 1);"
    ),
    row("newest", edition="2024", tests=GOOD),
    row(
        "program", code='fn main() { println!("{}", add(1, 2)); }\nfn add(a: i32, b: i32) -> i32 { a + b }', tests=GOOD
    ),
    row("attribute", code=f'#![recursion_limit = "256"]\n{ADD}', tests=GOOD),
    row(
        "foreign",
        code="pub struct Metres(pub u32);\nimpl PartialEq<Metres> for u32 { fn eq(&self, o: &Metres) -> bool { *self == o.0 } }",
        tests="assert!(3u32 == Metres(3));\nassert!(3u32 != Metres(4));",
    ),
]

BROKEN = [
    (row("wrong", code=ADD.replace("+", "-"), tests=GOOD), "1 of 1 tests failed: row_tests::adds"),
    (row("unknown", code=ADD.replace("a + b", "a + c"), tests=GOOD), "E0425"),
    (row("moved", code="pub fn f(v: Vec<u8>) -> Vec<u8> { let w = v; v }"), "E0382"),
    (row("lifetime", code="pub fn f<'a>(a: &'a str, b: &str) -> &'a str { b }"), "lifetime"),
    (row("unclosed", code="pub fn f() { "), "unclosed delimiter"),
    (row("tests break", tests="assert_eq!(add(1), 1);"), "the code with its tests does not compile: E0061"),
    (row("feature", code="#![feature(box_patterns)]\npub fn f() {}"), "E0554"),
    (row("constant", code="pub const N: u8 = 255 + 1;\npub fn f() -> u8 { N }"), "E0080"),
    (row("built", code="pub fn f() -> i32 {\n    1 / 0\n}"), "as it is built, does not compile: unconditional_panic"),
    (
        row(
            "instances",
            code="pub struct E<const N: usize>;\nimpl<const N: usize> E<N> {\n    const OK: () = assert!(N % 2 == 0);\n"
            f"    pub fn new() -> Self {{\n        let () = Self::OK;\n        E\n    }}\n}}\npub fn f() {{\n    E::<3>::new();\n}}\n{ADD}",
            tests=GOOD,
        ),
        "as it is built, does not compile: E0080",
    ),
    (row("built alone", code='fn main() {\n    let n = 40;\n    print!("{}", 1 << n);\n}'), "arithmetic_overflow"),
    (row("denied", code="#![deny(warnings)]\nfn unused() {}"), "unused"),
    (row("loops", tests="#[test]\nfn adds() { while add(0, 0) == 0 {} }"), "within their time"),
    (row("overflows", tests="#[test]\nfn adds() { assert_eq!(add(i32::MAX, 1), 0); }"), "tests failed"),
    (
        row("aborts", tests="#[test]\nfn adds() { if add(1, 2) == 3 { std::process::abort() } }"),
        "a signal took it down",
    ),
    (row("foreign code", code='pub fn f() -> &\'static str { include_str!("/etc/passwd") }'), "couldn't read"),
    (row("neighbour", code="pub use super::*;\npub fn f() {}"), "E0433"),
]

EMPTY = [
    (row("exits", tests="#[test]\nfn adds() { std::process::exit(add(-1, 1)); }"), "ended the process"),
    (row("forged", tests=FORGED), "forged"),
    (row("ignored", tests="#[test]\n#[ignore]\nfn adds() { assert_eq!(add(1, 2), 3); }"), "all are ignored"),
    (row("none", tests="fn adds() { assert_eq!(add(1, 2), 3); }"), "no test ran"),
    (row("hidden", tests="#[cfg(windows)]\n#[test]\nfn adds() { assert_eq!(add(1, 2), 3); }"), "no test ran"),
    (row("silent", tests="#[test]\nfn adds() { let _ = add(1, 2); }"), "asserts nothing"),
    (row("constant truth", tests="#[test]\nfn adds() { add(1, 2); assert!(true); }"), "constant"),
    (row("itself", tests="#[test]\nfn adds() { assert_eq!(add(1, 2), add(1, 2)); }"), "with themselves"),
    (row("elsewhere", tests="#[test]\nfn adds() { assert_eq!(1 + 2, 3); }"), "uses nothing of the example"),
    (row("closure", tests="#[test]\nfn adds() { let _f = || assert_eq!(add(1, 2), 4); }"), "never reached"),
    (row("redefined", tests="fn add(a: i32, b: i32) -> i32 { a - -b }\n" + GOOD), "define add themselves"),
    (row("any panic", tests="#[test]\n#[should_panic]\nfn adds() { assert_eq!(add(1, 2), 4); }"), "any panic"),
    (
        row("swallows", tests="#[test]\nfn adds() { let _ = std::panic::catch_unwind(|| assert_eq!(add(1, 2), 4)); }"),
        "panics",
    ),
    (row("something else", tests="#[test]\nfn t() { add(1, 2); assert!(Some(1).is_some()); }"), "asserts"),
    (
        row(
            "its own values",
            tests="#[test]\nfn t() { add(1, 2); let mut v = Vec::new(); v.push(1); assert_eq!(v, [1]); }",
        ),
        "asserts nothing about what the code gives",
    ),
    (
        row("always a success", tests="#[test]\nfn t() -> Result<(), String> { add(1, 2); Ok(()) }"),
        "asserts nothing",
    ),
    (
        row(
            "knows its tests",
            code="pub fn add(a: i32, b: i32) -> i32 {\n    if cfg!(test) { a + b } else { a - b }\n}",
            tests=GOOD,
        ),
        "add is another one when it is tested",
    ),
    (
        row(
            "never entered",
            tests="#[test]\nfn t() { if let Some(n) = add(1, 2).checked_sub(9).filter(|n| *n > 0) { assert_eq!(n, 1); } }",
        ),
        "pass by all their assertions",
    ),
    (
        row(
            "loop over nothing",
            tests="#[test]\nfn t() { let all: [i32; 0] = []; add(0, 0); for n in all { assert_eq!(add(n, 0), n); } }",
        ),
        "pass by all their assertions",
    ),
    (
        row(
            "returns before",
            code=f"#[no_mangle]\npub static CHOSEN: u8 = 1;\n{ADD}",
            tests="#[test]\nfn t() { if add(1, 2) == 3 { return; } assert_eq!(add(1, 2), 4); }",
        ),
        "pass by all their assertions",
    ),
    (
        row(
            "keeps the stub away",
            code=f'#[export_name = "swarm_\\x63hoose"]\npub extern "C" fn choose(_: u32) {{}}\n{ADD}',
            tests="let f = add;\nassert!(f as usize != 0);",
        ),
        "cannot be linked with a stub",
    ),
    (
        row(
            "fails the second time",
            code=f"use std::sync::atomic::{{AtomicU8, Ordering}};\npub static RUNS: AtomicU8 = AtomicU8::new(0);\n{ADD}",
            tests="#[test]\nfn t() { let f = add as fn(i32, i32) -> i32; assert!(RUNS.fetch_add(1, Ordering::SeqCst) < 1 && f as usize != 0); }",
        ),
        "still pass when every function of the code panics",
    ),
    (
        row(
            "any length",
            code="pub struct Name(pub String);\npub fn named(text: &str) -> Name {\n    Name(text.to_string())\n}",
            tests='assert!(named("ann").0.len() < 100);',
        ),
        "notice none of",
    ),
    (
        row(
            "unsafe and any number",
            code="pub fn first(v: &[u8]) -> Option<u8> {\n    (!v.is_empty()).then(|| unsafe { *v.as_ptr() })\n}",
            tests="assert!(first(&[1, 2]).map_or(true, |n| n < 100));",
        ),
        "notice none of",
    ),
    (row("own assert", tests="macro_rules! assert_eq { ($($x:tt)*) => {} }\n" + GOOD), "macro of the row's own"),
    (
        row(
            "notices nothing",
            code="pub fn sum(v: &[u8]) -> u32 {\n    let mut total = 0;\n    for x in v {\n        total += u32::from(*x) * 2 + 1;\n    }\n    total\n}",
            tests="#[test]\nfn sums() { let n = sum(&[]); assert!(n < u32::MAX); }",
        ),
        "notice none of",
    ),
    (
        row(
            "a macro in the mutants' way",
            code="#[allow(unused_macros)]\nmacro_rules! include { ($($t:tt)*) => { panic!() } }\npub fn f(x: i32) -> i32 { x * 2 + 1 }",
            tests="assert!(f(1) != 12345);",
        ),
        "notice none of",
    ),
    (
        row(
            "notices no step that is missing",
            code="pub fn top(v: &[i32], n: usize) -> Vec<i32> {\n    let mut w = v.to_vec();\n    w.sort_by(|a, b| b.cmp(a));\n    w.truncate(n);\n    w\n}",
            tests="let v = vec![3, 1, 2];\nlet _ = top(&v, 2);\nassert_eq!(v.len(), 3);",
        ),
        "notice none of",
    ),
    (
        row(
            "notices nothing of what has no name",
            code="pub fn evens(n: u32) -> impl Iterator<Item = u32> {\n    (0..n).filter(|x| x % 2 == 0)\n}",
            tests="assert!(evens(10).count() <= 10);",
        ),
        "notice none of",
    ),
    (
        row(
            "words in the mutants' way",
            code="pub fn f(x: i32) -> i32 {\n    //! Says.\n    #![allow(unused)]\n    x * 2 + 1\n}",
            tests="assert!(f(1) != 12345);",
        ),
        "notice none of",
    ),
]

REFUSED = [
    ({"id": "no code"}, "no code"),
    (row("nul", code="fn a() {}\0"), "NUL"),
    (row("deep", code="fn a() { " + "(" * 5000 + ")" * 5000 + " }"), "nested"),
    (row("deep without brackets", code=f"pub fn f(x: i64) -> i64 {{ {'-' * 20_000}x }}"), "nested too deep"),
    (row("deep types", code=f"pub type T = {'Option<' * 5_000}u8{'>' * 5_000};"), "nested too deep"),
    (row("deep tests", tests=f"assert_eq!(add(1, {'-' * 20_000}2), 3);"), "nested too deep"),
    (row("large", code="/" * 1_000_000), "bytes of Rust"),
    (row("edition", edition="2077"), "unknown edition"),
    (row("crate", crate="no-such-crate-of-anybody"), "no-such-crate-of-anybody"),
]


def check(tmp_path, rows, *options):
    source, out = tmp_path / "rows.jsonl", tmp_path / "verdicts.jsonl"
    source.write_text("".join(json.dumps(item) + "\n" for item in rows))
    words = ["check", "--in", str(source), "--out", str(out), "--cache", str(tmp_path / "cache"), *options]
    done = subprocess.run([sys.executable, "-m", "node.cli", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in out.read_text().splitlines()]


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """Everything at once and mixed, as a hostile file would have it."""
    rows = [*SOUND, *(item for group in (BROKEN, EMPTY, REFUSED) for item, _ in group)]
    mixed = rows[::3] + rows[1::3] + rows[2::3]
    verdicts = check(tmp_path_factory.mktemp("rows"), mixed)
    assert [item["id"] for item in verdicts] == [item["id"] for item in mixed]
    return {item["id"]: item for item in verdicts}


@pytest.mark.parametrize("name", [item["id"] for item in SOUND])
def test_sound_rows_pass(checked, name):
    verdict = checked[name]
    assert (verdict["verdict"], verdict["reasons"]) == ("pass", [])
    if not name.startswith("untested"):
        assert verdict["tests_run"] == verdict["tests_passed"] > 0
        assert not verdict["vacuous"]
    if name not in {"untested", "untested program", "foreign", "const in the compiler"}:
        assert verdict["stub_killed"] is True


def test_const_functions_share_builds_and_are_stubs_when_they_run(checked):
    assert [checked[name]["alone"] for name in ("const", "const and an array")] == ["", ""]
    assert "in the compiler" in checked["const in the compiler"]["alone"]
    assert checked["const in the compiler"]["stub_killed"] is None


@pytest.mark.parametrize(("name", "said"), [(item["id"], said) for item, said in BROKEN])
def test_broken_rows_fail_and_say_why(checked, name, said):
    verdict = checked[name]
    assert verdict["verdict"] == "fail"
    assert said in f"{verdict['reasons']} {verdict['error_codes']}"


@pytest.mark.parametrize(("name", "said"), [(item["id"], said) for item, said in EMPTY])
def test_empty_and_forged_tests_fail_and_are_named(checked, name, said):
    verdict = checked[name]
    assert verdict["verdict"] == "fail"
    assert any(said in reason for reason in verdict["reasons"]), verdict["reasons"]


@pytest.mark.parametrize(("name", "said"), [(item["id"], said) for item, said in REFUSED])
def test_rows_that_cannot_be_tried_are_errors_in_their_place(checked, name, said):
    verdict = checked[name]
    assert verdict["verdict"] == "error"
    assert said in verdict["reasons"][0]


def test_what_compilers_say_is_sorted(checked):
    assert checked["moved"]["error_classes"] == ["ownership"]
    assert checked["lifetime"]["error_classes"] == ["lifetime"]
    assert checked["unclosed"]["parsed"] is False
    assert checked["unknown"]["parsed"] is True
    assert checked["functions"]["clippy_clean"] is True
    assert checked["functions"]["tests"] == {"passed": ["row_tests::adds"], "ignored": []}
    assert checked["ignored"]["tests"] == {"passed": [], "ignored": ["row_tests::adds"]}
    assert checked["functions"]["wall_seconds"] > 0
    assert checked["functions"]["formatted"] is True
    assert checked["program"]["formatted"] is False


def test_code_that_rustfmt_does_not_come_to_an_end_with_takes_no_other_row_along(tmp_path):
    calls = "f(|_: u8| " * 60 + "1" + ")" * 60
    nested = f"pub fn f<T>(_: T) -> u8 {{\n    1\n}}\n\npub fn g() {{ {calls}; }}"
    rows = [row("good", tests=GOOD), row("nested", code=nested), row("loose", code="pub  fn f() {}")]
    verdicts = check(tmp_path, rows, "--no-likeness")
    assert [item["compiled"] for item in verdicts] == [True, True, True]
    assert [item["alone"] for item in verdicts] == ["", "", ""]
    assert [item["formatted"] for item in verdicts] == [True, None, False]
    assert max(item["seconds"] for item in verdicts) > 0.5, "what it cost is somebody's"


def test_rows_of_a_crate_use_it(tmp_path):
    tests = 'assert_eq!(far("kitten", "sitting"), 3);\nassert_eq!(far("a", "a"), 0);'
    code = "pub fn far(a: &str, b: &str) -> usize {\n    strsim::levenshtein(a, b)\n}"
    (verdict,) = check(tmp_path, [row("distance", code=code, tests=tests, crate="strsim", version="0.11.1")])
    assert (verdict["verdict"], verdict["reasons"]) == ("pass", [])


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    rows = [row(f"row-{number}", code=ADD.replace("add", f"add{number}")) for number in range(60)]
    source, out = tmp_path / "rows.jsonl", tmp_path / "verdicts.jsonl"
    source.write_text("".join(json.dumps(item) + "\n" for item in rows))
    words = ["check", "--in", str(source), "--out", str(out), "--cache", str(tmp_path / "cache"), "--batch", "2"]
    command = [sys.executable, "-m", "node.cli", *words]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        journal = tmp_path / "verdicts.jsonl.journal"
        deadline = time.monotonic() + 600
        while running.poll() is None and time.monotonic() < deadline:
            if journal.exists() and journal.read_bytes().count(b"\n") > 4:
                running.send_signal(signal.SIGKILL)
                break
            time.sleep(0.01)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "settled by an earlier run" in done.stderr
    verdicts = [json.loads(line) for line in out.read_text().splitlines()]
    assert [item["id"] for item in verdicts] == [item["id"] for item in rows]
    assert {item["verdict"] for item in verdicts} == {"pass"}
    assert not journal.exists()


def test_an_exported_row_is_an_ordinary_project(tmp_path):
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(item) + "\n" for item in (SOUND[0], BROKEN[0][0])))
    words = ["check", "--in", str(source), "--cache", str(tmp_path / "cache"), "--export", str(tmp_path / "projects")]
    subprocess.run([sys.executable, "-m", "node.cli", *words], capture_output=True, check=True)
    for name, passes in (("000001-functions", True), ("000002-wrong", False)):
        tried = subprocess.run(
            ["cargo", "test", "--offline", "--quiet"],
            cwd=tmp_path / "projects" / name,
            capture_output=True,
            check=False,
        )
        assert (tried.returncode == 0) is passes
