"""Mutants of many rows in one build: whose they are, and what becomes of them where the build fails."""

import asyncio
import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from node.checks.builds import Built
from node.checks.diagnostics import Diagnostic, Place
from node.checks.guards.mutants import further_mutants_of, handing_on_mutants_of, mutants_of
from node.checks.guards.tested import names_from_tests, steps_from_tests
from node.checks.rows import mutating
from node.checks.rows.building import Linked
from node.checks.rows.mutating import try_mutants
from node.checks.rows.survey import Subject
from node.checks.rows.verdict import Mutants
from node.checks.syntax import parse_rust

CODE = "pub fn f(x: i32) -> i32 {\n    x * 2 + 1\n}\n"
SEVERAL = """use std::fmt;
pub fn unused(x: i32) -> i32 { x * 2 + 1 }
pub fn other(x: i32) -> i32 { x * 3 + 1 }
pub fn called(x: i32) -> i32 { inner(x) + 1 }
fn inner(x: i32) -> i32 { x - LEAST }
const LEAST: i32 = least();
const fn least() -> i32 { 7 }
pub struct Shown(pub i32);
impl fmt::Display for Shown { fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result { write!(f, "{}", self.0) } }
impl Shown { pub fn never(&self) -> i32 { self.0 + 1 } }
"""


class Builder:
    """Builds whatever holds no row that it refuses; says what it was asked for."""

    edition = "2015"  # In which no row has copies (`test_rows_copies`).

    def __init__(self, refused=(), silent=False):
        self.refused, self.silent, self.asked = refused, silent, []

    async def link(self, files, *, instrumented):
        assert instrumented
        self.asked.append(files)
        bad = [path for path in self.refused if b"swarm_select::chosen" in files.get(path, b"")]
        places = () if self.silent else tuple(Place(path, 0, 1, primary=True) for path in bad)
        found = (Diagnostic(error=True, code="E0658", message="no", places=places),) if bad else ()
        return Linked(Built(not bad, found, out_of_time=False, crashed=False), Path("/"), None)


class Runner:
    """In whose runs every mutant is noticed."""

    def __init__(self, *_, **__):
        pass

    async def run(self, **_):
        return SimpleNamespace(cpu_ms=1.0, undefined=False, all_passed=False)


def subject(number):
    text = f"{CODE}#[cfg(test)]\nmod tests {{ #[test] fn t() {{ assert_eq!(super::f(1), 3); }} }}\n".encode()
    return Subject(f"src/row_{number}.rs", text, (0, len(CODE)), f"row_{number}", 1.0)


@pytest.fixture
def surveyed(monkeypatch):
    monkeypatch.setattr(mutating, "Runner", Runner)
    workshop = SimpleNamespace(workers=SimpleNamespace(session=contextlib.nullcontext))

    def survey(builder, count):
        return asyncio.run(try_mutants(workshop, builder, [subject(n) for n in range(count)], 4))

    return survey


def test_each_row_has_mutants_of_its_own(surveyed):
    builder = Builder()
    assert [found.mutants for found in surveyed(builder, 3)] == [Mutants(4, 4)] * 3
    assert len(builder.asked) == 1
    assert builder.asked[0]["src/lib.rs"] == b"pub mod row_0;\npub mod row_1;\npub mod row_2;\n"


def test_a_row_that_builds_with_no_arm_leaves_the_others_theirs(surveyed):
    found = [survey.mutants for survey in surveyed(Builder(refused=["src/row_1.rs"]), 3)]
    assert found == [Mutants(4, 4), Mutants(), Mutants(4, 4)]


def test_rows_that_fail_together_without_a_word_are_parted(surveyed):
    builder = Builder(refused=["src/row_5.rs"], silent=True)
    found = [survey.mutants for survey in surveyed(builder, 8)]
    assert found == [Mutants(4, 4)] * 5 + [Mutants()] + [Mutants(4, 4)] * 2
    assert any({"src/row_6.rs", "src/row_7.rs"} < set(files) for files in builder.asked)


@pytest.mark.parametrize(("noticed", "made"), [(True, 3), (False, 3 + 2)])
def test_few_changes_that_nobody_notices_are_followed_by_others(surveyed, monkeypatch, noticed, made):
    class Unmoved(Runner):
        async def run(self, **_):
            return SimpleNamespace(cpu_ms=1.0, undefined=False, all_passed=not noticed)

    monkeypatch.setattr(mutating, "Runner", Unmoved)
    monkeypatch.setattr(mutating, "TELLING", 4)
    monkeypatch.setitem(globals(), "CODE", "pub fn f(x: i32, y: i32) -> i32 {\n    x * 2\n}\n")
    monkeypatch.setattr(mutating, "mutants_of", lambda *given: mutants_of(*given)[:3])
    monkeypatch.setattr(mutating, "further_mutants_of", lambda *given: further_mutants_of(*given)[:1])
    monkeypatch.setattr(mutating, "handing_on_mutants_of", lambda *given: handing_on_mutants_of(*given)[:1])
    assert surveyed(Builder(), 2)[1].mutants == Mutants(made, made if noticed else 0)


