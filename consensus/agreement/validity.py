"""The part of R42 that a header and its plan answer by themselves: place, builder, proof.

The rest, whether the inputs give this outcome, takes the round's messages and the state before it; whoever recomputes
that asks here first, for it is cheap.
"""

from __future__ import annotations

from consensus import vrf
from consensus.committee import Committee
from consensus.draw import builder_alpha, proposer
from consensus.errors import RefusedError
from consensus.params import Preset
from consensus.types import ZERO_HASH, Hash, Header, RoundPlan


def check_place(header: Header, *, network: Hash, plan: RoundPlan, previous: Hash, preset: Preset) -> None:
    """Check that a header is this round's and extends the decided one.

    Raises:
        RefusedError: It belongs to another network, height or epoch, or to another past.
    """
    if header.network != network:
        raise RefusedError("wrong-network", f"the header is of network {header.network.hex()[:16]}")
    if (header.height, header.epoch) != (plan.height, plan.epoch):
        raise RefusedError(
            "wrong-height", f"height {header.height}, epoch {header.epoch} where {plan.height}, {plan.epoch} is due"
        )
    if header.previous != previous:
        raise RefusedError("wrong-previous", f"it extends {header.previous.hex()[:16]}, not the decided header")
    if (header.snapshot_root != ZERO_HASH) != preset.ends_epoch(header.height):
        raise RefusedError("wrong-snapshot", "an epoch's last header names a snapshot, and no other does")


def check_builder(header: Header, plan: RoundPlan) -> bytes:
    """Check that whoever built the header had the turn, and return its VRF output (R7, R41).

    The view in which the header is proposed does not enter: a header proposed again keeps its builder.

    Raises:
        RefusedError: The builder's view was somebody else's, or the proof does not hold.
    """
    if header.builder != proposer(Committee(plan.committee), plan.seed, header.builder_view):
        raise RefusedError(
            "not-proposer", f"view {header.builder_view} was not {header.builder.hex()[:16]}'s to build in"
        )
    return vrf.verify(header.builder, builder_alpha(plan.seed, header.builder_view), header.vrf_proof)
