"""Certificates: what more than two thirds signed verifies, and each thing that does not is named."""

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.certificate import (
    build_certificate,
    header_hash,
    precommit_bytes,
    snapshot_root,
    verify_certificate,
    verify_ed25519,
)
from consensus.committee import Committee
from consensus.encoding import hash_value
from consensus.errors import RefusedError
from consensus.types import Hash, JobId, NodeId, Seat, ShardHead, Snapshot
from tests.support.agreement import NETWORK, make_header
from tests.support.keys import certify, make_keys, make_seats

KEYS = make_keys(4)
COMMITTEE = Committee(make_seats(KEYS, 2500))
HEADER = make_header(KEYS[0].node, 0)
CERTIFICATE = certify(HEADER, COMMITTEE, KEYS[:3], view=2)


def refusal(certificate, network=NETWORK, committee=COMMITTEE):
    with pytest.raises(RefusedError) as caught:
        verify_certificate(certificate, network, committee)
    assert caught.value.fault
    return caught.value.rule, str(caught.value)


@pytest.mark.parametrize("signers", [KEYS, KEYS[:3], KEYS[1:], [KEYS[0], KEYS[2], KEYS[3]]])
def test_any_three_of_four_are_enough(signers):
    verify_certificate(certify(HEADER, COMMITTEE, signers), NETWORK, COMMITTEE)


def test_two_of_four_are_not_and_the_refusal_says_how_many_were_needed():
    rule, message = refusal(certify(HEADER, COMMITTEE, KEYS[:2]))
    assert rule == "too-little-weight"
    assert message == "not a certificate: 2 of 4 signatures, 5000 of 6667 weight"


def test_exactly_two_thirds_are_too_little():
    keys = make_keys(3)
    committee = Committee(make_seats(keys, 10))
    assert refusal(certify(HEADER, committee, keys[:2]), committee=committee)[0] == "too-little-weight"
    verify_certificate(certify(HEADER, committee, keys), NETWORK, committee)


def test_weight_decides_and_not_heads():
    committee = Committee(tuple(Seat(key.node, weight) for key, weight in zip(KEYS, (70, 10, 10, 10), strict=True)))
    verify_certificate(certify(HEADER, committee, KEYS[:1]), NETWORK, committee)
    assert refusal(certify(HEADER, committee, KEYS[1:]), committee=committee)[0] == "too-little-weight"


def test_one_member_alone_can_certify():
    committee = Committee(make_seats(KEYS[:1]))
    verify_certificate(certify(HEADER, committee, KEYS[:1]), NETWORK, committee)


@pytest.mark.parametrize("field", [field.name for field in fields(HEADER)])
def test_a_change_anywhere_in_the_header_is_refused(field):
    others = {
        "height": 2,
        "epoch": 1,
        "builder_view": 1,
        "vrf_proof": b"x",
        "shards": (ShardHead(JobId(NETWORK), NETWORK, 1),),
        "admitted": (JobId(NETWORK),),
        "counts": (1,),
    }
    changed = replace(HEADER, **{field: others.get(field, Hash(b"x" * 32))})
    rule, _ = refusal(replace(CERTIFICATE, header=changed))
    assert rule == ("wrong-network" if field == "network" else "bad-signature")


def test_a_bad_signature_is_named_by_its_number_and_signer():
    signatures = (CERTIFICATE.signatures[0], bytes(64), CERTIFICATE.signatures[2])
    rule, message = refusal(replace(CERTIFICATE, signatures=signatures))
    assert rule == "bad-signature"
    assert message == f"not a certificate: signature 2 of 3, by {KEYS[1].node.hex()[:16]}, does not fit"


def test_signatures_of_another_view_height_or_network_do_not_count():
    assert refusal(replace(CERTIFICATE, view=3))[0] == "bad-signature"
    other = replace(HEADER, network=Hash(bytes(32)))
    foreign = certify(other, COMMITTEE, KEYS, view=2)
    assert refusal(foreign)[0] == "wrong-network"
    assert refusal(replace(foreign, header=HEADER))[0] == "bad-signature"


def test_a_view_before_the_header_was_built_is_refused():
    later = replace(HEADER, builder_view=5)
    assert refusal(certify(later, COMMITTEE, KEYS, view=4))[0] == "bad-view"
    assert refusal(replace(CERTIFICATE, view=-1))[0] == "bad-view"


