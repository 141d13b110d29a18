"""What a simulated member still has when its process has died."""

from __future__ import annotations

from dataclasses import dataclass, field

from consensus.evidence import MessageSlot
from consensus.types import ChainState, Hash, SlotOpening
from node.driver.courier import height_of
from node.pipeline.effects import Decided, Message


@dataclass(slots=True)
class Disk:
    """What a member still has when it comes back."""

    state: ChainState | None = None
    messages: dict[Hash, Message] = field(default_factory=dict)
    envelopes: dict[Hash, bytes] = field(default_factory=dict)
    slots: dict[MessageSlot, Message] = field(default_factory=dict)
    """What was signed (R4)."""
    rounds: dict[int, Decided] = field(default_factory=dict)
    filled: dict[int, tuple[SlotOpening, ...]] = field(default_factory=dict)
    held: dict[int, dict[tuple[int, Hash], Hash]] = field(default_factory=dict)
    """Contents at hand by height, and by task and tag of the ticket."""
    heights: dict[int, list[Message]] = field(default_factory=dict)
    """The same messages by the round they belong to."""

    def store(self, message: Message, envelope: bytes) -> None:
        """Keep a message."""
        if message.digest not in self.messages:
            self.heights.setdefault(height_of(message), []).append(message)
        self.messages[message.digest] = message
        self.envelopes[message.digest] = envelope

    def at(self, *heights: int) -> list[Message]:
        """The messages of these rounds; height 0 has jobs, cancellations and evidence."""
        return [message for height in heights for message in self.heights.get(height, ())]
