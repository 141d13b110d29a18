"""Each bound of the wire by its name, whose words a signature holds for, and what proves an equivocation."""

import dataclasses

import pytest

from consensus import types
from consensus.types import CandidateState, CheckFact, Hash, Kind, VotePhase
from node.errors import PeerFaultError
from node.identity import NodeKey
from node.identity.consent import give_consent
from node.values.job import Sampling
from node.wire.envelope import (
    ENVELOPE_BYTES_MAX,
    PROTOCOL_VERSION,
    SLOT_ENVELOPE_BYTES_MAX,
    Domain,
    open_envelope,
    seal,
)
from node.wire.messages import decode_message, encode_body, seal_evidence, seal_message
from tests.support.jobs import ONE_CRATE, make_spec

DOMAIN = Domain(Hash(bytes(range(32))))
KEY = NodeKey(b"\x01" * 32)
OTHER = NodeKey(b"\x02" * 32)
ZERO = Hash(bytes(32))

VOTE = types.Vote(7, 1, VotePhase.PREVOTE, ZERO)
HEADER = types.Header(
    network=ZERO,
    height=1,
    epoch=0,
    previous=ZERO,
    builder=KEY.node,
    builder_view=0,
    vrf_proof=bytes(80),
    attestation_root=ZERO,
    input_root=ZERO,
    outcome_root=ZERO,
    pending_root=ZERO,
    state_root=ZERO,
    snapshot_root=ZERO,
    ledger_head=ZERO,
    shards=(),
    admitted=(),
    counts=(0,) * len(CandidateState),
)
RATING = types.Rating(0, ZERO, CheckFact.PASSED, (1, 2, 3, 4))


def job(**changes):
    return make_spec(**changes)


def reveal(*ratings):
    return types.RatingReveal(1, bytes(16), ratings)


def rule_of(data):
    with pytest.raises(PeerFaultError) as caught:
        decode_message(DOMAIN, data)
    return caught.value.rule


# Whose words, in which swarm


@pytest.mark.parametrize(
    ("domain", "rule"),
    [(Domain(ZERO), "wrong-network"), (Domain(DOMAIN.network, protocol=PROTOCOL_VERSION + 1), "wrong-protocol")],
)
def test_a_message_for_another_swarm_or_in_another_language_is_refused(domain, rule):
    assert rule_of(seal_message(domain, VOTE, KEY)) == rule


def test_a_signature_cannot_be_moved_to_another_sender_kind_or_network():
    genuine = seal_message(DOMAIN, VOTE, KEY)
    elsewhere = seal_message(Domain(ZERO), VOTE, KEY)
    for forged in (
        genuine.replace(KEY.node, OTHER.node),
        genuine.replace(b"\x18\x0a", b"\x18\x0b", 1),  # field 3, kind: prevote becomes precommit
        elsewhere.replace(ZERO, DOMAIN.network, 1),
    ):
        assert forged not in {genuine, elsewhere}
        assert rule_of(forged) == "bad-signature"


def test_a_vote_of_one_phase_is_not_taken_in_the_other_ones_envelope():
    assert rule_of(seal(DOMAIN, Kind.PRECOMMIT, encode_body(VOTE), KEY)) == "kind-mismatch"


@pytest.mark.parametrize("spelt", [b"", b"\x18\x0e", b"\x18\x10", b"\x18\x8f\x4e"])
def test_a_kind_that_nobody_sends_is_refused(spelt):
    assert rule_of(seal_message(DOMAIN, VOTE, KEY).replace(b"\x18\x0a", spelt, 1)) == "unknown-kind"


def test_an_oversized_frame_is_refused_unread_and_never_made():
    assert rule_of(bytes(ENVELOPE_BYTES_MAX + 1)) == "oversized"
    with pytest.raises(ValueError, match="at most"):
        seal(DOMAIN, Kind.ATTESTATION, bytes(SLOT_ENVELOPE_BYTES_MAX), KEY)


# Whose node it is


def application(*, owner=OTHER, node=KEY, network=DOMAIN.network, until=32):
    consent = give_consent(owner, node.node, network)
    return types.Application(until, owner.node, consent.signature)


def test_an_application_opens_with_its_owners_consent():
    body = application()
    assert decode_message(DOMAIN, seal_message(DOMAIN, body, KEY)).body == body


@pytest.mark.parametrize(
    "body",
    [
        application(node=OTHER),
        application(network=ZERO),
        dataclasses.replace(application(), owner=KEY.node),
        dataclasses.replace(application(), owner_signature=bytes(64)),
    ],
    ids=["for another node", "for another swarm", "of another owner", "not signed"],
)
def test_an_application_without_its_owners_consent_is_refused(body):
    assert rule_of(seal_message(DOMAIN, body, KEY)) == "no-consent"


