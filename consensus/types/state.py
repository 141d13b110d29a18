"""All that decides coming rounds."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.types.members import Member, Snapshot
from consensus.types.names import Hash
from consensus.types.work import JobProgress, PendingCandidate, RoundPlan


@dataclass(frozen=True, slots=True)
class ChainState:
    """All that decides coming rounds. Two nodes with the same state root compute the same future."""

    network: Hash
    """Hash of the genesis."""
    height: int
    """Of the last decided round; 0 before the first."""
    previous: Hash
    """Hash of the last decided header; the genesis hash before the first."""
    seed: Hash
    members: tuple[Member, ...]
    """Sorted by node."""
    snapshots: tuple[Snapshot, ...]
    """Of the running epoch and those already fixed after it, in order."""
    jobs: tuple[JobProgress, ...]
    """In order of admission."""
    pending: tuple[PendingCandidate, ...]
    """Sorted by content."""
    plans: tuple[RoundPlan, ...]
    """Issued and undecided, for the heights right after `height`."""
    ledger_head: Hash
    ledger_length: int
