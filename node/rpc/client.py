"""Everything that can be asked of a node, for the command line and for other nodes.

    async with NodeClient.connect("127.0.0.1:7000", key) as node:
        view = await node.status()

Errors are those of `Link.call`. Each call has the table's time limit unless it is given another.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Self

from consensus.types import Hash, JobId, NodeId
from node.errors import OperatorError, PeerFaultError
from node.identity import NodeKey, short_name
from node.rpc import calls, methods
from node.rpc.binding import LeafKeeper
from node.rpc.forms import LIST_MAX
from node.rpc.link import Link
from node.rpc.target import parse_target
from node.values import views


class NodeClient:
    """A node, as seen from outside."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @classmethod
    def connect(
        cls, target: str, key: NodeKey, *, node: NodeId | None = None, clock: Callable[[], float] = time.time
    ) -> NodeClient:
        """Prepare to call a node; the connection is made by the first call.

        Args:
            target: As `parse_target` reads it.
            key: Whose calls these are.
            node: Who must answer. Where neither this nor `target` says it, the node that listens there is taken
                and held to: good for public answers, not for secrets.
            clock: Seconds since 1970.

        Raises:
            OperatorError: `target` is no address, or names another node than `node`.
        """
        parsed = parse_target(target)
        if node is not None:
            if parsed.node not in {None, node}:
                raise OperatorError(
                    f"{target} names another node than {short_name(node)}", hint="Leave one of the two node ids out."
                )
            parsed = replace(parsed, node=node)
        return cls(Link(parsed, LeafKeeper(key, clock=clock), clock=clock))

    @property
    def node(self) -> NodeId | None:
        """Who answered; None before the first call where nobody was demanded."""
        return self._link.node

    async def close(self) -> None:
        """End the connection. Idempotent."""
        await self._link.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    # Jobs

    async def submit_job(self, envelope: bytes, *, timeout_s: float = methods.SUBMIT.limit_s) -> views.Receipt:
        """Hand in a signed job (`wire.seal_message`)."""
        return await self._link.call(methods.SUBMIT, calls.EnvelopeRequest(envelope), timeout_s=timeout_s)

    async def cancel_job(self, envelope: bytes, *, timeout_s: float = methods.CANCEL.limit_s) -> bool:
        """Hand in a signed cancellation; whether the node knew it."""
        request = calls.EnvelopeRequest(envelope)
        return (await self._link.call(methods.CANCEL, request, timeout_s=timeout_s)).known

    async def get_job(self, job: JobId, *, timeout_s: float = methods.GET_JOB.limit_s) -> views.JobView:
        """One job with its tasks."""
        return (await self._link.call(methods.GET_JOB, calls.JobRequest(job), timeout_s=timeout_s)).job

    async def list_jobs(
        self, limit: int = LIST_MAX, *, timeout_s: float = methods.LIST_JOBS.limit_s
    ) -> tuple[views.JobView, ...]:
        """The newest jobs, without their tasks."""
        return (await self._link.call(methods.LIST_JOBS, calls.ListRequest(limit), timeout_s=timeout_s)).jobs

    async def watch_job(
        self, job: JobId, after: int = 0, *, timeout_s: float = methods.WATCH.limit_s
    ) -> AsyncGenerator[views.JobEvent, None]:
        """What happens to a job, after event number `after`; ends with the final event.

        A TransientError leaves the watcher free to go on from the last event that it saw.
        """
        request = calls.WatchRequest(job, after)
        async with contextlib.aclosing(self._link.stream(methods.WATCH, request, timeout_s=timeout_s)) as answers:
            async for answer in answers:
                yield answer.event

    async def explain(self, subject: str, *, timeout_s: float = methods.EXPLAIN.limit_s) -> views.Explanation:
        """Why: for an id or content hash in hex, or at least its first eight digits."""
        request = calls.ExplainRequest(subject)
        return (await self._link.call(methods.EXPLAIN, request, timeout_s=timeout_s)).explanation

    # Shards

    async def list_shards(
        self, job: JobId | None = None, limit: int = LIST_MAX, *, timeout_s: float = methods.LIST_SHARDS.limit_s
    ) -> tuple[views.ShardView, ...]:
        """The newest shards, of one job or of all."""
        request = calls.ShardsRequest(job or b"", limit)
        return (await self._link.call(methods.LIST_SHARDS, request, timeout_s=timeout_s)).shards

    async def get_certificate(
        self, height: int = 0, *, timeout_s: float = methods.GET_CERTIFICATE.limit_s
    ) -> views.CertifiedRound:
        """A round's certificate, unverified; height 0 for the newest."""
        return await self._link.call(methods.GET_CERTIFICATE, calls.HeightRequest(height), timeout_s=timeout_s)

    async def pull_shard(
        self, root: Hash, offset: int = 0, file_sha256: bytes = b"", *, timeout_s: float = methods.PULL.limit_s
    ) -> AsyncGenerator[bytes, None]:
        """A shard's file from byte `offset` on, without gaps; unverified. To go on with a begun file, name it.

        Raises, besides the errors of every call:
            PeerFaultError: A piece does not follow the one before it (`wrong-offset`).
        """
        request = calls.PullRequest(root, offset, file_sha256)
        async with contextlib.aclosing(self._link.stream(methods.PULL, request, timeout_s=timeout_s)) as pieces:
            async for piece in pieces:
                if piece.offset != offset:
                    raise PeerFaultError("wrong-offset", f"bytes from {piece.offset} on where {offset} was due")
                offset += len(piece.data)
                yield piece.data

    # Inference

    async def describe_model(self, *, timeout_s: float = methods.DESCRIBE.limit_s) -> views.ModelView:
        """Which model the node lets us use."""
        return await self._link.call(methods.DESCRIBE, calls.Nothing(), timeout_s=timeout_s)

    async def generate(
        self, prompt: views.Prompt, settings: views.GenerationSettings, *, timeout_s: float = methods.GENERATE.limit_s
    ) -> views.Generation:
        """A whole answer of the node's model."""
        request = calls.GenerateRequest(prompt, settings)
        return (await self._link.call(methods.GENERATE, request, timeout_s=timeout_s)).generation

    async def generate_stream(
        self,
        prompt: views.Prompt,
        settings: views.GenerationSettings,
        *,
        timeout_s: float = methods.GENERATE_STREAM.limit_s,
    ) -> AsyncGenerator[str | views.Generation, None]:
        """Pieces of text as they come, then the whole answer once."""
        stream = self._link.stream(
            methods.GENERATE_STREAM, calls.GenerateRequest(prompt, settings), timeout_s=timeout_s
        )
        async with contextlib.aclosing(stream) as parts:
            async for part in parts:
                if part.text is not None:
                    yield part.text
                if part.generation is not None:
                    yield part.generation

    async def score(
        self, prompt: views.Prompt, choices: tuple[str, ...], *, timeout_s: float = methods.SCORE.limit_s
    ) -> views.ChoiceScores:
        """How likely the node's model finds each choice."""
        scores = await self._link.call(methods.SCORE, calls.ScoreRequest(prompt, choices), timeout_s=timeout_s)
        if len(scores.log_probabilities) != len(choices):
            raise PeerFaultError("malformed-answer", f"{len(scores.log_probabilities)} scores for {len(choices)}")
        return scores

    # The node

    async def status(self, *, timeout_s: float = methods.STATUS.limit_s) -> views.NodeView:
        """How the node is; also names the network that messages must be signed for."""
        return (await self._link.call(methods.STATUS, calls.Nothing(), timeout_s=timeout_s)).node

    async def peers(self, *, timeout_s: float = methods.PEERS.limit_s) -> tuple[views.PeerView, ...]:
        """Everybody the node knows."""
        return (await self._link.call(methods.PEERS, calls.Nothing(), timeout_s=timeout_s)).peers

    async def shutdown(self, reason: str, *, timeout_s: float = methods.SHUTDOWN.limit_s) -> None:
        """Tell the node to stop; returns when it has begun to."""
        await self._link.call(methods.SHUTDOWN, calls.ShutdownRequest(reason), timeout_s=timeout_s)

    async def reputation(
        self, node: NodeId | None = None, changes: int = 0, *, timeout_s: float = methods.REPUTATION.limit_s
    ) -> tuple[views.ReputationView, ...]:
        """One member's or all members' standing, with at most `changes` changes each."""
        request = calls.ReputationRequest(node or b"", changes)
        return (await self._link.call(methods.REPUTATION, request, timeout_s=timeout_s)).members

    # Exchange

    async def request(self, protocol: str, data: bytes, *, timeout_s: float = methods.REQUEST.limit_s) -> bytes:
        """Ask by a protocol of the network, e.g. `fetch/1`."""
        request = calls.ExchangeRequest(protocol, data)
        return (await self._link.call(methods.REQUEST, request, timeout_s=timeout_s)).data

    async def deliver(self, topic: str, data: bytes, *, timeout_s: float = methods.DELIVER.limit_s) -> None:
        """Hand on a gossip message."""
        await self._link.call(methods.DELIVER, calls.DeliverRequest(topic, data), timeout_s=timeout_s)
