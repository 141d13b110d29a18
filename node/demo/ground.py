"""The demo's folders: a coordinator's key, one data folder per node, and what the nodes share as one machine's do."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consensus.types import NodeId
from node.checks import CheckSettings, open_engine
from node.crates.store import CrateStore
from node.errors import NodeError, OperatorError, TransientError
from node.founding import NewSwarm, Plan, found_node
from node.home import NodeHome
from node.identity import IdentityStore, NodeKey
from node.values.crate import CratePin

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections, which would take one between finding and using it."""

_GIVEN: set[int] = set()
"""Ports found in this process, which whoever asked for them may not listen on yet."""

LIE = "invert"
"""How the liar rates: what is good it damns, what is bad it praises."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Everything that is on disk before the first process starts."""

    coordinator: NodeKey
    homes: tuple[NodeHome, ...]
    addresses: tuple[str, ...]
    """Of the nodes' gRPC services."""
    liar: NodeId | None
    """The last node, when it lies."""


def fetch_crates(folder: Path, names: Sequence[str], say: Callable[[str], None]) -> tuple[CratePin, ...]:
    """Bring the crates and their dependencies through cargo, once for all nodes. Blocks.

    Raises:
        OperatorError: One that cargo cannot bring.
        TransientError: The registry is not reachable.
    """
    store = CrateStore(folder)
    pins: dict[str, CratePin] = {}
    for name in names:
        try:
            source = store.acquire(name)
        except TransientError as error:
            raise TransientError(
                f"{error}. The demo needs {', '.join(names)} from the crate registry once; "
                "what cargo has already it works with offline (--crates names others)",
                waits_for=error.waits_for,
            ) from error
        try:
            store.prepare(source)
        except NodeError as error:
            say(f"{source.pin.label} cannot be built here: {error}")
        pins.setdefault(source.pin.label, source.pin)
        say(f"crate {source.pin.label}, {source.pin.license or 'no licence stated'}")
    return tuple(pins.values())


def warm_up(bench: Path) -> None:
    """Build the sandbox's launcher once, and try the sandbox, before several nodes would do so at the same time.

    Raises:
        OperatorError: This machine cannot check.
    """

    async def warm() -> None:
        await (await open_engine(CheckSettings(folder=bench))).close()

    asyncio.run(warm())


def lay_ground(folder: Path, count: int, *, liar: bool, crates: Path, bench: Path) -> Ground:
    """Make the data folders of a new swarm whose jobs are one coordinator's.

    Raises:
        OperatorError: The folder cannot be written, or holds nodes already.
    """
    if (folder / "node1").exists():
        raise OperatorError(f"{folder} holds nodes already", hint="Give an empty folder, or remove this one.")
    coordinator = IdentityStore(folder / "coordinator").create()
    ports = find_ports(2 * count)
    gossip, rpc = ports[:count], ports[count:]
    swarm = NewSwarm(name="demo", coordinators=(coordinator.node.hex(),))
    homes, liar_node = [], None
    for number in range(count):
        home = NodeHome(folder / f"node{number + 1}")
        settings: dict[str, dict[str, Any]] = {
            "network": {"port": gossip[number], "bootstrap": tuple(f"{HOST}:{port}" for port in gossip)},
            "rpc": {"port": rpc[number]},
            "work": {
                "crates": str(crates),
                "bench": str(bench),
                "misbehave": LIE if liar and number == count - 1 else "",
            },
        }
        founded = found_node(home, Plan(settings=settings, network_folder=folder / "network", swarm=swarm))
        homes.append(home)
        if founded.config.work.misbehave:
            liar_node = founded.node
    return Ground(coordinator, tuple(homes), tuple(f"{HOST}:{port}" for port in rpc), liar_node)


def find_ports(count: int) -> tuple[int, ...]:
    """Ports that nothing listens on now, and that this process was not given before.

    Raises:
        OperatorError: There are not so many.
    """
    found: list[int] = []
    for port in secrets.SystemRandom().sample(PORTS, len(PORTS)):  # two demos at once should not ask for the same
        if port in _GIVEN:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            _GIVEN.update(found)
            return tuple(found)
    raise OperatorError(f"only {len(found)} of {count} ports are free", hint="End what listens on all the others.")
