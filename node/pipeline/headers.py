"""What the headers of one height come from: attestations, the inputs they fix, and what follows from those."""

from __future__ import annotations

from collections.abc import Callable

from consensus.agreement.validity import check_builder, check_place
from consensus.certificate import header_hash
from consensus.genesis import Genesis
from consensus.inputs import attestation_root
from consensus.params import Preset
from consensus.types import ChainState, Hash, Header
from node.pipeline.transition import Builder, ChainInputs, ComputeTransition, Transition

ReadInputs = Callable[[tuple[Hash, ...]], ChainInputs]
"""`InputReader.read` over what is at hand when it is called."""


class HeaderWork:
    """Builds and recomputes headers of the round after a state. What was computed once is remembered.

    Args:
        state: Before the round.
        read: See below.
        compute: What a round leads to.
        genesis: What the swarm started from.
        preset: Its numbers.

    Attributes:
        read: The inputs that attestations fix; raises as `InputReader.read`.
    """

    def __init__(
        self, state: ChainState, read: ReadInputs, compute: ComputeTransition, *, genesis: Genesis, preset: Preset
    ) -> None:
        self._state, self.read, self._compute = state, read, compute
        self._genesis, self._preset = genesis, preset
        self._attestations: dict[Hash, tuple[Hash, ...]] = {}
        self._transitions: dict[Hash, Transition] = {}

    def learn(self, root: Hash, attestations: tuple[Hash, ...]) -> None:
        """Somebody says which attestations have this root: remembered if they have.

        Believed without that, an invented list would be asked for for ever, and one of other attestations that exist
        leads to another header, so that this member would take the certified one for a fork and stop.
        """
        if attestation_root(attestations) == root:
            self._attestations[root] = attestations

    def attestations_of(self, header: Header) -> tuple[Hash, ...] | None:
        """Those that a header was built from, as far as known."""
        return self._attestations.get(header.attestation_root)

    def known(self, header: Header) -> Transition | None:
        """What follows with exactly this header, if it was computed here before."""
        return self._transitions.get(header_hash(header))

    def build(self, inputs: ChainInputs, builder: Builder, attestations: tuple[Hash, ...]) -> Transition:
        """What follows from the inputs that these attestations fix, with the header that says so."""
        transition = self._compute(self._state, inputs, builder, genesis=self._genesis, preset=self._preset)
        return self._remember(transition, attestations)

    def recompute(self, header: Header, attestations: tuple[Hash, ...]) -> Transition:
        """What follows from these attestations by the header's builder; equal headers mean that it is right.

        Raises:
            IncompleteError: Something that counts has not been received.
            RefusedError: The header is out of place, its builder not the one whose turn it is, or
                the attestations do not fix the round's inputs.
        """
        plan = self._state.plans[0]
        check_place(header, network=self._state.network, plan=plan, previous=self._state.previous, preset=self._preset)
        check_builder(header, plan)
        inputs = self.read(attestations)
        builder = Builder(header.builder, header.builder_view, header.vrf_proof)
        transition = self._compute(self._state, inputs, builder, genesis=self._genesis, preset=self._preset)
        return self._remember(transition, attestations) if transition.header == header else transition

    def _remember(self, transition: Transition, attestations: tuple[Hash, ...]) -> Transition:
        self._transitions[header_hash(transition.header)] = transition
        self._attestations[transition.header.attestation_root] = attestations
        return transition
