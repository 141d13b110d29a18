"""Every call of the table over real connections, and every error back as the error it was."""

import asyncio
import hashlib

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from consensus.types import Hash, JobId
from node.errors import ExitCode, OperatorError, PeerFaultError, TransientError
from node.rpc.peers import PeerLinks
from node.rpc.server import RpcServer, RpcSettings
from node.values import views
from node.values.job import JobCancel
from node.wire.envelope import Domain
from node.wire.messages import decode_message, seal_message
from tests.support.jobs import ONE_CRATE
from tests.support.rpc_desks import (
    CALLER,
    CERTIFIED,
    DOMAIN,
    EVENTS,
    EXPLANATION,
    FILE,
    FRIEND,
    GENERATION,
    JOB,
    JOB_VIEW,
    NODE,
    NODE_VIEW,
    PEERS,
    ROOT,
    SHARD,
    STANDING,
    client_of,
    fixed_desks,
    serving,
)

PROMPT = views.Prompt("You write Rust.", "Say main.\n")
SETTINGS = views.GenerationSettings(64, 200, 950, 0, '{"type": "string"}')


def test_a_signed_job_is_taken_once_and_known_the_second_time():
    async def scenario():
        async with serving() as server, client_of(server) as client:
            envelope = seal_message(DOMAIN, ONE_CRATE, CALLER)
            job = decode_message(DOMAIN, envelope).digest
            assert await client.submit_job(envelope) == views.Receipt(JobId(job), known=False)
            assert await client.submit_job(envelope) == views.Receipt(JobId(job), known=True)

    asyncio.run(scenario())


def test_a_job_of_another_swarm_a_forged_one_and_no_job_are_refused_by_rule():
    async def scenario():
        genuine = seal_message(DOMAIN, ONE_CRATE, CALLER)
        refused = {
            seal_message(Domain(Hash(bytes(32))), ONE_CRATE, CALLER): "wrong-network",
            genuine.replace(CALLER.node, FRIEND.node): "bad-signature",
            seal_message(DOMAIN, JobCancel(JOB), CALLER): "wrong-kind",
            b"hello": "malformed-envelope",
        }
        desks = fixed_desks()
        async with serving(desks=desks) as server, client_of(server) as client:
            for envelope, rule in refused.items():
                with pytest.raises(PeerFaultError) as caught:
                    await client.submit_job(envelope)
                assert caught.value.rule == rule
        assert desks.jobs.submitted == []

    asyncio.run(scenario())


def test_a_cancellation_reaches_the_desk_with_its_signer():
    async def scenario():
        desks = fixed_desks()
        async with serving(desks=desks) as server, client_of(server) as client:
            assert await client.cancel_job(seal_message(DOMAIN, JobCancel(JOB), FRIEND)) is False
        assert desks.jobs.cancelled == [(FRIEND.node, JOB)]

    asyncio.run(scenario())


def test_views_of_jobs_members_and_the_node_arrive_as_they_were():
    async def scenario():
        async with serving() as server, client_of(server) as client:
            assert await client.get_job(JOB) == JOB_VIEW
            assert await client.list_jobs(2) == (JOB_VIEW, JOB_VIEW)
            assert await client.explain("0a0a0a0a") == EXPLANATION
            assert await client.status() == NODE_VIEW
            assert await client.reputation(NODE.node, 5) == (STANDING,)
            assert await client.reputation(FRIEND.node) == ()
            assert client.node == NODE.node

    asyncio.run(scenario())


def test_a_watcher_goes_on_after_the_last_event_it_saw():
    async def scenario():
        async with serving() as server, client_of(server) as client:
            seen = [event async for event in client.watch_job(JOB)]
            rest = [event async for event in client.watch_job(JOB, after=1)]
        assert tuple(seen) == EVENTS
        assert tuple(rest) == EVENTS[1:]

    asyncio.run(scenario())


def test_a_shard_is_pulled_whole_and_from_any_byte_on():
    async def scenario():
        async with serving() as server, client_of(server) as client:
            assert await client.list_shards() == (SHARD,)
            assert await client.list_shards(JobId(bytes(32))) == ()
            assert await client.get_certificate() == CERTIFIED
            whole = b"".join([piece async for piece in client.pull_shard(ROOT)])
            rest = b"".join([piece async for piece in client.pull_shard(ROOT, 123_457, SHARD.file_sha256)])
            assert hashlib.sha256(whole).digest() == SHARD.file_sha256
            assert rest == FILE[123_457:]
            assert [piece async for piece in client.pull_shard(ROOT, len(FILE))] == []
            with pytest.raises(OperatorError, match="another one now"):
                _ = [piece async for piece in client.pull_shard(ROOT, 5, bytes(32))]

    asyncio.run(scenario())


