"""From requests to desks: which desk's method answers which call, and what is verified on the way."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

from consensus.types import Hash, JobId, NodeId, Signed
from node.errors import OperatorError, PeerFaultError
from node.rpc import calls, methods
from node.rpc.desks import Desks, InferenceDesk
from node.rpc.methods import Method
from node.values import views
from node.values.job import JobCancel, JobSpec
from node.wire.envelope import Domain
from node.wire.messages import decode_message

BodyT = TypeVar("BodyT")
UnaryAct = Callable[[NodeId, Any], Awaitable[Any]]
StreamAct = Callable[[NodeId, Any], AsyncGenerator[Any, None]]


class Services:
    """Every call of the table, answered by the desks."""

    def __init__(self, desks: Desks, domain: Domain) -> None:
        self._desks = desks
        self._domain = domain
        self.unary: dict[Method[Any, Any], UnaryAct] = {
            methods.SUBMIT: self._submit,
            methods.GET_JOB: self._get_job,
            methods.LIST_JOBS: self._list_jobs,
            methods.EXPLAIN: self._explain,
            methods.CANCEL: self._cancel,
            methods.LIST_SHARDS: self._list_shards,
            methods.GET_CERTIFICATE: self._get_certificate,
            methods.DESCRIBE: self._describe,
            methods.GENERATE: self._generate,
            methods.SCORE: self._score,
            methods.STATUS: self._status,
            methods.PEERS: self._peers,
            methods.SHUTDOWN: self._shutdown,
            methods.REPUTATION: self._reputation,
            methods.REQUEST: self._request,
            methods.DELIVER: self._deliver,
        }
        self.stream: dict[Method[Any, Any], StreamAct] = {
            methods.WATCH: self._watch,
            methods.PULL: self._pull,
            methods.GENERATE_STREAM: self._generate_stream,
        }

    # Jobs

    async def _submit(self, _caller: NodeId, request: calls.EnvelopeRequest) -> views.Receipt:
        return await self._desks.jobs.submit(self._open(request.envelope, JobSpec), request.envelope)

    async def _cancel(self, _caller: NodeId, request: calls.EnvelopeRequest) -> calls.KnownAnswer:
        cancel = self._open(request.envelope, JobCancel)
        return calls.KnownAnswer(await self._desks.jobs.cancel(cancel, request.envelope))

    def _open(self, envelope: bytes, kind: type[BodyT]) -> Signed[BodyT]:
        signed = decode_message(self._domain, envelope)
        if not isinstance(signed.body, kind):
            raise PeerFaultError("wrong-kind", f"{signed.kind.name} is not what this call takes")
        return Signed(signed.sender, signed.kind, signed.digest, signed.body)

    async def _get_job(self, _caller: NodeId, request: calls.JobRequest) -> calls.JobAnswer:
        return calls.JobAnswer(await self._desks.jobs.get(request.job))

    async def _list_jobs(self, _caller: NodeId, request: calls.ListRequest) -> calls.JobsAnswer:
        return calls.JobsAnswer(await self._desks.jobs.list_jobs(request.limit))

    async def _watch(self, _caller: NodeId, request: calls.WatchRequest) -> AsyncGenerator[calls.EventAnswer, None]:
        async for event in self._desks.jobs.watch(request.job, request.after):
            yield calls.EventAnswer(event)

    async def _explain(self, _caller: NodeId, request: calls.ExplainRequest) -> calls.ExplainAnswer:
        return calls.ExplainAnswer(await self._desks.jobs.explain(request.subject))

    # Shards

    async def _list_shards(self, _caller: NodeId, request: calls.ShardsRequest) -> calls.ShardsAnswer:
        job = JobId(request.job) if request.job else None
        return calls.ShardsAnswer(await self._desks.shards.list_shards(job, request.limit))

    async def _get_certificate(self, _caller: NodeId, request: calls.HeightRequest) -> views.CertifiedRound:
        return await self._desks.shards.certificate(request.height)

    def _pull(self, _caller: NodeId, request: calls.PullRequest) -> AsyncGenerator[views.ShardPiece, None]:
        return self._desks.shards.pull(Hash(request.root), request.offset, request.file_sha256)

    # Inference

    async def _describe(self, _caller: NodeId, _request: calls.Nothing) -> views.ModelView:
        return await self._model().describe()

    async def _generate(self, _caller: NodeId, request: calls.GenerateRequest) -> calls.GenerateAnswer:
        return calls.GenerateAnswer(await self._model().generate(request.prompt, request.settings))

    async def _generate_stream(
        self, _caller: NodeId, request: calls.GenerateRequest
    ) -> AsyncGenerator[calls.GeneratePart, None]:
        async for part in self._model().generate_stream(request.prompt, request.settings):
            yield calls.GeneratePart(part, None) if isinstance(part, str) else calls.GeneratePart(None, part)

    async def _score(self, _caller: NodeId, request: calls.ScoreRequest) -> views.ChoiceScores:
        return await self._model().score(request.prompt, request.choices)

    def _model(self) -> InferenceDesk:
        if self._desks.inference is None:
            raise OperatorError(
                "this node has no language model", hint="Ask a node whose `status` names an engine with a model."
            )
        return self._desks.inference

    # The node

    async def _status(self, _caller: NodeId, _request: calls.Nothing) -> calls.StatusAnswer:
        return calls.StatusAnswer(await self._desks.node.status())

    async def _peers(self, _caller: NodeId, _request: calls.Nothing) -> calls.PeersAnswer:
        return calls.PeersAnswer(await self._desks.node.peers())

    async def _shutdown(self, caller: NodeId, request: calls.ShutdownRequest) -> calls.Nothing:
        await self._desks.node.shutdown(request.reason, caller)
        return calls.Nothing()

    async def _reputation(self, _caller: NodeId, request: calls.ReputationRequest) -> calls.ReputationAnswer:
        node = NodeId(request.node) if request.node else None
        return calls.ReputationAnswer(await self._desks.node.reputation(node, request.changes))

    # Exchange

    async def _request(self, caller: NodeId, request: calls.ExchangeRequest) -> calls.ExchangeAnswer:
        return calls.ExchangeAnswer(await self._desks.exchange.request(caller, request.protocol, request.data))

    async def _deliver(self, caller: NodeId, request: calls.DeliverRequest) -> calls.Nothing:
        await self._desks.exchange.deliver(caller, request.topic, request.data)
        return calls.Nothing()
