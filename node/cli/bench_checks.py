"""`bench checks`: what checking a row costs on this machine, beside cargo."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.output import example, print_json, print_table, say

if TYPE_CHECKING:
    from node.bench.checks import Cost, Report

CORPORA = ("std", "short", "itertools", "itertools-short")
BATCH = 200


_EXAMPLES = (
    "swarm-node bench checks",
    "swarm-node bench checks --doc-tests std",
    "swarm-node bench checks --doc-tests itertools@0.13.0",
    "swarm-node bench checks --in rows.jsonl --fresh 4",
)


@click.command(epilog=example(*_EXAMPLES))
@click.option("--in", "source", type=click.Path(path_type=Path), help="Rows of your own, as `check` takes them.")
@click.option("--rows", type=click.Choice(CORPORA), default="std", show_default=True, help="Rows of ours.")
@click.option(
    "--doc-tests",
    "documented",
    metavar="CRATE[@VERSION]",
    help="Doc tests of a published crate, or of `std`.",
)
@click.option("--fresh", default=12, show_default=True, type=click.IntRange(0, 10_000), help="Rows with a cold target.")
@click.option("--shared", default=24, show_default=True, type=click.IntRange(0, 10_000), help="Rows with a shared one.")
@click.option("--batch", default=BATCH, show_default=True, type=click.IntRange(1, 1_000), help="Rows built together.")
@click.option("--mutants", default=0, show_default=True, type=click.IntRange(0, 64), help="Per row.")
@click.option("--seed", default=1, show_default=True, help="Chooses the rows that cargo gets, and examples of std.")
@click.option("--cache", type=click.Path(path_type=Path), help="Keep built dependencies here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def checks(
    source: Path | None,
    rows: str,
    documented: str | None,
    fresh: int,
    shared: int,
    batch: int,
    mutants: int,
    seed: int,
    cache: Path | None,
    *,
    as_json: bool,
) -> None:
    """Measure the CPU time of checking rows: our batches beside a cargo project per row.

    Cargo formats, builds, lints and tests a sample of the rows, in a fresh project each: with a cold target directory,
    and with one that all share. The engine checks all rows, in its sandbox, stubs included. What is needed only once
    is not counted and shown apart.
    """
    from node.bench import checks as measure
    from node.bench.doc_rows import read_doc_tests
    from node.bench.std_rows import read_std_examples
    from node.checks.rows import RowOptions
    from node.checks.toolchain import find_toolchain
    from node.cli.check import cache_folder

    if source is not None and documented is not None:
        raise click.UsageError("--in and --doc-tests name two kinds of rows: give one of them.")
    folder = cache_folder(cache)
    folder.mkdir(parents=True, exist_ok=True)
    if documented == "std":
        chosen = read_std_examples(find_toolchain().sysroot, seed)
    elif documented is not None:
        chosen = read_doc_tests(documented, folder / "documented")
    else:
        chosen = measure.read_rows(source if source is not None else measure.ROWS / f"{rows}.jsonl")
    plan = measure.Plan(
        rows=chosen,
        fresh=fresh,
        shared=shared,
        batch=batch,
        options=RowOptions(mutants=mutants),
        seed=seed,
    )
    report = asyncio.run(measure.measure(plan, folder, say))
    if as_json:
        print_json(report)
    else:
        _print(report)


def _print(report: Report) -> None:
    ways = [cost for cost in (report.engine, report.shared, report.fresh) if cost is not None]
    head = ("way", "rows", "CPU ms a row", "rows a CPU second", "the engine takes", "wall ms a row", "once, CPU s")
    print_table(head, [_row(cost, report.engine) for cost in ways])
    click.echo(
        f"\n{report.lines:.0f} lines a row, {report.passing} of them pass; cargo's verdict in {report.agreeing} of "
        f"{report.compared} compared\nrustc {report.rustc}, sandbox {report.sandbox}, {report.cores} cores, "
        f"load {report.load:.1f}"
    )


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
