"""Whatever bytes come to the port, the node goes on serving."""

import asyncio
import random
import resource
from collections import Counter

import grpc
import pytest

from node.rpc import methods
from node.rpc.binding import make_leaf
from node.rpc.calls import Nothing
from tests.support.rpc_desks import CALLER, JOB, NODE_VIEW, client_of, fixed_desks, serving
from tests.support.rpc_garbage import garbled_request, http2_frames, opening, raw_channel, throw, tls_of

NOW = 1_700_000_000.0
LEAF = make_leaf(CALLER, expires_unix_s=int(NOW) + 1000)


def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def still_serves(server):
    async with client_of(server) as client:
        assert await client.status() == NODE_VIEW


def test_raw_bytes_and_garbled_handshakes_leave_the_node_serving():
    async def scenario():
        chance = random.Random(3)
        async with serving() as server:
            await still_serves(server)
            before = megabytes()
            for _ in range(30):
                await asyncio.gather(*(throw(server.port, opening(chance)) for _ in range(10)))
            await still_serves(server)
            assert megabytes() - before < 64

    asyncio.run(scenario())


def test_garbled_http2_inside_good_tls_leaves_the_node_serving(tmp_path):
    async def scenario():
        chance = random.Random(4)
        tls = tls_of(LEAF, tmp_path)
        async with serving() as server:
            before = megabytes()
            for _ in range(12):
                await asyncio.gather(
                    *(throw(server.port, http2_frames(chance, chance.randrange(1, 30)), tls=tls) for _ in range(10))
                )
            await still_serves(server)
            assert megabytes() - before < 64

    asyncio.run(scenario())


def test_garbled_requests_to_every_method_are_refused_by_name():
    async def scenario():
        chance = random.Random(5)
        codes = Counter()
        async with serving() as server, raw_channel(server.port, LEAF) as channel:
            for case in range(1500):
                codes[await garbled_request(channel, chance, case)] += 1
            await still_serves(server)
        del codes[grpc.StatusCode.OK]
        assert codes.keys() == {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED}
        assert codes.total() > 1000

    asyncio.run(scenario())


def test_an_oversized_request_is_refused_before_it_is_read():
    async def scenario():
        async with serving() as server, raw_channel(server.port, LEAF) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(methods.SUBMIT.path)(bytes(5 << 20), timeout=60)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            await still_serves(server)

    asyncio.run(scenario())


def test_an_unknown_method_is_unknown():
    async def scenario():
        async with serving() as server, raw_channel(server.port, LEAF) as channel:
            for path in ("/swarm.v1.NodeService/Format", "/grpc.health.v1.Health/Check", "/x", ""):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await channel.unary_unary(path)(b"", timeout=60)
                assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(scenario())


def test_a_caller_may_send_more_than_this_version_understands():
    async def scenario():
        async with serving() as server, raw_channel(server.port, LEAF) as channel:
            newer = methods.STATUS.request.encode(Nothing()) + b"\xfa\x07\x05hello"
            answer = await channel.unary_unary(methods.STATUS.path)(newer, timeout=60)
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
