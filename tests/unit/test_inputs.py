"""Input sets: what more than a third attests counts, whoever picks the attestations and in whatever order."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.committee import Committee
from consensus.encoding import hash_value
from consensus.errors import RefusedError
from consensus.evidence import offence
from consensus.inputs import NOBODY, SlotKey, attested_order, check_attestation, count_attestations
from consensus.types import (
    Attestation,
    AttestedMessage,
    Equivocation,
    Hash,
    Kind,
    NodeId,
    ProbeFinding,
    Seat,
    Signed,
)
from tests.support.agreement import make_nodes

HEIGHT = 5
NODES = make_nodes(4)
COMMITTEE = Committee(tuple(Seat(node, 10) for node in NODES))
X, Y, Z = (Hash(mark * 32) for mark in (b"x", b"y", b"z"))
SENDER = NodeId(b"s" * 32)


def attest(who, messages=(), probes=(), height=HEIGHT):
    body = Attestation(height, tuple(sorted(messages, key=attested_order)), tuple(probes))
    return Signed(NODES[who], Kind.ATTESTATION, hash_value("test", (who, body)), body)


def commit(digest, sender=SENDER):
    return AttestedMessage(Kind.CANDIDATE_COMMIT, sender, digest)


def apply(digest, sender=SENDER):
    return AttestedMessage(Kind.APPLICATION, sender, digest)


def count(*attestations):
    return count_attestations(attestations, HEIGHT, COMMITTEE)


def test_a_message_that_more_than_a_third_attests_counts():
    result = count(attest(0, [commit(X)]), attest(1, [commit(X)]), attest(2))
    assert result.messages == (commit(X),)


def test_a_message_that_a_third_or_less_attests_does_not():
    keys = Committee(tuple(Seat(node, 10) for node in NODES[:3]))
    attestations = [attest(0, [commit(X)]), attest(1), attest(2)]
    assert count_attestations(attestations, HEIGHT, keys).messages == ()
    assert count(*attestations).messages == ()


def test_the_third_is_of_all_weight_and_not_of_those_who_attested():
    committee = Committee(tuple(Seat(node, weight) for node, weight in zip(NODES, (33, 34, 1, 32), strict=True)))
    result = count_attestations([attest(1, [commit(X)]), attest(0, [commit(Y)]), attest(2)], HEIGHT, committee)
    assert result.messages == (commit(X),)


def test_what_all_honest_members_saw_cannot_be_left_out():
    # Member 3 is hostile. Whichever three the proposer picks, two of them are honest: more than a third.
    honest = [attest(who, [commit(X)]) for who in range(3)]
    hostile = attest(3)
    for left_out in range(3):
        chosen = [*honest[:left_out], *honest[left_out + 1 :], hostile]
        assert count(*chosen).messages == (commit(X),)


def test_what_one_hostile_member_invents_does_not_count():
    assert count(attest(0), attest(1), attest(2, [commit(X)])).messages == ()


def test_a_slot_with_two_digests_that_count_is_void():
    result = count(*(attest(who, [commit(X if who < 2 else Y)]) for who in range(4)))
    assert result.messages == ()
    assert result.void == (SlotKey(Kind.CANDIDATE_COMMIT, SENDER),)


def test_a_second_digest_that_does_not_count_voids_nothing():
    result = count(attest(0, [commit(X)]), attest(1, [commit(X)]), attest(2, [commit(Y)]))
    assert result.messages == (commit(X),)
    assert result.void == ()


def test_attested_evidence_voids_the_slot_it_is_about():
    proof = Equivocation(SENDER, HEIGHT, Kind.CANDIDATE_COMMIT, -1, X, Y)
    evidence = AttestedMessage(Kind.EVIDENCE, SENDER, offence(proof))
    reveal = AttestedMessage(Kind.GENERATOR_REVEAL, SENDER, Z)
    result = count(*(attest(who, [commit(X), evidence, reveal]) for who in range(3)))
    assert result.offences == (offence(proof),)
    voided = result.void_for(HEIGHT, [proof])
    assert voided.messages == (reveal,)
    assert voided.void == (SlotKey(Kind.CANDIDATE_COMMIT, SENDER),)
    assert voided.root() != result.root()


def test_members_with_different_pairs_of_messages_name_one_offence():
    proofs = [Equivocation(SENDER, HEIGHT, Kind.CANDIDATE_COMMIT, -1, *pair) for pair in ((X, Y), (Y, Z))]
    result = count(
        *(attest(who, [AttestedMessage(Kind.EVIDENCE, SENDER, offence(proofs[who % 2]))]) for who in range(3))
    )
    assert len(result.offences) == 1
    assert result.void_for(HEIGHT, proofs[:1]) == result.void_for(HEIGHT, proofs[1:])


def test_evidence_that_is_not_attested_changes_nothing():
    proof = Equivocation(SENDER, HEIGHT, Kind.CANDIDATE_COMMIT, -1, X, Y)
    result = count(*(attest(who, [commit(X)]) for who in range(3)))
    assert result.void_for(HEIGHT, [proof]) == result


@pytest.mark.parametrize("proof", [(HEIGHT - 1, Kind.CANDIDATE_COMMIT, -1), (HEIGHT, Kind.PREVOTE, 0)])
def test_offences_elsewhere_leave_the_inputs_alone(proof):
    height, kind, view = proof
    proven = Equivocation(SENDER, height, kind, view, X, Y)
    evidence = AttestedMessage(Kind.EVIDENCE, SENDER, offence(proven))
    result = count(*(attest(who, [commit(X), evidence]) for who in range(3)))
    assert result.void_for(HEIGHT, [proven]).messages == (commit(X),)


def test_without_the_evidence_the_set_cannot_be_told():
    evidence = AttestedMessage(Kind.EVIDENCE, SENDER, X)
    result = count(*(attest(who, [evidence]) for who in range(3)))
    with pytest.raises(LookupError, match="evidence of 1 of 1 attested offences is not at hand"):
        result.void_for(HEIGHT, [])


def test_jobs_cancellations_and_expiries_are_many_per_sender():
    entries = [
        AttestedMessage(Kind.JOB, SENDER, X),
        AttestedMessage(Kind.JOB, SENDER, Y),
        AttestedMessage(Kind.CANCEL, SENDER, Z),
        AttestedMessage(Kind.EXPIRY, NOBODY, X),
        AttestedMessage(Kind.EXPIRY, NOBODY, Y),
    ]
    result = count(*(attest(who, entries) for who in range(3)))
    assert (result.jobs, result.cancellations, result.expired) == ((X, Y), (Z,), (X, Y))
    assert result.messages == result.void == ()


def test_an_application_counts_like_a_slot_and_is_told_apart_from_what_the_round_is_decided_from():
    result = count(attest(0, [apply(X), commit(Y)]), attest(1, [apply(X), commit(Y)]), attest(2))
    assert (result.applications, result.messages) == ((apply(X),), (commit(Y),))


def test_two_applications_of_one_sender_that_count_void_each_other_and_prove_nothing():
    other = NodeId(b"o" * 32)
    result = count(*(attest(who, [apply(X if who < 2 else Y), apply(Z, other)]) for who in range(4)))
    assert result.applications == (apply(Z, other),)
    assert result.void == (SlotKey(Kind.APPLICATION, SENDER),)
    assert result.offences == ()


def test_evidence_never_voids_an_application():
    proof = Equivocation(SENDER, HEIGHT, Kind.APPLICATION, -1, X, Y)  # nobody can seal one: `node.wire` refuses it
    evidence = AttestedMessage(Kind.EVIDENCE, SENDER, offence(proof))
    result = count(*(attest(who, [apply(X), evidence]) for who in range(3)))
    assert result.void_for(HEIGHT, [proof]).applications == (apply(X),)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((True, True, None), [True]),
        ((True, True, False), [True]),
        ((True, True, False, False), [True]),
        ((True, False, False), [False]),
        ((False, False, None), [False]),
        ((True, None, None), []),
        ((True, False, None), []),
        ((None, None, None), []),
    ],
)
def test_a_probe_counts_if_a_third_saw_it_hold_and_no_more_saw_it_fail(found, expected):
    result = count(
        *(attest(who, probes=[] if holds is None else [ProbeFinding(X, holds)]) for who, holds in enumerate(found))
    )
    assert [finding.holds for finding in result.probes] == expected


@given(st.permutations(range(4)), st.data())
def test_the_order_of_attestations_does_not_matter(order, data):
    senders = [NodeId(bytes([index]) * 32) for index in range(3)]
    attestations = []
    for who in range(4):
        slots = {sender: data.draw(st.sampled_from([X, Y, None])) for sender in senders}
        messages = [commit(digest, sender) for sender, digest in slots.items() if digest]
        asking = {sender: data.draw(st.sampled_from([X, Y, None])) for sender in senders}
        messages += [apply(digest, sender) for sender, digest in asking.items() if digest]
        probes = [ProbeFinding(content, data.draw(st.booleans())) for content in (X, Y)]
        attestations.append(attest(who, messages, probes))
    result = count(*attestations)
    shuffled = count(*(attestations[who] for who in order))
    assert shuffled == result
    assert shuffled.root() == result.root()


def test_every_part_of_the_set_is_in_its_root():
    base = count(*(attest(who, [commit(X)]) for who in range(3)))
    changed = [
        replace(base, messages=()),
        replace(base, jobs=(X,)),
        replace(base, cancellations=(X,)),
        replace(base, offences=(X,)),
        replace(base, expired=(X,)),
        replace(base, applications=(apply(X),)),
        replace(base, void=(SlotKey(Kind.JOB, SENDER),)),
        replace(base, probes=(ProbeFinding(X, holds=True),)),
        replace(base, probes=(ProbeFinding(X, holds=False),)),
    ]
    assert len({other.root() for other in [base, *changed]}) == 10


def raw(messages=(), probes=(), who=0, **changes):
    body = Attestation(changes.pop("height", HEIGHT), tuple(messages), tuple(probes))
    return replace(attest(who), body=body, **changes)


@pytest.mark.parametrize(
    ("attestation", "rule"),
    [
        (raw(kind=Kind.PROPOSAL), "wrong-kind"),
        (raw(height=4), "wrong-height"),
        (raw(sender=SENDER), "unknown-sender"),
        (raw([commit(X, NodeId(b"t" * 32)), commit(X)]), "bad-attestation"),
        (raw([commit(X), commit(X)]), "bad-attestation"),
        (raw([commit(X), commit(Y)]), "bad-attestation"),
        (raw([apply(X), apply(Y)]), "bad-attestation"),
        (raw([AttestedMessage(Kind.PREVOTE, SENDER, X)]), "bad-attestation"),
        (raw([AttestedMessage(Kind.ATTESTATION, SENDER, X)]), "bad-attestation"),
        (raw([AttestedMessage(Kind.EXPIRY, SENDER, X)]), "bad-attestation"),
        (raw([AttestedMessage(Kind.JOB, NOBODY, X)]), "bad-attestation"),
        (raw(probes=[ProbeFinding(Y, holds=True), ProbeFinding(X, holds=True)]), "bad-attestation"),
        (raw(probes=[ProbeFinding(X, holds=True), ProbeFinding(X, holds=False)]), "bad-attestation"),
    ],
)
def test_a_hostile_attestation_is_refused_and_spoils_a_set_that_has_it(attestation, rule):
    with pytest.raises(RefusedError) as caught:
        check_attestation(attestation, HEIGHT, COMMITTEE)
    assert caught.value.rule == rule
    assert caught.value.fault == (rule != "wrong-height")
    with pytest.raises(RefusedError):
        count(attestation, *(attest(who) for who in (1, 2, 3)))


def test_nobody_attests_twice():
    with pytest.raises(RefusedError, match="attests twice"):
        count(attest(0), attest(1), attest(2), attest(2, [commit(X)]))


def test_too_few_attestations_are_refused_with_the_numbers():
    with pytest.raises(RefusedError, match="2 of 4 attestations, 20 of 27 weight"):
        count(attest(0), attest(1))
