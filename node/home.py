"""What lies where in a node's data folder, and the swarm's genesis as a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consensus.genesis import Founder, Genesis
from consensus.params import PRESETS, Preset
from consensus.types import Hash, NodeId
from node.config import NodeConfig
from node.errors import OperatorError
from node.small_files import read_small

GENESIS_BYTES_MAX = 16 << 20
_MODE = 0o700


@dataclass(frozen=True, slots=True)
class NodeHome:
    """Paths below one node's data folder."""

    root: Path

    @property
    def config(self) -> Path:
        """The operator's settings."""
        return self.root / "config.toml"

    @property
    def genesis(self) -> Path:
        """What the swarm started from."""
        return self.root / "genesis.json"

    @property
    def store(self) -> Path:
        """Database and blobs."""
        return self.root / "store"

    @property
    def judge(self) -> Path:
        """What this node knows of models' scores: their calibration as judges."""
        return self.root / "judge.json"

    @property
    def crates(self) -> Path:
        """Crates as fetched and analysed."""
        return self.root / "crates"

    @property
    def shards(self) -> Path:
        """Certified shards as this node serves them: a data set's folder."""
        return self.root / "shards"

    @property
    def consent(self) -> Path:
        """The owner's consent of a node that asks to become a member as long as it is none."""
        return self.root / "consent.json"

    @property
    def deployment(self) -> Path:
        """Where the swarm's contracts are, if it has any."""
        return self.root / "chain.json"

    @property
    def bench(self) -> Path:
        """Build folders of the checks; may be deleted while the node is down."""
        return self.root / "bench"

    def crates_of(self, config: NodeConfig) -> Path:
        """Crates' folder, by the settings."""
        return Path(config.work.crates).expanduser() if config.work.crates else self.crates

    def bench_of(self, config: NodeConfig) -> Path:
        """Build folders' folder, by the settings."""
        return Path(config.work.bench).expanduser() if config.work.bench else self.bench

    def create(self) -> None:
        """Make the folder, for its owner only.

        Raises:
            OperatorError: It cannot be made or written.
        """
        try:
            self.root.mkdir(mode=_MODE, parents=True, exist_ok=True)
        except OSError as error:
            raise OperatorError(
                f"cannot create {self.root}: {error.strerror}", hint="choose a folder you may write with --data"
            ) from error


def load_genesis(path: Path) -> tuple[Genesis, Preset]:
    """Read a swarm's genesis and the preset it names.

    Raises:
        OperatorError: Not there, not a genesis, or of a preset that this version does not have.
    """
    hint = "copy the swarm's genesis.json there, or run `swarm-node init`"
    return parse_genesis(read_small(path, GENESIS_BYTES_MAX, hint=hint), str(path))


def parse_genesis(raw: bytes, source: str) -> tuple[Genesis, Preset]:
    """Parse a genesis strictly; `source` names it in errors.

    Raises:
        OperatorError: As `load_genesis`.
    """
    try:
        values = json.loads(raw)
        preset = PRESETS.get(values["preset"])
        if preset is None:
            raise OperatorError(
                f"{source} asks for preset {values['preset']!r}", hint=f"this version has {', '.join(PRESETS)}"
            )
        genesis = _genesis(values, preset)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OperatorError(
            f"{source} is not a genesis: {error}", hint="get the file from whoever runs the swarm"
        ) from error
    if values.get("network") != genesis.network.hex():
        raise OperatorError(
            f"{source} names network {values.get('network')}, its content is {genesis.network.hex()}",
            hint="the file was changed or was made by a version with other numbers; get the swarm's own",
        )
    return genesis, preset


def _genesis(values: dict[str, Any], preset: Preset) -> Genesis:
    founders = tuple(Founder(_node(item["node"]), str(item["owner"])) for item in values["founders"])
    if list(founders) != sorted(founders, key=lambda founder: founder.node) or not founders:
        raise ValueError("founders are listed once each, sorted by node")
    if len({founder.node for founder in founders}) != len(founders):
        raise ValueError("a founder is listed twice")
    seed = bytes.fromhex(values["seed"])
    if len(seed) != 32:
        raise ValueError("the seed has 32 bytes")
    coordinators = tuple(sorted(_node(text) for text in values["coordinators"]))
    owners = None if values["owners"] is None else tuple(sorted(_node(text) for text in values["owners"]))
    return Genesis(str(values["name"]), preset.hash(), Hash(seed), founders, coordinators, owners)


def _node(text: str) -> NodeId:
    raw = bytes.fromhex(text)
    if len(raw) != 32:
        raise ValueError(f"{text} is not a node id")
    return NodeId(raw)


def render_genesis(genesis: Genesis, preset: Preset) -> bytes:
    """A genesis as the JSON file that operators pass on."""
    values = {
        "name": genesis.name,
        "preset": preset.name,
        "network": genesis.network.hex(),
        "seed": genesis.seed.hex(),
        "founders": [{"node": founder.node.hex(), "owner": founder.owner} for founder in genesis.founders],
        "coordinators": [node.hex() for node in genesis.coordinators],
        "owners": None if genesis.owners is None else [owner.hex() for owner in genesis.owners],
    }
    return json.dumps(values, indent=2).encode() + b"\n"
