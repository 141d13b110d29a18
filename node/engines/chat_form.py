"""The JSON of the chat completions protocol, both ways. Pure.

Servers ignore fields they do not know (vLLM) or refuse them (others): which dialect one takes is probed, and what it
answers is read strictly.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.engines.backend import Call, Completion, Served
from node.engines.faults import AttemptError, Circumstances
from node.engines.interface import LOGPROBS_MAX, Failure, Finish, Token, TokenAlternative, Usage

FINISHES = {"stop": Finish.STOP, "length": Finish.LENGTH, "eos": Finish.STOP, "eos_token": Finish.STOP}
TOKENS_MAX = 1 << 22
MODELS_MAX = 256


@dataclass(frozen=True, slots=True)
class Dialect:
    """Fields beyond the common protocol that a server accepts."""

    extended: bool = True
    """`top_k`, `min_p`, `repetition_penalty` (so that a checkpoint's own defaults do not take part) and
    `chat_template_kwargs` (so that thinking models answer at once)."""
    seed: bool = True


EXTENDED: Mapping[str, Any] = {
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "chat_template_kwargs": {"enable_thinking": False},
}


def build_body(call: Call, model: str, dialect: Dialect, *, stream: bool = False) -> bytes:
    """The request's JSON. Messages stand first and in their order, for the server's prefix cache."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.text} for message in call.messages],
        "temperature": call.temperature,
        "top_p": call.top_p,
        "max_tokens": call.max_tokens,
        "n": 1,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
    }
    if dialect.extended:
        body |= EXTENDED
    if dialect.seed and call.seed is not None:
        body["seed"] = call.seed
    if call.stop:
        body["stop"] = list(call.stop)
    if call.schema is not None:
        schema = {"name": "answer", "schema": json.loads(call.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if call.choices:
        body["structured_outputs"] = {"choice": list(call.choices)}
    if call.logprobs:
        body |= {"logprobs": True, "top_logprobs": call.logprobs}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def build_tokenize_body(model: str, text: str) -> bytes:
    """The JSON that asks how long a text is."""
    body = {"model": model, "prompt": text, "add_special_tokens": False}
    return json.dumps(body, ensure_ascii=False).encode()


def parse_completion(data: bytes) -> Completion:
    """Read a whole answer.

    Raises:
        AttemptError: `GARBLED`: not JSON, or not of the protocol's form.
    """
    value = _load(data)
    choice = _first_choice(value)
    message = _object(choice.get("message"), "message")
    return Completion(
        text=_text(message.get("content")),
        finish=parse_finish(choice.get("finish_reason")),
        usage=parse_usage(value.get("usage")),
        model=str(value.get("model", ""))[:256],
        tokens=_tokens(choice.get("logprobs")),
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """One event of a stream."""

    text: str
    finish: Finish | None
    usage: Usage | None
    model: str


def parse_piece(data: bytes) -> Piece:
    """Read one event of a stream.

    Raises:
        AttemptError: `GARBLED`; or `UNAVAILABLE` where the event is an error.
    """
    value = _load(data)
    if "error" in value:
        raise AttemptError(Failure.UNAVAILABLE, f"the server broke off: {error_text(data)}")
    usage = parse_usage(value["usage"]) if isinstance(value.get("usage"), dict) else None
    if not value.get("choices"):
        return Piece("", None, usage, str(value.get("model", ""))[:256])
    choice = _first_choice(value)
    delta = _object(choice.get("delta"), "delta")
    reason = choice.get("finish_reason")
    finish = None if reason is None else parse_finish(reason)
    return Piece(_text(delta.get("content")), finish, usage, str(value.get("model", ""))[:256])


def parse_models(data: bytes) -> tuple[Served, ...]:
    """Read what `/models` lists.

    Raises:
        AttemptError: `GARBLED`.
    """
    rows = _load(data).get("data")
    if not isinstance(rows, list):
        raise _garbled("the list of models has no `data`")
    named = [row for row in rows[:MODELS_MAX] if isinstance(row, dict) and isinstance(row.get("id"), str)]
    return tuple(Served(row["id"], _count(row.get("max_model_len"))) for row in named)


def parse_count(data: bytes) -> int:
    """Read what `/tokenize` answers.

    Raises:
        AttemptError: `GARBLED`.
    """
    count = _count(_load(data).get("count"))
    if count is None:
        raise _garbled("no token count")
    return count


def parse_finish(reason: object) -> Finish:
    """Why an answer ended; what we do not know (a content filter, a tool call) is no answer of ours."""
    finish = FINISHES.get(reason) if isinstance(reason, str) else None
    if finish is None:
        raise _garbled(f"ended for reason {reason!r}"[:80])
    return finish


def parse_usage(value: object) -> Usage:
    """Token counts; zero where the server does not say."""
    if not isinstance(value, dict):
        return Usage()
    return Usage(_count(value.get("prompt_tokens")) or 0, _count(value.get("completion_tokens")) or 0)


def error_text(data: bytes) -> str:
    """What an error answer says, in any of the forms that servers use."""
    text = data.decode(errors="replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict):
        inner = value.get("error", value.get("detail", value))
        message = inner.get("message", inner) if isinstance(inner, dict) else inner
        return str(message)
    return text


def _load(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _garbled(f"not JSON ({error})") from error
    if not isinstance(value, dict):
        raise _garbled("not a JSON object")
    return value


def _first_choice(value: Mapping[str, Any]) -> dict[str, Any]:
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices:
        raise _garbled("no choices")
    return _object(choices[0], "choice")


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _garbled(f"{name} is no object")
    return value


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _garbled("the content is no text")
    return value.encode(errors="replace").decode()  # lone surrogates, which JSON can spell and nothing can store


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= TOKENS_MAX else None


def _tokens(value: object) -> tuple[Token, ...]:
    """Log-probabilities; empty where there are none, or where one is no number: they are all or nothing."""
    rows = value.get("content") if isinstance(value, dict) else None
    if not isinstance(rows, list):
        return ()
    tokens = []
    for row in rows:
        top = row.get("top_logprobs") if isinstance(row, dict) else None
        own = _alternative(row)
        if own is None:
            return ()
        others = [_alternative(item) for item in (top[: LOGPROBS_MAX + 1] if isinstance(top, list) else ())]
        tokens.append(Token(own.text, own.logprob, _ranked([item for item in others if item is not None])))
    return tuple(tokens)


def _ranked(alternatives: Sequence[TokenAlternative]) -> tuple[TokenAlternative, ...]:
    return tuple(sorted(alternatives, key=lambda item: -item.logprob))


def _alternative(row: object) -> TokenAlternative | None:
    if not isinstance(row, dict):
        return None
    text, logprob = row.get("token"), row.get("logprob")
    if not isinstance(text, str) or not isinstance(logprob, int | float) or math.isnan(logprob) or logprob > 1e-3:
        return None
    return TokenAlternative(text, min(float(logprob), 0.0))


def _garbled(reason: str) -> AttemptError:
    return AttemptError(Failure.GARBLED, f"no answer in the protocol's form: {reason}", Circumstances(sick=False))
