"""Shared builds against cargo on thousands of rows: `make differential`.

Settles every row as production does, in batches of a hundred, failures confirmed, and by cargo in a project of its own,
and says where they differ. Hours of CPU on a slow machine, so what is settled is kept: stopped and started again, it
goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node.checking.packages import Packages
from node.checks import CheckEngine, CheckSettings, open_engine
from node.checks.rows import RowOptions, RowState
from node.crates.store import CrateStore
from tests.support.row_corpus import Case, make_cases
from tests.support.row_faults import INJECTED
from tests.support.row_verdicts import Told, by_cargo, told

BATCH = 100
CARGO_AT_ONCE = 25
"""Projects whose target directories lie on the disk at the same time."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, required=True, help="benches, packages and what is settled")
    parser.add_argument("--out", type=Path, help="report, as Markdown")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    text = asyncio.run(run(chosen.count, chosen.seed, chosen.work.absolute()))
    print(text)
    if chosen.out is not None:
        chosen.out.write_text(text)


async def run(count: int, seed: int, work: Path) -> str:
    """Settle what is left; returns the report."""
    cases = await asyncio.to_thread(make_cases, CrateStore(work / "sources"), count=count, seed=seed)
    digest = hashlib.sha256(repr(cases).encode()).hexdigest()[:16]
    journal = work / f"settled-{digest}.jsonl"
    packages = Packages(work)
    engine = await open_engine(CheckSettings(work / "checks"))
    await engine.prepare()  # As in a long run.
    try:
        done = dict(_read(journal))
        with journal.open("a") as kept:
            for numbers in _batches(cases, done):
                for line in await _settle(engine, packages, cases, numbers):
                    done[line["number"]] = line
                    kept.write(json.dumps(line) + "\n")
                kept.flush()
                different = sum(_differs(line) for line in done.values())
                print(
                    f"{time.strftime('%H:%M:%S')} {len(done)} of {len(cases)} rows, {different} different", flush=True
                )
    finally:
        await engine.close()
    lines = [done[number] for number in range(len(cases))]
    return report(lines, seed, engine)


def _read(journal: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if journal.exists():
        for text in journal.read_text().splitlines():
            line = json.loads(text)
            yield line["number"], line


def _batches(cases: list[Case], done: dict[int, Any]) -> Iterator[list[int]]:
    groups: dict[Any, list[int]] = {}
    for number, case in enumerate(cases):
        if number not in done:
            groups.setdefault(case.package, []).append(number)
    for numbers in groups.values():
        yield from (numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH))


async def _settle(
    engine: CheckEngine, packages: Packages, cases: list[Case], numbers: list[int]
) -> list[dict[str, Any]]:
    package = await packages.prepare(cases[numbers[0]].package)
    rows = [cases[number].example for number in numbers]
    ours = await engine.settle_rows(package, rows, RowOptions(mutants=0))
    theirs = []
    for start in range(0, len(rows), CARGO_AT_ONCE):
        theirs += await by_cargo(engine, package, rows[start : start + CARGO_AT_ONCE])
    return [
        {
            "number": number,
            "kind": cases[number].kind,
            "package": str(cases[number].package),
            "code": row.code,
            "context": row.context,
            "tests": row.tests,
            "alone": our.alone,
            "reasons": our.reasons,
            "ours": _plain(told(our)),
            "cargo": _plain(told(their)),
            "cargo_reasons": their.reasons,
        }
        for number, row, our, their in zip(numbers, rows, ours, theirs, strict=True)
    ]


def _plain(seen: Told) -> dict[str, Any]:
    """As it comes back out of JSON, which has no tuples."""
    value: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(seen)))
    return value


_VERDICT = ("state", "compiled", "passed", "failed", "ignored")


def _differs(line: dict[str, Any], names: tuple[str, ...] = _VERDICT) -> bool:
    return any(line["ours"][name] != line["cargo"][name] for name in names)


def report(lines: list[dict[str, Any]], seed: int, engine: CheckEngine) -> str:
    """The result as a page of the documentation."""
    failing = sum(line["cargo"]["state"] != RowState.PASS.value for line in lines)
    together = sum(not line["alone"] for line in lines)
    overturned = sum("beside others" in line["alone"] and line["ours"]["state"] == "pass" for line in lines)
    counts = {
        "verdict (state, compiled, tests by name)": sum(_differs(line) for line in lines),
        "set of error codes": sum(_differs(line, ("codes",)) for line in lines),
        "compiler warnings": sum(_differs(line, ("warnings",)) for line in lines),
        "clippy lints": sum(_differs(line, ("clippy",)) for line in lines),
    }
    kinds = Counter(_group(line["kind"]) for line in lines)
    failed = Counter(_group(line["kind"]) for line in lines if line["cargo"]["state"] != RowState.PASS.value)
    wrong = Counter(_group(line["kind"]) for line in lines if _differs(line))
    rows = "\n".join(f"| {kind} | {kinds[kind]} | {failed[kind]} | {wrong[kind]} |" for kind in sorted(kinds))
    found = "\n".join(f"| {what} | {number} |" for what, number in counts.items())
    return f"""# Shared builds against cargo

Made by `make differential`. {len(lines)} rows, {failing} of them failing ({100 * failing / len(lines):.0f} %), each
settled twice: in batches of {BATCH} as production does it, failures confirmed, and by cargo in a project of its own
(`cargo clippy`, `cargo test`). {together} rows got their verdict beside others, the rest alone; {overturned} that had
failed beside others passed alone. Stubs and empty tests, which cargo knows nothing of, are left out. Seed {seed}, rustc
{engine.toolchain.release}, sandbox {engine.level.value}.

| what differs | rows |
|---|---|
{found}

| kind of row | rows | failing | different verdicts |
|---|---|---|---|
{rows}
"""


_SEVERAL = {"own", "own, itertools", "changed", "cut out of a crate", "doc test"}


def _group(kind: str) -> str:
    group, separator, _ = kind.partition(":")
    faulty = separator or kind in _SEVERAL or kind in INJECTED
    return group if faulty else "a single case of masking, shadowing or cross-talk"


if __name__ == "__main__":
    main()
