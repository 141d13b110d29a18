"""`bench`: measure this machine, and us beside others on it."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

import click

from node.cli.output import example, print_json, print_table, say

if TYPE_CHECKING:
    from node.bench.consensus import AgreementCost
    from node.bench.speed import Speed

BENCHES = {
    "checks": "node.cli.bench_checks:checks",
    "consensus": "node.cli.bench:consensus",
    "engine": "node.cli.bench_engine:engine",
}
"""Where each measurement stands."""

BATCH = 1_000_000
BESIDE = (2_000, 20_000)
"""Ratings that all are given: a large round's, and ten of them at once."""

TURNS = 3
"""Of each method with all others; its best call counts."""


class Benches(click.Group):
    """Finds measurements by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of the table."""
        del ctx
        return list(BENCHES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a measurement."""
        del ctx
        module, _, name = BENCHES.get(cmd_name, "").partition(":")
        command: click.Command | None = getattr(importlib.import_module(module), name) if module else None
        return command


@click.group(cls=Benches)
def bench() -> None:
    """Measure how fast things are here."""


@click.command(epilog=example("swarm-node bench consensus", "swarm-node bench consensus --json"))
@click.option(
    "--batch", default=BATCH, show_default=True, type=click.IntRange(1_000, 10_000_000), help="Ratings at once."
)
@click.option(
    "--repeat", default=200, show_default=True, type=click.IntRange(1, 10_000), help="Rounds; the best counts."
)
@click.option(
    "--rounds", default=8, show_default=True, type=click.IntRange(1, 1_000), help="Agreed upon per committee."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def consensus(batch: int, repeat: int, rounds: int, *, as_json: bool) -> None:
    """Measure aggregation in ratings per second, beside others on the same ratings, and what agreement costs.

    Of one core, in CPU time, the best of several calls. `evalica` and `crowd-kit` are measured if they are installed
    (pip install evalica crowd-kit): with their default settings, on all comparisons that the ratings imply, or on
    scores cut into five labels. Conversions of the data are not counted, ours or theirs.
    """
    from node.bench import consensus as measure
    from node.bench import rivals

    say("aggregating")
    ours = [
        measure.measure_columns("shipped, rounds of 2,000", measure.ROUND_RATINGS, repeat=repeat),
        measure.measure_columns(f"shipped, {batch:,} at once", batch, repeat=3),
        measure.measure_objects("shipped, rounds of 2,000, objects in and out", measure.ROUND_RATINGS, repeat=20),
    ]
    say("beside others")
    beside = [_beside(measure, rivals, count) for count in BESIDE]
    say("agreeing")
    costs = [measure.measure_agreement(size, rounds) for size in measure.COMMITTEES]
    if as_json:
        print_json({"ours": ours, "beside": beside, "agreement": costs})
    else:
        _print(ours, beside, costs)


def _beside(measure: Any, rivals: Any, count: int) -> list[Speed]:
    """All on the same ratings, ours first; in turns, so that a slow moment of the machine is not one method's alone."""
    from node.bench.speed import better

    turns = [
        [
            measure.measure_columns("shipped", count, repeat=50),
            measure.measure_reference(count),
            rivals.measure_bradley_terry(count),
            rivals.measure_dawid_skene(count),
        ]
        for _ in range(TURNS)
    ]
    return [functools.reduce(better, speeds) for speeds in zip(*turns, strict=True)]


def _print(ours: list[Speed], beside: list[list[Speed]], costs: list[AgreementCost]) -> None:
    print_table(("aggregation", "ratings/s"), [(item.name, f"{item.per_second:,.0f}") for item in ours])
    for speeds in beside:
        click.echo(f"\nthe same {speeds[0].ratings:,} ratings")
        print_table(("method", "ratings/s", "shipped is"), [_row(item, speeds[0]) for item in speeds])
    click.echo("\nagreement, every message signed, one way 1 to 100 ms")
    head = ("committee", "proposal to all decided", "agreement bytes sent", "all bytes sent", "CPU")
    rows = [
        (
            item.committee,
            f"{item.latency_ms:.0f} ms",
            f"{item.agreement_bytes:,} a member and round",
            f"{item.round_bytes:,}",
            f"{item.cpu_ms:.1f} ms",
        )
        for item in costs
    ]
    print_table(head, rows)


def _row(item: Speed, shipped: Speed) -> tuple[str, str, str]:
    if item.missing:
        return item.name, item.missing, ""
    return item.name, f"{item.per_second:,.0f}", f"{shipped.per_second / item.per_second:.1f} x as fast"