@pytest.mark.parametrize(
    ("bitmap", "reason"),
    [
        (b"", "0 bytes for 4 seats"),
        (b"\x07\x00", "2 bytes for 4 seats"),
        (b"\x17", "a bit beyond the last of 4 seats"),
        (b"\x0f", "3 signatures for 4 set bits"),
        (b"\x03", "3 signatures for 2 set bits"),
    ],
)
def test_a_bitmap_that_does_not_fit_is_refused(bitmap, reason):
    rule, message = refusal(replace(CERTIFICATE, signers=bitmap))
    assert rule == "bad-bitmap"
    assert reason in message


def test_one_signer_counted_twice_is_refused():
    one = certify(HEADER, COMMITTEE, KEYS[:1]).signatures
    assert refusal(replace(CERTIFICATE, signatures=one * 3, view=0))[0] == "bad-signature"


@settings(max_examples=40)
@given(st.integers(0, 3 * 64 * 8 - 1))
def test_no_changed_bit_of_the_signatures_verifies(bit):
    data = bytearray(b"".join(CERTIFICATE.signatures))
    data[bit // 8] ^= 1 << bit % 8
    signatures = tuple(bytes(data[start : start + 64]) for start in (0, 64, 128))
    assert refusal(replace(CERTIFICATE, signatures=signatures))[0] == "bad-signature"


def test_the_bitmap_counts_seats_from_the_least_significant_bit():
    keys = make_keys(10)
    committee = Committee(make_seats(keys))
    certificate = certify(HEADER, committee, [keys[0], *keys[2:9]])
    assert certificate.signers == bytes([0b11111101, 0b1])
    verify_certificate(certificate, NETWORK, committee)


def test_only_members_can_be_put_into_a_certificate():
    with pytest.raises(KeyError):
        build_certificate(COMMITTEE, HEADER, 0, {NodeId(bytes(32)): bytes(64)})


def test_what_a_precommit_signs_starts_with_its_domain_and_tells_everything_apart():
    texts = {
        precommit_bytes(network, height, view, header)
        for network in (NETWORK, Hash(bytes(32)))
        for height in (1, 2)
        for view in (0, 1)
        for header in (header_hash(HEADER), Hash(bytes(32)))
    }
    assert len(texts) == 16
    assert all(text.startswith(b"swarm-node/v1/precommit\0") and len(text) > 32 for text in texts)


def test_signatures_and_keys_of_odd_lengths_are_wrong_and_no_error():
    assert not verify_ed25519(KEYS[0].node, b"x", b"")
    assert not verify_ed25519(KEYS[0].node, b"x", bytes(65))
    assert not verify_ed25519(NodeId(b"short"), b"x", bytes(64))


@pytest.mark.parametrize(
    "seats",
    [
        (),
        (Seat(KEYS[1].node, 1), Seat(KEYS[0].node, 1)),
        (Seat(KEYS[0].node, 1), Seat(KEYS[0].node, 1)),
        (Seat(KEYS[0].node, 0),),
        (Seat(KEYS[0].node, -1), Seat(KEYS[1].node, 5)),
    ],
)
def test_seats_that_are_no_committee_are_refused(seats):
    with pytest.raises(ValueError, match=r"seats|committee"):
        Committee(seats)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20))
def test_thresholds_are_strictly_more_than_their_fractions(weights):
    nodes = sorted(NodeId(hash_value("test", index)) for index in range(len(weights)))
    committee = Committee(tuple(Seat(node, weight) for node, weight in zip(nodes, weights, strict=True)))
    assert 3 * committee.quorum > 2 * committee.total >= 3 * (committee.quorum - 1)
    assert 3 * committee.third > committee.total >= 3 * (committee.third - 1)


def test_the_root_of_a_snapshot_covers_all_of_it():
    snapshot = Snapshot(3, make_seats(KEYS), NETWORK)
    changed = [
        replace(snapshot, epoch=4),
        replace(snapshot, seed=Hash(bytes(32))),
        replace(snapshot, seats=snapshot.seats[:3]),
        replace(snapshot, seats=(replace(snapshot.seats[0], weight=11), *snapshot.seats[1:])),
        replace(snapshot, seats=snapshot.seats[::-1]),
    ]
    assert len({snapshot_root(other) for other in [snapshot, *changed]}) == 6
