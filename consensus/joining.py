"""Which applications count in a round (R39). Who of those that ask is examined is for `reputation` to say."""

from __future__ import annotations

from consensus.genesis import Genesis
from consensus.params import Preset
from consensus.types import Application, NodeId


def last_of_epoch(height: int, preset: Preset) -> int:
    """The last round of the epoch that a round belongs to: what an application that is to count there names."""
    return (preset.epoch_of(height) + 1) * preset.epoch_rounds


def refuse_owner(owner: NodeId, genesis: Genesis, preset: Preset) -> str | None:
    """Why this swarm takes no node of that owner, ever, or None."""
    if preset.reputation.applicants_max < 1 or genesis.owners == ():
        return "nobody joins this swarm: its members are its founders"
    if genesis.owners is not None and owner not in genesis.owners:
        return "its owner is not among those whose nodes may join"
    return None


def counts_at(application: Application, height: int, genesis: Genesis, preset: Preset) -> bool:
    """Whether an application counts in the round at `height`, were it attested there. Its signatures have been checked.

    An epoch's application counts in that epoch alone. So one leads to one examination at most: who has failed is
    dropped when an epoch ends, and nobody can have it examined again by repeating what it said before.
    """
    in_time = application.until == last_of_epoch(height, preset)
    return in_time and refuse_owner(application.owner, genesis, preset) is None
