"""Everything that can be called, and who may: the one table that servers and clients follow.

Keys are free to make, so `KEYED` keeps nobody out; it makes callers countable and answerable. What a keyed caller can
change is limited to what the message itself proves: jobs and cancellations carry their coordinator's signature,
exchanged messages their sender's. Only `OPERATOR` calls act on the caller's word.

Health and reflection are not in the table: they are read without a key, on a port of their own that is bound to the
loopback address (`server`). Nothing else is served there, so nothing can be changed without a key from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from node.rpc import forms
from node.wire.shapes import Record

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")


class Access(Enum):
    """Who may call a method."""

    KEYED = "keyed"
    """Anybody who proves a node key."""
    MODEL_USER = "model-user"
    """Those of the operator, and the nodes that its operator lets use its model."""
    OPERATOR = "operator"
    """The node's own key, and the keys that its operator named."""


@dataclass(frozen=True, slots=True)
class Method(Generic[RequestT, AnswerT]):
    """One remote call."""

    service: str
    name: str
    request: Record[RequestT]
    answer: Record[AnswerT]
    access: Access
    limit_s: float
    """How long one call may take at most: the client's deadline, and the server's whatever the client says."""
    streams: bool = False
    """Whether there are many answers."""

    @property
    def path(self) -> str:
        """As gRPC names it."""
        return f"/{PACKAGE}.{self.service}/{self.name}"


PACKAGE = "swarm.v1"
QUICK_S = 10.0
SLOW_S = 60.0
HOUR_S = 3600.0

_JOB, _SHARD, _INFERENCE, _NODE, _EXCHANGE = (
    "JobService",
    "ShardService",
    "InferenceService",
    "NodeService",
    "ExchangeService",
)
_KEYED, _MODEL_USER, _OPERATOR = Access.KEYED, Access.MODEL_USER, Access.OPERATOR

SUBMIT = Method(_JOB, "Submit", forms.SUBMIT_REQUEST, forms.SUBMIT_ANSWER, _KEYED, SLOW_S)
GET_JOB = Method(_JOB, "Get", forms.GET_JOB_REQUEST, forms.GET_JOB_ANSWER, _KEYED, QUICK_S)
LIST_JOBS = Method(_JOB, "List", forms.LIST_JOBS_REQUEST, forms.LIST_JOBS_ANSWER, _KEYED, QUICK_S)
WATCH = Method(_JOB, "Watch", forms.WATCH_REQUEST, forms.WATCH_ANSWER, _KEYED, HOUR_S, streams=True)
EXPLAIN = Method(_JOB, "Explain", forms.EXPLAIN_REQUEST, forms.EXPLAIN_ANSWER, _KEYED, SLOW_S)
CANCEL = Method(_JOB, "Cancel", forms.CANCEL_REQUEST, forms.CANCEL_ANSWER, _KEYED, QUICK_S)
LIST_SHARDS = Method(_SHARD, "List", forms.LIST_SHARDS_REQUEST, forms.LIST_SHARDS_ANSWER, _KEYED, QUICK_S)
GET_CERTIFICATE = Method(_SHARD, "GetCertificate", forms.CERTIFICATE_REQUEST, forms.CERTIFICATE_ANSWER, _KEYED, QUICK_S)
PULL = Method(_SHARD, "Pull", forms.PULL_REQUEST, forms.PULL_ANSWER, _KEYED, HOUR_S, streams=True)
# A model costs its operator money by the token, and keys are free: so not for everybody.
DESCRIBE = Method(_INFERENCE, "Describe", forms.DESCRIBE_REQUEST, forms.DESCRIBE_ANSWER, _MODEL_USER, QUICK_S)
GENERATE = Method(_INFERENCE, "Generate", forms.GENERATE_REQUEST, forms.GENERATE_ANSWER, _MODEL_USER, 10 * SLOW_S)
GENERATE_STREAM = Method(
    _INFERENCE,
    "GenerateStream",
    forms.GENERATE_STREAM_REQUEST,
    forms.GENERATE_STREAM_ANSWER,
    _MODEL_USER,
    10 * SLOW_S,
    streams=True,
)
SCORE = Method(_INFERENCE, "Score", forms.SCORE_REQUEST, forms.SCORE_ANSWER, _MODEL_USER, SLOW_S)
STATUS = Method(_NODE, "Status", forms.STATUS_REQUEST, forms.STATUS_ANSWER, _KEYED, QUICK_S)
# Where others live is not ours to tell strangers.
PEERS = Method(_NODE, "Peers", forms.PEERS_REQUEST, forms.PEERS_ANSWER, _OPERATOR, QUICK_S)
SHUTDOWN = Method(_NODE, "Shutdown", forms.SHUTDOWN_REQUEST, forms.SHUTDOWN_ANSWER, _OPERATOR, QUICK_S)
REPUTATION = Method(_NODE, "Reputation", forms.REPUTATION_REQUEST, forms.REPUTATION_ANSWER, _KEYED, QUICK_S)
REQUEST = Method(_EXCHANGE, "Request", forms.EXCHANGE_REQUEST, forms.EXCHANGE_ANSWER, _KEYED, SLOW_S)
DELIVER = Method(_EXCHANGE, "Deliver", forms.DELIVER_REQUEST, forms.DELIVER_ANSWER, _KEYED, QUICK_S)

METHODS: tuple[Method[Any, Any], ...] = (
    SUBMIT,
    GET_JOB,
    LIST_JOBS,
    WATCH,
    EXPLAIN,
    CANCEL,
    LIST_SHARDS,
    GET_CERTIFICATE,
    PULL,
    DESCRIBE,
    GENERATE,
    GENERATE_STREAM,
    SCORE,
    STATUS,
    PEERS,
    SHUTDOWN,
    REPUTATION,
    REQUEST,
    DELIVER,
)
