"""`job`: submit, list, show, watch, cancel, explain, result."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.caller import Caller, caller_options, find_job, json_option
from node.cli.output import example, print_json, print_table, say
from node.errors import ExitCode, OperatorError, TransientError

if TYPE_CHECKING:
    from node.values.views import Explanation, JobView, NodeView


@click.group()
def job() -> None:
    """Order examples about crates, and follow what becomes of them."""


@job.command(
    epilog=example(
        'swarm-node job submit --data ./node1 --crates "strsim semver@1.0.26" --categories all --quota 5 --watch',
        "swarm-node job submit --data ./node1 --file ordered.job",
    )
)
@caller_options
@click.option("--crates", multiple=True, metavar="NAMES", help="Crates: name, name@version, ./path or git+url.")
@click.option("--categories", multiple=True, metavar="NAMES", help="Task categories, or all.  [default: all]")
@click.option("--quota", default=5, show_default=True, type=click.IntRange(1), help="Rows per crate and category.")
@click.option("--generators", default=2, show_default=True, type=click.IntRange(1), help="Nodes that generate a task.")
@click.option(
    "--candidates", default=4, show_default=True, type=click.IntRange(1), help="Candidates per generator and attempt."
)
@click.option("--raters", default=5, show_default=True, type=click.IntRange(1), help="Nodes that rate a task.")
@click.option("--accept", default=0.7, show_default=True, help="Scores above it are accepted.")
@click.option("--review", default=0.5, show_default=True, help="Scores above it go to fresh raters.")
@click.option("--budget", type=click.IntRange(1), help="Candidates to make at most.  [default: what all tasks can use]")
@click.option("--deadline", default="2h", show_default=True, help="From now: 90s, 30m, 2h, 7d.")
@click.option("--unbuilt", is_flag=True, help="Do not try first whether the crates compile.")
@click.option("--title", default="", help="For people.")
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), help="Write the signed job to this file too.")
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Submit the signed job in this file instead, exactly as it is.",
)
@click.option("--watch", is_flag=True, help="Stay until the job has ended.")
@json_option
def submit(caller: Caller, file: Path | None, save: Path | None, watch: bool, as_json: bool, **options: Any) -> None:
    """Sign a job and hand it to a node.

    Crates are resolved, pinned and built once here, through cargo, and the job is signed with the key of --key or of
    the data folder: the coordinator's. What is signed decides the result; the node that takes it decides nothing.
    """
    if file is not None and options["crates"]:
        raise click.UsageError("--file submits a job as it was signed: it takes no --crates")
    view = asyncio.run(_status(caller))
    if file is not None:
        from node.cli.ordering import read_job_file

        envelope, _ = read_job_file(file, view.network)
    else:
        # Not on an event loop: Ctrl-C would wait there for cargo's end.
        envelope = _signed(caller, view, options)
    if save is not None:
        _save(save, envelope)
    asyncio.run(_submit(caller, envelope, watch=watch, as_json=as_json))


async def _status(caller: Caller) -> NodeView:
    async with caller.connect() as node:
        return await node.status()


async def _submit(caller: Caller, envelope: bytes, *, watch: bool, as_json: bool) -> None:
    async with caller.connect() as node:
        receipt = await node.submit_job(envelope)
        if as_json:
            print_json(receipt)
        else:
            click.echo(f"job {receipt.job.hex()}{' was known already' if receipt.known else ''}")
        if watch:
            from node.cli.watching import watch_job

            await watch_job(node, receipt.job)


def _signed(caller: Caller, view: NodeView, options: dict[str, Any]) -> bytes:
    """Compose and sign the job."""
    from node.cli import ordering
    from node.crates.store import CrateStore

    preset = ordering.preset_of(view)
    order = ordering.Order(
        crates=ordering.split_names(options["crates"]),
        categories=ordering.parse_categories(options["categories"] or ("all",)),
        quota=options["quota"],
        generators=options["generators"],
        candidates=options["candidates"],
        raters=options["raters"],
        accept=options["accept"],
        review=options["review"],
        budget=options["budget"],
        deadline_s=ordering.parse_duration(options["deadline"]),
        title=options["title"],
    )
    # The terms first: nobody should wait for a registry to learn of a misspelt threshold.
    ordering.check_order(order)
    key = caller.load_key()
    folder = caller.home.root if caller.key is None else caller.key.expanduser()
    store = CrateStore(folder / "crates")
    pins = ordering.pin_crates(order.crates, store, say)
    if not options["unbuilt"]:
        asyncio.run(ordering.check_builds(pins, store, folder / "bench", say))
    return ordering.sign_job(ordering.compose_job(order, pins, preset, key.node), view.network, key)


def _save(path: Path, envelope: bytes) -> None:
    try:
        path.write_bytes(envelope)
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}", hint="Give another --save.") from error
    say(f"signed job saved to {path}")


@job.command("list", epilog=example("swarm-node job list --data ./node1"))
@caller_options
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="The newest so many.")
@json_option
def list_(caller: Caller, limit: int, as_json: bool) -> None:
    """List the newest jobs."""
    found = asyncio.run(_list(caller, limit))
    if as_json:
        print_json(found)
        return
    rows = [(view.job.hex()[:16], _status_text(view), view.rows, view.issued, view.title) for view in found]
    print_table(("job", "status", "rows", "made", "title"), rows)


async def _list(caller: Caller, limit: int) -> tuple[JobView, ...]:
    async with caller.connect() as node:
        return await node.list_jobs(limit)


@job.command(epilog=example("swarm-node job show 0f3a9c21 --data ./node1"))
@click.argument("job_id", metavar="JOB")
@caller_options
@json_option
def show(caller: Caller, job_id: str, as_json: bool) -> None:
    """Show a job: how far each crate and category has come, and why no further."""
    view = asyncio.run(_get(caller, job_id))
    if as_json:
        print_json(view)
    else:
        print_job(view)


async def _get(caller: Caller, job_id: str) -> JobView:
    async with caller.connect() as node:
        return await node.get_job(await find_job(node, job_id))


def print_job(view: JobView) -> None:
    """A job with its tasks, for people."""
    from node.identity import peer_id

    click.echo(f"job       {view.job.hex()}")
    click.echo(f"title     {view.title}")
    click.echo(f"status    {_status_text(view)}; {view.rows} rows from {view.issued} of {view.budget} slots")
    click.echo(f"signed by {peer_id(view.coordinator)}, deadline {_moment(view.deadline_unix_s)}")
    states = ", ".join(f"{item.count} {item.state}" for item in view.states if item.count)
    click.echo(f"ended as  {states or 'nothing has been decided yet'}")
    rows = [
        (task.crate, task.category, f"{task.accepted}/{task.quota}", task.attempts, _task_text(task))
        for task in view.tasks
    ]
    if rows:
        click.echo()
        print_table(("crate", "category", "rows", "tries", ""), rows)


def _task_text(task: Any) -> str:
    if task.note:
        return str(task.note)
    return "in work" if task.in_flight else ""


def _status_text(view: JobView) -> str:
    if view.status.name == "OPEN":
        return "open" if view.admitted else "waits to be admitted"
    return view.status.name.lower().replace("_", " ")


def _moment(unix_s: int) -> str:
    import datetime as dt

    return dt.datetime.fromtimestamp(unix_s, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@job.command(epilog=example("swarm-node job watch 0f3a9c21 --data ./node1"))
@click.argument("job_id", metavar="JOB")
@caller_options
@click.option("--after", default=0, type=click.IntRange(0), help="Only events after this number.")
@json_option
def watch(caller: Caller, job_id: str, after: int, as_json: bool) -> None:
    """Follow a job until it ends: one line per event (JSON lines with --json), progress meanwhile on a terminal."""

    async def follow() -> None:
        from node.cli.watching import watch_job

        async with caller.connect() as node:
            await watch_job(node, await find_job(node, job_id), after=after, as_json=as_json)

    asyncio.run(follow())


@job.command(epilog=example("swarm-node job cancel 0f3a9c21 --data ./node1 --key ./coordinator"))
@click.argument("job_id", metavar="JOB")
@caller_options
def cancel(caller: Caller, job_id: str) -> None:
    """Withdraw a job. Only the key that signed it can; what is certified stays."""
    known = asyncio.run(_cancel(caller, job_id))
    click.echo("was cancelled already" if known else "cancelled: the next round takes note of it")


async def _cancel(caller: Caller, job_id: str) -> bool:
    from node.values.job import JobCancel
    from node.wire import Domain, seal_message

    key = caller.load_key()
    async with caller.connect() as node:
        view = await node.status()
        cancelled = JobCancel(await find_job(node, job_id))
        return await node.cancel_job(seal_message(Domain(view.network), cancelled, key))


@job.command(epilog=example("swarm-node job explain 9be1c0d2 --data ./node1"))
@click.argument("subject")
@caller_options
@json_option
def explain(caller: Caller, subject: str, as_json: bool) -> None:
    """Say why: for an example id, job id, node id, header hash or shard root, or its first 8 hex digits or more."""
    told = asyncio.run(_explain(caller, subject))
    if as_json:
        print_json(told)
        return
    click.echo(told.answer)
    for step in told.steps:
        shown = f"  [{step.source.hex()[:16]}]" if step.source else ""
        click.echo(f"  {step.rule or '-':<4} {step.text}{shown}")


async def _explain(caller: Caller, subject: str) -> Explanation:
    from node.identity import parse_node_id

    text = subject.lower()
    if subject.startswith("12D3KooW"):
        text = parse_node_id(subject).hex()
    if not 8 <= len(text) <= 64 or set(text) - set("0123456789abcdef"):
        raise OperatorError(f"{subject[:70]!r} names nothing", hint="Give 8 to 64 hex digits, or a whole peer id.")
    async with caller.connect() as node:
        return await node.explain(text)


@job.command(epilog=example("swarm-node job result 0f3a9c21 --data ./node1 --json"))
@click.argument("job_id", metavar="JOB")
@caller_options
@json_option
def result(caller: Caller, job_id: str, as_json: bool) -> None:
    """Show what a job that has ended gave. Exit code 1 when that is nothing, 3 while it is still open."""
    view, shards = asyncio.run(_result(caller, job_id))
    if view.status.name == "OPEN":
        raise TransientError(f"job {view.job.hex()[:16]} has not ended: {view.rows} rows so far", waits_for="its end")
    if as_json:
        print_json({"job": view, "shards": shards})
    else:
        print_job(view)
        click.echo(f"\n{len(shards)} shard files; pull and verify them:")
        click.echo(f"  swarm-node shard pull --job {view.job.hex()[:16]} --out ./out")
    if not view.rows:
        raise OperatorError(
            "the job ended without rows", hint="`job show` says why, per task.", exit_code=ExitCode.NOT_SO
        )


async def _result(caller: Caller, job_id: str) -> tuple[JobView, Any]:
    async with caller.connect() as node:
        name = await find_job(node, job_id)
        return await node.get_job(name), await node.list_shards(name)
