"""Rows that need builds of their own: as few as tell whether their tests pass and whether they notice a stub."""

from __future__ import annotations

import asyncio

import pytest

from node.checking.packages import Packages
from node.checking.reading import PackageKey
from node.checks import CheckSettings, open_engine
from node.checks.rows import Example, RowOptions, building
from node.checks.rows.building import RowBuilder

pytestmark = pytest.mark.cargo

ADD = '#[no_mangle]\npub extern "C" fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n'
COUNTED = f"{ADD}pub fn fresh() -> usize {{\n    use std::sync::atomic::{{AtomicUsize, Ordering}};\n"
COUNTED += "    static COUNT: AtomicUsize = AtomicUsize::new(0);\n    COUNT.fetch_add(1, Ordering::SeqCst)\n}\n"
TESTED = "assert_eq!(add(1, 2), 3);"
ROWS = {
    "passes": (Example(ADD, tests=TESTED), 1, ("pass", True)),
    "passes in a process once only": (Example(COUNTED, tests=f"assert_eq!(fresh(), 0);\n{TESTED}"), 1, ("pass", True)),
    "is a program": (Example(f"{ADD}fn main() {{\n    add(1, 2);\n}}\n", tests=TESTED), 1, ("pass", True)),
    "notices nothing": (Example(ADD, tests="let f = add;\nassert!(f as usize != 0);"), 1, ("fail", False)),
    "fails": (Example(ADD, tests="assert_eq!(add(1, 2), 4);"), 2, ("fail", None)),
    "observes its place": (
        Example("pub fn at() -> u32 { column!() }\n", tests="assert_eq!(at(), 22);"),
        2,
        ("pass", True),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("alone")


WEAK = "pub fn size(n: i32) -> i32 {\n    if n > 100 { n + 1 } else if n > 50 { n + 2 } else { 0 }\n}\n"


def test_mutants_of_a_row_by_itself_are_noticed_only_by_tests_that_do(folder):
    """One build for all of them, which no module's name tells from those of other rows."""
    weak = Example(f"{ADD}{WEAK}", tests=f"{TESTED}\nassert!(size(1) < 9);")
    verdict = asyncio.run(settle(folder, weak, mutants=8))
    assert verdict.alone
    assert 0 < verdict.mutants.killed < verdict.mutants.made


async def settle(folder, row, mutants=0):
    engine = await open_engine(CheckSettings(folder / "checks"))
    package = await Packages(folder).prepare(PackageKey("2021"))
    (verdict,) = await engine.settle_rows(package, [row], RowOptions(mutants=mutants))
    await engine.close()
    return verdict


@pytest.mark.parametrize("name", ROWS)
def test_one_build_with_tests_is_enough_for_what_passes(folder, monkeypatch, name):
    row, count, ends = ROWS[name]
    builds = []
    link = RowBuilder.link

    async def noted(self, files, **how):
        builds.append(how)
        return await link(self, files, **how)

    monkeypatch.setattr(RowBuilder, "link", noted)
    verdict = asyncio.run(settle(folder, row))
    assert verdict.alone
    assert (verdict.state.value, verdict.stub_killed) == ends, verdict
    assert len(builds) == count


def test_builds_of_many_rows_have_less_time_than_one_alone(folder, monkeypatch):
    """So that a row which eats the compiler's time takes a fraction of it from its neighbours."""
    bounds = []
    compile_overlay = building.compile_overlay

    async def noted(session, bench, toolchain, call, **how):
        bounds.append((call.cpu_ms_max, bench.build_limits.cpu_ms))
        return await compile_overlay(session, bench, toolchain, call, **how)

    async def settle_them():
        engine = await open_engine(CheckSettings(folder / "checks"))
        package = await Packages(folder).prepare(PackageKey("2021"))
        alone, _ = ROWS["passes"][:2]
        rows = [alone, *(Example(WEAK, tests=f"assert_eq!(size(60), {n});") for n in (61, 62, 63))]
        verdicts = await engine.settle_rows(package, rows, RowOptions(mutants=0))
        await engine.close()
        return [verdict.state.value for verdict in verdicts]

    monkeypatch.setattr(building, "compile_overlay", noted)
    assert asyncio.run(settle_them()) == ["pass", "fail", "pass", "fail"]
    shared = [bound for bound, _ in bounds if bound is not None]
    assert shared
    assert all(bound < most / 3 for bound, most in bounds if bound is not None)
    assert len(shared) < len(bounds)


def test_a_row_that_floods_the_compilers_output_hides_nothing_that_is_said_of_others(folder):
    many = "".join(f"let a{number} = {number};" for number in range(250))
    flood = Example(f"pub fn f() -> u8 {{ {many} 1 }} //{' x' * 25_000}\n", tests="assert_eq!(f(), 1);")
    quiet = Example("pub fn empty(v: &[u8]) -> bool {\n    return v.len() == 0;\n}\n", tests="assert!(empty(&[]));")

    async def settle_both():
        engine = await open_engine(CheckSettings(folder / "checks"))
        package = await Packages(folder).prepare(PackageKey("2021"))
        verdicts = await engine.settle_rows(package, [flood, quiet], RowOptions())
        await engine.close()
        return verdicts

    drowned, other = asyncio.run(settle_both())
    assert (drowned.state.value, drowned.reasons) == ("error", ("its warnings are more than is kept of them",))
    assert other.clippy == ("clippy::len_zero", "clippy::needless_return")
