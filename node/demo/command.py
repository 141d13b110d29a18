"""`demo`: a whole swarm on this machine, for somebody new."""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.output import example


@click.command(epilog=example("swarm-node demo --out out", 'swarm-node demo --crates "heck@0.5.0 itoa"'))
@click.option(
    "--out",
    default="out",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Gets the verified shards.",
)
@click.option("--crates", help="Crates instead of the usual three, with spaces between them.")
@click.option("--categories", help="Task categories, with spaces between them.  [default: all]")
@click.option("--nodes", default=5, show_default=True, type=click.IntRange(3, 16), help="Node processes.")
@click.option("--quota", default=4, show_default=True, type=click.IntRange(1, 50), help="Rows per crate and category.")
@click.option("--liar/--no-liar", default=True, show_default=True, help="Let the last node rate upside down.")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep the nodes' folders, here; must be new."
)
@click.option("--time-limit", default=600.0, show_default=True, help="Seconds for the job.")
def demo(
    out: Path,
    crates: str | None,
    categories: str | None,
    nodes: int,
    quota: int,
    liar: bool,
    keep: Path | None,
    time_limit: float,
) -> None:
    """Turn real crates into certified rows with a swarm of local node processes, one of which lies.

    Needs cargo, and no GPU, model, chain or peers. Leaves verified shards in --out and no process behind. Exit code 1
    when no row was accepted, or a shard did not verify.
    """
    from node.cli.ordering import parse_categories, split_names
    from node.demo.show import CRATES, Order, Stopwatch, play
    from node.demo.tables import print_played
    from node.errors import ExitCode, OperatorError

    order = Order(
        out=out.expanduser(),
        crates=split_names([crates]) if crates is not None else CRATES,
        categories=parse_categories((categories or "all",)),
        nodes=nodes,
        quota=quota,
        liar=liar,
        keep=keep.expanduser().absolute() if keep is not None else None,
        limit_s=time_limit,
    )
    if not order.crates:
        raise OperatorError("--crates names no crate", hint='Write e.g. --crates "heck@0.5.0 itoa".')
    watch = Stopwatch()
    played = play(order, watch)
    print_played(played, order, watch)
    if not played.rows or played.refused:
        raise OperatorError(
            "no row was accepted" if not played.rows else f"{len(played.refused)} shards did not verify",
            hint="The tables above say why, per task.",
            exit_code=ExitCode.NOT_SO,
        )
