"""`bench engine`: what the node's way to a model server costs beside a bare client."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.caller import data_option, json_option
from node.cli.engine import engine_options, section_of
from node.cli.output import example, print_json, print_table, say
from node.errors import OperatorError

if TYPE_CHECKING:
    from node.bench.engine import Found, Overhead
    from node.config import EngineSection


@click.command(
    epilog=example(
        "swarm-node bench engine --engine openai --url http://127.0.0.1:8000/v1",
        "swarm-node bench engine --data ./node1 --concurrency 64 --adaptive --json",
    )
)
@engine_options
@click.option("--concurrency", default=32, show_default=True, type=click.IntRange(1, 1024), help="Requests at once.")
@click.option(
    "--requests", default=256, show_default=True, type=click.IntRange(1, 100_000), help="Per client and turn."
)
@click.option("--turns", default=5, show_default=True, type=click.IntRange(1, 100), help="Turns of both clients.")
@click.option("--max-tokens", default=64, show_default=True, type=click.IntRange(1, 4096), help="Of one answer.")
@click.option("--adaptive", is_flag=True, help="Also compare the concurrency found with the best fixed one.")
@data_option
@json_option
def engine(
    data: Path,
    *,
    concurrency: int,
    requests: int,
    turns: int,
    max_tokens: int,
    adaptive: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure tokens/s through the whole node path over those of a bare client, on the same server in one run."""
    section = section_of(data, options)
    if section.kind != "openai":
        raise OperatorError(
            f"{section.kind!r} has no address that a bare client could use",
            hint="Start the server by hand and name it: --engine openai --url http://127.0.0.1:8000/v1",
        )
    overhead, found = asyncio.run(_measure(section, concurrency, requests, turns, max_tokens, adaptive=adaptive))
    if as_json:
        print_json({"overhead": overhead, "ratio": overhead.ratio, "adaptive": found})
    else:
        _print(overhead, found)


async def _measure(
    section: EngineSection, concurrency: int, requests: int, turns: int, max_tokens: int, *, adaptive: bool
) -> tuple[Overhead, Found | None]:
    from node.bench.engine import measure_found, measure_overhead
    from node.engines.surroundings import Surroundings

    around = Surroundings()
    say(f"{turns} turns of {requests} requests each, {concurrency} at once")
    overhead = await measure_overhead(
        section, around, concurrency=concurrency, requests=requests, turns=turns, max_tokens=max_tokens
    )
    if not adaptive:
        return overhead, None
    say("fixed concurrencies beside the one that is found")
    return overhead, await measure_found(section, around, requests=requests, max_tokens=max_tokens)


def _print(overhead: Overhead, found: Found | None) -> None:
    rows = [
        (turn + 1, round(bare), round(node), round(node / bare, 3) if bare else 0.0)
        for turn, (bare, node) in enumerate(zip(overhead.bare, overhead.node, strict=True))
    ]
    print_table(("turn", "bare tokens/s", "node tokens/s", "node / bare"), rows)
    click.echo(f"\nnode / bare, median: {overhead.ratio:.3f} at {overhead.concurrency} at once")
    if overhead.failed:
        click.echo(f"{overhead.failed} requests failed and are not counted")
    if found is not None:
        click.echo()
        print_table(("fixed", "bare tokens/s"), [(count, round(rate)) for count, rate in found.fixed])
        click.echo(f"\nleft to itself: {found.adaptive:,.0f} tokens/s, {found.ratio:.3f} of the best fixed one")