def test_an_application_is_its_nodes_own():
    assert rule_of(seal_message(DOMAIN, application(), OTHER)) == "no-consent"


# Bounds


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (dataclasses.replace(VOTE, height=0), "height: 0 is not within 1"),
        (dataclasses.replace(VOTE, view=-1), "view: -1"),
        (dataclasses.replace(VOTE, header=Hash(bytes(31))), "header: 31 bytes"),
        (dataclasses.replace(VOTE, signature=bytes(64)), "other votes none"),
        (types.Vote(1, 0, VotePhase.PRECOMMIT, ZERO), "one more signature"),
        (reveal(dataclasses.replace(RATING, scores=(0, 0, 0, 10_001))), "ratings: item 0: scores: item 3: 10001"),
        (reveal(dataclasses.replace(RATING, scores=(1, 2, 3))), "3 items where 4 to 4"),
        (reveal(dataclasses.replace(RATING, fact=CheckFact.FAILED)), "scores above zero"),
        (reveal(RATING, RATING), "rising order"),
        (types.RatingReveal(1, b"short", ()), "salt: 5 bytes"),
        (
            reveal(*[dataclasses.replace(RATING, content=Hash(i.to_bytes(32, "big"))) for i in range(2049)]),
            "2049 items",
        ),
        (types.Application(0, KEY.node, bytes(64)), "until: 0 is not within 1"),
        (types.Application(32, KEY.node, bytes(63)), "owner_signature: 63 bytes"),
        (types.Attestation(1, (types.AttestedMessage(Kind.EXPIRY, KEY.node, ZERO),), ()), "no sender"),
        (types.Proposal(0, -2, HEADER, ()), "valid_view: -2"),
        (types.Proposal(0, -1, dataclasses.replace(HEADER, counts=(0,)), ()), "header: counts: 1 items"),
        (types.Certificate(HEADER, 0, b"", (bytes(64),)), "signers: 0 bytes"),
        (types.Certificate(HEADER, 0, b"\x01", (bytes(63),)), "63 bytes"),
        (job(crates=()), "crates: 0 items"),
        (job(crates=ONE_CRATE.crates * 2), "listed twice"),
        (job(crates=(dataclasses.replace(ONE_CRATE.crates[0], name="../../etc"),)), "not of the form"),
        (job(crates=(dataclasses.replace(ONE_CRATE.crates[0], version="1/../2"),)), "not of the form"),
        (job(categories=("code_poetry",)), "'code_poetry' is not known"),
        (job(categories=("code_search",) * 2), "listed twice"),
        (job(accept_bp=4000), "no room between"),
        (job(title="\x1b[2J"), "control characters"),
        (job(title="x" * 201), "201 bytes"),
        (job(title="\ud800"), "surrogates not allowed"),
        (job(sampling=Sampling(top_p_milli=0)), "sampling: top_p_milli: 0"),
    ],
)
def test_a_body_beyond_a_bound_is_never_sent(body, says):
    with pytest.raises(ValueError, match=r".") as caught:
        seal_message(DOMAIN, body, KEY)
    assert says in str(caught.value)


GENUINE = encode_body(reveal(RATING))
RATING_BYTES = GENUINE[GENUINE.index(b"\x1a") :]


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (b"", "out-of-range"),  # height 0
        (b"\x08\x01", "wrong-length"),  # no salt
        (GENUINE[:-1], "malformed-payload"),
        (GENUINE + RATING_BYTES, "not-sorted"),
        (GENUINE.replace(b"\x18\x01", b"\x18\x09"), "unknown-value"),  # field 3, fact
        (GENUINE.replace(b"\x18\x01", b""), "malformed-payload"),
        (GENUINE.replace(b"\x18\x01", b"\x18\x02"), "scores-without-check"),
        (b"\x08\x81\x00" + GENUINE[2:], "non-canonical"),  # height spelt in two bytes
        (GENUINE[:2] + GENUINE, "non-canonical"),  # height said twice
        (GENUINE[2:] + GENUINE[:2], "non-canonical"),  # fields in another order
        (GENUINE + b"\x1a\x00" * 3000, "wrong-count"),
    ],
)
def test_what_a_hostile_sender_breaks_has_a_name(payload, rule):
    assert payload != GENUINE
    assert rule_of(seal(DOMAIN, Kind.RATING_REVEAL, payload, KEY)) == rule