@pytest.mark.parametrize(("noticed", "made"), [(True, 4), (False, 6)])
def test_before_a_row_is_said_to_notice_nothing_the_rest_is_tried(surveyed, monkeypatch, noticed, made):
    class Unmoved(Runner):
        async def run(self, **_):
            return SimpleNamespace(cpu_ms=1.0, undefined=False, all_passed=not noticed)

    monkeypatch.setattr(mutating, "Runner", Unmoved)
    assert len(mutants_of(CODE, 99)) == 6
    assert surveyed(Builder(), 1)[0].mutants == Mutants(made, made if noticed else 0)


def test_what_a_body_says_of_its_function_stands_in_no_arm(surveyed, monkeypatch):
    said = CODE.replace("{\n", "{\n    //! Doubles.\n    #![allow(unused)]\n")
    text = f"#![allow(dead_code)]\n{said}".encode()
    own = Subject("src/lib.rs", text, (0, len(text)), "", 1.0)
    monkeypatch.setitem(globals(), "subject", lambda _: own)
    builder = Builder()
    assert surveyed(builder, 1)[0].mutants == Mutants(4, 4)
    built = builder.asked[0]["src/lib.rs"]
    assert built.startswith(b"#![allow(dead_code)]\n")
    assert b"//!" not in built
    assert built.count(b"#![") == 1
    assert built.count(b"\n") == text.count(b"\n")


def arms_of(surveyed, monkeypatch, code, tests="fn t() { assert_eq!(super::f(1), 3); }"):
    text = f"{code}#[cfg(test)]\nmod tests {{ #[test] {tests} }}\n".encode()
    own = Subject("src/lib.rs", text, (0, len(code)), "", 1.0)
    monkeypatch.setitem(globals(), "subject", lambda _: own)
    builder = Builder()
    made = surveyed(builder, 1)[0].mutants.made
    return made, builder.asked[0]["src/lib.rs"].decode() if builder.asked else ""


def test_functions_that_nobody_runs_before_the_program_have_mutants_too(surveyed, monkeypatch):
    made, text = arms_of(surveyed, monkeypatch, CODE.replace("pub fn", "pub const fn"))
    assert made == 4
    assert "match ::swarm_select::const_chosen() {" in text
    assert arms_of(surveyed, monkeypatch, CODE.replace("pub fn", "pub async fn"))[0] == 4


@pytest.mark.parametrize(
    "use",
    [
        "const THREE: i32 = f(1);",
        "static THREE: i32 = f(1);",
        "pub enum E { A = f(1) as isize }",
        "pub fn g() -> [u8; 3] { [0; f(1) as usize] }",
        "pub fn g() -> i32 { const { f(1) } }",
    ],
)
def test_what_the_compiler_may_have_run_has_none(surveyed, monkeypatch, use):
    assert arms_of(surveyed, monkeypatch, f"{CODE.replace('pub fn', 'pub const fn')}{use}\n")[0] == 0


def names_of(steps, text):
    heads = {text[:place].rsplit("fn ", 1)[1].split("(")[0]: count for place, count in steps.items()}
    return sorted(heads, key=lambda name: (heads[name], name))


def test_functions_are_tested_by_who_calls_them_and_what_they_implement():
    test = '#[test]\n    fn t() { assert_eq!(format!("{}", super::Shown(super::called(1))), ""); }'
    tests = f"#[cfg(test)]\nmod tests {{\n    {test}\n}}\n"
    steps = steps_from_tests(parse_rust((SEVERAL + tests).encode()), len(SEVERAL))
    assert names_of(steps, SEVERAL) == ["called", "fmt", "inner", "least"]


def test_tests_that_stand_in_the_code_are_tests_too():
    text = SEVERAL + "#[test]\nfn t() {\n    assert_eq!(Shown(1).never(), 2);\n}\n"
    assert names_of(steps_from_tests(parse_rust(text.encode()), len(text)), text) == ["never", "fmt"]


def test_constants_are_come_to_by_name_and_through_constants_and_not_through_functions():
    code = "const A: u8 = B; const B: u8 = 1; const C: u8 = 2; fn f() -> u8 { C }"
    text = f"{code} #[test] fn t() {{ assert_eq!(A, f()); }}".encode()
    names = names_from_tests(parse_rust(text), len(code))
    assert names >= {"A", "B", "f"}
    assert "C" not in names


def test_mutants_are_of_what_is_tested_and_the_nearest_first():
    tests = "#[cfg(test)]\nmod tests { #[test] fn t() { assert_eq!(super::called(9), 3); } }\n"
    steps = steps_from_tests(parse_rust((SEVERAL + tests).encode()), len(SEVERAL))
    assert {mutant.target.name for mutant in mutants_of(SEVERAL, 1, steps)} == {"called"}
    assert {mutant.target.name for mutant in mutants_of(SEVERAL, 9, steps)} == {"called", "inner", "least"}
    assert "unused" in {mutant.target.name for mutant in mutants_of(SEVERAL, 99)}
    assert mutants_of(SEVERAL, 9, {}) == mutants_of(SEVERAL, 9)
