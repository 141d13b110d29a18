"""What a certified header leads to, when what it rests on is missing, invented or wrong."""

from types import SimpleNamespace

import pytest

from consensus.errors import RefusedError
from node.pipeline.agreeing import HeightInAgreement, Settled
from node.pipeline.effects import FetchMessages, FetchRound, Halt
from node.pipeline.inputs import IncompleteError

HEADER = SimpleNamespace(height=7, attestation_root=b"root")
CERTIFICATE = SimpleNamespace(header=HEADER)


TRANSITION = SimpleNamespace(header=HEADER)


class Headers:
    """Of one round; recomputing from a list of attestations gives what it is told to give."""

    def __init__(self, outcomes):
        self.outcomes, self.lists = outcomes, {}

    def learn(self, root, digests):
        self.lists.setdefault(root, digests)

    def forget(self, root):
        del self.lists[root]

    def attestations_of(self, header):
        return self.lists.get(header.attestation_root)

    def known(self, _header):
        return None

    def recompute(self, _header, attestations):
        outcome = self.outcomes[attestations]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def decided(outcomes):
    """A height that is certified, with what each list of attestations would lead to."""
    agreement = SimpleNamespace(height=7, view=0, certificate=CERTIFICATE)
    return HeightInAgreement(agreement, Headers(outcomes), attestations=lambda: (), builder=lambda _view: None)


def test_attestations_that_nobody_has_listed_are_asked_for():
    height = decided({})
    assert height.settle() is None
    assert height.take() == [FetchRound(CERTIFICATE)]


def test_messages_that_are_missing_are_asked_for():
    height = decided({(b"x",): IncompleteError((b"a", b"b"))})
    height.on_attestations_known((b"x",))
    assert height.settle() is None
    assert height.take() == [FetchMessages(7, (b"a", b"b"))]


def test_a_list_that_a_peer_has_invented_gives_way_to_the_next_one():
    height = decided({(b"invented",): RefusedError("bad-attestations", "not the root's"), (b"x",): TRANSITION})
    height.on_attestations_known((b"invented",))
    assert height.settle() is None
    assert height.take() == [FetchRound(CERTIFICATE)]
    height.on_attestations_known((b"x",))
    assert height.settle() == Settled(TRANSITION, CERTIFICATE, (b"x",))


@pytest.mark.parametrize(
    "outcome", [RefusedError("bad-place", "out of place"), SimpleNamespace(header="another")], ids=["rule", "result"]
)
def test_a_certified_header_that_cannot_be_right_ends_it_all(outcome):
    height = decided({(b"x",): outcome})
    height.on_attestations_known((b"x",))
    assert height.settle() is None
    (halt,) = height.take()
    assert isinstance(halt, Halt)
    assert halt.certificates == (CERTIFICATE,)
