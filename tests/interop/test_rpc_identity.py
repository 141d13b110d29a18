"""Both ends of a connection are who they prove to be, and nobody else's proof does."""

import asyncio
import contextlib
import ssl

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from node.errors import PeerFaultError, TransientError
from node.identity import NodeKey
from node.rpc import binding
from node.rpc.binding import EXTENSION, LEAF_LIFETIME_S, TLS_NAME, Leaf, LeafKeeper, make_leaf, verify_leaf
from node.rpc.client import NodeClient
from node.rpc.link import Link
from node.rpc.server import RpcServer
from node.rpc.target import Target
from tests.support.rpc_desks import CALLER, FRIEND, NODE, NODE_VIEW, client_of, fixed_desks, serving

NOW = 1_700_000_000.0
THIEF = NodeKey(b"\x66" * 32)


def extension_of(certificate_pem):
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    return certificate.extensions.get_extension_for_oid(EXTENSION).value.value


def crafted_leaf(extension, *, key=None):
    """A leaf that TLS accepts, with whatever stands for a binding in it."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = binding._builder(binding._name("crafted"), key.public_key()).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(TLS_NAME)]), critical=False
    )
    if extension is not None:
        builder = builder.add_extension(x509.UnrecognizedExtension(EXTENSION, extension), critical=False)
    certificate = builder.sign(binding._authority_key(), hashes.SHA256())
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Leaf(key_pem, certificate.public_bytes(serialization.Encoding.PEM), int(NOW) + 1000)


GENUINE = make_leaf(NODE, expires_unix_s=int(NOW) + 1000)
STOLEN_EXTENSION = extension_of(GENUINE.certificate_pem)


class FixedLeaf:
    """In place of a LeafKeeper: always this leaf."""

    def __init__(self, leaf):
        self._leaf = leaf

    def current(self):
        return self._leaf


# The binding itself


def test_a_leaf_proves_its_node_until_it_expires():
    leaf = make_leaf(NODE, expires_unix_s=1000)
    assert verify_leaf(leaf.certificate_pem, now_unix_s=999.9) == NODE.node
    with pytest.raises(PeerFaultError, match="ran out 500 s ago") as caught:
        verify_leaf(leaf.certificate_pem, now_unix_s=1500)
    assert caught.value.rule == "expired-binding"


@pytest.mark.parametrize("position", range(0, 104, 8))
def test_a_binding_with_a_changed_byte_proves_nothing(position):
    changed = bytearray(STOLEN_EXTENSION)
    changed[position] ^= 1
    key = serialization.load_pem_private_key(GENUINE.key_pem, None)
    with pytest.raises(PeerFaultError) as caught:
        verify_leaf(crafted_leaf(bytes(changed), key=key).certificate_pem, now_unix_s=NOW)
    assert caught.value.rule == "bad-binding"


@pytest.mark.parametrize(
    "certificate_pem",
    [
        b"",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"x" * 10_000,
        crafted_leaf(None).certificate_pem,
        crafted_leaf(b"").certificate_pem,
        crafted_leaf(STOLEN_EXTENSION[:-1]).certificate_pem,
        crafted_leaf(STOLEN_EXTENSION).certificate_pem,
        crafted_leaf(STOLEN_EXTENSION, key=ec.generate_private_key(ec.SECP384R1())).certificate_pem,
        crafted_leaf(STOLEN_EXTENSION, key=ed25519.Ed25519PrivateKey.generate()).certificate_pem,
    ],
)
def test_a_certificate_without_its_own_binding_proves_nothing(certificate_pem):
    with pytest.raises(PeerFaultError) as caught:
        verify_leaf(certificate_pem, now_unix_s=NOW)
    assert caught.value.rule == "bad-binding"


def test_a_leaf_is_renewed_at_half_of_its_life():
    now = [NOW]
    keeper = LeafKeeper(NODE, clock=lambda: now[0])
    first = keeper.current()
    now[0] += LEAF_LIFETIME_S / 2 - 10
    assert keeper.current() is first
    now[0] += 20
    assert keeper.current().expires_unix_s == int(now[0]) + LEAF_LIFETIME_S


# Servers that are not who they should be


def test_another_node_at_the_address_is_refused():
    async def scenario():
        desks = fixed_desks()
        async with serving(key=THIEF, desks=desks) as server, client_of(server, node=NODE.node) as client:
            with pytest.raises(PeerFaultError) as caught:
                await client.shutdown("please")
            assert caught.value.rule == "wrong-node"
        assert desks.node.stopped_by == []

    asyncio.run(scenario())


@contextlib.asynccontextmanager
async def serving_with_leaf(monkeypatch, leaf, desks):
    monkeypatch.setattr("node.rpc.server.LeafKeeper", lambda key, clock: FixedLeaf(leaf))
    async with serving(key=THIEF, desks=desks) as server:
        yield server


def test_a_man_in_the_middle_with_the_nodes_binding_in_his_own_leaf_is_refused(monkeypatch):
    async def scenario():
        async with serving_with_leaf(monkeypatch, crafted_leaf(STOLEN_EXTENSION), fixed_desks()) as server:
            with pytest.raises(PeerFaultError) as caught:
                await client_of(server, node=None).status()
            assert caught.value.rule == "bad-binding"

    asyncio.run(scenario())


def test_a_server_whose_binding_has_expired_is_refused(monkeypatch):
    async def scenario():
        async with serving_with_leaf(monkeypatch, make_leaf(NODE, expires_unix_s=int(NOW) - 1), None) as server:
            with pytest.raises(PeerFaultError) as caught:
                await client_of(server).status()
            assert caught.value.rule == "expired-binding"

    asyncio.run(scenario())


@contextlib.asynccontextmanager
async def two_faced_door(first, then):
    """Listens, hands the first connection to one port and all others to another."""
    ports = [first]

    async def carry(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader, writer):
        there = await asyncio.open_connection("127.0.0.1", ports.pop() if ports else then)
        await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as door:
        yield door.sockets[0].getsockname()[1]


def test_a_man_in_the_middle_who_lets_the_first_look_pass_gets_no_call():
    async def scenario():
        desks = fixed_desks()
        async with (
            serving() as genuine,
            serving(key=THIEF, desks=desks) as thief,
            two_faced_door(genuine.port, thief.port) as port,
            NodeClient.connect(f"127.0.0.1:{port}", FRIEND, node=NODE.node, clock=lambda: NOW) as client,
        ):
            with pytest.raises(TransientError):
                await client.shutdown("please")
            assert client.node == NODE.node  # the look was let pass; what came after it was not believed
        assert desks.node.stopped_by == []

    asyncio.run(scenario())


def test_a_client_that_met_a_node_does_not_take_another_one_in_its_place():
    async def scenario():
        async with serving() as server:
            port = server.port
            client = client_of(server, node=None)
            assert await client.status() == NODE_VIEW
        async with serving(key=THIEF, port=port):
            with pytest.raises(PeerFaultError) as caught:
                await client.status()
            assert caught.value.rule == "wrong-node"
        await client.close()

    asyncio.run(scenario())


# Clients that are not who they should be


async def status_as(server, leaf):
    """Call the node under a leaf of our own making."""
    link = Link(Target("127.0.0.1", server.port), FixedLeaf(leaf), clock=lambda: NOW)
    async with NodeClient(link) as client:
        return await client.status()


@pytest.mark.parametrize("extension", [None, b"garbled", STOLEN_EXTENSION])
def test_a_client_whose_leaf_its_node_did_not_sign_for_is_refused(extension):
    async def scenario():
        async with serving() as server:
            with pytest.raises(PeerFaultError) as caught:
                await status_as(server, crafted_leaf(extension))
            assert caught.value.rule == "bad-binding"

    asyncio.run(scenario())


def test_a_client_whose_binding_has_expired_is_refused():
    async def scenario():
        async with serving() as server:
            with pytest.raises(PeerFaultError) as caught:
                await status_as(server, make_leaf(CALLER, expires_unix_s=int(NOW) - 1))
            assert caught.value.rule == "expired-binding"

    asyncio.run(scenario())


def test_a_client_without_a_certificate_gets_no_connection():
    async def scenario():
        async with serving() as server:
            leaf = await asyncio.to_thread(shown_by, server)
            channel = grpc.aio.secure_channel(
                f"127.0.0.1:{server.port}",
                grpc.ssl_channel_credentials(leaf),
                options=(("grpc.ssl_target_name_override", TLS_NAME),),
            )
            async with channel:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await channel.unary_unary("/swarm.v1.NodeService/Status")(b"", timeout=60)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

    asyncio.run(scenario())


def shown_by(server: RpcServer) -> bytes:
    return ssl.get_server_certificate(("127.0.0.1", server.port)).encode()


# Over time


def test_a_client_finds_a_restarted_node_again():
    async def scenario():
        async with serving() as first:
            port = first.port
            client = client_of(first)
            assert await client.status() == NODE_VIEW
        async with serving(port=port):
            assert await client.status() == NODE_VIEW
        with pytest.raises(TransientError):
            await client.status()
        async with serving(port=port):
            assert await client.status() == NODE_VIEW
            await client.close()

    asyncio.run(scenario())


def test_a_client_goes_on_while_both_ends_renew_their_leaves():
    async def scenario():
        now = [NOW]
        async with serving(clock=lambda: now[0]) as server, client_of(server, clock=lambda: now[0]) as client:
            leaves = set()
            for _ in range(5):
                assert await client.status() == NODE_VIEW
                leaves.add(await asyncio.to_thread(shown_by, server))
                now[0] += LEAF_LIFETIME_S * 0.6
        assert len(leaves) == 5

    asyncio.run(scenario())


def test_each_end_knows_the_other_by_its_key():
    async def scenario():
        async with serving() as server:
            for key in (CALLER, FRIEND):
                async with client_of(server, key, node=None) as client:
                    assert await client.request("who/1", b"") == key.node
                    assert client.node == NODE.node

    asyncio.run(scenario())
