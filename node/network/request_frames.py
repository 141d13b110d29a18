"""The bytes of a request and its answer on a reused stream: one after the other, lengths first, all bounded.

    request   <length: 4> <length of name: 1> <protocol name> <data>
    answer    <length: 4> <status: 1> <data, or the reason as ASCII>

Lengths count what follows them, big-endian. A stream carries one request at a time.
"""

from __future__ import annotations

from node.errors import PeerFaultError
from node.network.interface import NAME_BYTES_MAX, REQUEST_BYTES_MAX, RefusedError

LENGTH_BYTES = 4
REQUEST_FRAME_BYTES_MAX = 1 + NAME_BYTES_MAX + REQUEST_BYTES_MAX
ANSWER_FRAME_BYTES_MAX = 1 + REQUEST_BYTES_MAX

REASON_BYTES_MAX = 64

_OK = 0
_REFUSED = 1


def encode_request(protocol: str, data: bytes) -> bytes:
    """One request frame; both bounds are the caller's to have checked."""
    name = protocol.encode("ascii")
    return _framed(bytes([len(name)]) + name + data)


def decode_request(body: bytes) -> tuple[str, bytes]:
    """Protocol and data of a request frame's body.

    Raises:
        PeerFaultError: `malformed-request`.
    """
    end = 1 + body[0] if body else 0
    name = body[1:end]
    if not 1 < end <= len(body) or len(name) > NAME_BYTES_MAX or not _is_name(name):
        raise PeerFaultError("malformed-request", "a request without a proper protocol name")
    data = body[end:]
    if len(data) > REQUEST_BYTES_MAX:
        raise PeerFaultError("malformed-request", f"a request of {len(data)} bytes is beyond {REQUEST_BYTES_MAX}")
    return name.decode("ascii"), data


def encode_answer(data: bytes) -> bytes:
    """One answer frame."""
    return _framed(bytes([_OK]) + data)


def encode_refusal(reason: str) -> bytes:
    """One answer frame that says why there is no answer; what is no name in `reason` is written as `-`."""
    letters = (byte if 33 <= byte <= 126 else 45 for byte in reason.encode("ascii", "replace")[:REASON_BYTES_MAX])
    return _framed(bytes([_REFUSED]) + (bytes(letters) or b"failed"))


def decode_answer(body: bytes) -> bytes:
    """The answer in an answer frame's body.

    Raises:
        RefusedError: It says why there is none.
        PeerFaultError: `malformed-answer`.
    """
    if body[:1] == bytes([_OK]):
        return body[1:]
    if body[:1] == bytes([_REFUSED]) and len(body) <= 1 + REASON_BYTES_MAX and _is_name(body[1:]):
        reason = body[1:].decode("ascii")
        raise RefusedError(f"the peer refused: {reason}", reason=reason)
    raise PeerFaultError("malformed-answer", "an answer of unknown form")


def frame_length(prefix: bytes, bytes_max: int) -> int:
    """How long the body after this prefix is.

    Raises:
        PeerFaultError: `frame-too-long` if it is empty or beyond `bytes_max`.
    """
    length = int.from_bytes(prefix, "big")
    if not 0 < length <= bytes_max:
        raise PeerFaultError("frame-too-long", f"a frame of {length} bytes; 1 to {bytes_max} are allowed")
    return length


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def _is_name(name: bytes) -> bool:
    return bool(name) and all(33 <= byte <= 126 for byte in name)
