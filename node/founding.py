"""Making a node's data folder: identity, settings, and the genesis of the swarm it belongs to.

Everything is checked before the first file is written, every file appears whole, and doing it again changes nothing.

A genesis names its founders, so it cannot be whole before all of them have keys. Where they share a folder (one
machine, containers with common volumes) each one's `init` adds itself there, and every founder's data folder gets the
genesis anew as long as none of them has begun:

    <network>/swarm.json              name, preset, seed, coordinators: by whoever came first
    <network>/founders/<node>.json    one per founder: node, owner, data folder
    <network>/genesis.json            what follows from them
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consensus.genesis import Founder, Genesis
from consensus.params import PRESETS, Preset
from consensus.types import Hash, NodeId
from node.config import NodeConfig, load_config, parse_config, render_config
from node.durable import write_in_place
from node.errors import OperatorError
from node.home import NodeHome, load_genesis, render_genesis
from node.identity import IdentityStore, NodeKey, parse_node_id, peer_id
from node.locks import TURN_S, HeldError, turn

LOCAL_PRESET = "LOCAL"
_BEGIN_ANEW = "Remove the folder and begin anew."


@dataclass(frozen=True, slots=True)
class NewSwarm:
    """What a swarm is to be, by whoever makes its genesis."""

    name: str = "swarm"
    preset: str = LOCAL_PRESET
    founders: tuple[str, ...] = ()
    """Others than the node itself: a node id each, `=owner` behind it where the owner is another."""
    coordinators: tuple[str, ...] = ()
    """Node ids of whose jobs are admitted; none: anybody's."""
    owners: tuple[str, ...] | None = None
    """Keys of the owners whose nodes may join later, as node ids; empty: nobody's; None: anybody's."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `init` is asked for."""

    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings given, by section; the others keep their values or defaults."""
    genesis: Path | None = None
    """Join the swarm of this file."""
    network_folder: Path | None = None
    """Found a swarm together with the others that name this folder."""
    swarm: NewSwarm | None = None
    """Found a new one; None keeps the genesis that is there, or founds one with the defaults."""


@dataclass(frozen=True, slots=True)
class Founded:
    """What a data folder holds now."""

    node: NodeId
    genesis: Genesis
    config: NodeConfig
    changed: tuple[str, ...]
    """Names of the files that were written."""


def found_node(home: NodeHome, plan: Plan, *, passphrase: bytes | None = None) -> Founded:
    """Make or complete a data folder.

    Raises:
        OperatorError: Something asked for is not possible; nothing has been written then.
    """
    config = _planned_config(home, plan)
    check_swarm(plan.swarm or NewSwarm())
    joined = load_genesis(plan.genesis)[0] if plan.genesis is not None else None
    _check_replaceable(home, plan, joined)
    home.create()
    key, changed = _identity(home, passphrase)
    if _save(home.config, render_config(config).encode()):
        changed.append("config.toml")
    if plan.network_folder is not None:
        genesis, written = _found_together(home, plan, key.node, config.node.owner or peer_id(key.node))
    else:
        genesis, written = _genesis(home, plan, key, config)
    return Founded(key.node, genesis, config, (*changed, *written))


def check_swarm(swarm: NewSwarm) -> None:
    """Refuse what no genesis can hold.

    Raises:
        OperatorError: Unknown preset, or a founder, coordinator or owner that is no node id.
    """
    if swarm.preset not in PRESETS:
        raise OperatorError(f"no preset is called {swarm.preset!r}", hint=f"There are {', '.join(PRESETS)}.")
    for text in (*(text.partition("=")[0] for text in swarm.founders), *swarm.coordinators, *(swarm.owners or ())):
        parse_node_id(text)


def has_begun(home: NodeHome) -> bool:
    """Whether a node has run here: then its swarm is fixed."""
    return home.store.exists()


# Identity and settings


def _planned_config(home: NodeHome, plan: Plan) -> NodeConfig:
    """The settings as they will be: those that stand, with what is given put in."""
    current = load_config(home.config) if home.config.is_file() else NodeConfig()
    values = dataclasses.asdict(current)
    for section, given in plan.settings.items():
        values[section] |= given
    listed = {section: {key: _plain(value) for key, value in part.items()} for section, part in values.items()}
    return parse_config(listed, "the settings given")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _identity(home: NodeHome, passphrase: bytes | None) -> tuple[NodeKey, list[str]]:
    store = IdentityStore(home.root, passphrase=passphrase)
    if store.exists:
        return store.load(), []
    return store.create(), ["identity.json"]


# The genesis of a node alone, or of a list


def _check_replaceable(home: NodeHome, plan: Plan, joined: Genesis | None) -> None:
    if not home.genesis.is_file() or not has_begun(home):
        return
    here = load_genesis(home.genesis)[0]
    if plan.swarm is not None or (joined is not None and joined.network != here.network):
        raise OperatorError(
            f"the node in {home.root} has begun in swarm {here.name!r} ({here.network.hex()[:16]})",
            hint="Another swarm needs another --data; this one's genesis never changes.",
        )


def _genesis(home: NodeHome, plan: Plan, key: NodeKey, config: NodeConfig) -> tuple[Genesis, list[str]]:
    if plan.genesis is not None:
        genesis, preset = load_genesis(plan.genesis)
    elif home.genesis.is_file() and plan.swarm is None:
        return load_genesis(home.genesis)[0], []
    else:
        swarm = plan.swarm or NewSwarm()
        own = Founder(key.node, config.node.owner or peer_id(key.node))
        genesis, preset = _assemble(swarm, [own, *map(_parse_founder, swarm.founders)], secrets.token_bytes(32))
    return genesis, ["genesis.json"] if _save(home.genesis, render_genesis(genesis, preset)) else []


def _parse_founder(text: str) -> Founder:
    name, _, owner = text.partition("=")
    node = parse_node_id(name)
    return Founder(node, owner or peer_id(node))


def _assemble(swarm: NewSwarm, founders: Sequence[Founder], seed: bytes) -> tuple[Genesis, Preset]:
    preset = PRESETS[swarm.preset]
    by_node = {founder.node: founder for founder in reversed(founders)}
    coordinators = tuple(sorted({parse_node_id(text) for text in swarm.coordinators}))
    owners = None if swarm.owners is None else tuple(sorted({parse_node_id(text) for text in swarm.owners}))
    listed = tuple(by_node[node] for node in sorted(by_node))
    return Genesis(swarm.name, preset.hash(), Hash(seed), listed, coordinators, owners), preset


# Founding together


def _found_together(home: NodeHome, plan: Plan, node: NodeId, owner: str) -> tuple[Genesis, list[str]]:
    folder = plan.network_folder
    assert folder is not None, "asked for by the caller"
    with _alone(folder):
        swarm, seed = _shared_swarm(folder, plan.swarm)
        entries = _entries(folder)
        own = {"node": node.hex(), "owner": owner, "data": str(home.root)}
        if own not in entries:
            _refuse_late(node, entries, home)
            _save(folder / "founders" / f"{node.hex()}.json", json.dumps(own, indent=2).encode() + b"\n")
            entries = _entries(folder)
        founders = [Founder(NodeId(bytes.fromhex(entry["node"])), entry["owner"]) for entry in entries]
        genesis, preset = _assemble(swarm, founders, seed)
        text = render_genesis(genesis, preset)
        _save(folder / "genesis.json", text)
        homes = [NodeHome(Path(entry["data"])) for entry in entries]
        written = [item for item in homes if item.root.is_dir() and _save(item.genesis, text)]
        return genesis, ["genesis.json"] if written else []


def _refuse_late(node: NodeId, entries: Sequence[dict[str, str]], home: NodeHome) -> None:
    """A swarm that has begun has its founders: whoever comes later joins with its genesis."""
    others = [entry["data"] for entry in entries if entry["node"] != node.hex()]
    begun = [data for data in others if has_begun(NodeHome(Path(data)))]
    if has_begun(home):
        begun.append(str(home.root))
    if begun:
        raise OperatorError(
            f"the swarm has begun without {peer_id(node)}: {begun[0]} has run already",
            hint="Follow it with --genesis instead, or begin anew with empty data folders.",
        )


def _shared_swarm(folder: Path, wanted: NewSwarm | None) -> tuple[NewSwarm, bytes]:
    """What the first founder decided; the others may say the same or nothing."""
    path = folder / "swarm.json"
    if not path.is_file():
        swarm, seed = wanted or NewSwarm(), secrets.token_bytes(32)
        terms = {"name": swarm.name, "preset": swarm.preset, "coordinators": swarm.coordinators, "owners": swarm.owners}
        text = terms | {"seed": seed.hex()}
        _save(path, json.dumps(text, indent=2).encode() + b"\n")
        return swarm, seed
    value = _read_json(path)
    try:
        owners = None if value["owners"] is None else tuple(map(str, value["owners"]))
        swarm = NewSwarm(str(value["name"]), str(value["preset"]), (), tuple(map(str, value["coordinators"])), owners)
    except (KeyError, TypeError) as error:
        raise OperatorError(f"{path} is not what init writes: {error}", hint=_BEGIN_ANEW) from error
    if wanted is not None and dataclasses.replace(wanted, founders=()) != swarm:
        raise OperatorError(
            f"{path} describes swarm {swarm.name!r} of preset {swarm.preset}, and this is to be another",
            hint="Give what the first founder gave, or leave these options out.",
        )
    check_swarm(swarm)
    return swarm, bytes.fromhex(value["seed"])


def _entries(folder: Path) -> list[dict[str, str]]:
    paths = sorted((folder / "founders").glob("*.json"))
    return [{name: str(_read_json(path)[name]) for name in ("node", "owner", "data")} for path in paths]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise OperatorError(f"cannot read {path}: {error}", hint=_BEGIN_ANEW) from error
    if not isinstance(value, dict):
        raise OperatorError(f"{path} is not what init writes", hint=_BEGIN_ANEW)
    return value


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Founders take turns."""
    held = contextlib.ExitStack()
    try:
        (folder / "founders").mkdir(parents=True, exist_ok=True)
        held.enter_context(turn(folder / ".lock", TURN_S))
    except HeldError as error:
        raise OperatorError(
            f"{error} has been founding in {folder} for {TURN_S:.0f} s",
            hint="If it is stopped, let it go on or end it; then run this again.",
        ) from error
    except OSError as error:
        raise OperatorError(
            f"cannot write {folder}: {error.strerror}", hint="Give a --network-dir that this user may write."
        ) from error
    with held:
        yield


# Files


def _save(path: Path, data: bytes) -> bool:
    """Put a file in its place, whole; whether that changed anything."""
    try:
        if path.is_file() and path.read_bytes() == data:
            return False
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        write_in_place(path, data, fresh)
    except OSError as error:
        raise OperatorError(
            f"cannot write {path}: {error.strerror}", hint="Choose a folder that this user may write."
        ) from error
    return True