def test_a_model_is_for_the_operators_keys():
    async def scenario():
        async with serving() as server, client_of(server, FRIEND) as friend, client_of(server) as stranger:
            assert await friend.generate(PROMPT, SETTINGS) == GENERATION
            parts = [part async for part in friend.generate_stream(PROMPT, SETTINGS)]
            assert parts == ["fn ", "main() ", "{}\n", GENERATION]
            assert await friend.score(PROMPT, ("yes", "no")) == views.ChoiceScores(
                (-3.0, -2.0), "test-model", "logprobs"
            )
            with pytest.raises(PeerFaultError) as caught:
                await stranger.generate(PROMPT, SETTINGS)
            assert caught.value.rule == "not-allowed"
            with pytest.raises(PeerFaultError):
                _ = [part async for part in stranger.generate_stream(PROMPT, SETTINGS)]

    asyncio.run(scenario())


def test_a_node_without_a_model_says_so():
    async def scenario():
        async with serving(desks=fixed_desks(model=False)) as server, client_of(server, NODE) as client:
            with pytest.raises(OperatorError, match="no language model"):
                await client.generate(PROMPT, SETTINGS)

    asyncio.run(scenario())


def test_only_the_nodes_own_key_and_its_operators_stop_it_or_see_its_peers():
    async def scenario():
        desks = fixed_desks()
        async with serving(desks=desks) as server:
            async with client_of(server) as stranger:
                for call in (stranger.shutdown("for fun"), stranger.peers()):
                    with pytest.raises(PeerFaultError) as caught:
                        await call
                    assert caught.value.rule == "not-allowed"
            for key in (NODE, FRIEND):
                async with client_of(server, key) as operator:
                    assert await operator.peers() == PEERS
                    await operator.shutdown("upgrade")
        assert desks.node.stopped_by == [("upgrade", NODE.node), ("upgrade", FRIEND.node)]

    asyncio.run(scenario())


def test_peers_exchange_requests_and_gossip_under_their_keys():
    async def scenario():
        desks = fixed_desks()
        async with serving(desks=desks) as server:
            links = PeerLinks(CALLER, clock=lambda: 1_700_000_000.0)
            address = f"grpc://127.0.0.1:{server.port}"
            big = bytes(1 << 20)
            answer = await links.request(NODE.node, address, "fetch/1", b"abc", timeout_s=60)
            assert answer == CALLER.node + b"abc"
            await links.deliver(NODE.node, address, "rounds", big, timeout_s=60)
            with pytest.raises(ValueError, match="1048577 bytes"):
                await links.deliver(NODE.node, address, "rounds", big + b"!", timeout_s=60)
            await links.close()
        assert desks.exchange.delivered == [(CALLER.node, "rounds", big)]

    asyncio.run(scenario())


def test_a_peer_that_refuses_is_no_fault_and_one_that_is_somebody_else_is():
    async def scenario():
        async with serving() as server:
            links = PeerLinks(CALLER, clock=lambda: 1_700_000_000.0)
            address = f"127.0.0.1:{server.port}"
            for protocol in ("accuse/1", "person/1"):
                with pytest.raises(TransientError) as refused:
                    await links.request(NODE.node, address, protocol, b"", timeout_s=60)
                assert refused.value.waits_for == f"another answer of the node at {address}"
            with pytest.raises(PeerFaultError) as wrong:
                await links.request(FRIEND.node, address, "x/1", b"", timeout_s=60)
            assert wrong.value.rule == "wrong-node"
            with pytest.raises(TransientError, match="not an address"):
                await links.request(FRIEND.node, "nowhere", "x/1", b"", timeout_s=60)
            await links.close()

    asyncio.run(scenario())


def test_few_links_serve_many_peers_and_a_busy_one_is_not_cut_off():
    async def scenario():
        desks = fixed_desks()
        async with serving(desks=desks) as one, serving(key=FRIEND) as other:
            links = PeerLinks(CALLER, clock=lambda: 1_700_000_000.0, links_max=1)
            at_one, at_other = f"127.0.0.1:{one.port}", f"127.0.0.1:{other.port}"
            for _ in range(2):
                assert await links.request(NODE.node, at_one, "x/1", b"1", timeout_s=60) == CALLER.node + b"1"
                assert await links.request(FRIEND.node, at_other, "x/1", b"2", timeout_s=60) == CALLER.node + b"2"
            waiting = asyncio.create_task(links.request(NODE.node, at_one, "wait/1", b"", timeout_s=300))
            await desks.exchange.entered.wait()
            with pytest.raises(TransientError, match="all 1 connections are busy"):
                await links.request(FRIEND.node, at_other, "x/1", b"", timeout_s=60)
            waiting.cancel()
            await asyncio.wait([waiting])
            await links.close()

    asyncio.run(scenario())


# Errors


