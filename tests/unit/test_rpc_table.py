"""The table of calls is what the protos say, addresses and errors are read as they are written."""

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata
from hypothesis import given
from hypothesis import strategies as st

from consensus.types import NodeId
from node.errors import ExitCode, OperatorError, PeerFaultError, TransientError
from node.identity import NodeKey, peer_id
from node.rpc.client import NodeClient
from node.rpc.failures import BUSY, DETAIL_KEY, AccusedError, from_status, to_status
from node.rpc.forms import Shown
from node.rpc.gate import CALLS_PER_CALLER_MAX, Gate
from node.rpc.methods import METHODS, PACKAGE, Access
from node.rpc.target import Target, parse_target
from node.wire.shapes import ShapeError
from protos.swarm.v1 import (
    exchange_service_pb2,
    inference_service_pb2,
    job_service_pb2,
    node_service_pb2,
    shard_service_pb2,
)

KEY = NodeKey(b"\x01" * 32)


def test_the_table_lists_exactly_what_the_protos_declare():
    declared = {
        f"/{service.full_name}/{method.name}": (method.input_type, method.output_type, method.server_streaming)
        for module in (
            exchange_service_pb2,
            inference_service_pb2,
            job_service_pb2,
            node_service_pb2,
            shard_service_pb2,
        )
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    listed = {
        method.path: (method.request.message.DESCRIPTOR, method.answer.message.DESCRIPTOR, method.streams)
        for method in METHODS
    }
    assert listed == declared
    assert all(path.startswith(f"/{PACKAGE}.") for path in listed)


def test_what_acts_on_the_callers_word_is_for_the_operator_only_and_the_model_for_its_users():
    limited = {access: set() for access in Access}
    for method in METHODS:
        limited[method.access].add(method.path.rsplit(".", 1)[1])
    assert limited[Access.OPERATOR] == {"NodeService/Peers", "NodeService/Shutdown"}
    assert limited[Access.MODEL_USER] == {
        "InferenceService/Describe",
        "InferenceService/Generate",
        "InferenceService/GenerateStream",
        "InferenceService/Score",
    }


# Addresses


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("127.0.0.1:7000", Target("127.0.0.1", 7000)),
        ("node-1.example:1", Target("node-1.example", 1)),
        ("[::1]:7000", Target("::1", 7000)),
        ("grpc://[fe80::1]:65535", Target("fe80::1", 65_535)),
        (f"grpc://{peer_id(KEY.node)}@localhost:7000", Target("localhost", 7000, KEY.node)),
        (f"{KEY.node.hex()}@localhost:7000", Target("localhost", 7000, KEY.node)),
    ],
)
def test_an_address_is_read(text, target):
    assert parse_target(text) == target
    assert parse_target(target.address) == Target(target.host, target.port)


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "localhost:", "localhost:0", "localhost:65536", "::1:7000", "a b:1", "http://x:1", "x:" * 300],
)
def test_what_is_no_address_is_refused_with_an_example(text):
    with pytest.raises(OperatorError) as caught:
        parse_target(text)
    assert "127.0.0.1:7000" in caught.value.hint


def test_a_wrong_node_id_in_an_address_is_named():
    with pytest.raises(OperatorError, match="not a node id"):
        parse_target("12D3KooW@localhost:7000")


def test_two_different_demands_of_who_must_answer_are_refused():
    target = f"{peer_id(KEY.node)}@localhost:7000"
    assert NodeClient.connect(target, KEY, node=KEY.node).node == KEY.node
    with pytest.raises(OperatorError, match="names another node"):
        NodeClient.connect(target, KEY, node=NodeId(bytes(32)))


# Errors


def across(error):
    code, message, detail = to_status(error)
    return from_status(AioRpcError(code, Metadata(), Metadata((DETAIL_KEY, detail)), message), peer="the node")


@pytest.mark.parametrize(
    "error",
    [
        PeerFaultError("bad-signature", "not signed"),
        OperatorError("no such job", hint="List them.", exit_code=ExitCode.NOT_SO),
        OperatorError("bad terms", hint="Mend them.", exit_code=ExitCode.USAGE),
        TransientError("too early", waits_for="round 9"),
        TransientError("full", waits_for=BUSY),
    ],
)
def test_an_error_comes_back_as_itself(error):
    back = across(error)
    assert isinstance(back, type(error))
    assert str(back) == f"the node: {error}"
    for attribute in ("rule", "hint", "exit_code", "waits_for"):
        assert getattr(back, attribute, None) == getattr(error, attribute, None)


def test_an_error_from_outside_cannot_drive_a_terminal_or_fill_it():
    back = across(OperatorError("\x1b[2J" + "x" * 5000, hint="run\nthis\x07"))
    assert "\x1b" not in str(back)
    assert len(str(back)) < 600
    assert back.hint == "run this"


def test_an_accusation_is_told_apart_from_a_fault_that_was_seen():
    assert isinstance(across(PeerFaultError("bad-signature", "yours")), AccusedError)
    assert across(PeerFaultError("\x1b[2J", "yours")).rule == "unnamed"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, TransientError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, TransientError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, TransientError),
        (grpc.StatusCode.UNIMPLEMENTED, OperatorError),
        (grpc.StatusCode.INTERNAL, TransientError),
        (grpc.StatusCode.DATA_LOSS, PeerFaultError),
    ],
)
@pytest.mark.parametrize("detail", [None, b"\xff\xff", b"", b"\x08\x63"])
def test_a_status_without_a_readable_detail_is_still_one_of_the_three(code, kind, detail):
    metadata = Metadata() if detail is None else Metadata((DETAIL_KEY, detail))
    assert isinstance(from_status(AioRpcError(code, Metadata(), metadata, "words"), peer="the node"), kind)


@given(st.text(max_size=80), st.integers(1, 60))
def test_a_line_is_shown_clean_and_cut_and_a_clean_one_is_read_back(text, high):
    shape = Shown(high)
    shown = shape.write(text)
    assert len(shown.encode()) <= high
    assert shape.read(shown) == shown
    assert shape.write(shown) == shown


def test_a_line_with_control_characters_is_not_taken_from_others():
    with pytest.raises(ShapeError):
        Shown(10).read("\x1b[2J")


# Room


def test_one_caller_cannot_take_all_places():
    gate = Gate(KEY.node, is_operator=lambda node: False, clock=lambda: 0.0, calls_max=CALLS_PER_CALLER_MAX + 1)
    greedy, other = NodeId(b"\x07" * 32), NodeId(b"\x08" * 32)
    held = [gate.room_for(greedy) for _ in range(CALLS_PER_CALLER_MAX)]
    for place in held:
        place.__enter__()
    with pytest.raises(TransientError, match="64 calls of yours"), gate.room_for(greedy):
        pass
    with gate.room_for(other):
        with pytest.raises(TransientError, match="65 in all"), gate.room_for(NodeId(b"\x09" * 32)):
            pass
        with gate.room_for(KEY.node):
            pass  # the node's own key, that is its operator, always gets in
    for place in held:
        place.__exit__(None, None, None)
    with gate.room_for(greedy):
        pass
