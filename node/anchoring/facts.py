"""What is to be written on the chain, from decided rounds alone: every node that has them computes the same."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.certificate import header_hash
from consensus.encoding import decode
from consensus.genesis import Genesis, first_state
from consensus.merkle import merkle_root
from consensus.params import Preset
from consensus.types import Certificate, ChainState, Hash, Snapshot
from node.chain.votes import EpochVote, ShardVote, SignerSet
from node.errors import OperatorError, TransientError
from node.store import Store
from reputation import Score, epoch_scores, ledger_root

ENDS_KEPT = 8
"""Ends of epochs at hand. An anchor needs two, its signers two earlier ones, and comparing looks back at a few."""


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """The ledger and everybody's standing at the end of an epoch."""

    epoch: int
    ledger_root: Hash
    scores: tuple[Score, ...]
    """In the order of the tree."""
    snapshots: tuple[Snapshot, ...]
    """Weights of the epoch and those already fixed after it."""

    @property
    def score_root(self) -> Hash:
        """Root over the scores."""
        return merkle_root([score.leaf() for score in self.scores])

    def snapshot(self, epoch: int) -> Snapshot:
        """The weights in force in an epoch that this one or the one before fixed."""
        return next(snapshot for snapshot in self.snapshots if snapshot.epoch == epoch)


def epoch_end(epoch: int, state: ChainState, preset: Preset) -> EpochEnd:
    """The end of an epoch, from the state after its last round."""
    return EpochEnd(
        epoch=epoch,
        ledger_root=ledger_root(state.network, state.height, state.ledger_head, state.ledger_length),
        scores=epoch_scores(state.members, state.snapshots[-1], preset),
        snapshots=state.snapshots,
    )


class LedgerFacts:
    """One node's decided rounds, as the chain is to hear of them.

    Args:
        store: May be open for reading only.
        genesis: Of the swarm.
        preset: Its numbers.
    """

    def __init__(self, store: Store, genesis: Genesis, preset: Preset) -> None:
        self._store, self._genesis, self._preset = store, genesis, preset
        self._ends: dict[int, EpochEnd] = {}
        """Those read last: what is decided does not change."""

    @property
    def network(self) -> Hash:
        """The swarm's."""
        return self._genesis.network

    @property
    def epoch_rounds(self) -> int:
        """Rounds of an epoch."""
        return self._preset.epoch_rounds

    async def epochs(self) -> int:
        """How many epochs are over, in this node's decided rounds."""
        tip = await self._store.rounds.tip()
        return 0 if tip is None else tip.height // self._preset.epoch_rounds

    async def height(self) -> int:
        """Of the last decided round; 0 before the first."""
        tip = await self._store.rounds.tip()
        return 0 if tip is None else tip.height

    async def end(self, epoch: int) -> EpochEnd:
        """The end of an epoch; of epoch -1, what a swarm starts from.

        Raises:
            TransientError: The epoch is not over here.
            OperatorError: The state after its last round is not kept here.
        """
        if epoch not in self._ends:  # states are large, and every look at the chain asks for the same few
            self._ends[epoch] = await self._read_end(epoch)
            self._ends = dict(list(self._ends.items())[-ENDS_KEPT:])
        return self._ends[epoch]

    async def _read_end(self, epoch: int) -> EpochEnd:
        if epoch < 0:
            return epoch_end(-1, first_state(self._genesis, self._preset), self._preset)
        height = (epoch + 1) * self._preset.epoch_rounds
        row = await self._store.rounds.get(height)
        if row is None:
            raise TransientError(f"epoch {epoch} is not over here", waits_for=f"round {height}")
        if row.state is None:
            raise OperatorError(
                f"the state after round {height} is not kept here, and epoch {epoch} is anchored from it",
                hint="Anchor from a node that has followed the swarm since then; states at epochs' ends are kept.",
            )
        return epoch_end(epoch, decode(ChainState, row.state), self._preset)

    async def seats(self, epoch: int) -> Snapshot:
        """The weights in force in an epoch; raises as `end` for the epoch before it."""
        return (await self.end(epoch - 1)).snapshot(epoch)

    async def epoch_vote(self, epoch: int, following: SignerSet) -> EpochVote:
        """What is to be signed for an epoch, given who anchors the next one; raises as `end`."""
        end, before = await self.end(epoch), await self.end(epoch - 1)
        return EpochVote(epoch, before.ledger_root, end.ledger_root, end.score_root, following.hash())

    async def shard_votes(self, first: int, last: int) -> dict[int, tuple[ShardVote, ...]]:
        """What is to be signed for the shards of rounds `first` to `last`, by height; at most a page of rounds."""
        found: dict[int, tuple[ShardVote, ...]] = {}
        for row in await self._store.rounds.between(first, last, states=False):
            header = decode(Certificate, row.certificate).header
            found[row.height] = tuple(
                ShardVote(head.job, row.height, head.root, head.rows, header_hash(header)) for head in header.shards
            )
        return found
