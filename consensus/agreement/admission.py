"""Which messages an agreement takes in at all. Everything here is a question; nothing is remembered but turns."""

from __future__ import annotations

from consensus.certificate import Verify, precommit_bytes
from consensus.committee import Committee
from consensus.draw import proposer
from consensus.errors import RefusedError
from consensus.merkle import merkle_root
from consensus.types import Hash, Kind, NodeId, Proposal, Signed, Vote, VotePhase

VIEWS_MAX = 1 << 32
"""Views are numbered below this. At ten seconds each it takes a thousand years to get there."""


class Admission:
    """Refuses what does not belong to one height, or breaks a rule on its face."""

    def __init__(self, network: Hash, height: int, seed: Hash, committee: Committee, verify: Verify) -> None:
        self._network, self._height, self._seed = network, height, seed
        self._committee = committee
        self._verify = verify
        self._proposers: dict[int, NodeId] = {}

    def proposer(self, view: int) -> NodeId:
        """Whose turn a view is (R41). Remembered, so only to be asked of views that are near."""
        if view not in self._proposers:
            self._proposers[view] = proposer(self._committee, self._seed, view)
        return self._proposers[view]

    def check_height(self, height: int) -> None:
        """Raise `RefusedError` unless this is the height that is decided here."""
        if height != self._height:
            raise RefusedError("wrong-height", f"height {height} is not decided here, but {self._height}", fault=False)

    def check_proposal(self, message: Signed[Proposal], near_view: int) -> None:
        """Raise `RefusedError` unless a proposal may be taken in. Turns are checked up to `near_view`."""
        proposal = message.body
        self._check_sender(message, proposal.header.height, proposal.view)
        if message.kind is not Kind.PROPOSAL:
            raise RefusedError("wrong-kind", f"a proposal sent as {message.kind.name}")
        if not -1 <= proposal.valid_view < proposal.view:
            raise RefusedError("bad-view", f"valid since view {proposal.valid_view}, proposed in view {proposal.view}")
        # A header is judged once, under its hash. What is no part of it, the view it is proposed in and the list of
        # attestations, has to be right here, or a good header could be made to look bad for ever after.
        if not 0 <= proposal.header.builder_view <= proposal.view:
            raise RefusedError("bad-view", f"built in {proposal.header.builder_view}, proposed in {proposal.view}")
        if merkle_root(proposal.attestations) != proposal.header.attestation_root:
            raise RefusedError("bad-attestations", "the attestations are not those that the header counts")
        if proposal.view <= near_view and message.sender != self.proposer(proposal.view):
            raise RefusedError("not-proposer", f"view {proposal.view} is not {message.sender.hex()[:16]}'s to propose")

    def check_vote(self, message: Signed[Vote]) -> None:
        """Raise `RefusedError` unless a vote may be taken in; all but its own signature."""
        vote = message.body
        self._check_sender(message, vote.height, vote.view)
        if message.kind.value != vote.phase.value:
            raise RefusedError("wrong-kind", f"a {vote.phase.name} sent as {message.kind.name}")

    def check_signature(self, message: Signed[Vote]) -> None:
        """Raise `RefusedError` unless a vote has the signature of its own that it must have, or none if none."""
        vote = message.body
        if vote.phase is VotePhase.PRECOMMIT and vote.header is not None:
            signed = precommit_bytes(self._network, vote.height, vote.view, vote.header)
            if not self._verify(message.sender, signed, vote.signature):
                raise RefusedError("bad-signature", f"the precommit of {message.sender.hex()[:16]} does not verify")
        elif vote.signature:
            raise RefusedError("bad-signature", "only a precommit for a header carries a signature of its own")

    def _check_sender(self, message: Signed[Proposal] | Signed[Vote], height: int, view: int) -> None:
        self.check_height(height)
        if message.sender not in self._committee:
            raise RefusedError("unknown-sender", f"{message.sender.hex()[:16]} has no seat at height {self._height}")
        if not 0 <= view < VIEWS_MAX:
            raise RefusedError("bad-view", f"view {view}")
