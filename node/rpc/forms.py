"""Requests and answers of the services, field by field, and their bounds.

Unlike signed payloads these are read leniently in one way: unknown fields are passed over, so that a newer node can
say more than an older one understands.
"""

from __future__ import annotations

import re
from typing import Any

from consensus.types import JobStatus
from node.rpc import calls
from node.values import views
from node.wire.bodies import CERTIFICATE, COUNT, HASH, NODE, NUMBER, SCORE, SNAPSHOT
from node.wire.envelope import ENVELOPE_BYTES_MAX
from node.wire.shapes import (
    Blob,
    Choice,
    Flag,
    Integer,
    Many,
    Optional,
    Pattern,
    Real,
    Record,
    Shape,
    ShapeError,
    Text,
    clean_line,
)
from protos.swarm.v1 import exchange_service_pb2 as exchange_pb
from protos.swarm.v1 import inference_service_pb2 as inference_pb
from protos.swarm.v1 import job_service_pb2 as job_pb
from protos.swarm.v1 import node_service_pb2 as node_pb
from protos.swarm.v1 import shard_service_pb2 as shard_pb

MESSAGE_BYTES_MAX = 4 << 20
"""Of one gRPC message, either way. Nothing here comes near it but a job's table of tasks and a swarm's members."""

EXCHANGE_BYTES_MAX = 1 << 20
"""Of an exchanged request, answer or gossip message: what the network allows (`node.network.interface`)."""

PIECE_BYTES_MAX = 256 << 10
"""Of one piece of a shard's file."""

LIST_MAX = 1000
"""Jobs, shards, changes: what one call lists at most."""

_NAME = Pattern(re.compile(r"[!-~]{1,64}"))
"""Topics and protocols: printable ASCII without spaces, as the network has them."""

_MODEL_TEXT = Text(1 << 20, free=True)


class Shown(Shape[str]):
    """One line for people. What we send is cut to fit and cleaned; what we are sent must be clean already."""

    def __init__(self, high: int) -> None:
        """Take at most `high` bytes."""
        self._bounds = Text(high)
        self._high = high

    def read(self, raw: Any) -> str:
        """Refuse control characters, which could drive the reader's terminal, and excess."""
        return self._bounds.read(raw)

    def write(self, value: str) -> str:
        """Fold it into one clean line and cut it."""
        return clean_line(value, self._high)


_SHORT = Shown(200)
_LINE = Shown(1000)


class _MaybeHash(Shape[bytes]):
    """32 bytes or none."""

    def read(self, raw: Any) -> bytes:
        """Refuse any other length."""
        if len(raw) not in {0, 32}:
            raise ShapeError("wrong-length", f"{len(raw)} bytes where 0 or 32 are allowed")
        return bytes(raw)

    def write(self, value: bytes) -> bytes:
        """As it is."""
        return self.read(value)


_MAYBE_HASH = _MaybeHash()
_ENVELOPE = Blob(1, ENVELOPE_BYTES_MAX)
_LIMIT = Integer(0, LIST_MAX)


def _check_part(part: calls.GeneratePart) -> None:
    if (part.text is None) == (part.generation is None):
        raise ShapeError("missing-field", "either a piece of text or the whole answer")


