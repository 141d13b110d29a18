"""What rounds lead to, computed once for all members of a simulated swarm.

Every member recomputes every round (R42), and all of them get the same: that is nine tenths of a simulation's time. So
what one has computed is given to the others that have the same state, inputs and builder; and one time in
`CHECKED_ONE_IN` it is computed again all the same, because that everybody gets the same is a claim to be tested.
"""

from __future__ import annotations

from collections.abc import Callable

from consensus.genesis import Genesis
from consensus.params import Preset
from consensus.types import ChainState, Hash
from node.pipeline.transition import Builder, ChainInputs, Transition, compute_transition

CHECKED_ONE_IN = 20


class SharedTransitions:
    """`compute_transition` with a memory.

    Args:
        violate: Told when the same arguments gave something else.
    """

    def __init__(self, violate: Callable[[str], None]) -> None:
        self.checked_one_in = CHECKED_ONE_IN
        """How often what is known is computed again; 1 for always."""
        self._violate = violate
        self._known: dict[tuple[Hash, Hash, Hash, Builder], Transition] = {}
        self._asked = 0

    def compute(
        self, state: ChainState, inputs: ChainInputs, builder: Builder, *, genesis: Genesis, preset: Preset
    ) -> Transition:
        """What the round after `state` leads to. The last header's hash stands for the state: its root is in it."""
        key = (state.previous, inputs.attestation_root, inputs.root, builder)
        known = self._known.get(key)
        self._asked += 1
        if known is not None and self._asked % self.checked_one_in:
            return known
        computed = compute_transition(state, inputs, builder, genesis=genesis, preset=preset)
        if known is not None and computed.header != known.header:
            self._violate(f"two members compute different headers at height {computed.header.height}")
        self._known[key] = computed
        return computed
