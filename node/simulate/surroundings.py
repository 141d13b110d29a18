"""What a simulated member sees of the swarm that it lives in, and of the other members there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from consensus.genesis import Genesis
from consensus.params import Preset
from consensus.types import Hash, NodeId
from node.pipeline import Pipeline
from node.pipeline.effects import Decided, Effect, Message
from node.simulate.clockwork import Clockwork, SimulatedNetwork
from node.simulate.disks import Disk
from node.simulate.opinions import Truth
from node.simulate.transitions import SharedTransitions
from node.wire import Domain


class Surroundings(Protocol):
    """The swarm, as its members see it: time, network, what all of them share, and an onlooker to tell things to."""

    clockwork: Clockwork
    network: SimulatedNetwork
    genesis: Genesis
    preset: Preset
    domain: Domain
    truth: Truth
    transitions: SharedTransitions
    friends: frozenset[NodeId]
    """Of each other: all adversaries."""
    refused: dict[str, int]
    """How many messages pipelines refused, by rule."""

    @property
    def members(self) -> Sequence[Peer]:
        """All of them, by index."""

    def fork(self, purpose: str) -> Random:
        """Chance of its own for a purpose."""

    def decode(self, envelope: bytes) -> Message:
        """A verified message."""

    def note_sent(self, message: Message, size: int) -> None:
        """A member sends so many bytes to one other."""

    def decided(self, member: Peer, decided: Decided) -> None:
        """A member has decided a round."""

    def violate(self, what: str) -> None:
        """Something happened that must not."""

    def tell(self, line: str) -> None:
        """Add a line to the transcript."""


class Peer(Protocol):
    """A member, as others see it that send it something, ask it or answer it."""

    index: int
    node: NodeId
    chance: Random
    up: bool
    disk: Disk
    pipeline: Pipeline

    @property
    def swarm(self) -> Surroundings:
        """Where it lives."""

    @property
    def catching_up(self) -> Answering:
        """Its part in asking and answering."""

    def later(self, delay_ms: int, act: Callable[[], None]) -> None:
        """Do something after a while, unless it dies meanwhile."""

    def put(self, fact: Callable[[], Iterable[Effect]]) -> None:
        """Take in a fact, after those that are waiting."""

    def receive(self, message: Message, envelope: bytes) -> None:
        """A message has arrived."""

    def store(self, message: Message, envelope: bytes) -> None:
        """Keep a message."""

    def take(self, message: Message) -> Iterable[Effect]:
        """Hand a message to the pipeline."""

    def hold(self, height: int, task: int, content: Hash, tag: Hash) -> None:
        """A content has arrived."""

    def sign(self, body: Any) -> tuple[Message, bytes]:
        """A message of this member and its envelope."""


class Answering(Protocol):
    """A member's side of having again what the network lost."""

    def on_asked(self, asker: Peer, height: int, wanted: frozenset[Hash]) -> None:
        """Give what the asker lacks."""

    def on_answer(self, giver: Peer, answer: Answer) -> None:
        """Take in what another gave."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one member gives another that asked."""

    messages: tuple[Hash, ...]
    held: tuple[tuple[int, int, Hash, Hash], ...]
    """(height, task, content, tag of its ticket)"""
    rounds: tuple[tuple[int, tuple[Hash, ...], Hash], ...]
    """(height, attestations, digest of the certificate's message) of decided rounds."""