def test_a_missing_part_is_refused_by_name():
    with pytest.raises(PeerFaultError, match="header: is missing"):
        decode_message(DOMAIN, seal(DOMAIN, Kind.PROPOSAL, b"\x10\x01", KEY))


# Evidence


def vote(header_byte, *, height=7, view=1, key=KEY, domain=DOMAIN):
    return seal_message(domain, types.Vote(height, view, VotePhase.PREVOTE, Hash(bytes([header_byte]) * 32)), key)


def test_two_conflicting_votes_prove_an_equivocation_to_everybody():
    one, other = vote(1), vote(2)
    signed = decode_message(DOMAIN, seal_evidence(DOMAIN, one, other, OTHER))
    digests = sorted(decode_message(DOMAIN, data).digest for data in (one, other))
    assert signed.body == types.Equivocation(KEY.node, 7, Kind.PREVOTE, 1, *digests)
    assert signed.sender == OTHER.node
    assert seal_evidence(DOMAIN, other, one, OTHER) == seal_evidence(DOMAIN, one, other, OTHER)


def test_two_conflicting_phase_messages_prove_one_too():
    one, other = (seal_message(DOMAIN, types.RatingCommit(3, Hash(bytes([byte]) * 32)), KEY) for byte in (1, 2))
    body = decode_message(DOMAIN, seal_evidence(DOMAIN, one, other, OTHER)).body
    assert (body.offender, body.height, body.kind, body.view) == (KEY.node, 3, Kind.RATING_COMMIT, -1)


def test_two_proposals_conflict_in_one_view_only():
    one, later = (seal_message(DOMAIN, types.Proposal(view, -1, HEADER, ()), KEY) for view in (4, 5))
    third = seal_message(DOMAIN, types.Proposal(4, 2, HEADER, ()), KEY)
    assert decode_message(DOMAIN, seal_evidence(DOMAIN, one, third, OTHER)).body.view == 4
    with pytest.raises(PeerFaultError, match="not for one slot"):
        seal_evidence(DOMAIN, one, later, OTHER)


@pytest.mark.parametrize(
    ("one", "other", "rule"),
    [
        (vote(1), vote(1), "not-evidence"),
        (vote(1), vote(2, height=8), "not-evidence"),
        (vote(1), vote(2, view=2), "not-evidence"),
        (vote(1), vote(2, key=OTHER), "not-evidence"),
        (vote(1), vote(2, domain=Domain(ZERO)), "wrong-network"),
        (
            seal_message(DOMAIN, application(), KEY),
            seal_message(DOMAIN, application(owner=KEY), KEY),
            "not-evidence",
        ),
        (seal_message(DOMAIN, ONE_CRATE, KEY), seal_message(DOMAIN, job(quota=4), KEY), "not-evidence"),
        (vote(1), seal_evidence(DOMAIN, vote(1), vote(2), OTHER), "not-evidence"),
    ],
)
def test_two_messages_that_do_not_conflict_prove_nothing(one, other, rule):
    with pytest.raises(PeerFaultError) as caught:
        seal_evidence(DOMAIN, one, other, OTHER)
    assert caught.value.rule == rule


def test_evidence_with_a_forged_half_or_in_the_wrong_order_is_refused():
    payload = open_envelope(DOMAIN, seal_evidence(DOMAIN, vote(1), vote(2), OTHER)).payload
    half = len(payload) // 2
    swapped = b"\x0a" + payload[half + 1 :] + b"\x12" + payload[1:half]
    assert rule_of(seal(DOMAIN, Kind.EVIDENCE, swapped, OTHER)) == "not-evidence"
    forged = payload.replace(b"\x01" * 32, b"\x03" * 32)
    assert rule_of(seal(DOMAIN, Kind.EVIDENCE, forged, OTHER)) == "bad-signature"


def test_the_two_largest_conflicting_messages_still_fit_into_evidence():
    def largest(first):
        probe = types.ProbeOpening(good=True, evidence=bytes(60_000))
        slots = tuple(
            types.SlotOpening(task, 0, bytes(32), ZERO, ZERO, ZERO, bytes([first]) * 32, probe) for task in range(8)
        )
        return seal_message(DOMAIN, types.GeneratorReveal(1, bytes(80), slots, ()), KEY)

    one, other = largest(1), largest(2)
    assert len(one) > SLOT_ENVELOPE_BYTES_MAX * 9 // 10
    assert decode_message(DOMAIN, seal_evidence(DOMAIN, one, other, OTHER)).body.offender == KEY.node
