"""`chain`: the contracts that anchor a swarm's ledger, and this node's part in that."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.caller import data_option, home_of, json_option, load_key, passphrase_option, read_passphrase
from node.cli.chain_home import no_account, reading, wait_option, writing
from node.cli.chain_stake import register, withdraw
from node.cli.output import example, print_json, say
from node.errors import ExitCode, NodeError, OperatorError, TransientError

if TYPE_CHECKING:
    from node.anchoring.reconcile import Difference
    from node.anchoring.report import ChainReport
    from node.home import NodeHome


@click.group()
def chain() -> None:
    """Anchor the ledger on an EVM chain. Optional: without one everything else works."""
    if importlib.util.find_spec("web3") is None:
        raise OperatorError(
            "what anchoring needs is not installed", hint="Run `make setup-chain`, or pip install 'swarm-node[chain]'."
        )


@chain.command(
    epilog=example(
        "swarm-node chain account --data ./node1 --json > node1.binding.json",
        "swarm-node chain account --data ./node1 --import-file key.hex",
    )
)
@data_option
@passphrase_option
@click.option(
    "--import-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take this key, 64 hex digits in a file of mode 0600, instead of making a new one.",
)
@json_option
def account(data: Path, passphrase_file: Path | None, import_file: Path | None, as_json: bool) -> None:
    """Show this node's account, making it first where there is none.

    The key is sealed with the node's identity, and printed by no command. With --json the output is the node's signed
    word that the account is its own: `chain deploy` takes it. SWARM_NODE_CHAIN_KEY_FILE or SWARM_NODE_CHAIN_KEY in the
    environment stand for an account kept elsewhere.
    """
    from node.anchoring.setup import bind
    from node.chain.account import EvmKey, load_account, read_key_file, save_account

    home = home_of(data)
    key = load_key(home.root, passphrase_file)
    found = None if import_file else load_account(home.root, key, os.environ)
    if found is None:
        found = read_key_file(import_file.expanduser()) if import_file else EvmKey.generate()
        save_account(home.root, key, found)
        say("sealed into the data folder; back it up with the identity that opens it")
    binding = bind(key, found)
    if as_json:
        print_json(binding.document())
        return
    click.echo(f"account  {found.text}")
    click.echo(f"of node  {key.node.hex()}")


@chain.command(
    epilog=example(
        "swarm-node chain deploy --data ./node1 --endpoint http://127.0.0.1:8545 --binding node2.binding.json",
        "swarm-node chain deploy --data ./node1 --stake-wei 1000000000000000 --out chain.json",
    )
)
@data_option
@passphrase_option
@click.option("--endpoint", help="JSON-RPC address.  [default: chain.endpoint of config.toml]")
@click.option(
    "--binding",
    "bindings",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Another founder's output of `chain account --json`; repeat for each.",
)
@click.option("--first-epoch", default=0, show_default=True, type=click.IntRange(0, 1 << 31), help="To anchor from.")
@click.option("--stake-wei", default=0, show_default=True, type=click.IntRange(0, 1 << 90), help="Of a registration.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Deployment file.  [default: the data folder's]"
)
@wait_option
@json_option
def deploy(
    data: Path,
    passphrase_file: Path | None,
    endpoint: str | None,
    bindings: tuple[Path, ...],
    first_epoch: int,
    stake_wei: int,
    out: Path | None,
    wait: float,
    as_json: bool,
) -> None:
    """Put the swarm's contracts on a chain, once, and write the deployment file that every operator needs.

    The members whose bindings are given, this node's own among them, anchor the first epochs: together they must hold
    more than two thirds of the weight.
    """
    home = home_of(data)
    target = (out or home.deployment).expanduser()
    if target.exists():
        raise OperatorError(
            f"{target} is there already", hint="A swarm has one deployment; name another file on purpose."
        )
    document = asyncio.run(
        _deploy(home, read_passphrase(passphrase_file), endpoint, bindings, first_epoch, stake_wei, wait)
    )
    target.write_bytes(document)
    if as_json:
        print_json(json.loads(document))
    click.echo(f"written to {target}: give it to every operator", err=as_json)


async def _deploy(
    home: NodeHome,
    passphrase: bytes | None,
    endpoint: str | None,
    bindings: tuple[Path, ...],
    first_epoch: int,
    stake_wei: int,
    wait_s: float,
) -> bytes:
    from node.anchoring.setup import bind, first_terms
    from node.chain.account import load_account
    from node.chain.contracts import parse_binding
    from node.chain.deploy import deploy as deploy_contracts
    from node.chain.endpoint import Endpoint
    from node.identity import IdentityStore

    key = IdentityStore(home.root, passphrase=passphrase).load()
    own = load_account(home.root, key, os.environ)
    if own is None:
        raise no_account()
    founders = [bind(key, own), *(parse_binding(_read_json(path), str(path)) for path in bindings)]
    if len({binding.node for binding in founders}) != len(founders):
        raise OperatorError("two bindings are of the same node", hint="Give each founder's once; its own is added.")
    async with reading(home) as (swarm, config):
        terms = await first_terms(
            swarm.facts, swarm.genesis.network, tuple(founders), first_epoch=first_epoch, minimum_stake=stake_wei
        )
        where = Endpoint(endpoint or config.endpoint)
        try:
            return (await deploy_contracts(where, own, terms, wait_s=wait_s, tell=say)).document()
        finally:
            await where.close()


chain.add_command(register)
chain.add_command(withdraw)


@chain.command(epilog=example("swarm-node chain sync --data ./node1", "swarm-node chain sync --data ./node1 --retry"))
@data_option
@passphrase_option
@click.option("--retry", is_flag=True, help="Try what has failed again, and wait for nothing.")
@wait_option
@json_option
def sync(data: Path, passphrase_file: Path | None, retry: bool, wait: float, as_json: bool) -> None:
    """Compare ledger and chain, repair what can be, name the rest, and send what is ready.

    For a node that is not running; a running one does the same by itself. Signatures of others can only be gathered
    by a running node. Exit code 1 when ledger and chain contradict each other.
    """
    from node.anchoring.reconcile import DifferenceKind

    found = asyncio.run(_sync(home_of(data), read_passphrase(passphrase_file), wait, retry=retry))
    if as_json:
        print_json(found)
    else:
        for item in found:
            click.echo(f"{item.kind.value:<8} {item.about}: {item.text}{' (repaired)' if item.repaired else ''}")
        click.echo("ledger and chain agree" if not found else f"{len(found)} differences")
    if any(item.kind is DifferenceKind.DIFFERS for item in found):
        raise _contradiction()


async def _sync(home: NodeHome, passphrase: bytes | None, wait_s: float, *, retry: bool) -> tuple[Difference, ...]:
    async with writing(home, passphrase) as anchoring:
        await anchoring.begin()
        first = await anchoring.reconcile()
        if anchoring.sender is not None and retry:
            await anchoring.sender.retry()
        until = time.monotonic() + wait_s
        while True:
            before = anchoring.anchored
            await anchoring.tick()
            counts = {} if anchoring.sender is None else anchoring.sender.outbox.counts
            moving = sum(many for state, many in counts.items() if state.value in {"queued", "sent", "mined"})
            if not moving and anchoring.anchored == before:
                break
            if time.monotonic() > until:
                raise TransientError(f"{moving} entries are under way still", waits_for="the chain")
            await asyncio.sleep(1)
        repaired = tuple(item for item in first if item.repaired)
        return (*repaired, *await anchoring.reconcile())


@chain.command(
    epilog=example("swarm-node chain status --data ./node1", "swarm-node chain status --data ./node1 --json")
)
@data_option
@passphrase_option
@json_option
def status(data: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Show how far ledger and chain are apart, what is under way, and why it is not further.

    Reads only, so the node may be running. Exit code 1 when ledger and chain contradict each other, 3 when the endpoint
    does not answer.
    """
    found = asyncio.run(_status(home_of(data), read_passphrase(passphrase_file)))
    if as_json:
        print_json(found)
    else:
        _tell(found)
    if found.problem:
        raise TransientError(found.problem, waits_for="the chain's endpoint")
    if found.contradicts:
        raise _contradiction()


