"""Whatever bytes come to the port, the node goes on serving."""

import asyncio
import contextlib
import random
import resource
import ssl
from collections import Counter

import grpc
import pytest

from node.rpc import binding, methods
from node.rpc.binding import TLS_NAME, make_leaf
from node.rpc.calls import Nothing
from tests.support.rpc_desks import CALLER, JOB, NODE_VIEW, client_of, fixed_desks, serving

NOW = 1_700_000_000.0
LEAF = make_leaf(CALLER, expires_unix_s=int(NOW) + 1000)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HELLO = bytes.fromhex("1603010200010001fc0303")
SETTINGS = bytes.fromhex("000000040000000000")


def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def still_serves(server):
    async with client_of(server) as client:
        assert await client.status() == NODE_VIEW


async def throw(port, data, *, tls=None):
    """Send bytes and the end of them; back when the node has hung up, too."""
    extra = {"ssl": tls, "server_hostname": TLS_NAME, "ssl_shutdown_timeout": 2} if tls else {}
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **extra)
    with contextlib.suppress(OSError, TimeoutError):  # however the node hangs up
        writer.write(data)
        if tls:
            writer.close()
            await writer.wait_closed()
        else:
            writer.write_eof()
            await reader.read()
            writer.close()


def frames(chance):
    """HTTP/2 frames with random contents, lengths that lie now and then among them."""
    data = bytearray(chance.choice((PREFACE, PREFACE + SETTINGS, b"")))
    for _ in range(chance.randrange(1, 30)):
        payload = chance.randbytes(chance.choice((0, 4, 5, 8, 40, 400)))
        length = len(payload) if chance.random() < 0.8 else chance.randrange(1 << 24)
        kind, flags, stream = chance.randrange(12), chance.randrange(256), chance.choice((0, 1, 3, 1 << 30))
        data += length.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    return bytes(data)


def test_raw_bytes_and_garbled_handshakes_leave_the_node_serving():
    async def scenario():
        chance = random.Random(3)
        async with serving() as server:
            await still_serves(server)
            before = megabytes()
            for _ in range(30):
                thrown = [
                    chance.choice((b"", HELLO, PREFACE)) + chance.randbytes(chance.randrange(600)) for _ in range(10)
                ]
                await asyncio.gather(*(throw(server.port, data) for data in thrown))
            await still_serves(server)
            assert megabytes() - before < 64

    asyncio.run(scenario())


def test_garbled_http2_inside_good_tls_leaves_the_node_serving(tmp_path):
    async def scenario():
        chance = random.Random(4)
        (tmp_path / "leaf.pem").write_bytes(LEAF.key_pem + LEAF.certificate_pem)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        tls.load_cert_chain(tmp_path / "leaf.pem")
        tls.set_alpn_protocols(["h2"])
        async with serving() as server:
            before = megabytes()
            for _ in range(12):
                await asyncio.gather(*(throw(server.port, frames(chance), tls=tls) for _ in range(10)))
            await still_serves(server)
            assert megabytes() - before < 64

    asyncio.run(scenario())


@contextlib.asynccontextmanager
async def raw_channel(server):
    credentials = grpc.ssl_channel_credentials(binding.authority_pem(), LEAF.key_pem, LEAF.certificate_pem)
    options = (("grpc.ssl_target_name_override", TLS_NAME),)
    async with grpc.aio.secure_channel(f"127.0.0.1:{server.port}", credentials, options=options) as channel:
        yield channel


def test_garbled_requests_to_every_method_are_refused_by_name():
    async def scenario():
        chance = random.Random(5)
        codes = Counter()
        async with serving() as server, raw_channel(server) as channel:
            for case in range(1500):
                method = chance.choice(methods.METHODS)
                data = chance.randbytes(chance.randrange(80)) if case % 2 else b"\x0a" + bytes([chance.randrange(256)])
                try:
                    if method.streams:
                        async for _ in channel.unary_stream(method.path)(data, timeout=5):
                            pass
                    else:
                        await channel.unary_unary(method.path)(data, timeout=5)
                except grpc.aio.AioRpcError as error:
                    codes[error.code()] += 1
            await still_serves(server)
        assert codes.keys() == {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED}
        assert codes.total() > 1000

    asyncio.run(scenario())


def test_an_oversized_request_is_refused_before_it_is_read():
    async def scenario():
        async with serving() as server, raw_channel(server) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(methods.SUBMIT.path)(bytes(5 << 20), timeout=5)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            await still_serves(server)

    asyncio.run(scenario())


def test_an_unknown_method_is_unknown():
    async def scenario():
        async with serving() as server, raw_channel(server) as channel:
            for path in ("/swarm.v1.NodeService/Format", "/grpc.health.v1.Health/Check", "/x", ""):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await channel.unary_unary(path)(b"", timeout=5)
                assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(scenario())


def test_a_caller_may_send_more_than_this_version_understands():
    async def scenario():
        async with serving() as server, raw_channel(server) as channel:
            newer = methods.STATUS.request.encode(Nothing()) + b"\xfa\x07\x05hello"
            answer = await channel.unary_unary(methods.STATUS.path)(newer, timeout=5)
            assert methods.STATUS.answer.read(methods.STATUS.answer.message.FromString(answer)).node == NODE_VIEW

    asyncio.run(scenario())


def test_idle_connections_beyond_the_limit_are_closed_and_the_rest_goes_on():
    async def scenario():
        desks = fixed_desks()
        async with serving(desks=desks, connections_max=4) as server, client_of(server) as client:
            assert await client.status() == NODE_VIEW
            idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
            closed = asyncio.as_completed([reader.read(1) for reader, _ in idle])
            for _ in range(16):
                assert await next(closed) == b""
            assert await client.status() == NODE_VIEW
            for _, writer in idle:
                writer.transport.abort()
            assert (await client.get_job(JOB)).job == JOB

    asyncio.run(scenario())
