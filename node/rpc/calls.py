"""What is asked and answered in each remote call, where a value of the node does not say it already."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.types import JobId
from node.values import views


@dataclass(frozen=True, slots=True)
class Nothing:
    """An empty request or answer."""


@dataclass(frozen=True, slots=True)
class EnvelopeRequest:
    """An envelope to be taken."""

    envelope: bytes


@dataclass(frozen=True, slots=True)
class JobRequest:
    """Which job."""

    job: JobId


@dataclass(frozen=True, slots=True)
class JobAnswer:
    """A job."""

    job: views.JobView


@dataclass(frozen=True, slots=True)
class ListRequest:
    """How many."""

    limit: int


@dataclass(frozen=True, slots=True)
class JobsAnswer:
    """Jobs, newest first."""

    jobs: tuple[views.JobView, ...]


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """Which job, from which event on."""

    job: JobId
    after: int


@dataclass(frozen=True, slots=True)
class EventAnswer:
    """The next event."""

    event: views.JobEvent


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """What is to be explained: an id in hex, or a unique beginning of one."""

    subject: str


@dataclass(frozen=True, slots=True)
class ExplainAnswer:
    """Why."""

    explanation: views.Explanation


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """Whether it was known before."""

    known: bool


@dataclass(frozen=True, slots=True)
class ShardsRequest:
    """Of which job (empty: all), and how many."""

    job: bytes
    limit: int


@dataclass(frozen=True, slots=True)
class ShardsAnswer:
    """Shards, newest first."""

    shards: tuple[views.ShardView, ...]


@dataclass(frozen=True, slots=True)
class HeightRequest:
    """Which round; 0 for the newest certified one."""

    height: int


@dataclass(frozen=True, slots=True)
class PullRequest:
    """Which shard, from which byte on, of which file (empty: whatever there is)."""

    root: bytes
    offset: int
    file_sha256: bytes


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """What a model is asked, and how."""

    prompt: views.Prompt
    settings: views.GenerationSettings


@dataclass(frozen=True, slots=True)
class GenerateAnswer:
    """A whole answer."""

    generation: views.Generation


@dataclass(frozen=True, slots=True)
class GeneratePart:
    """The next piece of an answer, or at the end the whole of it."""

    text: str | None
    generation: views.Generation | None


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """How likely is each of these answers?"""

    prompt: views.Prompt
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """The node."""

    node: views.NodeView


@dataclass(frozen=True, slots=True)
class PeersAnswer:
    """Everybody known."""

    peers: tuple[views.PeerView, ...]


@dataclass(frozen=True, slots=True)
class ShutdownRequest:
    """Why."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReputationRequest:
    """Whose standing (empty: everybody's), with how many changes each."""

    node: bytes
    changes: int


@dataclass(frozen=True, slots=True)
class ReputationAnswer:
    """Standings."""

    members: tuple[views.ReputationView, ...]


@dataclass(frozen=True, slots=True)
class ExchangeRequest:
    """A request by a protocol of the network."""

    protocol: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ExchangeAnswer:
    """Its answer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class DeliverRequest:
    """A gossip message."""

    topic: str
    data: bytes
