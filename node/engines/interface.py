"""What the rest of the node asks of a language model, and the shapes it is answered in.

Three backends implement `TextModel` (`openai`, `vllm`, `vllm-managed`); the source engine does not and is never called
a model. This file imports nothing but values: whoever generates or judges builds on it alone.

Times named `deadline_s` are on the clock of the running event loop (`asyncio.get_running_loop().time()`). A request
ends at its deadline at the latest, whatever the server does: it is queued, sent, retried and waited for within it.
Cancelling the task that awaits a call ends the call; the server is told by closing the connection, which stops its
work.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from node.errors import ExitCode, NodeError, OperatorError, TransientError
from node.values.job import Sampling

CHOICES_MAX = 20
"""Choices of one request: servers return at most this many alternatives per token."""

LOGPROBS_MAX = 20
"""Alternatives per token that vLLM returns unless started otherwise; more is refused by it."""

MASS_ENOUGH = 0.5
"""Below this probability of all choices together, a distribution says more about the format than about the answer."""


# Asking


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    """`system`, `user` or `assistant`."""
    text: str


@dataclass(frozen=True, slots=True)
class TextRequest:
    """Text is asked for.

    For the server's prefix cache, what many requests share (rubric, crate context) comes first in `messages`.
    """

    messages: tuple[Message, ...]
    """At least one; applied to the model's own chat template."""
    sampling: Sampling
    """From the signed job; every field is sent, so that no default of server or checkpoint takes part."""
    deadline_s: float
    """On the event loop's clock."""
    schema: str | None = None
    """JSON schema as JSON text that the answer shall follow. It is sent in any case; only `Capabilities.schema` tells
    whether the server enforces it, and the caller validates whatever that says. No `minLength` or `maxLength` on
    strings that carry code: common enforcers then forbid line breaks."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer, at most 4; not part of it."""
    logprobs: int = 0
    """Alternatives per token that are wanted, 0 to `Capabilities.logprobs`."""
    label: str = ""
    """What it is for, e.g. a task category; `Tally.by_label` counts by it."""


@dataclass(frozen=True, slots=True)
class ChoiceRequest:
    """A probability for each of a few one-token answers is asked for, e.g. the scores "1" to "5"."""

    messages: tuple[Message, ...]
    choices: tuple[str, ...]
    """2 to `CHOICES_MAX`, different, none the beginning of another ("1" and "10" cannot be told apart by a token)."""
    deadline_s: float
    seed: int = 0
    """Decides the samples where the distribution has to be sampled."""
    samples: int = 5
    """How often to ask where the server gives no log-probabilities."""
    label: str = ""


# Answers


class Finish(StrEnum):
    """Why an answer ends."""

    STOP = "stop"
    """The model was done, or a stop text came."""
    LENGTH = "length"
    """Cut off at `max_tokens` or the context's end: an incomplete answer. Any JSON in it is broken."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, as the server counts them. Of its last attempt: earlier ones gave nothing."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class TokenAlternative:
    """A token that could have stood at a place, and the natural logarithm of its probability."""

    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Token:
    """A token of an answer with the alternatives at its place, likeliest first."""

    text: str
    logprob: float
    alternatives: tuple[TokenAlternative, ...] = ()


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """What an answer says when it is read as JSON."""

    value: object
    """As `json.loads` gives it."""
    salvaged: bool
    """Not JSON as it stood: a code fence around it or raw control characters within strings were forgiven."""


@dataclass(frozen=True, slots=True)
class TextResponse:
    """An answer."""

    text: str
    finish: Finish
    usage: Usage
    model: str
    """The model that answered, as the server names it."""
    json: JsonAnswer | None = None
    """Where a schema was asked for: the text read as JSON; None where it is none (one repair turn, then a failure).
    Its form is not checked against the schema."""
    tokens: tuple[Token, ...] = ()
    """Where log-probabilities were asked for; empty where the server gave none."""
    attempts: int = 1
    """Requests sent for it, at least 1."""


class ChoiceMethod(StrEnum):
    """How a distribution was found."""

    LOGPROBS = "logprobs"
    """Read from the alternatives of a free first token; `mass` is real."""
    CONSTRAINED = "constrained"
    """The server allowed nothing but the choices: `mass` is hidden."""
    SAMPLED = "sampled"
    """Counted over a few samples, with one half added to each choice; coarse."""


@dataclass(frozen=True, slots=True)
class ChoiceDistribution:
    """How probable each choice is to a model."""

    choices: tuple[str, ...]
    probabilities: tuple[float, ...]
    """In the order of the choices; sums to 1 up to rounding."""
    mass: float | None
    """Probability of all choices together before it was made 1; None where the method hides it. For SAMPLED the
    share of samples that were a choice."""
    method: ChoiceMethod
    usage: Usage
    model: str

    @property
    def low_mass(self) -> bool:
        """Whether the model mostly wanted to say something else: such a score is to be marked or dropped."""
        return self.mass is not None and self.mass < MASS_ENOUGH


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How long a text is."""

    tokens: int
    exact: bool
    """By the model's own tokenizer; otherwise an upper estimate from its length in bytes."""


# What a model is and how it does


