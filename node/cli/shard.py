"""`shard`: list, pull and verify certified shards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.caller import Caller, caller_options, data_option, find_job, home_of, json_option
from node.cli.output import Progress, bar, example, print_json, print_table
from node.errors import ExitCode, OperatorError

if TYPE_CHECKING:
    from node.cli.trust import Trust
    from node.home import NodeHome
    from node.shards import PullProgress, PullReport, ShardReport
    from node.values.views import ShardView

genesis_option = click.option(
    "--genesis",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What to trust: the swarm's genesis file.  [default: the data folder's]",
)


@click.group()
def shard() -> None:
    """Get certified rows, and check them with nothing but the swarm's genesis."""


@shard.command("list", epilog=example("swarm-node shard list --data ./node1 --job 0f3a9c21"))
@caller_options
@click.option("--job", "job_id", metavar="JOB", help="Only this job's.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="The newest so many.")
@json_option
def list_(caller: Caller, job_id: str | None, limit: int, as_json: bool) -> None:
    """List the shard files that a node serves, newest first."""
    found = asyncio.run(_list(caller, job_id, limit))
    if as_json:
        print_json(found)
        return
    from node.cli.peer_source import name_of

    rows = [(name_of(view), view.rows, view.file_bytes, view.height, view.root.hex()[:16]) for view in found]
    print_table(("file", "rows", "bytes", "round", "root"), rows)
    click.echo(f"{len(found)} files, {sum(view.rows for view in found)} rows")


async def _list(caller: Caller, job_id: str | None, limit: int) -> tuple[ShardView, ...]:
    async with caller.connect() as node:
        return await node.list_shards(await find_job(node, job_id) if job_id else None, limit)


@shard.command(
    epilog=example(
        "swarm-node shard pull --data ./node1 --job 0f3a9c21 --out ./out",
        "swarm-node shard pull --node 10.0.0.5:7000 --genesis genesis.json --out ./out",
    )
)
@caller_options
@genesis_option
@click.option("--job", "job_id", metavar="JOB", help="Only this job's.")
@click.option(
    "--out", default="out", show_default=True, type=click.Path(path_type=Path, file_okay=False), help="Data set folder."
)
@json_option
def pull(caller: Caller, genesis: Path | None, job_id: str | None, out: Path, as_json: bool) -> None:
    """Pull shards from a node and verify each before it gets its name.

    A pull that was cut off goes on where it stopped; what is there already is verified again and kept. The node is not
    trusted: what it sends has to be certified by the swarm of the genesis. Exit code 1 when something was refused.
    """
    from node.cli.trust import load_trust_root

    trust = load_trust_root(genesis, caller.home)
    report = asyncio.run(_pull(caller, trust, job_id, out))
    if as_json:
        print_json({"pulled": report.pulled, "present": report.present, "refused": report.refused})
    else:
        _tell_pull(report, out)
    if report.refused:
        raise OperatorError(
            f"{len(report.refused)} files were refused; none of their rows were kept",
            hint="Pull from another node: this one serves what the swarm has not certified.",
            exit_code=ExitCode.NOT_SO,
        )


async def _pull(caller: Caller, trust: Trust, job_id: str | None, out: Path) -> PullReport:
    from node.cli.peer_source import PeerSource, pull_to_the_end

    async with caller.connect() as node:
        job = await find_job(node, job_id) if job_id else None
        with Progress() as progress:

            def show(at: PullProgress) -> None:
                line = f"file {at.number}/{at.count}  {bar(at.done, at.size)}  {at.done}/{at.size} bytes  {at.name}"
                progress.show([line])

            return await pull_to_the_end(PeerSource(node), trust, out, job, show, progress.say)


def _tell_pull(report: PullReport, out: Path) -> None:
    for item in report.refused:
        click.echo(f"REFUSED  {item.name}: {item.failure}")
    rows = sum(item.rows for item in (*report.pulled, *report.present))
    click.echo(f"{len(report.pulled)} files pulled, {len(report.present)} were there; {rows} rows verified in {out}")
    if rows:
        click.echo(f"verify again, offline: swarm-node shard verify {out} --genesis {out / 'genesis.json'}")


@shard.command(epilog=example("swarm-node shard publish --data ./node1 --out ./out"))
@data_option
@click.option(
    "--out", default="out", show_default=True, type=click.Path(path_type=Path, file_okay=False), help="Data set folder."
)
@json_option
def publish(data: Path, out: Path, as_json: bool) -> None:
    """Write every shard that this node's rounds certify into a data set folder, from its store alone.

    A running node does that by itself into its data folder; this makes a copy elsewhere, also of a node that no longer
    runs. Files that are there are left alone.
    """
    written = asyncio.run(_publish(home_of(data), out.expanduser()))
    if as_json:
        print_json(written)
    else:
        click.echo(f"{len(written)} files written to {out}")


async def _publish(home: NodeHome, out: Path) -> list[str]:
    from node.config import load_config
    from node.desks.publisher import publish_stored
    from node.home import load_genesis
    from node.shards import PublishError, data_path
    from node.store import open_store

    config, (_, preset) = load_config(home.config), load_genesis(home.genesis)
    async with await open_store(home.store, url=config.store.url or None, read_only=True) as store:
        try:
            return [data_path(out, name).name for name in await publish_stored(store, preset, out)]
        except PublishError as error:
            raise OperatorError(
                f"what is stored is not what was certified: {error}",
                hint="`swarm-node replay` names what was changed; pull the shards from another node.",
                exit_code=ExitCode.NOT_SO,
            ) from error


@shard.command(
    epilog=example(
        "swarm-node shard verify ./out --genesis genesis.json",
        "swarm-node shard verify ./out/data/train-0f3a9c2188d0e1aa-r000003.parquet --genesis genesis.json",
    )
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@genesis_option
@data_option
@json_option
@click.option("--steps", is_flag=True, help="Print every step of every file.")
def verify(paths: tuple[Path, ...], genesis: Path | None, data: Path, as_json: bool, steps: bool) -> None:
    """Verify shard files, or whole data set folders, offline.

    Trusts the genesis and nothing else: signatures of more than two thirds of the swarm's weight must cover exactly
    these rows. Exit code 1 when anything does not match; it is named.
    """
    from node.cli.trust import load_trust_root

    trust = load_trust_root(genesis, home_of(data))
    checked = [_verify(path.expanduser(), trust) for path in paths]
    reports = [report for found, _ in checked for report in found]
    faults = [fault for _, found in checked for fault in found]
    if as_json:
        print_json({"network": trust.genesis.network, "holds": not faults, "faults": faults, "shards": reports})
    else:
        _tell_verify(trust, reports, faults, steps=steps)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise OperatorError(
            f"refused: {faults[0]}{more}",
            hint="Do not use these rows; `swarm-node shard pull` brings back what is certified.",
            exit_code=ExitCode.NOT_SO,
        )


def _verify(path: Path, trust: Trust) -> tuple[tuple[ShardReport, ...], list[str]]:
    """Reports on one file or folder, and everything that is wrong in a line each."""
    from node.shards import verify_dataset

    verifier = trust.verifier()
    if not path.is_dir():
        report = verifier.verify_file(path)
        return (report,), [] if report.holds else [f"{report.name}: {report.failure}"]
    dataset = verify_dataset(path, verifier)
    faults = [f"{report.name}: {report.failure}" for report in dataset.shards if not report.holds]
    if dataset.manifest:
        faults.append(f"{path}: {dataset.manifest}")
    if not dataset.shards and not faults:
        faults.append(f"{path} holds no shards")
    return dataset.shards, faults


def _tell_verify(trust: Trust, reports: list[ShardReport], faults: list[str], *, steps: bool) -> None:
    click.echo(f"trusted: swarm {trust.genesis.name}, network {trust.genesis.network.hex()[:16]} ({trust.source})")
    for report in reports:
        click.echo(f"{'ok      ' if report.holds else 'REFUSED '} {report.name}  {report.rows} rows")
        if steps or not report.holds:
            for finding in report.findings:
                click.echo(f"    {'ok ' if finding.holds else 'NO '} {finding.step.value}: {finding.detail}")
    if not faults:
        click.echo(f"{sum(report.rows for report in reports)} rows in {len(reports)} files hold")