async def _status(home: NodeHome, passphrase: bytes | None) -> ChainReport:
    from node.anchoring.report import report
    from node.anchoring.setup import EMBEDDED, deployment_path
    from node.chain.account import load_account
    from node.chain.contracts import load_deployment
    from node.chain.endpoint import Endpoint
    from node.chain.gate import Gate
    from node.identity import IdentityStore

    async with reading(home) as (swarm, config):
        if config.endpoint in {"", EMBEDDED}:
            raise OperatorError(
                "this node has no chain" if not config.endpoint else "its chain lives in the node's own process",
                hint="Set chain.endpoint in config.toml." if not config.endpoint else "Ask it: `swarm-node status`.",
            )
        key = IdentityStore(home.root, passphrase=passphrase).load()
        own = load_account(home.root, key, os.environ)
        endpoint = Endpoint(config.endpoint)
        try:
            gate = Gate(endpoint, load_deployment(deployment_path(home, config)))
            address = None if own is None else own.address
            return await report(swarm.facts, gate, swarm.store, address, with_shards=config.shards)
        finally:
            await endpoint.close()


def _tell(found: ChainReport) -> None:
    state = "answers" if found.reachable else "DOES NOT ANSWER"
    click.echo(f"chain    {found.chain_id} by {found.endpoint}: {state}")
    click.echo(f"anchor   {found.anchor}")
    click.echo(f"account  {found.account or 'none: this node watches'}" + (" (registered)" if found.registered else ""))
    if found.reachable:
        if found.account:
            click.echo(f"balance  {found.balance_wei / 10**18:.6f} ether")
        lag = f"{found.lag_epochs} behind" if found.lag_epochs else "up to date"
        click.echo(f"epochs   {found.epochs_over} over, {found.next_epoch} is anchored next: {lag}")
        click.echo(f"shards   {found.shards_behind} not final yet")
    click.echo(
        f"outbox   {found.entries}: {found.queued} queued, {found.sent} sent, {found.mined} mined, "
        f"{found.done} done, {found.failed} failed"
    )
    for line in found.pending:
        click.echo(f"  {line.state.value:<6} {line.key}: {line.reason}")
    for item in found.differences:
        click.echo(f"  {item.kind.value:<8} {item.about}: {item.text}")


def _contradiction() -> NodeError:
    return OperatorError(
        "ledger and chain contradict each other",
        hint="Recompute the ledger: swarm-node reputation verify --chain. Then compare with other members.",
        exit_code=ExitCode.NOT_SO,
    )


def _read_json(path: Path) -> object:
    try:
        with path.expanduser().open("rb") as file:
            return json.loads(file.read(1 << 16))
    except (OSError, ValueError, RecursionError) as error:
        raise OperatorError(
            f"no binding in {path}: {error}", hint="Give what `chain account --json` prints."
        ) from error
