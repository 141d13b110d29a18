"""Rows beside others against cargo: the same rows, settled both ways, must get the same verdicts.

A seeded part of what `make differential` does: a row of every group of faults, and cases of masking and cross-talk.
"""

import asyncio

import pytest

from node.checking.packages import Packages
from node.checking.reading import PackageKey
from node.checks import CheckSettings, open_engine
from node.checks.rows import Example, RowOptions
from tests.support.row_corpus import small_cases
from tests.support.row_verdicts import by_cargo, told

pytestmark = [pytest.mark.cargo, pytest.mark.slow, pytest.mark.timeout(900)]

SEED, COUNT = 5, 50


async def both(folder, cases):
    engine = await open_engine(CheckSettings(folder / "checks"))
    try:
        package = await Packages(folder).prepare(PackageKey("2021"))
        rows = [case.example for case in cases]
        ours = await engine.settle_rows(package, rows, RowOptions(mutants=0))
        return ours, await by_cargo(engine, package, rows)
    finally:
        await engine.close()


LIST = """pub enum List { Nil, Cons(i32, Box<List>) }
impl List {
    pub fn of(n: i32) -> List { (0..n).fold(List::Nil, |l, i| List::Cons(i, Box::new(l))) }
    pub fn sum(&self) -> i64 { match self { List::Nil => 0, List::Cons(v, rest) => i64::from(*v) + rest.sum() } }
}"""


@pytest.mark.parametrize("confirm", [True, False])
def test_what_is_too_deep_for_a_stack_is_so_under_cargo_too(tmp_path, confirm):
    """A test's thread has 2 MiB. Without debug information, or without tables for unwinding, more fits."""
    depths = (15_000, 24_000, 34_000, 40_000, 90_000)
    rows = [Example(LIST, tests=f"assert_eq!(List::of({n}).sum(), {n * (n - 1) // 2});") for n in depths]

    async def both_ways():
        engine = await open_engine(CheckSettings(tmp_path / "checks"))
        package = await Packages(tmp_path).prepare(PackageKey("2021"))
        ours = await engine.settle_rows(package, rows, RowOptions(mutants=0, confirm=confirm))
        theirs = await by_cargo(engine, package, rows)
        await engine.close()
        return [verdict.state.value for verdict in ours], [verdict.state.value for verdict in theirs]

    ours, theirs = asyncio.run(both_ways())
    assert ours == theirs
    assert (theirs[0], theirs[-1]) == ("pass", "fail")


def test_rows_beside_others_get_cargos_verdicts(tmp_path):
    cases = small_cases(SEED, COUNT)
    ours, theirs = asyncio.run(both(tmp_path, cases))
    different = [
        f"{case.kind} (alone: {our.alone or 'no'})\n{case.example}\n ours  {told(our)}\n cargo {told(their)}"
        for case, our, their in zip(cases, ours, theirs, strict=True)
        if told(our).verdict != told(their).verdict
    ]
    assert not different, "\n\n".join(different)
    passing = sum(told(their).state == "pass" for their in theirs)
    assert 0.1 * COUNT < passing < 0.9 * COUNT, "a sample that cannot show a difference"
    assert any(not our.alone for our in ours)
