"""Votes of one phase of one view: who said what, what it weighs, and who said two things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from consensus.committee import Committee
from consensus.types import Hash, NodeId, Signed, Vote


class Tally:
    """Counts weight per header, and keeps the messages it counted.

    A member that signed several votes in its slot weighs for each header it signed (R43): those who saw the other
    vote first must be able to reach the same quorum.

    Attributes:
        weight: Of all members that voted, each counted once.
        quorum_headers: Headers that more than two thirds voted for, in the order in which they got there. At most
            one, unless more than a third of the weight is dishonest.
    """

    __slots__ = ("_committee", "_slots", "_weights", "quorum_headers", "weight")

    def __init__(self, committee: Committee) -> None:
        self._committee = committee
        self._slots: dict[NodeId, list[Signed[Vote]]] = {}
        self._weights: dict[Hash | None, int] = {}
        self.weight = 0
        self.quorum_headers: list[Hash] = []

    def slot(self, sender: NodeId) -> Sequence[Signed[Vote]]:
        """The different votes of one member, in the order in which they came."""
        return self._slots.get(sender, ())

    def add(self, message: Signed[Vote]) -> Signed[Vote] | None:
        """Count a vote that is not counted yet; return the earlier one if it is the second of its slot."""
        slot = self._slots.setdefault(message.sender, [])
        weight = self._committee.weight(message.sender)
        if not slot:
            self.weight += weight
        header = message.body.header
        if all(kept.body.header != header for kept in slot):
            before = self._weights.get(header, 0)
            self._weights[header] = before + weight
            if header is not None and before < self._committee.quorum <= before + weight:
                self.quorum_headers.append(header)
        slot.append(message)
        return slot[0] if len(slot) == 2 else None

    def weight_for(self, header: Hash | None) -> int:
        """Of the members that voted for this header, or for nil."""
        return self._weights.get(header, 0)

    def signatures_for(self, header: Hash) -> dict[NodeId, bytes]:
        """The certificate signatures of all kept votes for a header, one per member."""
        return {vote.sender: vote.body.signature for vote in self if vote.body.header == header}

    def __iter__(self) -> Iterator[Signed[Vote]]:
        for slot in self._slots.values():
            yield from slot
