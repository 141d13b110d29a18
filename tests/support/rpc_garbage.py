"""Bytes for a node's gRPC port that are no calls, or nearly."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import grpc

from node.rpc import binding, methods
from node.rpc.binding import TLS_NAME

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HELLO = bytes.fromhex("1603010200010001fc0303")
SETTINGS = bytes.fromhex("000000040000000000")


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


def opening(chance):
    """The beginning of something, and garbage behind it."""
    return chance.choice((b"", HELLO, PREFACE)) + chance.randbytes(chance.randrange(600))


def http2_frames(chance, count):
    """HTTP/2 frames with random contents, lengths that lie now and then among them."""
    data = bytearray(chance.choice((PREFACE, PREFACE + SETTINGS, b"")))
    for _ in range(count):
        payload = chance.randbytes(chance.choice((0, 4, 5, 8, 40, 400)))
        length = len(payload) if chance.random() < 0.8 else chance.randrange(1 << 24)
        kind, flags, stream = chance.randrange(12), chance.randrange(256), chance.choice((0, 1, 3, 1 << 30))
        data += length.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    return bytes(data)


def tls_of(leaf, folder):
    """TLS as a node speaks it, under this leaf; the other side is not asked who it is."""
    pem = folder / "leaf.pem"
    pem.write_bytes(leaf.key_pem + leaf.certificate_pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    tls.load_cert_chain(pem)
    tls.set_alpn_protocols(["h2"])
    return tls


@contextlib.asynccontextmanager
async def raw_channel(port, leaf):
    """A channel for requests in bytes."""
    credentials = grpc.ssl_channel_credentials(binding.authority_pem(), leaf.key_pem, leaf.certificate_pem)
    options = (("grpc.ssl_target_name_override", TLS_NAME),)
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=options) as channel:
        yield channel


async def garbled_request(channel, chance, case, timeout_s=60):
    """One request to any method with bytes that are no request; the status that it was refused with."""
    method = chance.choice(methods.METHODS)
    data = chance.randbytes(chance.randrange(80)) if case % 2 else b"\x0a" + bytes([chance.randrange(256)])
    try:
        if method.streams:
            async for _ in channel.unary_stream(method.path)(data, timeout=timeout_s):
                pass
        else:
            await channel.unary_unary(method.path)(data, timeout=timeout_s)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK
