"""`init`: a data folder with identity, settings and genesis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.caller import data_option, home_of, json_option, passphrase_option, read_passphrase
from node.cli.output import example, print_json

if TYPE_CHECKING:
    from node.founding import Founded, NewSwarm
    from node.home import NodeHome


@click.command(
    epilog=example(
        "swarm-node init --data ./node1 --network-dir ./net --port 7101 --rpc-port 7100",
        "swarm-node init --data ./node2 --network-dir ./net --port 7201 --rpc-port 7200 --bootstrap 127.0.0.1:7101",
    )
)
@data_option
@click.option(
    "--genesis", type=click.Path(path_type=Path, dir_okay=False), help="Join the swarm that this file describes."
)
@click.option(
    "--network-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Found a swarm together with the other nodes that name this folder: each adds itself to one genesis.",
)
@click.option("--name", help="Name of a new swarm.  [default: swarm]")
@click.option("--preset", help="Numbers of a new swarm: LOCAL for one machine, MAINNET for many.  [default: LOCAL]")
@click.option(
    "--founder", "founders", multiple=True, metavar="ID[=OWNER]", help="Another founder of a new swarm. Repeatable."
)
@click.option(
    "--coordinator",
    "coordinators",
    multiple=True,
    metavar="ID",
    help="Whose jobs a new swarm admits. Repeatable; without it anybody's.",
)
@click.option(
    "--may-join",
    "owners",
    multiple=True,
    metavar="ID",
    help="Key of an owner whose nodes may join a new swarm later. Repeatable; without it anybody's.",
)
@click.option("--closed", is_flag=True, help="Nobody joins a new swarm later: its members are its founders.")
@click.option("--host", help="Address to listen on: one that peers can dial.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help="Gossip port.  [default: 7001]")
@click.option("--rpc-port", type=click.IntRange(1, 65535), help="gRPC port.  [default: 7000]")
@click.option("--bootstrap", multiple=True, metavar="HOST:PORT", help="Where peers may be found. Repeatable.")
@click.option("--mdns/--no-mdns", default=None, help="Look for peers on the local network.  [default: no]")
@click.option(
    "--owner",
    help="Whose node it is; nodes of one owner never rate each other. A peer id, if that key is to bring in more nodes "
    "later.  [default: its own]",
)
@click.option("--cores", type=click.IntRange(1, 1024), help="Compilers and tests at once.  [default: 1]")
@click.option(
    "--misbehave",
    metavar="HOW",
    help="For tests and the demo: rate dishonestly (invert, constant-one, constant-zero, random).",
)
@passphrase_option
@json_option
def init(
    data: Path,
    genesis: Path | None,
    network_dir: Path | None,
    name: str | None,
    preset: str | None,
    founders: tuple[str, ...],
    coordinators: tuple[str, ...],
    owners: tuple[str, ...],
    closed: bool,
    passphrase_file: Path | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Make a node's data folder: identity, settings, genesis.

    What is there already is kept; what is given is changed. Without --genesis and --network-dir a new swarm is founded
    by this node and every --founder.
    """
    from node.founding import Plan, found_node

    if settings["misbehave"] is not None:
        _check_misbehaviour(settings["misbehave"])
    if genesis is not None and network_dir is not None:
        raise click.UsageError("--genesis joins a swarm, --network-dir founds one: give one of them")
    if owners and closed:
        raise click.UsageError("--closed lets nobody join, --may-join somebody: give one of them")
    home = home_of(data)
    may_join = () if closed else owners or None
    plan = Plan(
        settings=_settings(settings),
        genesis=genesis,
        network_folder=network_dir.absolute() if network_dir is not None else None,
        swarm=_swarm(name, preset, founders, coordinators, may_join),
    )
    founded = found_node(home, plan, passphrase=read_passphrase(passphrase_file))
    _tell(home, founded, as_json=as_json)


def _check_misbehaviour(kind: str) -> None:
    from node.errors import OperatorError
    from node.rating.misbehaviour import MISBEHAVIOURS

    if kind not in MISBEHAVIOURS:
        raise OperatorError(f"no misbehaviour is called {kind[:60]!r}", hint=f"There are {', '.join(MISBEHAVIOURS)}.")


def _settings(given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The options given, as settings by section."""
    places = {
        "host": (("network", "host"), ("rpc", "host")),
        "port": (("network", "port"),),
        "rpc_port": (("rpc", "port"),),
        "bootstrap": (("network", "bootstrap"),),
        "mdns": (("network", "mdns"),),
        "owner": (("node", "owner"),),
        "cores": (("work", "cores"),),
        "misbehave": (("work", "misbehave"),),
    }
    found: dict[str, dict[str, Any]] = {}
    for option, value in given.items():
        if value is not None and value != ():
            for section, key in places[option]:
                found.setdefault(section, {})[key] = value
    return found


def _swarm(
    name: str | None,
    preset: str | None,
    founders: tuple[str, ...],
    coordinators: tuple[str, ...],
    owners: tuple[str, ...] | None,
) -> NewSwarm | None:
    """A new swarm's terms; None where no option says anything of one."""
    from node.founding import NewSwarm

    if not (name or preset or founders or coordinators or owners is not None):
        return None
    default = NewSwarm()
    return NewSwarm(name or default.name, preset or default.preset, founders, coordinators, owners)


def _tell(home: NodeHome, founded: Founded, *, as_json: bool) -> None:
    from node.identity import peer_id

    genesis, config = founded.genesis, founded.config
    if as_json:
        print_json(
            {
                "node": founded.node,
                "peer_id": peer_id(founded.node),
                "data": str(home.root),
                "network": genesis.network,
                "swarm": genesis.name,
                "founders": [founder.node for founder in genesis.founders],
                "gossip": f"{config.network.host}:{config.network.port}",
                "rpc": f"{config.rpc.host}:{config.rpc.port}",
                "written": founded.changed,
            }
        )
        return
    is_founder = any(founder.node == founded.node for founder in genesis.founders)
    click.echo(f"node      {peer_id(founded.node)}")
    click.echo(f"data      {home.root} ({'wrote ' + ', '.join(founded.changed) if founded.changed else 'unchanged'})")
    click.echo(f"swarm     {genesis.name}, network {genesis.network.hex()[:16]}, {len(genesis.founders)} founders")
    network, rpc = config.network, config.rpc
    click.echo(f"listens   gossip {network.host}:{network.port}, gRPC {rpc.host}:{rpc.port}")
    if not is_founder:
        click.echo("note      not among the founders: it follows and serves; `swarm-node join` asks to become a member")
    elif len(genesis.founders) == 1:
        click.echo("note      alone it works no jobs: others have to rate what it makes (--founder, --network-dir)")
    click.echo(f"next      swarm-node start --data {home.root}")
