"""A thin client for JSON over HTTP: bounded answers, no redirects, no cookies, no proxies, and one way to fail.

Leaving a request early closes its connection, which is how a server learns that nobody waits for it any more.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Any, Self

import aiohttp

from node.engines.chat_form import error_text
from node.engines.faults import AttemptError, Circumstances
from node.engines.interface import Failure
from node.engines.retries import parse_retry_after
from node.engines.settings import Secret

ANSWER_BYTES_MAX = 16 * 1024 * 1024
"""Of one answer: 128 K tokens with 20 log-probabilities each stay below it."""

ERROR_BYTES_MAX = 16 * 1024
EVENT_BYTES_MAX = 1024 * 1024
CONNECT_S = 5.0

KEEPALIVE_IDLE_S, KEEPALIVE_EVERY_S, KEEPALIVE_COUNT = 10, 5, 2
"""A peer that vanished without a word is noticed after 20 s, though an answer may rightly take minutes."""

_TOO_LONG = (
    "model length",
    "context length",
    "maximum context",
    "max_model_len",
    "context_length",
    "context size",
    "too long",
)


class HttpClient:
    """One server.

    Args:
        url: As `parse_url` gives it.
        key: Sent with every request.
    """

    def __init__(self, url: str, key: Secret) -> None:
        self.url = url
        self._key = key
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, socket_factory=_socket),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            headers={"Accept-Encoding": "identity", **key.header()},
        )

    async def get(self, path: str) -> bytes:
        """The answer's body.

        Raises:
            AttemptError: Any other end.
        """
        async with self._request("GET", path, None) as response:
            return await _read(response, ANSWER_BYTES_MAX)

    async def post(self, path: str, body: bytes) -> bytes:
        """As `get`."""
        async with self._request("POST", path, body) as response:
            return await _read(response, ANSWER_BYTES_MAX)

    async def post_for_events(self, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
        """The data of each server-sent event, until the server says it is done.

        Raises:
            AttemptError: Also where the stream ends before that.
        """
        async with self._request("POST", path, body) as response:
            async for line in _lines(response):
                if not line.startswith(b"data:"):
                    continue
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                yield data
        raise AttemptError(Failure.UNAVAILABLE, "the stream ended early")

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    @contextlib.asynccontextmanager
    async def _request(self, method: str, path: str, body: bytes | None) -> AsyncIterator[aiohttp.ClientResponse]:
        url = path if "://" in path else f"{self.url}{path}"
        headers = {"Content-Type": "application/json"} if body is not None else None
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise await self._refusal(response)
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            reason = f"no connection to {self.url}: {_reason(error)}"
            raise AttemptError(Failure.UNAVAILABLE, reason, Circumstances(counts=False)) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: aiohttp raises a few for answers that break HTTP's own rules.
            reason = f"the connection broke: {self._key.redact(_reason(error))}"
            raise AttemptError(Failure.UNAVAILABLE, reason) from error

    async def _refusal(self, response: aiohttp.ClientResponse) -> AttemptError:
        try:
            data = await _read(response, ERROR_BYTES_MAX)
        except AttemptError:
            data = b"(an endless error)"
        said = self._key.redact(error_text(data))
        wish = parse_retry_after(response.headers.get("Retry-After"), time.time())
        return classify(response.status, said, wish)


def classify(status: int, said: str, retry_after_s: float) -> AttemptError:
    """What an HTTP status other than 200 means for the request, the breaker and the limiter. Pure."""
    failure, seen = _meaning(status, said, retry_after_s)
    return AttemptError(failure, f"HTTP {status}: {said}", replace(seen, status=status))


def _meaning(status: int, said: str, retry_after_s: float) -> tuple[Failure, Circumstances]:
    if status == 429:
        return Failure.OVERLOADED, Circumstances(retry_after_s, counts=False, sick=False, busy=True)
    if status in {502, 503}:
        # A gateway's or a starting server's word: the request did not reach a model.
        return Failure.UNAVAILABLE, Circumstances(retry_after_s, counts=False, busy=True)
    if status >= 500 or status == 408:
        return Failure.UNAVAILABLE, Circumstances(retry_after_s)
    well = Circumstances(sick=False)
    if status in {401, 403}:
        return Failure.UNAUTHORISED, well
    if status == 404:
        return Failure.MODEL_MISSING, well
    if status == 413 or any(words in said.lower() for words in _TOO_LONG):
        return Failure.TOO_LONG, well
    return Failure.REFUSED, well


async def _read(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    data = bytearray()
    async for piece in response.content.iter_any():
        data += piece
        if len(data) > bytes_max:
            raise AttemptError(Failure.GARBLED, f"more than {bytes_max} bytes", Circumstances(sick=False))
    return bytes(data)


async def _lines(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """Lines as they come, bounded one by one and together."""
    rest, total = b"", 0
    async for piece in response.content.iter_any():
        total += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > EVENT_BYTES_MAX or total > ANSWER_BYTES_MAX:
            raise AttemptError(Failure.GARBLED, f"more than {total} bytes in a stream", Circumstances(sick=False))
        for line in lines:
            yield line.rstrip(b"\r")


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _socket(address: Any) -> socket.socket:
    """A socket that notices when its peer is gone; `address` is one of `getaddrinfo`."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_EVERY_S),
        ("TCP_KEEPCNT", KEEPALIVE_COUNT),
    ):
        if hasattr(socket, name):  # not on every system
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
