"""What stands behind the services: small interfaces that the node implements and this room calls.

A desk gets values whose form, bounds and, where they are signed, signatures hold. It answers with values or raises
the node's errors (`node.errors`), which reach the caller as the same error: `OperatorError` for what a person must
change (with `ExitCode.NOT_SO` for "there is no such thing"), `TransientError` for not now, `PeerFaultError` for a
caller that broke a rule. Anything else is our bug: logged here, and told to the caller as no more than that.

A call is cancelled when its caller has gone or its time is up. Desks run on the event loop and must not block it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from consensus.types import Hash, JobId, NodeId, Signed
from node.values import views
from node.values.job import JobCancel, JobSpec


class JobDesk(Protocol):
    """Jobs, for coordinators."""

    async def submit(self, job: Signed[JobSpec], envelope: bytes) -> views.Receipt:
        """Take a job whose signature holds; `envelope` is what was signed, to be stored and passed on as it is.

        Who signed need not be who is connected. What the terms mean here and now (deadline, preset, crates) is
        for the desk to judge.
        """
        ...

    async def cancel(self, cancel: Signed[JobCancel], envelope: bytes) -> bool:
        """Take a cancellation; whether it was known before. The desk checks that the job's coordinator signed it."""
        ...

    async def get(self, job: JobId) -> views.JobView:
        """One job."""
        ...

    async def list_jobs(self, limit: int) -> tuple[views.JobView, ...]:
        """The newest jobs, their `tasks` left empty."""
        ...

    def watch(self, job: JobId, after: int) -> AsyncGenerator[views.JobEvent, None]:
        """What happens to a job: the events after number `after`, then each as it comes; ends with the final one."""
        ...

    async def explain(self, subject: str) -> views.Explanation:
        """Why: `subject` is 8 to 64 hexadecimal digits, the beginning of an id or content hash."""
        ...


class ShardDesk(Protocol):
    """Certified shards."""

    async def list_shards(self, job: JobId | None, limit: int) -> tuple[views.ShardView, ...]:
        """The newest shards, of one job or of all."""
        ...

    async def certificate(self, height: int) -> views.CertifiedRound:
        """The certificate of a round; height 0 means the newest."""
        ...

    def pull(self, root: Hash, offset: int, file_sha256: bytes) -> AsyncGenerator[views.ShardPiece, None]:
        """A shard's file from a byte on, in order, in pieces of at most `forms.PIECE_BYTES_MAX`.

        `file_sha256` names the file meant, or its certificate bundle; with another one at hand the desk refuses. Empty
        means the shard's only file. An offset at the file's end gives nothing, one beyond it is refused.
        """
        ...


class InferenceDesk(Protocol):
    """A language model."""

    async def describe(self) -> views.ModelView:
        """Which one."""
        ...

    async def generate(self, prompt: views.Prompt, settings: views.GenerationSettings) -> views.Generation:
        """One whole answer."""
        ...

    def generate_stream(
        self, prompt: views.Prompt, settings: views.GenerationSettings
    ) -> AsyncGenerator[str | views.Generation, None]:
        """Pieces of text as they come, then the whole answer once."""
        ...

    async def score(self, prompt: views.Prompt, choices: tuple[str, ...]) -> views.ChoiceScores:
        """How likely the model finds each choice."""
        ...


class NodeDesk(Protocol):
    """The node itself."""

    async def status(self) -> views.NodeView:
        """How it is."""
        ...

    async def peers(self) -> tuple[views.PeerView, ...]:
        """Everybody it knows."""
        ...

    async def shutdown(self, reason: str, by: NodeId) -> None:
        """Begin to stop; returns at once, so that the caller still gets its answer."""
        ...

    async def reputation(self, node: NodeId | None, changes: int) -> tuple[views.ReputationView, ...]:
        """One member's or all members' standing, with at most `changes` changes each."""
        ...


class ExchangeDesk(Protocol):
    """The network's requests and gossip, by another way."""

    async def request(self, caller: NodeId, protocol: str, data: bytes) -> bytes:
        """Answer a request as if it had come over the network."""
        ...

    async def deliver(self, caller: NodeId, topic: str, data: bytes) -> None:
        """Take a gossip message as if `caller` had forwarded it."""
        ...


@dataclass(frozen=True, slots=True)
class Desks:
    """All of them. A node without a model has no inference desk."""

    jobs: JobDesk
    shards: ShardDesk
    node: NodeDesk
    exchange: ExchangeDesk
    inference: InferenceDesk | None = None
