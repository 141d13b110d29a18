"""What of the ledger is anchored at the end of an epoch: one root for its events, one for everybody's scores.

Both follow from the state after the epoch's last round, so whoever holds that state, or the certificates that lead to
it, computes the same bytes. The contract that verifies a score against its root is `contracts/ReputationAnchor.sol`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from consensus.encoding import hash_value
from consensus.params import Preset
from consensus.types import Hash, Member, NodeId, Snapshot
from reputation.standing import generating_skill_bp, standing_of

_TAG = b"swarm-node/v1/score\0"


class ScoreCategory(IntEnum):
    """What a score says. The number is hashed: never reuse one."""

    RATING = 0
    """Rating reputation R, basis points (R30)."""
    GENERATING = 1
    """Generating skill, basis points (R35)."""
    WEIGHT = 2
    """Points in the snapshot taken last (R34, R36); members without weight have no such score."""


@dataclass(frozen=True, slots=True, order=True)
class Score:
    """One leaf of an epoch's score tree."""

    node: NodeId
    category: ScoreCategory
    score: int

    def leaf(self) -> bytes:
        """The data of its Merkle leaf: fixed widths, so that a contract can build it."""
        return _TAG + self.node + int(self.category).to_bytes(2, "big") + self.score.to_bytes(4, "big")


def epoch_scores(members: Iterable[Member], snapshot: Snapshot, preset: Preset) -> tuple[Score, ...]:
    """Everybody's scores after an epoch's last round, in the order of the tree: ascending by leaf.

    Args:
        members: As the round left them.
        snapshot: The one it took.
        preset: The swarm's numbers.
    """
    scores = [Score(seat.node, ScoreCategory.WEIGHT, seat.weight) for seat in snapshot.seats]
    for member in members:
        scores.append(Score(member.node, ScoreCategory.RATING, standing_of(member.table, preset).reputation_bp))
        scores.append(Score(member.node, ScoreCategory.GENERATING, generating_skill_bp(member, preset)))
    return tuple(sorted(scores))


def ledger_root(network: Hash, height: int, head: Hash, length: int) -> Hash:
    """The ledger after the round at `height`, in one hash that is never zero; height 0 is the empty ledger's.

    The head alone would do for its events. Network and height keep one swarm's ledger from passing for another's, and
    an epoch in which nothing moved from passing for the one before.
    """
    return hash_value("anchored-ledger", (network, height, head, length))
