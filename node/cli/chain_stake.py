"""`chain register` and `chain withdraw`: what a node has at stake, and how it gets it back."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.caller import data_option, home_of, passphrase_option, read_passphrase
from node.cli.chain_home import no_account, until_done, wait_option, writing
from node.cli.output import example

if TYPE_CHECKING:
    from node.home import NodeHome


@click.command(epilog=example("swarm-node chain register --data ./node1"))
@data_option
@passphrase_option
@click.option("--stake-wei", type=click.IntRange(0, 1 << 90), help="What to stake.  [default: the registry's minimum]")
@wait_option
def register(data: Path, passphrase_file: Path | None, stake_wei: int | None, wait: float) -> None:
    """Register this node with its account, so that it is bound on the chain and can be held to what it signs.

    Both keys sign for each other. The node must not be running: one account serves one process.
    """
    asyncio.run(_register(home_of(data), read_passphrase(passphrase_file), stake_wei, wait))
    click.echo("registered")


async def _register(home: NodeHome, passphrase: bytes | None, stake_wei: int | None, wait_s: float) -> None:
    from node.anchoring.registration import registration
    from node.chain.account import load_account
    from node.identity import IdentityStore

    key = IdentityStore(home.root, passphrase=passphrase).load()
    async with writing(home, passphrase) as anchoring:
        own = load_account(home.root, key, os.environ)
        if own is None or anchoring.sender is None:
            raise no_account()
        await anchoring.begin()
        name, call = await registration(anchoring.gate, key, own, stake_wei=stake_wei)
        await anchoring.sender.want(name, call)
        await anchoring.sender.rewrite(name, call)
        await until_done(anchoring, name, wait_s)


@click.command(
    epilog=example("swarm-node chain withdraw --data ./node1 --to 0x8ba1f109551bD432803012645Ac136ddd64DBA72")
)
@data_option
@passphrase_option
@click.option("--to", "receiver", help="Whom the stake goes to.  [default: the node's own account]")
@wait_option
def withdraw(data: Path, passphrase_file: Path | None, receiver: str | None, wait: float) -> None:
    """Ask for this node's stake, and fetch it once the delay is over: run it twice.

    From the first time on this node's account signs for nothing any more; what it signed before can still cost the
    stake until the delay is over. The node must not be running: one account serves one process.
    """
    click.echo(asyncio.run(_withdraw(home_of(data), read_passphrase(passphrase_file), receiver, wait)))


async def _withdraw(home: NodeHome, passphrase: bytes | None, receiver: str | None, wait_s: float) -> str:
    from node.anchoring.registration import withdrawal
    from node.chain.account import address_text, load_account, parse_address
    from node.identity import IdentityStore

    key = IdentityStore(home.root, passphrase=passphrase).load()
    async with writing(home, passphrase) as anchoring:
        own = load_account(home.root, key, os.environ)
        if own is None or anchoring.sender is None:
            raise no_account()
        target = own.address if receiver is None else parse_address(receiver)
        await anchoring.begin()
        step = await withdrawal(anchoring.gate, own.address, target, anchoring.sender.outbox.entries)
        await anchoring.sender.want(step.name, step.call)
        await anchoring.sender.rewrite(step.name, step.call)
        await until_done(anchoring, step.name, wait_s)
        if step.is_paid:
            return f"withdrawn: {step.wei} wei to {address_text(target)}"
        stake = await anchoring.gate.stake(own.address)
        free = datetime.fromtimestamp(stake.unlock_s, UTC)
        return f"asked for: {stake.wei} wei can be fetched from {free:%Y-%m-%d %H:%M} UTC on, by the same command"
