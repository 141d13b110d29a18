"""What members have said of rounds that are not decided yet: the first of every slot, its conflicts, early votes.

It only keeps and finds; whether a message belongs here at all, and what follows from it, the pipeline knows.
"""

from __future__ import annotations

from consensus.evidence import MessageSlot, slot_of
from consensus.types import Certificate, Hash, Proposal
from node.pipeline.effects import Message

EARLY_PER_MEMBER_MAX = 32
"""Votes and proposals kept of one member for an agreement that has not begun here: what it could send in ten views."""


def height_of(message: Message) -> int:
    """The round a message belongs to, 0 for none."""
    if isinstance(message.body, Proposal | Certificate):
        return message.body.header.height
    return int(getattr(message.body, "height", 0))


class MessageBook:
    """Messages by height and by slot, in bounded memory.

    Args:
        conflicts_kept: How many different messages of one slot are kept (R2).
    """

    def __init__(self, conflicts_kept: int) -> None:
        self._conflicts_kept = conflicts_kept
        self._by_height: dict[int, dict[Hash, Message]] = {}
        self._by_slot: dict[MessageSlot, list[Message]] = {}
        self._early: list[Message] = []

    def at(self, height: int) -> dict[Hash, Message]:
        """What is kept of a round, in the order in which it came."""
        return self._by_height.get(height, {})

    def has(self, message: Message) -> bool:
        """Whether it is kept."""
        return message.digest in self.at(height_of(message))

    def fill_slot(self, message: Message) -> tuple[bool, Message | None]:
        """Take the message's place in its slot (R2).

        Returns:
            Whether there was one left, and the message before if this is the slot's second: an equivocation.
        """
        slot = self._by_slot.setdefault(slot_of(message), [])
        if len(slot) >= self._conflicts_kept:
            return False, None
        slot.append(message)
        return True, slot[0] if len(slot) == 2 else None

    def keep(self, message: Message) -> None:
        """Keep it under its height."""
        self._by_height.setdefault(height_of(message), {})[message.digest] = message

    def keep_early(self, message: Message) -> None:
        """Keep a member's vote or proposal for an agreement to come, if it has not sent too many."""
        same = [item for item in self._early if item.sender == message.sender]
        if len(same) < EARLY_PER_MEMBER_MAX and message not in same:
            self._early.append(message)

    def early(self, height: int) -> list[Message]:
        """Early votes and proposals of a height."""
        return [item for item in self._early if height_of(item) == height]

    def take_early(self, height: int) -> list[Message]:
        """Early votes and proposals of a height, forgotten here. Those of later ones stay: none comes twice."""
        early = self.early(height)
        self._early = [item for item in self._early if height_of(item) != height]
        return early

    def forget(self, height: int) -> None:
        """A round is decided: nothing of it or before is needed any more."""
        self._by_height.pop(height, None)
        self._by_slot = {slot: kept for slot, kept in self._by_slot.items() if slot.height > height}
        self._early = [item for item in self._early if height_of(item) > height]
