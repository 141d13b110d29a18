"""`join`: have a node that is no founder ask to become a member."""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.caller import data_option, home_of, json_option, load_key, passphrase_option
from node.cli.output import example, print_json


@click.command(
    epilog=example(
        "swarm-node init --data ./node5 --genesis genesis.json --bootstrap 10.0.0.4:7001",
        "swarm-node join --data ./node5",
        "swarm-node start --data ./node5",
        "swarm-node status --data ./node5",
    )
)
@data_option
@click.option(
    "--owner-key",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the owner's identity, where it is on this machine. Without it and --consent the node is its own.",
)
@click.option(
    "--owner-passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line opens the owner's identity. Mode 0600.",
)
@click.option(
    "--consent",
    "consent_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What `swarm-node identity vouch` wrote where the owner's identity is.",
)
@click.option("--withdraw", is_flag=True, help="Ask no more. A node that is a member stays one.")
@passphrase_option
@json_option
def join(
    data: Path,
    owner_key: Path | None,
    owner_passphrase_file: Path | None,
    consent_file: Path | None,
    withdraw: bool,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Have a node ask to become a member of the swarm that it follows, from its next start on.

    It is examined: it rates what others make, without a voice, until it has answered enough hidden probes; `status`
    says how far it is. Whose it is its owner signs: nodes of one owner share one cap of the votes and never rate each
    other.
    """
    from node.home import load_genesis
    from node.identity import peer_id
    from node.identity.consent import give_consent
    from node.joining import arrange, load_consent
    from node.joining import withdraw as stop_asking

    if withdraw + (owner_key is not None) + (consent_file is not None) > 1:
        raise click.UsageError("--owner-key, --consent and --withdraw are three different things: give one")
    home = home_of(data)
    if withdraw:
        asked = stop_asking(home)
        click.echo(f"{home.root} {'asks no more, from its next start on' if asked else 'did not ask'}")
        return
    key = load_key(home.root, passphrase_file)
    genesis, preset = load_genesis(home.genesis)
    consent = None
    if owner_key is not None:
        consent = give_consent(load_key(owner_key, owner_passphrase_file), key.node, genesis.network)
    elif consent_file is not None:
        consent = load_consent(consent_file.expanduser())
    consent = arrange(home, key, genesis, preset, consent)
    if as_json:
        print_json({"node": key.node, "owner": consent.owner, "network": genesis.network})
        return
    click.echo(f"node      {peer_id(key.node)}")
    click.echo(f"owner     {'its own' if consent.owner == key.node else peer_id(consent.owner)}")
    click.echo(f"swarm     {genesis.name}, network {genesis.network.hex()[:16]}")
    click.echo(f"next      swarm-node start --data {home.root} (a node that runs: stop it first), then `status`")
