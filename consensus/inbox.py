"""What has reached one member of one round: the first message of every slot, what came in time, who has gone ahead."""

from __future__ import annotations

from collections.abc import Mapping

from consensus.phases import Phase
from consensus.types import AttestedMessage, Hash, Kind, NodeId, Signed

WAITED_FOR_IN = {
    Kind.CANDIDATE_COMMIT: Phase.GENERATE,
    Kind.RATING_COMMIT: Phase.RATE,
    Kind.RATING_REVEAL: Phase.REVEAL,
    Kind.GENERATOR_REVEAL: Phase.UNMASK,
    Kind.ATTESTATION: Phase.ATTEST,
}
"""The phase that waits for a kind of message: after it, a message of this kind is late."""

_SHOWS_PAST = {
    Kind.RATING_REVEAL: Phase.RATE,
    Kind.GENERATOR_REVEAL: Phase.REVEAL,
    Kind.ATTESTATION: Phase.VERIFY,
}
"""The phase that the sender of a kind of message has left.

Commitments show nothing: a member sends its own as soon as its own work is done.
"""


class Inbox:
    """One message per kind and sender, and whether it was in time.

    Args:
        weights: Of the committee's members.
    """

    def __init__(self, weights: Mapping[NodeId, int]) -> None:
        self._weights, self._total = weights, sum(weights.values())
        self._messages: dict[Kind, dict[NodeId, Signed[object]]] = {}
        self._in_time: set[Hash] = set()
        self._past: dict[NodeId, Phase] = {}

    def of(self, kind: Kind) -> dict[NodeId, Signed[object]]:
        """The first message of each sender, in time or not."""
        return self._messages.setdefault(kind, {})

    def take(self, signed: Signed[object], *, in_time: bool) -> bool:
        """Keep a message that its sender may send; False for its second one of a kind."""
        box = self.of(signed.kind)
        if signed.sender in box:
            return False
        box[signed.sender] = signed
        if in_time:
            self._in_time.add(signed.digest)
        shown = _SHOWS_PAST.get(signed.kind)
        if shown is not None:
            self._past[signed.sender] = max(shown, self._past.get(signed.sender, shown))
        return True

    def in_time(self) -> list[AttestedMessage]:
        """What of it to attest: all that came in time, but for attestations."""
        return [
            AttestedMessage(kind, sender, signed.digest)
            for kind in WAITED_FOR_IN
            if kind is not Kind.ATTESTATION
            for sender, signed in self.of(kind).items()
            if signed.digest in self._in_time
        ]

    def thirds_past(self, phase: Phase) -> int:
        """More than how many thirds of the weight have shown to be past a phase (R12), 0 to 2."""
        weight = sum(self._weights.get(node, 0) for node, past in self._past.items() if past >= phase)
        return sum(3 * weight > thirds * self._total for thirds in (1, 2))
