"""`bench checks`: what checking a row costs on this machine, beside cargo."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.output import example, print_json, print_table, say

if TYPE_CHECKING:
    from node.bench.checks import Cost, Report
    from node.checking.reading import Row

CORPORA = ("short", "std", "itertools-short", "itertools")
BATCH = 200
_DOCUMENTED = ("std", "itertools@0.13.0")
"""Whose doc tests are measured where nothing is asked for: those that the aims of this project were set with."""


_EXAMPLES = (
    "swarm-node bench checks",
    "swarm-node bench checks --rows std",
    "swarm-node bench checks --doc-tests serde_json@1.0.128 --passing",
    "swarm-node bench checks --in rows.jsonl --fresh 4",
)


@click.command(epilog=example(*_EXAMPLES))
@click.option("--in", "source", type=click.Path(path_type=Path), help="Rows of your own, as `check` takes them.")
@click.option("--rows", type=click.Choice(CORPORA), help="Rows of ours.")
@click.option(
    "--doc-tests",
    "documented",
    metavar="CRATE[@VERSION]",
    help="Doc tests of a published crate, or of `std`.",
)
@click.option("--passing", is_flag=True, help="Leave out rows that fail, each of which costs builds of its own.")
@click.option("--fresh", default=12, show_default=True, type=click.IntRange(0, 10_000), help="Rows with a cold target.")
@click.option("--shared", default=24, show_default=True, type=click.IntRange(0, 10_000), help="Rows with a shared one.")
@click.option("--batch", default=BATCH, show_default=True, type=click.IntRange(1, 1_000), help="Rows built together.")
@click.option("--mutants", default=0, show_default=True, type=click.IntRange(0, 64), help="Per row.")
@click.option("--seed", default=1, show_default=True, help="Chooses the rows that cargo gets, and examples of std.")
@click.option("--cache", type=click.Path(path_type=Path), help="Keep built dependencies here.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one entry for each kind of rows.")
def checks(
    source: Path | None,
    rows: str | None,
    documented: str | None,
    fresh: int,
    shared: int,
    batch: int,
    mutants: int,
    seed: int,
    cache: Path | None,
    *,
    passing: bool,
    as_json: bool,
) -> None:
    """Measure the CPU time of checking rows: our batches beside a cargo project per row.

    Cargo formats, builds, lints and tests a sample of the rows, in a fresh project each: with a cold target directory,
    and with one that all share. The engine checks all rows, in its sandbox, stubs included. What is needed only once
    is not counted and shown apart. They take turns, so that what disturbs the machine disturbs all of them.

    Asked for no rows in particular, it measures one kind after the other (eight minutes): doc tests of std and of
    itertools that pass, and all rows of ours.
    """
    from node.bench import checks as measure
    from node.checks.rows import RowOptions
    from node.cli.check import cache_folder

    if sum(given is not None for given in (source, rows, documented)) > 1:
        raise click.UsageError("--in, --rows and --doc-tests name kinds of rows: give one of them.")
    folder = cache_folder(cache)
    folder.mkdir(parents=True, exist_ok=True)
    kinds = _kinds(source, rows, documented, folder, seed, passing=passing)
    reports: list[tuple[str, Report]] = []
    for kind in kinds:
        say(f"{kind.name}:")
        plan = measure.Plan(
            rows=kind.read(),
            fresh=fresh,
            shared=shared,
            batch=batch,
            options=RowOptions(mutants=mutants),
            seed=seed,
            only_passing=kind.only_passing,
        )
        reports.append((kind.name, asyncio.run(measure.measure(plan, folder, say))))
        if not as_json:
            _print(*reports[-1])
    if as_json:
        print_json([{"kind": name, **asdict(report)} for name, report in reports])
    elif len(reports) > 1:
        _print_together(reports)


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    only_passing: bool
    read: Callable[[], tuple[Row, ...]]


def _kinds(
    source: Path | None, rows: str | None, documented: str | None, folder: Path, seed: int, *, passing: bool
) -> list[_Kind]:
    """The kind that was asked for; all of them where none was, of doc tests those that pass."""
    from node.bench.checks import read_rows

    if source is not None:
        return [_Kind(str(source), passing, partial(read_rows, source))]
    if rows is not None:
        return [_ours(rows, passing=passing)]
    if documented is not None:
        return [_doc_tests(documented, folder, seed, passing=passing)]
    doc_tests = [_doc_tests(crate, folder, seed, passing=True) for crate in _DOCUMENTED]
    return doc_tests + [_ours(name, passing=passing) for name in CORPORA]


def _ours(name: str, *, passing: bool) -> _Kind:
    from node.bench.checks import ROWS, read_rows

    return _Kind(f"{name} rows of ours", passing, partial(read_rows, ROWS / f"{name}.jsonl"))


def _doc_tests(crate: str, folder: Path, seed: int, *, passing: bool) -> _Kind:
    from node.bench.doc_rows import read_doc_tests
    from node.bench.std_rows import read_std_examples
    from node.checks.toolchain import find_toolchain

    def read() -> tuple[Row, ...]:
        if crate == "std":
            return read_std_examples(find_toolchain().sysroot, seed)
        return read_doc_tests(crate, folder / "documented")

    return _Kind(f"doc tests of {crate}", passing, read)


def _print(name: str, report: Report) -> None:
    ways = [cost for cost in (report.engine, report.shared, report.fresh) if cost is not None]
    head = ("way", "rows", "CPU ms a row", "rows a CPU second", "the engine takes", "wall ms a row", "once, CPU s")
    click.echo(f"{name}\n")
    print_table(head, [_row(cost, report.engine) for cost in ways])
    left_out = f", {report.left_out} that fail left out" if report.left_out else ""
    click.echo(
        f"\n{report.rows} rows of {report.lines:.0f} lines, {report.passing} of them pass{left_out}; "
        f"cargo's verdict in {report.agreeing} of {report.compared} compared\n"
        f"the engine before, between and after cargo's turns: {_range(report.turns)} ms a row\n"
        f"rustc {report.rustc}, sandbox {report.sandbox}, {report.cores} cores, load {report.load:.1f}\n"
    )


def _range(turns: Sequence[float]) -> str:
    return f"{min(turns):.1f} to {max(turns):.1f}"


def _print_together(reports: Sequence[tuple[str, Report]]) -> None:
    head = (
        "rows",
        "lines a row",
        "CPU ms a row",
        "turns",
        "of a shared target",
        "of a fresh project",
        "rows a CPU second",
    )
    print_table(head, [_line(*each) for each in reports])


def _line(name: str, report: Report) -> tuple[object, ...]:
    ratios = (f"1/{cost.times(report.engine):.0f}" if cost else "-" for cost in (report.shared, report.fresh))
    engine = report.engine
    cpu_ms = round(engine.cpu_ms, 1), _range(report.turns)
    return (name, round(report.lines), *cpu_ms, *ratios, round(engine.per_cpu_second, 1))


def _row(cost: Cost, engine: Cost) -> tuple[object, ...]:
    ratio = "" if cost is engine else f"1/{cost.times(engine):.0f} of it"
    wall = cost.spent.wall_ms / cost.rows
    return (
        cost.name,
        cost.rows,
        round(cost.cpu_ms, 1),
        round(cost.per_cpu_second, 1),
        ratio,
        round(wall, 1),
        round(cost.once.cpu_ms / 1000, 1),
    )
