"""Evidence that waits: attested until it is punished, at hand until nobody can need it, counted once."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from consensus.evidence import offence
from consensus.genesis import Genesis
from consensus.params import MAINNET
from consensus.types import Equivocation, Hash, Kind
from node.pipeline.lobby import Lobby
from node.pipeline.mempool import EVIDENCE_PER_MEMBER_MAX, Mempool, is_unpunished
from reputation import new_member
from tests.support.ratings import node

ADA = node("ada")
DIGEST = Hash(b"\x07" * 32)


def proof(height, *, view=-1, offender=ADA):
    return Equivocation(offender, height, Kind.ATTESTATION, view, Hash(bytes(32)), Hash(b"\x01" * 32))


def empty():
    genesis = Genesis("test", MAINNET.hash(), Hash(bytes(32)), (), ())
    return Mempool(Lobby(genesis, MAINNET))


def state(height, *, settled=0):
    member = replace(new_member(ADA, "ada", 0), settled=settled)
    plans = tuple(SimpleNamespace(height=height + ahead) for ahead in (1, 2))
    return SimpleNamespace(height=height, members=(member,), jobs=(), plans=plans)


def attested(mempool, after):
    return [item.digest for item in mempool.attested(after) if item.kind is Kind.EVIDENCE]


def test_an_offence_is_attested_until_it_is_punished():
    mempool = empty()
    mempool.add_evidence(proof(5), DIGEST)
    assert attested(mempool, state(5)) == [offence(proof(5))]
    assert attested(mempool, state(6, settled=8)) == []


def test_evidence_stays_at_hand_for_rounds_that_were_attested_before_its_punishment():
    mempool = empty()
    mempool.add_evidence(proof(5), DIGEST)
    mempool.forget(state(6, settled=8))
    assert mempool.proofs((offence(proof(5)),)) == (DIGEST,)
    assert mempool.evidence()
    mempool.forget(state(8, settled=8))
    assert not mempool.evidence()
    assert mempool.digests() == ()


def test_what_is_reported_again_after_its_punishment_counts_for_nothing():
    mempool = empty()
    mempool.add_evidence(proof(5), DIGEST)
    mempool.forget(state(8, settled=8))
    mempool.add_evidence(proof(5), DIGEST)
    assert attested(mempool, state(8, settled=8)) == []


@pytest.mark.parametrize(
    ("evidence", "counts"),
    [
        (proof(5), True),
        (proof(12), True),  # of a round that is planned
        (proof(13), False),  # of one that nobody can have been asked about
        (proof(3), False),
        (proof(5, offender=node("stranger")), False),
    ],
)
def test_only_members_offences_in_planned_rounds_that_are_not_settled_count(evidence, counts):
    assert is_unpunished(evidence, state(10, settled=3)) is counts


def full_of_adas():
    mempool = empty()
    assert all(mempool.add_evidence(proof(5, view=view), DIGEST) for view in range(EVIDENCE_PER_MEMBER_MAX))
    return mempool


def test_of_one_member_so_many_offences_are_kept_and_named():
    mempool = full_of_adas()
    assert not mempool.add_evidence(proof(5, view=EVIDENCE_PER_MEMBER_MAX), DIGEST)
    assert len(mempool.digests()) == EVIDENCE_PER_MEMBER_MAX


def test_who_signs_twice_in_a_thousand_views_hides_nobody_elses_offence():
    mempool = full_of_adas()
    assert mempool.add_evidence(proof(5, offender=node("ben")), DIGEST)


def test_what_a_rounds_inputs_name_has_room_or_the_round_would_never_be_decided():
    mempool, named = full_of_adas(), proof(5, view=EVIDENCE_PER_MEMBER_MAX)
    assert mempool.add_evidence(named, DIGEST, needed=True)
    assert mempool.proofs((offence(named),)) == (DIGEST,)
