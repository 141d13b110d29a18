"""The canonical encoding: one encoding per value, and nothing else decodes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.encoding import EncodingError, decode, encode, hash_value
from consensus.types import (
    CandidateState,
    Decision,
    GivenRating,
    Hash,
    JobId,
    NodeId,
    PendingCandidate,
    Vote,
    VotePhase,
)

HASH = Hash(bytes(range(32)))

values = st.one_of(
    st.builds(
        Vote,
        height=st.integers(0, 1 << 70),
        view=st.integers(-1, 1 << 20),
        phase=st.sampled_from(VotePhase),
        header=st.none() | st.binary(min_size=32, max_size=32).map(Hash),
    ),
    st.builds(
        PendingCandidate,
        job=st.just(JobId(HASH)),
        crate=st.integers(0, 9),
        category=st.integers(0, 14),
        content=st.binary(min_size=32, max_size=32).map(Hash),
        claim=st.just(HASH),
        generator=st.just(NodeId(HASH)),
        ratings=st.lists(
            st.builds(GivenRating, rater=st.just(NodeId(HASH)), scores=st.tuples(*[st.integers(0, 10000)] * 4))
        ).map(tuple),
        since=st.integers(),
    ),
)


@given(values)
def test_what_is_encoded_decodes_to_itself(value):
    assert decode(type(value), encode(value)) == value


@given(values, st.data())
def test_no_changed_byte_decodes_to_the_same_value(value, data):
    encoded = bytearray(encode(value))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    try:
        decoded = decode(type(value), bytes(encoded))
    except EncodingError:
        return
    assert decoded != value


@given(values, st.integers(1, 40))
def test_truncated_and_extended_bytes_are_refused(value, count):
    encoded = encode(value)
    for wrong in (encoded[:-count], encoded + bytes(count)):
        with pytest.raises(EncodingError):
            decode(type(value), wrong)


@pytest.mark.parametrize("value", [1.5, {"a": 1}, {1}, [1], object(), (1, [2])])
def test_values_without_one_order_are_refused(value):
    with pytest.raises(EncodingError):
        encode(value)


def test_a_long_form_of_an_integer_is_refused():
    with pytest.raises(EncodingError, match="shortest"):
        decode(int, b"i\x02\x00\x01")


def test_a_tuple_that_claims_more_items_than_bytes_is_refused_before_it_is_read():
    with pytest.raises(EncodingError, match="does not fit"):
        decode(tuple[int, ...], b"t\xff\xff\xff\xff")


def test_an_enum_is_named_by_its_value_so_that_renaming_it_changes_nothing():
    decision = Decision(
        JobId(HASH), 0, 1, NodeId(HASH), 0, -1, HASH, CandidateState.ACCEPTED, 1, (1, 2, 3, 4), 0, 1, 2, 3
    )
    assert b"accepted" in encode(decision)
    assert hash_value("decision", decision) != hash_value("other", decision)
