"""Tests of macros, constants, types and code that hands on: those that say little are told, others pass."""

from __future__ import annotations

import asyncio

import pytest

from node.checking.packages import Packages
from node.checking.reading import PackageKey
from node.checks import CheckSettings, open_engine
from node.checks.rows import Example, RowOptions
from tests.support.row_faults import WITHOUT_BODIES

pytestmark = pytest.mark.cargo


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """All in one batch, as they would stand in a file."""
    folder = tmp_path_factory.mktemp("rows")
    rows = [Example(code, tests=tests) for _, _, code, tests in WITHOUT_BODIES]

    async def settle():
        engine = await open_engine(CheckSettings(folder / "checks", cores=2))
        package = await Packages(folder).prepare(PackageKey("2021"))
        found = await engine.settle_rows(package, rows, RowOptions(mutants=4))
        await engine.close()
        return found

    return list(zip(WITHOUT_BODIES, asyncio.run(settle()), strict=True))


def test_honest_rows_pass(verdicts):
    accused = [
        (kind, tests, verdict.reasons)
        for (kind, way, _, tests), verdict in verdicts
        if way == "honest" and verdict.reasons
    ]
    assert accused == []


def test_tests_that_say_little_are_called_empty(verdicts):
    found = [(kind, tests) for (kind, way, _, tests), verdict in verdicts if way == "weak" and not verdict.vacuous]
    assert found == []


def test_of_macros_alone_it_is_known_whether_a_stub_is_noticed(verdicts):
    known = {kind: verdict.stub_killed for (kind, *_), verdict in verdicts}
    assert known["macro: max"] is True
    assert known["const: table"] is None


LAZY = "macro_rules! m { ($a:expr) => { $a }; }\npub const N: u8 = 1;"
PATTERN = "macro_rules! m { () => { 1 | 2 }; }\npub fn f(n: u8) -> bool { matches!(n, m!()) }"
LENGTH = "macro_rules! m { ($n:expr) => { $n * 2 }; }\npub const N: [u8; m!(2)] = [0; m!(2)];"


@pytest.mark.parametrize(
    ("code", "tests", "ends"),
    [
        (LAZY, "let later = || m!(1);\nlet _ = &later;\nassert!(N < 9);", False),
        (PATTERN, "assert!(f(1) && !f(3));", True),
        (LENGTH, "assert_eq!(N.len(), 4);", None),
    ],
)
def test_a_stub_of_macros_is_told_only_where_it_compiles(tmp_path, code, tests, ends):
    async def settle():
        engine = await open_engine(CheckSettings(tmp_path / "checks"))
        package = await Packages(tmp_path).prepare(PackageKey("2021"))
        (verdict,) = await engine.settle_rows(package, [Example(code, tests=tests)], RowOptions(mutants=4))
        await engine.close()
        return verdict

    verdict = asyncio.run(settle())
    assert verdict.stub_killed is ends, verdict
    assert verdict.vacuous is (ends is False)
