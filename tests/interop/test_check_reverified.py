"""Second looks at settled claims: nobody can foresee which, they agree, and when they do not the batch is set aside."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest

from node.checking.packages import Packages
from node.checking.reading import PackageKey
from node.checks import CheckSettings, open_engine, reverify
from node.checks.reverify import Sampler, agree
from node.checks.rows import Example, RowOptions, RowState
from node.checks.verdicts import Observation
from node.values.crate import Span
from node.values.verdict import CheckPlan, Edit, Expect, Outcome, Project, Step, TestName
from tests.support.counting_cache import CountingCache
from tests.support.prepared import make_crate

LIB = """pub fn twice(n: u8) -> u8 { n * 2 }
#[test]
fn t() { assert_eq!(twice(2), 4); }
#[test]
#[ignore]
fn is_ignored() {}
#[test]
fn fails() { panic!("as published"); }
"""


def test_a_hundredth_is_chosen_and_each_seed_chooses_others():
    keys = [number.to_bytes(32, "big") for number in range(20_000)]
    one, two = ({key for key in keys if Sampler(seed, 100).is_chosen(key)} for seed in (b"one", b"two"))
    assert 150 < len(one) < 250
    assert len(one & two) < 20
    assert {key for key in keys if Sampler(b"one", 100).is_chosen(key)} == one


@pytest.mark.parametrize(("share_bp", "chosen"), [(0, 0), (10_000, 100)])
def test_none_and_all_are_shares_too(share_bp, chosen):
    sampler = Sampler(b"seed", share_bp)
    assert sum(sampler.is_chosen(bytes([number])) for number in range(100)) == chosen


def test_only_settled_looks_can_contradict_each_other():
    passed = Observation(compiled=True, passed=(TestName("library", "", "t"),))
    failed = replace(passed, passed=(), failed=passed.passed)
    assert not agree(passed, failed)
    assert agree(passed, replace(passed, message="said otherwise"))
    assert agree(passed, replace(failed, timed_out=True))
    assert agree(passed, Observation(compiled=False, unchecked=True))


@pytest.fixture(scope="module")
def crate(tmp_path_factory):
    return make_crate(tmp_path_factory.mktemp("crate"), {"src/lib.rs": LIB})


def changed(crate):
    body = Span("src/lib.rs", LIB.index("{"), LIB.index("}") + 1)
    texts = ("{ n + n }", "{ n }", '{ "" }')
    edits = [Edit(body, text) for text in texts] + [Edit(Span("src/lib.rs", 0, 10_000), "")]
    return [Step("s", Project(crate.pin, (edit,)), Expect.TESTS_PASS) for edit in edits]


def settle(crate, folder, steps=None, **settings):
    steps = steps or changed(crate)

    async def run():
        cache = CountingCache()
        engine = await open_engine(CheckSettings(folder, cores=2, **settings), cache)
        try:
            results = await engine.run(crate, [CheckPlan((step,)) for step in steps])
            return [result.steps[0] for result in results], engine.reverified, cache.stored
        finally:
            await engine.close()

    return asyncio.run(run())


@pytest.mark.cargo
def test_second_looks_agree_and_are_counted(crate, tmp_path):
    results, reverified, stored = settle(crate, tmp_path, reverify_bp=10_000)
    assert [result.outcome for result in results] == [Outcome.HOLDS, *[Outcome.FAILS] * 3]
    assert (reverified, stored) == ((4, 0), 4)


@pytest.mark.cargo
def test_what_a_baseline_says_of_the_unchanged_crate_is_what_a_look_alone_shows(crate, tmp_path):
    unchanged = Project(crate.pin)
    named = [(TestName("library", "", name),) for name in ("t", "fails", "is_ignored", "is_not_there")]
    steps = [Step("s", unchanged, Expect.TESTS_PASS, tests) for tests in [(), *named]]
    results, reverified, _ = settle(crate, tmp_path, steps, reverify_bp=10_000)
    assert [result.outcome for result in results] == [Outcome.HOLDS, Outcome.HOLDS, *[Outcome.FAILS] * 3]
    assert reverified == (5, 0)


@pytest.mark.cargo
def test_a_batch_with_one_disagreement_gives_no_verdicts_and_leaves_none_behind(crate, tmp_path, monkeypatch):
    look = reverify._look

    async def contrary(workshop, claim):
        seen = await look(workshop, claim)
        return replace(seen, passed=seen.failed, failed=seen.passed)

    monkeypatch.setattr(reverify, "_look", contrary)
    results, (looked, disagreed), stored = settle(crate, tmp_path, reverify_bp=10_000)
    assert {result.outcome for result in results} == {Outcome.UNCHECKED}
    assert all("came out differently when settled alone" in result.reason for result in results)
    assert (looked, disagreed, stored) == (4, 2, 0)


@pytest.mark.cargo
def test_a_claim_that_comes_out_now_so_now_so_is_set_aside_alone(crate, tmp_path, monkeypatch):
    look, looks = reverify._look, itertools.count()

    async def unsteady(workshop, claim):
        seen = await look(workshop, claim)
        throws = claim.project.edits[0].text == "{ n }" and next(looks) % 2 == 0
        return replace(seen, passed=seen.failed, failed=seen.passed) if throws else seen

    monkeypatch.setattr(reverify, "_look", unsteady)
    results, (looked, disagreed), stored = settle(crate, tmp_path, reverify_bp=10_000)
    assert [result.outcome for result in results] == [Outcome.HOLDS, Outcome.UNCHECKED, Outcome.FAILS, Outcome.FAILS]
    assert "from one run to the next" in results[1].reason
    assert (looked, disagreed, stored) == (4, 0, 3)


ROWS = [
    Example(
        f"pub fn add{number}(n: u8) -> u8 {{\n    n + {number}\n}}", tests=f"assert_eq!(add{number}(1), {number} + 1);"
    )
    for number in range(3)
]


def settle_rows(folder):
    async def settle():
        engine = await open_engine(CheckSettings(folder / "checks", reverify_rows_bp=10_000))
        package = await Packages(folder).prepare(PackageKey("2021"))
        verdicts = await engine.settle_rows(package, ROWS, RowOptions(mutants=0))
        await engine.close()
        return [(verdict.state.value, verdict.alone) for verdict in verdicts], engine.reverified_rows

    return asyncio.run(settle())


@pytest.mark.cargo
def test_rows_that_shared_builds_are_looked_at_again(tmp_path):
    assert settle_rows(tmp_path) == ([("pass", "")] * 3, (3, 0))


@pytest.mark.cargo
def test_a_batch_of_rows_that_contradicts_a_second_look_is_settled_alone(tmp_path, monkeypatch):
    def misjudge(verdict, killed, static):
        return replace(verdict, state=RowState.FAIL, reasons=("misjudged",))

    monkeypatch.setattr("node.checks.rows.batch.settle", misjudge)
    verdicts, counts = settle_rows(tmp_path)
    assert counts == (3, 3)
    assert verdicts == [("pass", "its batch contradicted a second look")] * 3