def test_the_desks_errors_reach_the_caller_as_the_same_errors():
    async def scenario():
        async with serving() as server, client_of(server) as client:
            with pytest.raises(OperatorError, match="no job 00000000") as missing:
                await client.get_job(JobId(bytes(32)))
            assert missing.value.hint == "List them: swarm-node job list."
            assert missing.value.exit_code is ExitCode.NOT_SO
            with pytest.raises(TransientError) as early:
                await client.get_certificate(10)
            assert early.value.waits_for == "round 10"

    asyncio.run(scenario())


def test_a_bug_behind_a_call_is_logged_here_and_not_told_there(caplog):
    async def scenario():
        async with serving() as server, client_of(server) as client:
            with pytest.raises(TransientError, match="the node failed") as caught:
                await client.explain("deadbeef")
            assert "secret" not in str(caught.value)
            assert await client.status() == NODE_VIEW

    asyncio.run(scenario())
    assert "a bug with a secret in its text" in caplog.text


def test_where_nothing_listens_the_error_names_what_is_waited_for():
    async def scenario():
        async with serving() as server:
            gone = server.port
        client = client_of(type("Gone", (), {"port": gone}))
        with pytest.raises(TransientError, match="nothing listens") as caught:
            await client.status()
        assert caught.value.waits_for == f"node at 127.0.0.1:{gone}"

    asyncio.run(scenario())


def test_where_something_else_listens_the_error_says_so():
    async def scenario():
        def answer(reader, writer):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
            client = client_of(type("Other", (), {"port": other.sockets[0].getsockname()[1]}))
            with pytest.raises(TransientError, match=r"no node|nothing listens"):
                await client.status()

    asyncio.run(scenario())


def test_a_silent_port_costs_no_more_than_the_calls_time():
    async def scenario():
        async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0) as silent:
            client = client_of(type("Silent", (), {"port": silent.sockets[0].getsockname()[1]}))
            with pytest.raises(TransientError, match="does not answer"):
                await client.status(timeout_s=0.05)

    asyncio.run(scenario())


def test_a_caller_whose_time_is_up_frees_the_node():
    async def scenario():
        desks = fixed_desks()
        async with serving(desks=desks) as server, client_of(server) as client:
            await client.status()
            for limit_s in (0.05, 0.5, 5, 50):  # until it comes to the node before its time is up
                with pytest.raises(TransientError, match="in time"):
                    await client.request("wait/1", b"", timeout_s=limit_s)
                if desks.exchange.entered.is_set():
                    break
            await asyncio.wait_for(desks.exchange.ended.wait(), 60)

    asyncio.run(scenario())


def test_a_full_node_says_so_and_the_caller_may_come_again():
    async def scenario():
        desks = fixed_desks()
        async with serving(desks=desks, calls_max=1) as server, client_of(server) as client:
            waiting = asyncio.create_task(client.request("wait/1", b"", timeout_s=300))
            await desks.exchange.entered.wait()
            with pytest.raises(TransientError, match="1 in all are in flight"):
                await client.status()
            waiting.cancel()
            await asyncio.wait_for(desks.exchange.ended.wait(), 60)
            while True:  # the place is free once the node's side has ended, which no message tells
                try:
                    assert await client.status() == NODE_VIEW
                    break
                except TransientError:
                    await asyncio.sleep(0)

    asyncio.run(scenario())


# Ports


def test_a_port_in_use_is_named_with_a_way_out():
    async def scenario():
        async with serving() as server:
            with pytest.raises(OperatorError, match=f"127.0.0.1:{server.port}") as caught:
                async with serving(port=server.port):
                    pass
            assert "another port" in caught.value.hint

    asyncio.run(scenario())


def test_a_start_that_fails_half_way_leaves_no_port_taken():
    async def scenario():
        async with serving(plain_port=0) as first:
            second = RpcServer(
                key=FRIEND,
                domain=DOMAIN,
                desks=fixed_desks(),
                settings=RpcSettings(plain_port=first.plain_port),
                is_operator=lambda node: False,
            )
            with pytest.raises(OperatorError):
                await second.start()
            assert second.port != 0
            async with serving(port=second.port):
                pass

    asyncio.run(scenario())


def plain_channel(server):
    return grpc.aio.insecure_channel(f"127.0.0.1:{server.plain_port}")


def test_health_and_reflection_are_read_without_a_key_and_nothing_else_is():
    async def scenario():
        async with serving(plain_port=0) as server, plain_channel(server) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            serving_status = health_pb2.HealthCheckResponse
            asked = health_pb2.HealthCheckRequest()
            assert (await health.Check(asked)).status == serving_status.NOT_SERVING
            await server.report_health(serving=True)
            assert (await health.Check(asked)).status == serving_status.SERVING
            reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
            listing = reflection_pb2.ServerReflectionRequest(list_services="")
            async for answer in reflection.ServerReflectionInfo(iter([listing])):
                names = {service.name for service in answer.list_services_response.service}
            assert "swarm.v1.NodeService" in names
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary("/swarm.v1.NodeService/Status")(b"")
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(scenario())
