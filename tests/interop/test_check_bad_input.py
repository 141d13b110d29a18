"""Input that is no honest Rust, at the engine: each gets its own answer, in order, and its neighbours get theirs."""

from __future__ import annotations

import asyncio

import pytest

from node.checks import CheckSettings, open_engine
from node.values.crate import Span
from node.values.verdict import AddedFile, CheckPlan, Edit, Expect, Outcome, Project, Step, TestName, TestTarget
from tests.support.prepared import make_crate

pytestmark = pytest.mark.cargo

LIB = """pub fn one() -> u8 { 1 }
#[test]
fn t() { assert_eq!(one(), 1); }
"""
BODY = Span("src/lib.rs", LIB.index("{"), LIB.index("}") + 1)
NAMED = (TestName(TestTarget.INTEGRATION.value, "mine", "t"),)
GOOD = "#[test]\nfn t() { assert_eq!(sample::one(), 1); }\n"

FILES = {
    "empty": "",
    "NUL bytes": GOOD + "\0\0",
    "half a character": GOOD + "\udcff",
    "another half": GOOD + "\ud800",
    "a byte order mark": "\ufeff" + GOOD,
    "ten megabytes": GOOD + "// x\n" * 2_000_000,
    "a hundred thousand parentheses": GOOD + "const N: u8 = " + "(" * 100_000 + "1" + ")" * 100_000 + ";",
    "open parentheses": GOOD + "const N: u8 = " + "(" * 50_000,
    "only braces": "{" * 10_000,
    "not Rust": "SELECT * FROM tests; \u202e",
    "text directions": GOOD + "// \u202e } {\n",
    "carriage returns": GOOD.replace("\n", "\r"),
    "a shebang": "#!/bin/sh\n" + GOOD,
}
SHOULD_HOLD = {"a byte order mark", "a shebang", "carriage returns"}
EDITS = {
    "NUL in a body": Edit(BODY, "{ 1 \0 }"),
    "half a character in a body": Edit(BODY, "{ 1 /* \udcff */ }"),
    "ten megabytes of a body": Edit(BODY, "{ 1 " + " " * 10_000_000 + "}"),
    "deep nesting in a body": Edit(BODY, "{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }"),
    "a span that ends before it starts": Edit(Span("src/lib.rs", 9, 3), "x"),
    "a span below zero": Edit(Span("src/lib.rs", -3, 3), "x"),
    "a path upwards": Edit(Span("../Cargo.toml", 0, 0), "x"),
    "a path from the root": Edit(Span("/etc/passwd", 0, 0), "x"),
    "a path with NUL": Edit(Span("src/\0.rs", 0, 0), "x"),
}
PATHS = {
    "upwards": "tests/../../mine.rs",
    "from the root": "/elsewhere/mine.rs",
    "with NUL": "tests/\0.rs",
    "long": "a" * 9_000,
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    crate = make_crate(tmp_path_factory.mktemp("crate"), {"src/lib.rs": LIB})

    def about(name, edits=(), files=(), tests=()):
        return Step(name, Project(crate.pin, tuple(edits), tuple(files)), Expect.TESTS_PASS, tuple(tests))

    steps = [about(name, files=[AddedFile("tests/mine.rs", text)], tests=NAMED) for name, text in FILES.items()]
    steps += [about(name, edits=[edit]) for name, edit in EDITS.items()]
    steps += [about(f"a file {name}", files=[AddedFile(path, GOOD)], tests=NAMED) for name, path in PATHS.items()]
    good = about("good", files=[AddedFile("tests/mine.rs", GOOD)], tests=NAMED)

    async def settle():
        engine = await open_engine(CheckSettings(tmp_path_factory.mktemp("checks"), cores=2))
        try:
            return await engine.run(crate, [CheckPlan((step,)) for step in (good, *steps, good)])
        finally:
            await engine.close()

    found = [result.steps[0] for result in asyncio.run(settle())]
    assert [result.name for result in found] == ["good", *(step.name for step in steps), "good"]
    return {result.name: result for result in found}


def test_the_neighbours_of_bad_input_get_their_verdict(results):
    assert results["good"].outcome is Outcome.HOLDS


@pytest.mark.parametrize("name", [*FILES, *EDITS, *(f"a file {name}" for name in PATHS)])
def test_it_gets_an_answer_with_a_reason(results, name):
    result = results[name]
    expected = Outcome.HOLDS if name in SHOULD_HOLD else Outcome.FAILS
    assert (result.outcome, bool(result.reason)) == (expected, True), result.reason
