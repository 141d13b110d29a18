"""`reputation`: what the swarm has learned of its members, and what moved it."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.caller import Caller, caller_options, data_option, home_of, json_option
from node.cli.output import Progress, bar, example, print_json, print_table
from node.errors import ExitCode, OperatorError

if TYPE_CHECKING:
    from node.anchoring.reconcile import Difference
    from node.home import NodeHome
    from node.replay.stored import StoredReplay
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


@reputation.command(
    epilog=example("swarm-node reputation history 12D3KooW... --data ./node1", "swarm-node reputation history --json")
)
@click.argument("member", required=False)
@caller_options
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="Newest changes of each.")
@json_option
def history(caller: Caller, member: str | None, limit: int, as_json: bool) -> None:
    """Show what moved a member's standing, newest first: the round, by how much, why, and the header that certifies it.

    Without MEMBER, everybody's.
    """
    found = asyncio.run(_reputation(caller, member, limit))
    if as_json:
        print_json([{"node": item.node, "owner": item.owner, "changes": item.changes} for item in found])
        return
    for item in found:
        _print_history(item)


def _print_history(member: ReputationView) -> None:
    from node.identity import peer_id

    click.echo(f"{peer_id(member.node)} of {member.owner}: reputation {member.reputation_bp / 10_000:.3f}")
    rows = [
        (
            change.height,
            f"{change.before_bp / 10_000:.3f}",
            f"{change.after_bp / 10_000:.3f}",
            change.reason,
            change.header.hex()[:16],
        )
        for change in member.changes
    ]
    print_table(("round", "before", "after", "because", "header"), rows, indent="  ")


@reputation.command(
    epilog=example("swarm-node reputation verify --data ./node1", "swarm-node reputation verify --data ./node1 --chain")
)
@data_option
@click.option(
    "--genesis",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What to trust: the swarm's genesis file.  [default: the data folder's]",
)
@click.option("--chain", "with_chain", is_flag=True, help="Compare every anchored epoch and shard with the chain too.")
@json_option
def verify(data: Path, genesis: Path | None, with_chain: bool, as_json: bool) -> None:
    """Recompute everybody's reputation from the genesis and the certified rounds alone, and compare.

    Every signature, certificate, decision and ledger event in the node's store is checked; nothing stored is believed.
    With --chain the roots so recomputed are compared with those on the chain as well. The node may be running. Exit
    code 1 when anything does not hold.
    """
    found, differences = asyncio.run(_verify(home_of(data), genesis, with_chain=with_chain))
    if as_json:
        print_json({"replay": found, "chain": differences})
    else:
        _tell_verified(found, differences)
    wrong = [f"round {found.difference.height}: {found.difference.about}"] if found.difference else []
    wrong += [f"{item.about}: {item.text}" for item in differences or () if item.kind.value == "differs"]
    if wrong:
        raise OperatorError(
            f"the ledger does not hold: {wrong[0]}",
            hint="Compare with another member's: `swarm-node replay` names what was changed and where.",
            exit_code=ExitCode.NOT_SO,
        )


def _tell_verified(found: StoredReplay, differences: tuple[Difference, ...] | None) -> None:
    click.echo(
        f"rounds {found.first} to {found.last} hold: {found.messages} messages, {found.decisions} decisions, "
        f"{found.events} ledger events recomputed"
    )
    if found.difference is not None:
        for key, value in dataclasses.asdict(found.difference).items():
            click.echo(f"  {key:<10} {value}")
    for item in differences or ():
        click.echo(f"  {item.kind.value:<8} {item.about}: {item.text}")
    if differences is not None and not differences:
        click.echo("the chain has the same roots, and every shard is final there")


async def _verify(
    home: NodeHome, genesis: Path | None, *, with_chain: bool
) -> tuple[StoredReplay, tuple[Difference, ...] | None]:
    from node.cli.trust import load_trust_root
    from node.config import NodeConfig, load_config
    from node.replay.stored import replay_store
    from node.store import open_store

    trust = load_trust_root(genesis, home)
    config = load_config(home.config) if home.config.is_file() else NodeConfig()
    async with await open_store(home.store, url=config.store.url or None, read_only=True) as store:
        with Progress() as progress:

            def tell(height: int, last: int) -> None:
                progress.show([f"round {height} of {last}  {bar(height, last)}"])

            found = await replay_store(store, trust.genesis, trust.preset, tell=tell)
        if not with_chain or found.difference is not None:
            return found, None
        from node.anchoring.setup import Swarm, compare_with_chain

        swarm = Swarm(trust.genesis, trust.preset, store)
        return found, await compare_with_chain(home, config.chain, swarm)


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
