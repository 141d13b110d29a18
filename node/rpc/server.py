"""The listening side: one gRPC server for everything that needs a key, one on loopback for health and reflection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from consensus.types import NodeId
from node.errors import NodeError, OperatorError, PeerFaultError
from node.identity import NodeKey
from node.rpc.binding import LeafKeeper, authority_pem
from node.rpc.desks import Desks
from node.rpc.failures import DETAIL_KEY, to_status
from node.rpc.forms import MESSAGE_BYTES_MAX
from node.rpc.gate import CALLS_MAX, CALLS_PER_CALLER_MAX, Gate
from node.rpc.methods import METHODS, PACKAGE, Method
from node.rpc.services import Services, StreamAct, UnaryAct
from node.wire.envelope import Domain
from node.wire.shapes import ShapeError

ResultT = TypeVar("ResultT")

_LOG = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"

_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", 16 << 10),
    ("grpc.max_concurrent_streams", CALLS_PER_CALLER_MAX),
    # Without this two processes can listen on one port, each getting half of the calls.
    ("grpc.so_reuseport", 0),
    # A connection that never finishes its handshake holds one of the places below; the default is two minutes.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 600_000),
    # A cut link is noticed after some 15 s; peers may ask as often as every 5 s, with and without calls.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)


@dataclass(frozen=True, slots=True)
class RpcSettings:
    """Where to listen, and how much at once."""

    host: str = LOOPBACK
    port: int = 0
    """0 lets the system choose; `RpcServer.port` tells."""
    plain_port: int | None = None
    """For health and reflection without a key, on loopback; None for neither, 0 lets the system choose."""
    connections_max: int = 256
    """Beyond it new connections are closed at once: what a flood of them can take is bounded."""
    calls_max: int = CALLS_MAX


class RpcServer:
    """Serves the desks. Start once, stop once."""

    def __init__(
        self,
        *,
        key: NodeKey,
        domain: Domain,
        desks: Desks,
        settings: RpcSettings,
        is_operator: Callable[[NodeId], bool],
        is_model_user: Callable[[NodeId], bool] = lambda _: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Put the parts together; nothing listens yet.

        Args:
            key: The node's, shown to callers.
            domain: Whose signed messages are taken.
            desks: What answers.
            settings: Where.
            is_operator: As in `Gate`: which other keys are the operator's.
            is_model_user: As in `Gate`: which other keys may use its language model.
            clock: Seconds since 1970.
        """
        self._services = Services(desks, domain)
        self._gate = Gate(
            key.node,
            is_operator=is_operator,
            is_model_user=is_model_user,
            clock=clock,
            calls_max=settings.calls_max,
        )
        self._leaves = LeafKeeper(key, clock=clock)
        self._settings = settings
        self._keyed: grpc.aio.Server | None = None
        self._plain: grpc.aio.Server | None = None
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # public, only not re-exported
        self.port = settings.port
        self.plain_port = settings.plain_port

    async def start(self) -> None:
        """Listen. The health service says "not serving" until `report_health` is told otherwise.

        Raises:
            OperatorError: A port is in use or the address is not this machine's; nothing listens then.
        """
        await self.report_health(serving=False)
        self._keyed = grpc.aio.server(
            options=(*_OPTIONS, ("grpc.max_allowed_incoming_connections", self._settings.connections_max)),
            maximum_concurrent_rpcs=2 * self._settings.calls_max,  # the gate says no first, and says why
        )
        self._keyed.add_generic_rpc_handlers(tuple(self._handlers()))
        try:
            # Each is started as soon as it is bound: a server that never ran does not give its port back.
            self.port = _bind(
                self._keyed.add_secure_port, self._settings.host, self._settings.port, self._credentials()
            )
            await self._keyed.start()
            if self._settings.plain_port is not None:
                self._plain = self._plain_server()
                self.plain_port = _bind(self._plain.add_insecure_port, LOOPBACK, self._settings.plain_port)
                await self._plain.start()
        except OperatorError:
            await self.stop(grace_s=0)
            raise

    def _plain_server(self) -> grpc.aio.Server:
        """Health and reflection, and nothing else, for whoever is on this machine."""
        server: grpc.aio.Server = grpc.aio.server(options=(*_OPTIONS, ("grpc.max_allowed_incoming_connections", 16)))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = sorted({f"{PACKAGE}.{method.service}" for method in METHODS})
        reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        return server

    async def stop(self, *, grace_s: float = 1.0) -> None:
        """Take no more calls, give those in flight `grace_s`, then end them. Idempotent."""
        for server in (self._keyed, self._plain):
            if server is not None:
                await server.stop(grace_s)
        self._keyed = self._plain = None

    async def report_health(self, *, serving: bool) -> None:
        """What the health service says of the node as a whole, to load balancers and container engines."""
        status = health_pb2.HealthCheckResponse
        await self._health.set("", status.SERVING if serving else status.NOT_SERVING)

    def _credentials(self) -> grpc.ServerCredentials:
        """TLS that asks for a client certificate, with a leaf that is renewed while connections come and go."""
        shown = self._leaves.current()

        def configuration() -> grpc.ServerCertificateConfiguration:
            pairs = [(shown.key_pem, shown.certificate_pem)]
            made: grpc.ServerCertificateConfiguration = grpc.ssl_server_certificate_configuration(
                pairs, root_certificates=authority_pem()
            )
            return made

        def renewed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal shown
            current = self._leaves.current()
            if current is shown:
                return None  # as before
            shown = current
            return configuration()

        credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
            configuration(), renewed, require_client_authentication=True
        )
        return credentials

    def _handlers(self) -> list[grpc.GenericRpcHandler]:
        services: dict[str, dict[str, grpc.RpcMethodHandler]] = {}
        for method, act in self._services.unary.items():
            handler = grpc.unary_unary_rpc_method_handler(self._unary(method, act))
            services.setdefault(method.service, {})[method.name] = handler
        for method, stream_act in self._services.stream.items():
            handler = grpc.unary_stream_rpc_method_handler(self._stream(method, stream_act))
            services.setdefault(method.service, {})[method.name] = handler
        return [
            grpc.method_handlers_generic_handler(f"{PACKAGE}.{name}", handlers) for name, handlers in services.items()
        ]

    def _unary(self, method: Method[Any, Any], act: UnaryAct) -> Callable[[bytes, Any], Any]:
        async def behaviour(data: bytes, context: Any) -> bytes:
            async def work(caller: NodeId) -> bytes:
                return method.answer.encode(await act(caller, _read(method, data)))

            return await self._admit(method, context, work)

        return behaviour

    def _stream(self, method: Method[Any, Any], act: StreamAct) -> Callable[[bytes, Any], Any]:
        async def behaviour(data: bytes, context: Any) -> None:
            async def work(caller: NodeId) -> None:
                async with contextlib.aclosing(act(caller, _read(method, data))) as answers:
                    async for answer in answers:
                        await context.write(method.answer.encode(answer))

            await self._admit(method, context, work)

        return behaviour

    async def _admit(
        self, method: Method[Any, Any], context: Any, work: Callable[[NodeId], Awaitable[ResultT]]
    ) -> ResultT:
        """Let one call in and bound its time; end it with a status if anything is raised."""
        try:
            caller = self._gate.identify(context)
            self._gate.allow(caller, method.access, method.path)
            with self._gate.room_for(caller):
                async with asyncio.timeout(method.limit_s):  # the client's own deadline gRPC enforces
                    return await work(caller)
        except NodeError as error:
            code, message, detail = to_status(error)
        except TimeoutError:
            code, message, detail = grpc.StatusCode.DEADLINE_EXCEEDED, f"not done within {method.limit_s:g} s", b""
        except Exception:  # noqa: BLE001  (the last door: a bug of ours must not show its insides to a stranger)
            _LOG.exception("%s failed", method.path)
            code, message, detail = grpc.StatusCode.INTERNAL, "the node failed; its log says how", b""
        if detail:
            context.set_trailing_metadata(((DETAIL_KEY, detail),))
        await context.abort(code, message)
        raise AssertionError("abort raises")


def _read(method: Method[Any, Any], data: bytes) -> Any:
    try:
        return method.request.read(method.request.message.FromString(data))
    except DecodeError as error:
        raise PeerFaultError("malformed-request", f"{method.path}: {error}") from error
    except ShapeError as error:
        raise PeerFaultError(error.rule, f"{method.path}: {error}") from error


def _bind(add_port: Callable[..., int], host: str, port: int, *credentials: Any) -> int:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return add_port(address, *credentials)
    except RuntimeError as error:
        raise OperatorError(
            f"cannot listen on {address}: the port is in use or the address is not this machine's",
            hint=f"See who has it (`ss -ltnp 'sport = :{port}'`), or choose another port in the configuration.",
        ) from error
