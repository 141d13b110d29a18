"""What a certified header leads to, when what it rests on is missing, invented or wrong."""

from types import SimpleNamespace

import pytest

from consensus.errors import RefusedError
from consensus.inputs import attestation_root
from consensus.types import Hash, Proposal
from node.pipeline.agreeing import HeightInAgreement, Settled
from node.pipeline.effects import FetchMessages, FetchRound, Halt
from node.pipeline.headers import HeaderWork
from node.pipeline.inputs import IncompleteError

LISTED = (Hash(b"x" * 32),)
HEADER = SimpleNamespace(height=7, attestation_root=attestation_root(LISTED))
CERTIFICATE = SimpleNamespace(header=HEADER)


TRANSITION = SimpleNamespace(header=HEADER)


class Headers(HeaderWork):
    """Of one round; recomputing from a list of attestations gives what it is told to give."""

    def __init__(self, outcomes):
        super().__init__(None, None, None, genesis=None, preset=None)
        self.outcomes = outcomes

    def known(self, _header):
        return None

    def recompute(self, _header, attestations):
        outcome = self.outcomes[attestations]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def decided(outcomes, *, proposals=()):
    """A height that is certified, with what each list of attestations would lead to."""
    agreement = SimpleNamespace(height=7, view=0, certificate=CERTIFICATE, messages=lambda: proposals)
    return HeightInAgreement(agreement, Headers(outcomes), attestations=lambda: (), builder=lambda _view: None)


def test_attestations_that_nobody_has_listed_are_asked_for():
    height = decided({})
    assert height.settle() is None
    assert height.take() == [FetchRound(CERTIFICATE)]


def test_messages_that_are_missing_are_asked_for():
    height = decided({LISTED: IncompleteError((b"a", b"b"))})
    height.on_attestations_known(LISTED)
    assert height.settle() is None
    assert height.take() == [FetchMessages(7, (b"a", b"b"))]


@pytest.mark.parametrize(
    "invented", [(Hash(b"y" * 32),), (*LISTED, Hash(b"y" * 32)), ()], ids=["others", "more", "none"]
)
def test_a_list_that_a_peer_has_invented_is_not_believed(invented):
    height = decided({LISTED: TRANSITION})  # to recompute from anything else is an error here
    height.on_attestations_known(invented)
    assert height.settle() is None
    assert height.take() == [FetchRound(CERTIFICATE)]
    height.on_attestations_known(LISTED)
    height.on_attestations_known(invented)
    assert height.settle() == Settled(TRANSITION, CERTIFICATE, LISTED)


def test_what_was_proposed_need_not_be_asked_for():
    proposals = [
        SimpleNamespace(body=Proposal(0, -1, header, listed))
        for header, listed in (("another", (Hash(b"y" * 32),)), (HEADER, LISTED))
    ]
    assert decided({LISTED: TRANSITION}, proposals=proposals).settle() == Settled(TRANSITION, CERTIFICATE, LISTED)


def test_a_proposal_that_is_refused_teaches_nothing():
    height = decided({LISTED: TRANSITION})

    def refuse(event):
        raise RefusedError("bad-attestations", "not those that the header counts")

    height._agreement.handle = refuse
    forged = SimpleNamespace(body=Proposal(0, -1, HEADER, (Hash(b"y" * 32),)))
    with pytest.raises(RefusedError):
        height.on_message(forged)
    assert height.settle() is None
    assert height.take() == [FetchRound(CERTIFICATE)]


@pytest.mark.parametrize(
    "outcome", [RefusedError("bad-place", "out of place"), SimpleNamespace(header="another")], ids=["rule", "result"]
)
def test_a_certified_header_that_cannot_be_right_ends_it_all(outcome):
    height = decided({LISTED: outcome})
    height.on_attestations_known(LISTED)
    assert height.settle() is None
    (halt,) = height.take()
    assert isinstance(halt, Halt)
    assert halt.certificates == (CERTIFICATE,)
