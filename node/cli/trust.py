"""What verification starts from: a genesis, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from consensus.genesis import Genesis, first_state
from consensus.params import Preset
from node.errors import OperatorError
from node.home import NodeHome, load_genesis
from node.shards import ShardVerifier


@dataclass(frozen=True, slots=True)
class Trust:
    """A swarm's genesis, and where it was found."""

    genesis: Genesis
    preset: Preset
    source: Path

    def verifier(self) -> ShardVerifier:
        """A verifier that believes this genesis."""
        snapshots = first_state(self.genesis, self.preset).snapshots
        return ShardVerifier(self.genesis.network, snapshots, self.preset)


def load_trust_root(given: Path | None, home: NodeHome) -> Trust:
    """The genesis named by an option, else the data folder's.

    A genesis that lies beside the rows is never taken by itself: whoever forged the rows could have put it there.

    Raises:
        OperatorError: There is none, or it is not one.
    """
    if given is None and not home.genesis.is_file():
        raise OperatorError(
            f"nothing to trust: no --genesis was given and {home.root} has none",
            hint="Give the swarm's genesis file with --genesis. One that came together with the rows proves nothing "
            "until you have compared its network id with one from elsewhere.",
        )
    source = (given or home.genesis).expanduser()
    genesis, preset = load_genesis(source)
    return Trust(genesis, preset, source)
