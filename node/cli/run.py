"""`start` and `stop`: the node's process."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.caller import Caller, caller_options, data_option, home_of, passphrase_option, read_passphrase
from node.cli.output import example
from node.errors import OperatorError, TransientError

if TYPE_CHECKING:
    from node.home import NodeHome

LOG_LEVELS = ("debug", "info", "warning", "error")


@click.command(epilog=example("swarm-node start --data ./node1"))
@data_option
@passphrase_option
@click.option("--log-level", type=click.Choice(LOG_LEVELS), help="Instead of the one in config.toml.")
@click.option("--with-stdin", is_flag=True, help="Stop when standard input ends: for programs that start nodes.")
def start(data: Path, passphrase_file: Path | None, log_level: str | None, with_stdin: bool) -> None:
    """Run the node until it is told to stop (Ctrl-C, SIGTERM, `swarm-node stop`).

    It logs to standard error. Everything that counts is on disk: a node that was killed goes on where it was.
    """
    from node.config import load_config

    home = home_of(data)
    level = log_level or load_config(home.config).node.log_level
    if level not in LOG_LEVELS:
        raise OperatorError(
            f"{home.config}: `node.log_level` is {level!r}", hint=f"It is one of {', '.join(LOG_LEVELS)}."
        )
    _log(level)
    if with_stdin:
        threading.Thread(target=_stop_with_stdin, name="stdin", daemon=True).start()
    from node.app import run_node

    asyncio.run(run_node(home, passphrase=read_passphrase(passphrase_file)))


def _stop_with_stdin() -> None:
    """Whoever started this node holds the other end, so that not even its sudden death leaves the node behind."""
    with open(0, "rb", buffering=0, closefd=False) as stdin:
        while stdin.read(4096):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def _log(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%Y-%m-%d %H:%M:%S"
    )
    for chatty in ("libp2p", "multiaddr", "alembic", "asyncio", "zeroconf", "web3", "aiohttp"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))


@click.command(epilog=example("swarm-node stop --data ./node1"))
@caller_options
@click.option("--timeout", default=20.0, show_default=True, help="Seconds to wait for it to be gone.")
@click.option("--reason", default="", help="For the node's log.")
def stop(caller: Caller, timeout: float, reason: str) -> None:
    """Stop a node in good order, and wait until it is gone."""
    if caller.node is None and not _runs(caller.home):
        click.echo(f"no node runs with {caller.home.root}")
        return
    asyncio.run(_stop(caller, reason))
    if caller.node is not None:
        click.echo("the node is stopping")
        return
    deadline = time.monotonic() + timeout
    while _runs(caller.home):
        if time.monotonic() > deadline:
            raise TransientError(
                f"the node in {caller.home.root} has not ended within {timeout:g} s", waits_for="its process to end"
            )
        time.sleep(0.1)
    click.echo("stopped")


async def _stop(caller: Caller, reason: str) -> None:
    async with caller.connect() as node:
        await node.shutdown(reason)


def _runs(home: NodeHome) -> bool:
    """Whether a process holds the data folder."""
    from node.identity import DataDirLock

    if not home.root.is_dir():
        raise OperatorError(f"there is no folder {home.root}", hint="Name the node's folder with --data.")
    lock = DataDirLock(home.root)
    try:
        lock.acquire()
    except OperatorError as error:
        if "already runs" in str(error):
            return True
        raise
    lock.release()
    return False
