"""One connection to one node: opened when needed, pinned to the leaf that proved the node's key.

When the node restarts the leaf is another one, and the connection is made anew. `binding` says why it looks at the
server's certificate before gRPC does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError

from consensus.types import NodeId
from node.errors import PeerFaultError, TransientError
from node.identity import short_name
from node.rpc.binding import TLS_NAME, Leaf, LeafKeeper, verify_leaf
from node.rpc.failures import from_status, is_link_failure
from node.rpc.forms import MESSAGE_BYTES_MAX
from node.rpc.methods import Method
from node.rpc.target import Target
from node.wire.shapes import Record, ShapeError

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")

OPEN_S = 5.0
"""For finding, connecting and looking at the certificate, within the call's own time."""

_OPTIONS = (
    ("grpc.ssl_target_name_override", TLS_NAME),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    # Without keepalive a client hangs on a cut link until its deadline, with it some 15 s.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # The look at the certificate goes directly; calls must go to the same place.
    ("grpc.enable_http_proxy", 0),
    # A new pin must not find the connection that an earlier channel made.
    ("grpc.use_local_subchannel_pool", 1),
)


class Link:
    """Calls to one target under this node's key. Belongs to one event loop."""

    def __init__(self, target: Target, leaves: LeafKeeper, *, clock: Callable[[], float] = time.time) -> None:
        """Name the other end; nothing is opened yet.

        Args:
            target: Where, and who must be there.
            leaves: What this end shows.
            clock: Seconds since 1970, for the expiry of the other end's binding.
        """
        self.target = target
        self.node: NodeId | None = target.node
        """Who is there: as demanded, or as found at the first opening and demanded from then on."""
        self.in_flight = 0
        self._leaves = leaves
        self._clock = clock
        self._channel: grpc.aio.Channel | None = None
        self._shown: Leaf | None = None
        self._opening = asyncio.Lock()
        self._fading: set[asyncio.Task[None]] = set()

    async def call(self, method: Method[RequestT, AnswerT], request: RequestT, *, timeout_s: float) -> AnswerT:
        """Ask once and take the one answer.

        A call that finds its connection gone, as after a restart of the node, is made once more over a new one: every
        call of the table may be made twice.

        Raises:
            PeerFaultError: The node is not the one demanded (`wrong-node`), cannot prove its key (`bad-binding`,
                `expired-binding`), answers with something malformed (`malformed-answer`), or refused the request
                because it breaks a rule.
            OperatorError: The node says that a person must act.
            TransientError: Nothing answers there, or not in time, or not now.
        """
        data = method.request.encode(request)
        ends = asyncio.get_running_loop().time() + timeout_s
        with self._counted():
            before = self._channel
            try:
                return await self._ask(method, data, ends)
            except TransientError:
                if before is None or self._channel is before:
                    raise  # it was new, or it still stands: the node itself said no
            return await self._ask(method, data, ends)

    async def stream(
        self, method: Method[RequestT, AnswerT], request: RequestT, *, timeout_s: float
    ) -> AsyncGenerator[AnswerT, None]:
        """Ask once and take answers as they come. Raises as `call`, at any answer; not repeated."""
        data = method.request.encode(request)
        with self._counted():
            channel = await self._open(timeout_s)
            start: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method.path)
            pieces = start(data, timeout=timeout_s)
            try:
                with self._translated(channel):
                    async for piece in pieces:
                        yield self._read(method.answer, piece)
            finally:
                pieces.cancel()  # a reader that stops early frees the node's end, too

    async def close(self) -> None:
        """End the connection and every call on it. Idempotent."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()
        if self._fading:
            await asyncio.wait(self._fading)

    async def _ask(self, method: Method[RequestT, AnswerT], data: bytes, ends: float) -> AnswerT:
        now = asyncio.get_running_loop().time
        channel = await self._open(ends - now())
        ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method.path)
        with self._translated(channel):
            answer = await ask(data, timeout=max(ends - now(), 0.0))
        return self._read(method.answer, answer)

    def _read(self, shape: Record[AnswerT], data: bytes) -> AnswerT:
        try:
            return shape.read(shape.message.FromString(data))
        except (DecodeError, ShapeError) as error:
            raise PeerFaultError("malformed-answer", f"{self.target.label}: {error}") from error

    async def _open(self, timeout_s: float) -> grpc.aio.Channel:
        try:
            # The wait for another call's opening counts, too.
            async with asyncio.timeout(min(OPEN_S, max(timeout_s, 0.0))), self._opening:
                shown = self._leaves.current()
                if self._channel is not None and self._shown is not shown:
                    self._drop(self._channel)  # our own leaf was renewed; this connection shows the old one
                if self._channel is None:
                    credentials = grpc.ssl_channel_credentials(await self._look(), shown.key_pem, shown.certificate_pem)
                    self._channel = grpc.aio.secure_channel(self.target.address, credentials, options=_OPTIONS)
                    self._shown = shown
                return self._channel
        except TimeoutError as error:
            raise TransientError(f"{self.target.label} does not answer", waits_for=self.target.label) from error

    async def _look(self) -> bytes:
        """The leaf that the other end shows, PEM, once it has proved to be the node that is meant."""
        pinned = ssl.DER_cert_to_PEM_cert(await _fetch_leaf(self.target)).encode()
        node = verify_leaf(pinned, now_unix_s=self._clock())
        if self.node is not None and node != self.node:
            raise PeerFaultError(
                "wrong-node", f"{self.target.label} is {short_name(node)}, not {short_name(self.node)}"
            )
        self.node = node
        return pinned

    def _drop(self, channel: grpc.aio.Channel) -> None:
        """Use this connection no more; calls still on it may end by themselves."""
        if self._channel is channel:
            self._channel = None
            task = asyncio.get_running_loop().create_task(channel.close(grace=OPEN_S))
            self._fading.add(task)
            task.add_done_callback(self._fading.discard)

    @contextlib.contextmanager
    def _translated(self, channel: grpc.aio.Channel) -> Iterator[None]:
        """Turn what gRPC raises into the node's errors, and let go of a connection that has failed."""
        try:
            yield
        except grpc.aio.AioRpcError as error:
            if is_link_failure(error):
                self._drop(channel)  # perhaps a restarted node with a new leaf: look again next time
            raise from_status(error, peer=self.target.label) from error
        except asyncio.CancelledError as error:
            # gRPC raises this, too, when another task closes the channel; only our own cancelling may pass as such.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise TransientError(f"the connection to {self.target.label} was closed", waits_for="a call") from error

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1


async def _fetch_leaf(target: Target) -> bytes:
    """Shake hands with whatever listens and return its certificate, DER, unjudged.

    TLS 1.3 only: there the server signs the handshake with its leaf's key before it sees who we are.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing to verify it against but the binding inside, which the caller does
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    try:
        _, writer = await asyncio.open_connection(target.host, target.port, ssl=context, server_hostname=TLS_NAME)
    except ssl.SSLError as error:
        raise TransientError(
            f"what listens at {target.address} is no node: {error.reason or error}", waits_for=target.label
        ) from error
    except OSError as error:
        raise TransientError(
            f"nothing listens at {target.address}: {os.strerror(error.errno) if error.errno else error}",
            waits_for=target.label,
        ) from error
    try:
        certificate: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    if certificate is None:
        raise PeerFaultError("bad-binding", f"{target.label} shows no certificate")
    return certificate
