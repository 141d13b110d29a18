# ruff: noqa: E501  (a row of Rust is read as a line)
"""Rows whose build links the common code: their verdicts are those of builds without it."""

from __future__ import annotations

import asyncio

import pytest

from node.bench.checks import ROWS, read_rows
from node.checking.packages import Packages
from node.checking.reading import PackageKey
from node.checks import CheckSettings, open_engine
from node.checks.common import ROWS_MIN
from node.checks.rows import Example, RowOptions
from tests.support.row_verdicts import told

pytestmark = [pytest.mark.cargo, pytest.mark.timeout(900)]

TELLING = {
    "a sum that overflows": Example(
        "pub fn total(v: &[i32]) -> i32 {\n    v.iter().sum()\n}",
        tests="assert_eq!(total(&[1, 2]), 3);\nassert_eq!(total(&[i32::MAX, 1]), i32::MIN);",
    ),
    "an index out of bounds": Example(
        "pub fn third(v: &[String]) -> String {\n    v[2].clone()\n}", tests="assert_eq!(third(&[]), String::new());"
    ),
    "a name of the crate": Example("pub use ::swarm_common as everything;\npub fn f() {}"),
    "a panic inside of shared code": Example(
        "pub fn sorted(mut v: Vec<u32>) -> Vec<u32> {\n    v.sort_by_key(|n| 10 / *n);\n    v\n}",
        tests='#[test]\n#[should_panic(expected = "divide by zero")]\nfn zero() {\n    sorted(vec![1, 0, 2]);\n}',
    ),
    "a map of everyday types": Example(
        "use std::collections::HashMap;\npub fn count(text: &str) -> HashMap<String, usize> {\n    let mut found = HashMap::new();\n    for word in text.split_whitespace() {\n        *found.entry(word.to_string()).or_insert(0) += 1;\n    }\n    found\n}",
        tests='assert_eq!(count("a b a")["a"], 2);\nassert_eq!(count("").len(), 0);',
    ),
}


def test_verdicts_with_common_code_are_those_without_it(tmp_path):
    rows = [*TELLING.values(), *(row.example for row in read_rows(ROWS / "short.jsonl")[:ROWS_MIN])]

    async def settle():
        engine = await open_engine(CheckSettings(tmp_path / "checks"))
        package = await Packages(tmp_path).prepare(PackageKey("2021"))
        options = RowOptions(mutants=0)
        half = len(rows) // 2
        without = [*await engine.settle_rows(package, rows[:half], options)]
        without += await engine.settle_rows(package, rows[half:], options)
        await engine.prepare()
        assert await engine._common.for_rows(len(rows)) is not None
        linked = await engine.settle_rows(package, rows, options)
        await engine.close()
        return without, linked

    without, linked = asyncio.run(settle())
    assert [told(verdict) for verdict in linked] == [told(verdict) for verdict in without]
    assert [verdict.stub_killed for verdict in linked] == [verdict.stub_killed for verdict in without]
    ends = dict(zip(TELLING, linked, strict=False))
    assert ends["a sum that overflows"].tests_failed
    assert ends["an index out of bounds"].tests_failed
    assert ends["a name of the crate"].error_codes == ("E0432",)
    assert ends["a map of everyday types"].alone == ""
    assert sum(verdict.state.value == "pass" for verdict in linked) == ROWS_MIN + 2