class SchemaSupport(StrEnum):
    """What a server does with a JSON schema, found out by asking for a nonsense constant."""

    ENFORCED = "enforced"
    IGNORED = "ignored"
    """Accepted without effect: the schema has to be in the prompt, and answers need repair."""
    REFUSED = "refused"
    """Answered with an error. Such a server is sent none."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an endpoint was seen to do at start; nothing in here is assumed from a brand."""

    schema: SchemaSupport
    choices: bool
    """Whether answers can be restricted to a list."""
    logprobs: int
    """Alternatives per token, 0 to `LOGPROBS_MAX`; 0: no log-probabilities."""
    context_tokens: int | None
    """Prompt and answer together; None where the server does not say."""
    tokenizer: bool
    """Whether `count_tokens` is exact."""
    models: tuple[str, ...]
    """Everything it serves."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model answers, and from where."""

    backend: str
    """`openai`, `vllm` or `vllm-managed`; what `Example.engine` says."""
    model: str
    """As it is served; what `Example.model` says."""
    endpoint: str
    """For people: address without any secret, or `in process`."""
    capabilities: Capabilities


class Condition(StrEnum):
    """How an engine does."""

    STARTING = "starting"
    WELL = "well"
    DEGRADED = "degraded"
    """It does not answer just now and is tried again, or its server is being started again."""
    STOPPED = "stopped"
    """For good: closed, or given up after too many failures; the text says which."""


@dataclass(frozen=True, slots=True)
class Health:
    """How an engine does, for `status`."""

    condition: Condition
    text: str
    """One line."""


class Failure(StrEnum):
    """How a request can end without an answer."""

    DEADLINE = "deadline"
    """Its time was up, in the queue, between attempts or while the server worked."""
    UNAVAILABLE = "unavailable"
    """Nobody answered: refused or cut connections, 5xx, an open circuit breaker, the engine died; retries are used
    up."""
    OVERLOADED = "overloaded"
    """The server kept answering 429; retries are used up."""
    GARBLED = "garbled"
    """What came was no answer in the protocol's form, every time."""
    TOO_LONG = "too-long"
    """Prompt and `max_tokens` exceed the context. A shorter prompt may do."""
    REFUSED = "refused"
    """The server will not do this request (400, 422)."""
    UNAUTHORISED = "unauthorised"
    """The key is wrong or missing (401, 403)."""
    MODEL_MISSING = "model-missing"
    """The model is not served any more (404)."""
    CLOSED = "closed"
    """The engine was closed, or has given up for good."""
    CANCELLED = "cancelled"
    """The caller took it back. Never raised (the caller gets its own cancellation), only counted."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of all requests since the start: none is lost.

    `generate`, `stream` and `choose` count once each, however many attempts they took.
    """

    asked: int = 0
    answered: int = 0
    in_flight: int = 0
    failed: Mapping[Failure, int] = field(default_factory=dict)
    attempts: int = 0
    """Requests sent to the server."""
    retries: int = 0
    """Of those, after a failed one."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    by_label: Mapping[str, int] = field(default_factory=dict)
    """Requests asked, by their label."""

    @property
    def adds_up(self) -> bool:
        """Whether every request is accounted for exactly once."""
        return self.asked == self.answered + self.in_flight + sum(self.failed.values())


# Errors


class ModelError(NodeError):
    """A request ended without an answer; never raised itself.

    Attributes:
        failure: How it ended.
    """

    failure: Failure


class ModelUnavailableError(ModelError, TransientError):
    """The same request may do later: `DEADLINE`, `UNAVAILABLE`, `OVERLOADED`, `GARBLED`, `CLOSED`."""

    def __init__(self, failure: Failure, message: str) -> None:
        TransientError.__init__(self, message, waits_for="the language model")
        self.failure = failure


class ModelRefusedError(ModelError, OperatorError):
    """The same will fail until something is changed: `TOO_LONG`, `REFUSED`, `UNAUTHORISED`, `MODEL_MISSING`."""

    def __init__(self, failure: Failure, message: str, *, hint: str) -> None:
        OperatorError.__init__(self, message, hint=hint, exit_code=ExitCode.USAGE)
        self.failure = failure


# The interface


class TextModel(Protocol):
    """A language model, opened and probed. Any number of calls may be made at once: it queues what is too much."""

    @property
    def info(self) -> ModelInfo:
        """What answers. Fixed from opening to closing."""
        ...

    async def generate(self, request: TextRequest) -> TextResponse:
        """One answer, after as many attempts as deadline and retry budget allow.

        Raises:
            ModelUnavailableError: Not now.
            ModelRefusedError: Not as asked, or not until the operator acts.
        """
        ...

    def stream(self, request: TextRequest) -> AsyncGenerator[str | TextResponse, None]:
        """The pieces of an answer's text as they come, then the whole answer once.

        A failed attempt is repeated only while nothing was handed out. Closing the generator stops the server's work.

        Raises:
            ModelUnavailableError, ModelRefusedError: As `generate`.
        """
        ...

    async def choose(self, request: ChoiceRequest) -> ChoiceDistribution:
        """How probable the model finds each choice as the beginning of its answer, by the best method it has.

        Raises:
            ModelUnavailableError, ModelRefusedError: As `generate`.
        """
        ...

    async def count_tokens(self, text: str) -> TokenCount:
        """Length of a plain text, without any chat template. Falls back to an estimate; never raises."""
        ...

    def health(self) -> Health:
        """How it does."""
        ...

    def tally(self) -> Tally:
        """What became of all requests so far."""
        ...

    async def close(self) -> None:
        """End every request (`CLOSED`), free the connections, stop what was started. Idempotent."""
        ...
