"""Where a swarm begins: its name, its founders, its numbers, and the state before the first round."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import hash_value
from consensus.params import Preset
from consensus.rater_tables import EMPTY_TABLE
from consensus.types import (
    ZERO_HASH,
    ChainState,
    Hash,
    Member,
    NodeId,
    RoundPlan,
    Seat,
    Snapshot,
)


@dataclass(frozen=True, slots=True)
class Founder:
    """A node of the first hour."""

    node: NodeId
    owner: str


@dataclass(frozen=True, slots=True)
class Genesis:
    """What every node of a swarm starts from; its hash is the network id."""

    name: str
    preset_hash: Hash
    seed: Hash
    founders: tuple[Founder, ...]
    """Sorted by node."""
    coordinators: tuple[NodeId, ...]
    """Whose jobs are admitted, sorted; empty: anybody's."""
    owners: tuple[NodeId, ...] | None = None
    """Keys of the owners whose nodes may join later, sorted; empty: nobody's; None: anybody's (R39)."""

    @property
    def network(self) -> Hash:
        """The network id: in every signature, so that nothing signed here means anything elsewhere."""
        return hash_value("genesis", self)


def new_member(node: NodeId, owner: str, height: int) -> Member:
    """A member of whom nothing is known yet."""
    return Member(
        node=node,
        owner=owner,
        joined=height,
        table=EMPTY_TABLE,
        accepted=0,
        generated=0,
        unrevealed=0,
        offences=0,
        suspended_until=0,
    )


def first_state(genesis: Genesis, preset: Preset) -> ChainState:
    """The state before the first round: founders with equal weights, empty plans for the first rounds (R5, R36)."""
    seats = tuple(Seat(founder.node, preset.founder_weight) for founder in genesis.founders)
    heights = range(1, preset.lookback + 1)
    return ChainState(
        network=genesis.network,
        height=0,
        previous=genesis.network,
        seed=genesis.seed,
        members=tuple(new_member(founder.node, founder.owner, 0) for founder in genesis.founders),
        snapshots=(Snapshot(0, seats, genesis.seed), Snapshot(1, seats, genesis.seed)),
        jobs=(),
        pending=(),
        plans=tuple(
            RoundPlan(height, preset.epoch_of(height), genesis.seed, (), seats, preset.probe_one_in)
            for height in heights
        ),
        ledger_head=ZERO_HASH,
        ledger_length=0,
    )
