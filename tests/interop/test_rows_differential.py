"""Rows beside others against cargo: the same rows, settled both ways, must get the same verdicts.

A seeded part of what `make differential` does: a row of every group of faults, and cases of masking and cross-talk.
"""

import asyncio

import pytest

from node.checking.packages import Packages
from node.checking.reading import PackageKey
from node.checks import CheckSettings, open_engine
from node.checks.rows import RowOptions
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