_JOB_VIEW = Record(
    views.JobView,
    job_pb.JobView,
    job=HASH,
    coordinator=NODE,
    title=_SHORT,
    status=Choice(JobStatus, dict(job_pb.JobStatus.items()), "JOB_STATUS_"),
    admitted=NUMBER,
    deadline_unix_s=NUMBER,
    budget=NUMBER,
    issued=NUMBER,
    rows=NUMBER,
    tasks=Many(
        Record(
            views.TaskView,
            job_pb.TaskView,
            crate=_SHORT,
            category=_SHORT,
            quota=COUNT,
            accepted=COUNT,
            attempts=COUNT,
            in_flight=COUNT,
            exhausted=Flag(),
            note=_SHORT,
        ),
        30_000,
    ),
    states=Many(Record(views.StateCount, job_pb.StateCount, state=_SHORT, count=NUMBER), 64),
)
_PROMPT = Record(views.Prompt, inference_pb.Prompt, system=_MODEL_TEXT, user=_MODEL_TEXT)
_SETTINGS = Record(
    views.GenerationSettings,
    inference_pb.GenerationSettings,
    max_tokens=Integer(1, 1 << 17),
    temperature_milli=Integer(0, 2000),
    top_p_milli=Integer(1, 1000),
    seed=NUMBER,
    json_schema=Text(64 << 10, free=True),
)
_GENERATION = Record(
    views.Generation,
    inference_pb.Generation,
    text=_MODEL_TEXT,
    finish=_SHORT,
    prompt_tokens=COUNT,
    completion_tokens=COUNT,
    model=_SHORT,
)
_REPUTATION_VIEW = Record(
    views.ReputationView,
    node_pb.ReputationView,
    node=NODE,
    owner=_SHORT,
    reputation_bp=SCORE,
    weight=NUMBER,
    maturity_bp=SCORE,
    discrimination_bp=SCORE,
    accuracy_bp=SCORE,
    fairness_bp=SCORE,
    generating_bp=SCORE,
    suspended_until=NUMBER,
    coming_weight=NUMBER,
    changes=Many(
        Record(
            views.ReputationChange,
            node_pb.ReputationChange,
            height=NUMBER,
            header=HASH,
            reason=_LINE,
            before_bp=SCORE,
            after_bp=SCORE,
        ),
        LIST_MAX,
    ),
)
_NODE_VIEW = Record(
    views.NodeView,
    node_pb.NodeView,
    node=NODE,
    owner=_SHORT,
    software=_SHORT,
    protocol=COUNT,
    network=HASH,
    preset=_SHORT,
    preset_hash=HASH,
    height=NUMBER,
    epoch=NUMBER,
    started_unix_s=NUMBER,
    engine=_SHORT,
    activity=_LINE,
    components=Many(
        Record(views.ComponentView, node_pb.ComponentView, name=_SHORT, well=Flag(), text=_LINE, waits_for=_SHORT), 100
    ),
    counters=Many(Record(views.Counter, node_pb.Counter, name=_SHORT, value=NUMBER), 1000),
)

SUBMIT_REQUEST = Record(calls.EnvelopeRequest, job_pb.JobServiceSubmitRequest, envelope=_ENVELOPE)
SUBMIT_ANSWER = Record(views.Receipt, job_pb.JobServiceSubmitResponse, job=HASH, known=Flag())
GET_JOB_REQUEST = Record(calls.JobRequest, job_pb.JobServiceGetRequest, job=HASH)
GET_JOB_ANSWER = Record(calls.JobAnswer, job_pb.JobServiceGetResponse, job=_JOB_VIEW)
LIST_JOBS_REQUEST = Record(calls.ListRequest, job_pb.JobServiceListRequest, limit=_LIMIT)
LIST_JOBS_ANSWER = Record(calls.JobsAnswer, job_pb.JobServiceListResponse, jobs=Many(_JOB_VIEW, LIST_MAX))
WATCH_REQUEST = Record(calls.WatchRequest, job_pb.JobServiceWatchRequest, job=HASH, after=NUMBER)
WATCH_ANSWER = Record(
    calls.EventAnswer,
    job_pb.JobServiceWatchResponse,
    event=Record(
        views.JobEvent,
        job_pb.JobEvent,
        number=NUMBER,
        at_unix_ms=NUMBER,
        height=NUMBER,
        name=_SHORT,
        text=_LINE,
        final=Flag(),
    ),
)
EXPLAIN_REQUEST = Record(
    calls.ExplainRequest, job_pb.JobServiceExplainRequest, subject=Pattern(re.compile(r"[0-9a-f]{8,64}"))
)
EXPLAIN_ANSWER = Record(
    calls.ExplainAnswer,
    job_pb.JobServiceExplainResponse,
    explanation=Record(
        views.Explanation,
        job_pb.Explanation,
        subject=_SHORT,
        answer=_LINE,
        steps=Many(
            Record(views.ExplainedStep, job_pb.ExplainedStep, rule=_SHORT, text=_LINE, source=_MAYBE_HASH), LIST_MAX
        ),
    ),
)
CANCEL_REQUEST = Record(calls.EnvelopeRequest, job_pb.JobServiceCancelRequest, envelope=_ENVELOPE)
CANCEL_ANSWER = Record(calls.KnownAnswer, job_pb.JobServiceCancelResponse, known=Flag())

