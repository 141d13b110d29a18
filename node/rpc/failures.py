"""Errors across a call: the node's own three, as status codes with machine-readable details, and back.

The code is for tools that know gRPC only; the detail beside it says whose turn it is. What comes back from a server
is shown to people, so it is cleaned and cut when read, too.
"""

from __future__ import annotations

import re

import grpc
from google.protobuf.message import DecodeError

from node.errors import ExitCode, NodeError, OperatorError, PeerFaultError, TransientError
from node.wire.shapes import clean_line
from protos.swarm.v1.error_pb2 import ErrorDetail, Turn

DETAIL_KEY = "swarm-error-bin"
"""Trailing metadata; the suffix lets it hold bytes."""

_TEXT_MAX = 500
"""Bytes. Metadata of both directions together may have 8 KiB by default, after percent-encoding."""

_RULE_FORM = re.compile(r"[a-z-]{1,40}")

BUSY = "a free place at the node"
"""What a caller waits for that has too many calls in flight."""

_FAULT_CODES = {
    "bad-binding": grpc.StatusCode.UNAUTHENTICATED,
    "expired-binding": grpc.StatusCode.UNAUTHENTICATED,
    "no-key": grpc.StatusCode.UNAUTHENTICATED,
    "not-allowed": grpc.StatusCode.PERMISSION_DENIED,
}
_OPERATOR_CODES = {
    ExitCode.OK: grpc.StatusCode.FAILED_PRECONDITION,
    ExitCode.NOT_SO: grpc.StatusCode.NOT_FOUND,
    ExitCode.USAGE: grpc.StatusCode.FAILED_PRECONDITION,
    ExitCode.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}
_LATER_CODES = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.INTERNAL,  # a bug over there is no breach of a rule
    grpc.StatusCode.UNKNOWN,
}


class AccusedError(PeerFaultError):
    """The other end says that we broke a rule.

    To a person at the command line that is the reason for a refusal. It proves nothing against anybody, and the rule
    is a stranger's word: no metric label.
    """


def to_status(error: NodeError) -> tuple[grpc.StatusCode, str, bytes]:
    """Code, message and detail for an error of ours."""
    if isinstance(error, PeerFaultError):
        code = _FAULT_CODES.get(error.rule, grpc.StatusCode.INVALID_ARGUMENT)
        detail = ErrorDetail(turn=Turn.TURN_CALLER_FAULT, rule=error.rule[:_TEXT_MAX])
    elif isinstance(error, OperatorError):
        code = _OPERATOR_CODES[error.exit_code]
        detail = ErrorDetail(turn=Turn.TURN_OPERATOR, hint=_clean(error.hint), exit_code=max(int(error.exit_code), 1))
    else:
        waits_for = error.waits_for if isinstance(error, TransientError) else ""
        code = grpc.StatusCode.RESOURCE_EXHAUSTED if waits_for == BUSY else grpc.StatusCode.UNAVAILABLE
        detail = ErrorDetail(turn=Turn.TURN_LATER, waits_for=_clean(waits_for))
    return code, _clean(str(error)), detail.SerializeToString(deterministic=True)


def from_status(error: grpc.aio.AioRpcError, *, peer: str) -> NodeError:
    """The node's error behind a failed call.

    Args:
        error: As gRPC raised it.
        peer: How to name the other end, e.g. `"node at 127.0.0.1:7000"`.
    """
    detail = _read_detail(error)
    message = f"{peer}: {_clean(error.details() or error.code().name)}"
    if detail is not None and detail.turn == Turn.TURN_CALLER_FAULT:
        return AccusedError(detail.rule if _RULE_FORM.fullmatch(detail.rule) else "unnamed", message)
    if detail is not None and detail.turn == Turn.TURN_OPERATOR:
        return OperatorError(message, hint=_clean(detail.hint), exit_code=_exit_code(detail.exit_code))
    if detail is not None and detail.turn == Turn.TURN_LATER:
        return TransientError(message, waits_for=_clean(detail.waits_for) or peer)
    return _from_code(error.code(), message, peer)


def is_link_failure(error: grpc.aio.AioRpcError) -> bool:
    """Whether the connection failed, rather than the call on it."""
    return error.code() is grpc.StatusCode.UNAVAILABLE and _read_detail(error) is None


def _from_code(code: grpc.StatusCode, message: str, peer: str) -> NodeError:
    """For what gRPC itself says, without a detail of ours."""
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return TransientError(f"{peer} did not answer in time", waits_for=f"answer of {peer}")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return OperatorError(
            f"{peer} does not know this call", hint="It runs another version: upgrade the older of the two."
        )
    if code in _LATER_CODES:
        return TransientError(message, waits_for=peer)
    return PeerFaultError("failed-call", f"{message} ({code.name})")


def _read_detail(error: grpc.aio.AioRpcError) -> ErrorDetail | None:
    for key, value in error.trailing_metadata() or ():
        if key == DETAIL_KEY and isinstance(value, bytes):
            try:
                return ErrorDetail.FromString(value)
            except DecodeError:
                return None  # the code alone has to do
    return None


def _exit_code(number: int) -> ExitCode:
    try:
        return ExitCode(number) or ExitCode.USAGE
    except ValueError:
        return ExitCode.USAGE


def _clean(text: str) -> str:
    return clean_line(text, _TEXT_MAX)
