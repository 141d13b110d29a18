"""`reputation`: what the swarm has learned of its members, and what moved it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from node.cli.caller import Caller, caller_options, json_option
from node.cli.output import example, print_json, print_table

if TYPE_CHECKING:
    from node.values.views import ReputationView


@click.group()
def reputation() -> None:
    """See what members' ratings have been worth, and what that makes them weigh."""


@reputation.command(
    epilog=example("swarm-node reputation show --data ./node1", "swarm-node reputation show 12D3KooW... --changes 20")
)
@click.argument("member", required=False)
@caller_options
@click.option("--changes", default=0, show_default=True, type=click.IntRange(0, 1000), help="Newest changes of each.")
@json_option
def show(caller: Caller, member: str | None, changes: int, as_json: bool) -> None:
    """Show every member's standing, or one MEMBER's (peer id or 64 hex digits), with its last changes.

    Reputation is maturity x discrimination x accuracy x fairness of a member's ratings, 0 to 1; `weight` is its votes
    in the running epoch, `coming` those already fixed for a later one.
    """
    found = asyncio.run(_reputation(caller, member, changes))
    if as_json:
        print_json(found)
    else:
        print_members(found)


def print_members(members: tuple[ReputationView, ...]) -> None:
    """Members by reputation, and below the table what moved each, where that was asked for."""
    from node.identity import peer_id

    ordered = sorted(members, key=lambda member: (-member.reputation_bp, member.node))
    rows = [
        (
            peer_id(member.node),
            *(f"{value / 10_000:.3f}" for value in _factors(member)),
            member.weight,
            member.coming_weight,
            f"until round {member.suspended_until}" if member.suspended_until else "",
        )
        for member in ordered
    ]
    head = ("member", "reputation", "maturity", "discrim.", "accuracy", "fairness", "generates", "weight", "coming", "")
    print_table(head, rows)
    for member in ordered:
        for change in member.changes:
            click.echo(
                f"{peer_id(member.node)[-8:]}  round {change.height}: {change.before_bp / 10_000:.3f} -> "
                f"{change.after_bp / 10_000:.3f}  {change.reason}  [{change.header.hex()[:16]}]"
            )


def _factors(member: ReputationView) -> tuple[int, ...]:
    return (
        member.reputation_bp,
        member.maturity_bp,
        member.discrimination_bp,
        member.accuracy_bp,
        member.fairness_bp,
        member.generating_bp,
    )


async def _reputation(caller: Caller, member: str | None, changes: int) -> tuple[ReputationView, ...]:
    from node.identity import parse_node_id

    who = parse_node_id(member) if member is not None else None
    async with caller.connect() as client:
        return await client.reputation(who, changes)
