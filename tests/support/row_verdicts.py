"""What of two verdicts on a row must be equal, whoever settled it."""

from __future__ import annotations

from dataclasses import dataclass

from node.checks import CheckEngine
from node.checks.rows import Example, RowState, RowVerdict
from node.checks.rows.reference import settle_by_cargo
from node.checks.workers import together
from node.values.crate import PreparedCrate


@dataclass(frozen=True)
class Told:
    """A verdict without what only one side finds out, or finds out otherwise."""

    state: str
    compiled: bool
    passed: tuple[str, ...]
    failed: tuple[str, ...]
    ignored: tuple[str, ...]
    codes: tuple[str, ...]
    warnings: tuple[str, ...]
    clippy: tuple[str, ...]

    @property
    def verdict(self) -> tuple[object, ...]:
        """What makes two verdicts different ones."""
        return self.state, self.compiled, self.passed, self.failed, self.ignored


def told(verdict: RowVerdict) -> Told:
    """The comparable part. Stubs and emptiness are ours alone: without them such a row passes."""
    empty = verdict.state is RowState.FAIL and verdict.tests_passed and not verdict.tests_failed
    return Told(
        "pass" if empty else verdict.state.value,
        verdict.compiled,
        verdict.tests_passed,
        verdict.tests_failed,
        verdict.tests_ignored,
        verdict.error_codes,
        verdict.warnings,
        verdict.clippy,
    )


async def by_cargo(engine: CheckEngine, package: PreparedCrate, rows: list[Example]) -> list[RowVerdict]:
    """Verdicts of cargo, each row in a project of its own, without stubs."""
    bench = await engine._bench(package, None)
    async with engine._workshop(bench) as workshop:
        edition = package.pin.edition
        return await together(settle_by_cargo(workshop, row, edition=edition, stubs=False) for row in rows)