LIST_SHARDS_REQUEST = Record(calls.ShardsRequest, shard_pb.ShardServiceListRequest, job=_MAYBE_HASH, limit=_LIMIT)
LIST_SHARDS_ANSWER = Record(
    calls.ShardsAnswer,
    shard_pb.ShardServiceListResponse,
    shards=Many(
        Record(
            views.ShardView,
            shard_pb.ShardView,
            root=HASH,
            job=HASH,
            height=NUMBER,
            header=HASH,
            rows=COUNT,
            file_bytes=NUMBER,
            file_sha256=HASH,
            split=_NAME,
            certificate_bytes=NUMBER,
            certificate_sha256=HASH,
        ),
        LIST_MAX,
    ),
)
CERTIFICATE_REQUEST = Record(calls.HeightRequest, shard_pb.ShardServiceGetCertificateRequest, height=NUMBER)
CERTIFICATE_ANSWER = Record(
    views.CertifiedRound,
    shard_pb.ShardServiceGetCertificateResponse,
    certificate=CERTIFICATE,
    snapshot=Optional(SNAPSHOT),
)
PULL_REQUEST = Record(
    calls.PullRequest, shard_pb.ShardServicePullRequest, root=HASH, offset=NUMBER, file_sha256=_MAYBE_HASH
)
PULL_ANSWER = Record(views.ShardPiece, shard_pb.ShardServicePullResponse, offset=NUMBER, data=Blob(1, PIECE_BYTES_MAX))

DESCRIBE_REQUEST = Record(calls.Nothing, inference_pb.InferenceServiceDescribeRequest)
DESCRIBE_ANSWER = Record(
    views.ModelView,
    inference_pb.InferenceServiceDescribeResponse,
    model=_SHORT,
    backend=_SHORT,
    context_tokens=COUNT,
    schema_enforced=Flag(),
)
GENERATE_REQUEST = Record(
    calls.GenerateRequest, inference_pb.InferenceServiceGenerateRequest, prompt=_PROMPT, settings=_SETTINGS
)
GENERATE_ANSWER = Record(calls.GenerateAnswer, inference_pb.InferenceServiceGenerateResponse, generation=_GENERATION)
GENERATE_STREAM_REQUEST = Record(
    calls.GenerateRequest, inference_pb.InferenceServiceGenerateStreamRequest, prompt=_PROMPT, settings=_SETTINGS
)
GENERATE_STREAM_ANSWER = Record(
    calls.GeneratePart,
    inference_pb.InferenceServiceGenerateStreamResponse,
    check=_check_part,
    text=Optional(_MODEL_TEXT),
    generation=Optional(_GENERATION),
)
SCORE_REQUEST = Record(
    calls.ScoreRequest,
    inference_pb.InferenceServiceScoreRequest,
    prompt=_PROMPT,
    choices=Many(Text(4096, low=1, free=True), 64, low=1),
)
SCORE_ANSWER = Record(
    views.ChoiceScores,
    inference_pb.InferenceServiceScoreResponse,
    log_probabilities=Many(Real(), 64),
    model=_SHORT,
    method=_SHORT,
)

STATUS_REQUEST = Record(calls.Nothing, node_pb.NodeServiceStatusRequest)
STATUS_ANSWER = Record(calls.StatusAnswer, node_pb.NodeServiceStatusResponse, node=_NODE_VIEW)
PEERS_REQUEST = Record(calls.Nothing, node_pb.NodeServicePeersRequest)
PEERS_ANSWER = Record(
    calls.PeersAnswer,
    node_pb.NodeServicePeersResponse,
    peers=Many(
        Record(
            views.PeerView,
            node_pb.PeerView,
            node=NODE,
            addresses=Many(_SHORT, 64),
            connected=Flag(),
            via=_SHORT,
            source=_SHORT,
        ),
        16_384,
    ),
)
SHUTDOWN_REQUEST = Record(calls.ShutdownRequest, node_pb.NodeServiceShutdownRequest, reason=_SHORT)
SHUTDOWN_ANSWER = Record(calls.Nothing, node_pb.NodeServiceShutdownResponse)
REPUTATION_REQUEST = Record(
    calls.ReputationRequest, node_pb.NodeServiceReputationRequest, node=_MAYBE_HASH, changes=_LIMIT
)
REPUTATION_ANSWER = Record(
    calls.ReputationAnswer, node_pb.NodeServiceReputationResponse, members=Many(_REPUTATION_VIEW, 16_384)
)

EXCHANGE_REQUEST = Record(
    calls.ExchangeRequest, exchange_pb.ExchangeServiceRequestRequest, protocol=_NAME, data=Blob(0, EXCHANGE_BYTES_MAX)
)
EXCHANGE_ANSWER = Record(
    calls.ExchangeAnswer, exchange_pb.ExchangeServiceRequestResponse, data=Blob(0, EXCHANGE_BYTES_MAX)
)
DELIVER_REQUEST = Record(
    calls.DeliverRequest, exchange_pb.ExchangeServiceDeliverRequest, topic=_NAME, data=Blob(0, EXCHANGE_BYTES_MAX)
)
DELIVER_ANSWER = Record(calls.Nothing, exchange_pb.ExchangeServiceDeliverResponse)
