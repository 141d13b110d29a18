"""Every decoder of the network takes any bytes and either reads them or refuses them by name."""

import contextlib
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.types import NodeId
from node.errors import PeerFaultError
from node.network import link_messages, request_frames
from node.network.interface import NAME_BYTES_MAX, RefusedError
from node.network.link_messages import Hello, Peers, Ping, Pong, Recommendation, Reply
from node.network.mdns import believed

hellos = st.builds(
    Hello,
    version_low=st.integers(0, 9),
    version_high=st.integers(0, 9),
    network_id=st.text("abc-é", max_size=40),
    preset_hash=st.binary(min_size=32, max_size=32),
    p2p_port=st.integers(0, 65535),
    grpc_port=st.integers(0, 65535),
)
recommendations = st.builds(
    Recommendation,
    node=st.binary(min_size=32, max_size=32).map(NodeId),
    addresses=st.lists(st.text("abc:/.1", max_size=30), max_size=8).map(tuple),
)
peer_lists = st.lists(recommendations, max_size=link_messages.PEERS_MAX).map(tuple)
messages = st.one_of(
    hellos,
    st.builds(Reply, hello=hellos, refusal=st.sampled_from(["", "full", "other-network"]), peers=peer_lists),
    st.builds(Ping, nonce=st.integers(0, (1 << 64) - 1)),
    st.builds(Pong, nonce=st.integers(0, (1 << 64) - 1)),
    st.builds(Peers, peers=peer_lists),
)
names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=NAME_BYTES_MAX)


@given(messages)
def test_a_link_message_decodes_to_itself(message):
    frame = link_messages.encode_link_message(message)
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    assert link_messages.decode_link_message(frame[4:]) == message


@given(messages)
def test_the_longest_link_message_fits_its_frame(message):
    assert len(link_messages.encode_link_message(message)) <= link_messages.LINK_FRAME_BYTES_MAX


@given(messages, st.data())
def test_a_mutated_link_message_is_read_or_refused_by_name(message, data):
    body = bytearray(link_messages.encode_link_message(message)[4:])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PeerFaultError):
        read = link_messages.decode_link_message(bytes(body))
        assert link_messages.encode_link_message(read)[4:] == bytes(body)


@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_refused_by_name(body):
    for decode in (link_messages.decode_link_message, request_frames.decode_request, request_frames.decode_answer):
        with contextlib.suppress(PeerFaultError, RefusedError):
            decode(body)


@pytest.mark.parametrize(
    "wrong",
    [
        Peers((Recommendation(NodeId(bytes(32)), ()),) * (link_messages.PEERS_MAX + 1)),
        Peers((Recommendation(NodeId(bytes(31)), ()),)),
        Peers((Recommendation(NodeId(bytes(32)), ("a",) * 9),)),
        Peers((Recommendation(NodeId(bytes(32)), ("a" * 256,)),)),
        Peers((Recommendation(NodeId(bytes(32)), ("a\n",)),)),
        Ping(1 << 64),
        Ping(-1),
        Hello(1, 1, "net", bytes(31), 0, 0),
        Hello(1, 1, "net", bytes(32), 65536, 0),
        Hello(1, 1, "n" * 256, bytes(32), 0, 0),
    ],
)
def test_a_link_message_beyond_its_bounds_is_refused(wrong):
    body = link_messages.encode_link_message(wrong)[4:]
    with pytest.raises(PeerFaultError, match=r"recommendation|text|nonce|numbers"):
        link_messages.decode_link_message(body)


OURS = Hello(2, 3, "net", bytes(32), 1, 0)


@pytest.mark.parametrize(
    ("theirs", "refusal"),
    [
        ({}, ""),
        ({"version_low": 1, "version_high": 2}, ""),
        ({"version_low": 3, "version_high": 9}, ""),
        ({"version_low": 4, "version_high": 9}, "other-version"),
        ({"version_low": 1, "version_high": 1}, "other-version"),
        ({"network_id": "other"}, "other-network"),
        ({"preset_hash": b"x" * 32}, "other-preset"),
    ],
)
def test_a_peer_is_one_of_ours_if_network_preset_and_a_version_agree(theirs, refusal):
    assert link_messages.refusal_of(dataclasses.replace(OURS, **theirs), OURS) == refusal


@given(names, st.binary(max_size=100))
def test_a_request_decodes_to_itself(name, data):
    frame = request_frames.encode_request(name, data)
    assert request_frames.frame_length(frame[:4], 1000) == len(frame) - 4
    assert request_frames.decode_request(frame[4:]) == (name, data)


@given(st.binary(max_size=100))
def test_an_answer_decodes_to_itself(data):
    assert request_frames.decode_answer(request_frames.encode_answer(data)[4:]) == data


@given(names)
def test_a_refusal_brings_its_reason(reason):
    with pytest.raises(RefusedError) as caught:
        request_frames.decode_answer(request_frames.encode_refusal(reason)[4:])
    assert caught.value.reason == reason


@given(st.text(max_size=100))
def test_a_refusal_is_understood_whatever_the_reason_was(reason):
    with pytest.raises(RefusedError) as caught:
        request_frames.decode_answer(request_frames.encode_refusal(reason)[4:])
    assert 0 < len(caught.value.reason) <= request_frames.REASON_BYTES_MAX


@pytest.mark.parametrize("length", [0, 1001, 0xFFFFFFFF])
def test_a_frame_that_is_empty_or_too_long_is_refused_at_its_length(length):
    with pytest.raises(PeerFaultError, match="1 to 1000"):
        request_frames.frame_length(length.to_bytes(4, "big"), 1000)


@given(
    st.dictionaries(
        st.sampled_from([b"node", b"network", b"grpc"]), st.none() | st.binary(max_size=70) | st.just(b"tag")
    ),
    st.none() | st.integers(-1, 70000),
)
def test_an_announcement_on_the_lan_is_believed_or_ignored(properties, port):
    seen = believed(properties, ["10.0.0.1"], port, me=NodeId(bytes(32)), tag="tag")
    assert seen is None or len(seen[0]) == 32
