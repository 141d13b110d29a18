"""What was received at one height, within bounds: the paper's message log.

Of a slot (kind, view, member), `conflicts_kept` different messages are kept, and beyond these only a vote for a
header that was proposed in that view or re-proposed as valid since it. Without the second half a member could sign
junk first and so hide from some the very vote that completes the quorum behind somebody's lock; it would never open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from consensus.agreement.votes import Tally
from consensus.certificate import header_hash
from consensus.committee import Committee
from consensus.types import Hash, NodeId, Proposal, Signed, Vote, VotePhase


class Proposed(NamedTuple):
    """A proposal taken in, and the hash of its header."""

    message: Signed[Proposal]
    header: Hash


class MessageLog:
    """Proposals and votes by view. Who may send what was settled before (`admission`)."""

    __slots__ = ("_committee", "_conflicts_kept", "_named", "_nothing", "_proposals", "_tallies")

    def __init__(self, committee: Committee, conflicts_kept: int) -> None:
        self._committee = committee
        self._conflicts_kept = conflicts_kept
        self._proposals: dict[int, list[Proposed]] = {}
        self._tallies: dict[tuple[VotePhase, int], Tally] = {}
        self._nothing = Tally(committee)  # what is read where nobody has voted; never added to
        self._named: dict[int, set[Hash]] = {}  # by view: the headers proposed in it or as valid since it

    def proposals(self, view: int) -> list[Proposed]:
        """In the order in which they came; more than one shows that the proposer equivocates."""
        return self._proposals.get(view, [])

    def proposal(self, view: int, header: Hash) -> Proposal | None:
        """The proposal of this header in this view, if it has come."""
        for proposed in self.proposals(view):
            if proposed.header == header:
                return proposed.message.body
        return None

    def tally(self, phase: VotePhase, view: int) -> Tally:
        """The count of one phase of one view."""
        return self._tallies.get((phase, view), self._nothing)

    def takes(self, message: Signed[Vote]) -> bool:
        """Whether `add_vote` would keep this vote: it is new, and there is room or need for it."""
        vote = message.body
        slot = self.tally(vote.phase, vote.view).slot(message.sender)
        if any(kept.digest == message.digest for kept in slot):
            return False
        return len(slot) < self._conflicts_kept or vote.header in self._named.get(vote.view, ())

    def add_vote(self, message: Signed[Vote]) -> Signed[Vote] | None:
        """Keep and count a vote that `takes` is for.

        Returns:
            The earlier vote, if this is the second one its sender signed for the slot: both together are evidence.
        """
        key = message.body.phase, message.body.view
        if key not in self._tallies:
            self._tallies[key] = Tally(self._committee)
        return self._tallies[key].add(message)

    def add_proposal(self, message: Signed[Proposal]) -> Signed[Proposal] | None:
        """Keep a proposal, unless it is known or the slot is full.

        Returns:
            The earlier proposal, if this is the second one of the slot.
        """
        proposal = message.body
        slot = self._proposals.setdefault(proposal.view, [])
        if len(slot) >= self._conflicts_kept or any(kept.message.digest == message.digest for kept in slot):
            return None
        proposed = Proposed(message, header_hash(proposal.header))
        slot.append(proposed)
        for view in {proposal.view, proposal.valid_view} - {-1}:
            self._named.setdefault(view, set()).add(proposed.header)
        return slot[0].message if len(slot) == 2 else None

    def decided(self) -> tuple[Proposal, int, dict[NodeId, bytes]] | None:
        """L49: a proposal that a quorum precommitted in its view, that view, and the signatures that show it."""
        for (phase, view), tally in self._tallies.items():
            if phase is VotePhase.PRECOMMIT and tally.quorum_headers:
                for header in tally.quorum_headers:
                    proposal = self.proposal(view, header)
                    if proposal is not None:
                        return proposal, view, tally.signatures_for(header)
        return None

    def latest_polka(self, before: int) -> tuple[int, Hash] | None:
        """The latest view before this one with a quorum of prevotes for a header proposed in it, and that header."""
        polkas = [
            (view, header)
            for (phase, view), tally in self._tallies.items()
            if phase is VotePhase.PREVOTE and view < before
            for header in tally.quorum_headers
            if self.proposal(view, header) is not None
        ]
        return max(polkas, default=None)

    def __iter__(self) -> Iterator[Signed[Proposal] | Signed[Vote]]:
        for slot in self._proposals.values():
            yield from (proposed.message for proposed in slot)
        for tally in self._tallies.values():
            yield from tally
