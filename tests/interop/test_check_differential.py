"""Shared builds against plain cargo: the same claims, settled both ways, must get the same verdicts.

Failing and passing, compile errors of every phase, crashes, time-outs, docs and added tests: `tests.support.faults`
makes them by seed. A difference is printed with the seed and the step that shows it.
"""

from __future__ import annotations

import asyncio

import pytest

from node.checks import CheckSettings, open_engine
from node.values.crate import PreparedCrate
from node.values.verdict import CheckPlan, Outcome, Step, StepResult
from tests.support.faults import make_steps
from tests.support.prepared import fetch_crate, make_crate

pytestmark = [pytest.mark.cargo, pytest.mark.timeout(900)]

STRICT_LIB = """//! Warnings are errors here, and a helper is used in one place only.
#![deny(warnings)]

use std::collections::BTreeMap;

/// Counts words.
pub fn count(text: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for word in text.split_whitespace() {
        *found.entry(fold(word)).or_insert(0) += 1;
    }
    found
}

fn fold(word: &str) -> String {
    word.chars().filter(|c| keep(*c)).flat_map(char::to_lowercase).collect()
}

fn keep(c: char) -> bool {
    c.is_alphanumeric()
}

/// A counter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counter {
    count: u32,
}

impl Counter {
    /// One more.
    pub fn bump(&mut self) -> &mut Self {
        self.count = self.count.checked_add(1).unwrap_or(0);
        self
    }

    /// How many.
    pub const fn get(&self) -> u32 {
        self.count
    }

    /// All before.
    pub fn before(&self) -> impl Iterator<Item = u32> {
        0..self.count
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        assert_eq!(count("a A b!").get("a"), Some(&2));
        assert_eq!(count("").len(), 0);
    }

    #[test]
    fn bumps() {
        let mut counter = Counter::default();
        counter.bump().bump();
        assert_eq!((counter.get(), counter.before().count()), (2, 2));
    }
}
"""


async def settle(crate: PreparedCrate, steps: list[Step], settings: CheckSettings) -> list[StepResult]:
    engine = await open_engine(settings)
    try:
        results = await engine.run(crate, [CheckPlan((step,)) for step in steps])
    finally:
        await engine.close()
    return [result.steps[0] for result in results]


def compare(crate, folder, *, count, seed):
    async def both():
        engine = await open_engine(CheckSettings(folder))
        baseline = await engine.baseline(crate)
        await engine.close()
        steps = make_steps(crate, baseline.tests, count=count, seed=seed)
        shared = await settle(crate, steps, CheckSettings(folder))
        plain = await settle(crate, steps, CheckSettings(folder, use_cargo=True))
        return steps, shared, plain

    steps, shared, plain = asyncio.run(both())
    different = [
        f"seed {seed}, {step.name}, {step.expect}\n{step.project}\n shared {one}\n cargo  {other}"
        for step, one, other in zip(steps, shared, plain, strict=True)
        if one != other
    ]
    assert not different, "\n\n".join(different)
    outcomes = [result.outcome for result in shared]
    assert Outcome.UNCHECKED not in outcomes
    assert len({*outcomes}) > 1, "a sample that cannot show a difference"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("differential")


def test_a_crate_that_denies_warnings_gets_cargos_verdicts(folder, tmp_path):
    crate = make_crate(tmp_path / "crate", {"src/lib.rs": STRICT_LIB}, name="words")
    compare(crate, folder, count=24, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "version"), [("strsim", "0.11.1"), ("semver", "1.0.26")])
def test_a_published_crate_gets_cargos_verdicts(folder, tmp_path, name, version):
    compare(fetch_crate(tmp_path / name, name, version), folder, count=24, seed=2)
