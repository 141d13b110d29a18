"""`identity`: show, protect, export, import and rotate the key that a node is."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.caller import data_option, home_of, json_option, passphrase_option, read_passphrase
from node.cli.output import example, print_json
from node.errors import OperatorError

if TYPE_CHECKING:
    from node.identity import IdentityStore

new_passphrase_option = click.option(
    "--export-passphrase-file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line protects the exported key. Mode 0600.",
)


@click.group()
def identity() -> None:
    """Handle the key that is this node: whoever has it is the node."""


@identity.command(epilog=example("swarm-node identity show --data ./node1 --json"))
@data_option
@passphrase_option
@json_option
def show(data: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Show who this node is."""
    store = _store(data, passphrase_file)
    key, earlier = store.load(), store.hand_overs()
    from node.identity import peer_id

    if as_json:
        print_json(
            {
                "node": key.node,
                "peer_id": peer_id(key.node),
                "protection": store.protection.value,
                "succeeds": [hand_over.old for hand_over in earlier],
            }
        )
        return
    click.echo(f"peer id    {peer_id(key.node)}")
    click.echo(f"node id    {key.node.hex()}")
    click.echo(f"protected  by {store.protection.value}")
    for hand_over in earlier:
        click.echo(f"succeeds   {peer_id(hand_over.old)}")


@identity.command(epilog=example("swarm-node identity protect --data ./node1 --new-passphrase-file secret"))
@data_option
@passphrase_option
@click.option(
    "--new-passphrase-file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line opens the identity from then on. Mode 0600.",
)
def protect(data: Path, passphrase_file: Path | None, new_passphrase_file: Path) -> None:
    """Put the key under a passphrase, or under another one, and the keys before it.

    Give the passphrase file to every command that opens the key from then on. The node has to be stopped.
    """
    from node.identity import DataDirLock

    secret = read_passphrase(new_passphrase_file)
    assert secret is not None, "the option is required"
    store = _store(data, passphrase_file)
    with DataDirLock(home_of(data).root):
        store.protect(secret)
    click.echo(f"the identity in {home_of(data).root} opens with the passphrase in {new_passphrase_file}")


@identity.command(
    epilog=example("swarm-node identity export --data ./node1 --to node1.key --export-passphrase-file secret")
)
@data_option
@passphrase_option
@new_passphrase_option
@click.option(
    "--to", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write; must be new."
)
def export(data: Path, passphrase_file: Path | None, export_passphrase_file: Path, to: Path) -> None:
    """Write the key to a file that a passphrase opens: a backup, or to move the node to another machine."""
    from node.identity import peer_id, seal_key

    key = _store(data, passphrase_file).load()
    secret = read_passphrase(export_passphrase_file)
    assert secret is not None, "the option is required"
    _write_new(to.expanduser(), seal_key(key, secret))
    click.echo(f"{peer_id(key.node)} exported to {to}; never run it in two places at once")


@identity.command(
    "import", epilog=example("swarm-node identity import node1.key --data ./node1 --export-passphrase-file secret")
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
@passphrase_option
@new_passphrase_option
@click.option("--replace", is_flag=True, help="Replace the identity that is there. It is lost unless exported.")
def import_(file: Path, data: Path, passphrase_file: Path | None, export_passphrase_file: Path, replace: bool) -> None:
    """Make a data folder's identity the one in an exported file."""
    from node.identity import DataDirLock, open_sealed_key, peer_id
    from node.identity.sealing import DOCUMENT_BYTES_MAX
    from node.small_files import read_small

    store = _store(data, passphrase_file)
    secret = read_passphrase(export_passphrase_file)
    assert secret is not None, "the option is required"
    hint = "Give a file that `swarm-node identity export` wrote."
    key = open_sealed_key(read_small(file.expanduser(), DOCUMENT_BYTES_MAX, hint=hint), secret)
    with DataDirLock(home_of(data).root):
        store.save(key, replace=replace)
    click.echo(f"{peer_id(key.node)} is the identity of {home_of(data).root}")


@identity.command(epilog=example("swarm-node identity rotate --data ./node1 --yes"))
@data_option
@passphrase_option
@click.option("--yes", is_flag=True, help="Rotate without asking.")
def rotate(data: Path, passphrase_file: Path | None, yes: bool) -> None:
    """Replace the key by a new one that the old one names as its successor, signed by both.

    The old key is kept sealed. A swarm counts members by key: the successor follows, and neither generates nor rates,
    until it has joined anew (`swarm-node join`).
    """
    from node.identity import DataDirLock, peer_id

    store = _store(data, passphrase_file)
    old = store.load()
    if not yes:
        _ask(f"Replace {peer_id(old.node)} for good?")
    with DataDirLock(home_of(data).root):
        new, _ = store.rotate(at_unix_s=int(time.time()))
    click.echo(f"{peer_id(new.node)} succeeds {peer_id(old.node)}")


@identity.command(
    epilog=example("swarm-node identity vouch 12D3KooW... --data ./owner --genesis genesis.json > consent.json")
)
@click.argument("node")
@data_option
@click.option(
    "--genesis",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Of the swarm that it is to join.  [default: the data folder's]",
)
@passphrase_option
def vouch(node: str, data: Path, genesis: Path | None, passphrase_file: Path | None) -> None:
    """Say that another node is this key's owner's, so that it can join a swarm as such (`swarm-node join --consent`).

    It holds for that node in that swarm, and for good. The nodes of one owner share one cap of the votes, never rate
    each other, and are examined one at a time: sign for no node that is not yours.
    """
    from node.home import load_genesis
    from node.identity import parse_node_id
    from node.identity.consent import give_consent

    found, _ = load_genesis((genesis or home_of(data).genesis).expanduser())
    key = _store(data, passphrase_file).load()
    click.echo(give_consent(key, parse_node_id(node), found.network).document().decode(), nl=False)


def _ask(question: str) -> None:
    """Ask a person; where there is none, refuse.

    Raises:
        OperatorError: Nobody is there to answer, or the answer is no.
    """
    if not os.isatty(0):
        raise OperatorError("this cannot be undone, and nobody is there to be asked", hint="Say so with --yes.")
    if not click.confirm(question, default=False):
        raise OperatorError("nothing was changed", hint="Say --yes to go on without being asked.")


def _store(data: Path, passphrase_file: Path | None) -> IdentityStore:
    from node.identity import IdentityStore

    return IdentityStore(home_of(data).root, passphrase=read_passphrase(passphrase_file))


def _write_new(path: Path, data: bytes) -> None:
    """Write a secret to a file that was not there, readable by this user alone, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        try:
            os.link(fresh, path)  # unlike a rename, this does not replace what is there
        finally:
            fresh.unlink()
    except FileExistsError as error:
        raise OperatorError(f"{path} is there already", hint="Give another --to.") from error
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}", hint="Give another --to.") from error
