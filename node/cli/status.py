"""`status` and `peers`: how a node is, and whom it knows."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import click

from node.cli.caller import Caller, caller_options, json_option
from node.cli.output import duration, example, print_json, print_table

if TYPE_CHECKING:
    from node.values.views import NodeView, PeerView


@click.command(epilog=example("swarm-node status --data ./node1 --json"))
@caller_options
@json_option
def status(caller: Caller, as_json: bool) -> None:
    """Show how a node is: every part, and what it waits for."""
    view = asyncio.run(_status(caller))
    if as_json:
        print_json(view)
        return
    from node.identity import peer_id

    up = duration(max(0.0, time.time() - view.started_unix_s))
    click.echo(f"node      {peer_id(view.node)} of {view.owner}, {view.software}, up {up}")
    click.echo(f"swarm     network {view.network.hex()[:16]}, preset {view.preset}, protocol {view.protocol}")
    click.echo(f"round     {view.height} certified, epoch {view.epoch}")
    click.echo(f"does      {view.activity}")
    for part in view.components:
        waits = f"  (waits for {part.waits_for})" if part.waits_for else ""
        click.echo(f"{part.name:<9} {'ok' if part.well else 'NOT WELL'}: {part.text}{waits}")
    click.echo("counts    " + ", ".join(f"{item.name} {item.value}" for item in view.counters if item.value))


async def _status(caller: Caller) -> NodeView:
    async with caller.connect() as node:
        return await node.status()


@click.command(epilog=example("swarm-node peers --data ./node1"))
@caller_options
@json_option
def peers(caller: Caller, as_json: bool) -> None:
    """List the peers that a node knows. For its operator only."""
    found = asyncio.run(_peers(caller))
    if as_json:
        print_json(found)
        return
    from node.identity import peer_id

    rows = [
        (peer_id(peer.node), peer.via or "-", peer.source, ", ".join(peer.addresses) or "-")
        for peer in sorted(found, key=lambda peer: (not peer.connected, peer.node))
    ]
    print_table(("peer", "reached by", "found by", "addresses"), rows)
    click.echo(f"{sum(peer.connected for peer in found)} of {len(found)} connected")


async def _peers(caller: Caller) -> tuple[PeerView, ...]:
    async with caller.connect() as node:
        return await node.peers()
