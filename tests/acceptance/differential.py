"""Shared builds against cargo on thousands of rows: `make differential`.

Settles every row as production does, in batches of two hundred, failures confirmed, and by cargo in a project of its
own, and says where they differ. Hours of CPU on a slow machine, nearly all of it cargo's, so what is settled is kept:
stopped and started again, it goes on. After a change of ours only our side has to be settled anew (`--again`), as long
as the toolchain is the one that cargo's side was made with.
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
from node.checking.reading import PackageKey
from node.checks import CheckEngine, CheckSettings, open_engine
from node.checks.rows import Example, RowOptions, RowState
from node.crates.store import CrateStore
from tests.support.row_corpus import Case, make_cases
from tests.support.row_faults import INJECTED
from tests.support.row_verdicts import Told, by_cargo, told

BATCH = 200
CARGO_AT_ONCE = 25
"""Projects whose target directories lie on the disk at the same time."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, required=True, help="benches, packages and what is settled")
    parser.add_argument("--out", type=Path, help="report, as Markdown")
    parser.add_argument("--again", type=Path, help="a finished run's journal: its rows anew, cargo's side as there")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    if chosen.again is None:
        text = asyncio.run(run(chosen.count, chosen.seed, chosen.work.absolute()))
    else:
        text = asyncio.run(run_again(chosen.again, chosen.seed, chosen.work.absolute()))
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


async def run_again(journal: Path, seed: int, work: Path) -> str:
    """Settle the rows of a finished run anew in shared builds; returns the report against cargo's recorded verdicts."""
    kept = [line for _, line in sorted(_read(journal))]
    cases = [_case(line) for line in kept]
    packages = Packages(work)
    engine = await open_engine(CheckSettings(work / "checks"))
    await engine.prepare()
    lines = []
    try:
        if any(line.get("rustc", engine.toolchain.release) != engine.toolchain.release for line in kept):
            raise SystemExit(f"cargo's side of {journal} was made with another toolchain")
        for numbers in _batches(cases, {}):
            ours = await _ours(engine, packages, cases, numbers)
            lines += [kept[number] | seen for number, seen in zip(numbers, ours, strict=True)]
            different = [line["number"] for line in lines if _differs(line)]
            print(f"{time.strftime('%H:%M:%S')} {len(lines)} of {len(cases)} rows, different: {different}", flush=True)
    finally:
        await engine.close()
    return report(lines, seed, engine)


def _case(line: dict[str, Any]) -> Case:
    name, _, edition = line["package"].partition(", edition ")
    crate, _, version = name.partition("@")
    package = PackageKey(edition) if name == "std" else PackageKey(edition, crate, version)
    return Case(line["kind"], Example(line["code"], line["context"], line["tests"]), package)


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
    ours = await _ours(engine, packages, cases, numbers)
    package = await packages.prepare(cases[numbers[0]].package)
    rows = [cases[number].example for number in numbers]
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
            "rustc": engine.toolchain.release,
            "cargo": _plain(told(their)),
            "cargo_reasons": their.reasons,
            **our,
        }
        for number, row, our, their in zip(numbers, rows, ours, theirs, strict=True)
    ]


async def _ours(engine: CheckEngine, packages: Packages, cases: list[Case], numbers: list[int]) -> list[dict[str, Any]]:
    """What shared builds say of rows of one package."""
    package = await packages.prepare(cases[numbers[0]].package)
    verdicts = await engine.settle_rows(package, [cases[n].example for n in numbers], RowOptions(mutants=0))
    return [{"alone": our.alone, "reasons": our.reasons, "ours": _plain(told(our))} for our in verdicts]


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
