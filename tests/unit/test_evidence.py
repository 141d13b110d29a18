"""Evidence: two messages for one slot prove it, and nothing else does."""

from itertools import product

import pytest

from consensus.encoding import hash_value
from consensus.errors import RefusedError
from consensus.evidence import check_evidence, offence, prove_equivocation
from consensus.types import (
    Attestation,
    CandidateCommit,
    CandidateNotice,
    Equivocation,
    GeneratorReveal,
    Hash,
    Kind,
    RatingCommit,
    RatingReveal,
    Signed,
    Vote,
    VotePhase,
)
from tests.support.agreement import make_header, make_nodes, precommit, prevote, propose

A, B, *_ = make_nodes(4)
X, Y = Hash(b"x" * 32), Hash(b"y" * 32)

BODIES = {
    Kind.CANDIDATE_COMMIT: lambda height, mark: CandidateCommit(height, mark, ()),
    Kind.CANDIDATE_NOTICE: lambda height, mark: CandidateNotice(height, 0, mark, 1, 0, bytes(128)),
    Kind.RATING_COMMIT: RatingCommit,
    Kind.RATING_REVEAL: lambda height, mark: RatingReveal(height, mark, ()),
    Kind.GENERATOR_REVEAL: lambda height, mark: GeneratorReveal(height, mark, (), ()),
    Kind.ATTESTATION: lambda height, mark: Attestation(height, (), ()),
}


def message(kind, height=5, mark=X, sender=A):
    return Signed(sender, kind, mark, BODIES[kind](height, mark))


@pytest.mark.parametrize("kind", BODIES)
def test_two_messages_in_one_slot_convict_their_sender(kind):
    first, second = message(kind), message(kind, mark=Y)
    expected = Equivocation(A, 5, kind, -1, X, Y)
    assert prove_equivocation(first, second) == prove_equivocation(second, first) == expected


@pytest.mark.parametrize("cast", [prevote, precommit])
def test_two_votes_in_one_view_convict_their_sender(cast):
    first, second = cast(A, 3, X), cast(A, 3, None)
    proof = prove_equivocation(first, second)
    assert (proof.offender, proof.height, proof.view, proof.kind) == (A, 1, 3, first.kind)
    assert (proof.first, proof.second) == tuple(sorted((first.digest, second.digest)))


def test_two_proposals_in_one_view_convict_their_sender():
    first = propose(A, 2, make_header(A, 2, "one"))
    proof = prove_equivocation(first, propose(A, 2, make_header(A, 2, "two")))
    assert (proof.offender, proof.kind, proof.height, proof.view) == (A, Kind.PROPOSAL, 1, 2)


def test_no_honest_history_gives_evidence():
    header = make_header(A, 0)
    name = Hash(b"h" * 32)
    history = [propose(A, 0, header), propose(A, 1, header, valid_view=0)]
    history += [cast(A, view, name if view else None) for cast in (prevote, precommit) for view in range(3)]
    history += [prevote(A, 0, None, height=2), *(message(kind) for kind in BODIES)]
    history += [message(kind, height=6, mark=Y) for kind in BODIES]
    for first, second in product(history, history):
        with pytest.raises(RefusedError) as caught:
            prove_equivocation(first, second)
        assert caught.value.rule == "no-evidence"


def test_messages_of_two_senders_convict_neither():
    with pytest.raises(RefusedError, match="different slots"):
        prove_equivocation(prevote(A, 0, X), prevote(B, 0, None))


@pytest.mark.parametrize("kind", [Kind.JOB, Kind.CANCEL, Kind.CERTIFICATE, Kind.EVIDENCE, Kind.EXPIRY])
def test_kinds_without_slots_convict_nobody(kind):
    with pytest.raises(RefusedError, match="fills no slot"):
        prove_equivocation(Signed(A, kind, X, None), Signed(A, kind, Y, None))


def test_a_body_under_a_wrong_kind_convicts_nobody():
    vote = Vote(1, 0, VotePhase.PREVOTE, None)
    for kind in (Kind.PRECOMMIT, Kind.PROPOSAL, Kind.ATTESTATION):
        with pytest.raises(RefusedError, match="fills no slot"):
            prove_equivocation(Signed(A, kind, X, vote), Signed(A, kind, Y, vote))


def test_a_claim_must_say_what_its_messages_prove():
    first, second = prevote(A, 0, X), prevote(A, 0, None)
    proof = prove_equivocation(first, second)
    check_evidence(proof, second, first)
    for claim in (
        Equivocation(B, proof.height, proof.kind, proof.view, proof.first, proof.second),
        Equivocation(A, proof.height, proof.kind, proof.view, proof.second, proof.first),
        Equivocation(A, 2, proof.kind, proof.view, proof.first, proof.second),
    ):
        with pytest.raises(RefusedError, match="something else than is claimed") as caught:
            check_evidence(claim, first, second)
        assert caught.value.rule == "false-evidence"


def test_an_offence_has_one_name_whichever_messages_prove_it():
    votes = [prevote(A, 0, header) for header in (None, X, Y)]
    names = {offence(prove_equivocation(one, other)) for one in votes for other in votes if one is not other}
    assert len(names) == 1
    elsewhere = prove_equivocation(prevote(A, 1, None), prevote(A, 1, X))
    assert offence(elsewhere) not in names
    assert names == {hash_value("offence", (A, Kind.PREVOTE, 1, 0))}
