"""Following a job to its end over connections that may break."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import click

from consensus.types import JobId, JobStatus
from node.cli.output import Progress, bar, duration, to_json
from node.errors import TransientError
from node.rpc.client import NodeClient
from node.values.views import JobEvent, JobView

LOOK_EVERY_S = 1.0
UNREACHABLE_MAX_S = 60.0
"""A node that does not answer for this long is given up: it may be asked again with `job watch`."""

CALL_S = 600.0


async def watch_job(node: NodeClient, job: JobId, *, after: int = 0, as_json: bool = False) -> JobView:
    """Print a job's events as they come and show progress meanwhile; returns how it ended.

    Raises:
        TransientError: The node has not answered for `UNREACHABLE_MAX_S`.
    """
    started = time.monotonic()
    with Progress() as progress:
        looking = asyncio.create_task(_show(node, job, progress, started))
        try:
            lost_at: float | None = None
            while True:
                try:
                    async for event in node.watch_job(job, after, timeout_s=CALL_S):
                        after, lost_at = event.number, None
                        _print(progress, event, as_json=as_json)
                        if event.final:
                            return await node.get_job(job)
                    return await node.get_job(job)
                except TransientError as error:
                    now = time.monotonic()
                    lost_at = now if lost_at is None else lost_at
                    if now - lost_at > UNREACHABLE_MAX_S:
                        raise
                    progress.say(f"{error}; asking again")
                    await asyncio.sleep(LOOK_EVERY_S)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


def _print(progress: Progress, event: JobEvent, *, as_json: bool) -> None:
    progress.clear()
    if as_json:
        click.echo(json.dumps(to_json(event)))
    else:
        at = time.strftime("%H:%M:%S", time.localtime(event.at_unix_ms / 1000))
        click.echo(f"{at} {event.name}: {event.text}")


async def _show(node: NodeClient, job: JobId, progress: Progress, started: float) -> None:
    while True:
        with contextlib.suppress(TransientError):
            view = await node.get_job(job)
            if view.status is not JobStatus.OPEN:
                return
            activity = (await node.status()).activity
            progress.show(job_lines(view, activity, time.monotonic() - started))
        await asyncio.sleep(LOOK_EVERY_S)


def job_lines(view: JobView, activity: str, elapsed_s: float) -> list[str]:
    """Where a job stands: a line for a pipe, and one per category for a terminal."""
    wanted = sum(task.quota for task in view.tasks)
    filled = len({task.category for task in view.tasks if task.accepted})
    head = (
        f"{duration(elapsed_s):>12}  {view.rows}/{wanted} rows, {filled} categories{_rest(view, elapsed_s)}; {activity}"
    )
    if not view.admitted:
        return [f"{duration(elapsed_s):>12}  waits to be admitted; {activity}"]
    by_category: dict[str, list[int]] = {}
    for task in view.tasks:
        counts = by_category.setdefault(task.category, [0, 0])
        counts[0] += task.accepted
        counts[1] += task.quota
    return [
        head,
        *(f"  {name:<22} {bar(done, total)} {done:>3}/{total}" for name, (done, total) in by_category.items()),
    ]


def _rest(view: JobView, elapsed_s: float) -> str:
    """A guess at the time left, once there is something to guess from: tasks finish at a steady rate."""
    finished = sum(task.accepted >= task.quota or task.exhausted for task in view.tasks)
    if not finished or finished == len(view.tasks):
        return ""
    return f", about {duration(elapsed_s / finished * (len(view.tasks) - finished))} left"
