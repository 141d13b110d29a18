"""Light clients: from the genesis to any round by one certificate per epoch, and nothing forged on the way."""

from dataclasses import replace

import pytest

from consensus.certificate import header_hash, snapshot_root
from consensus.committee import Committee
from consensus.draw import draw_committee
from consensus.encoding import hash_value
from consensus.errors import RefusedError
from consensus.lightclient import ForkError, TrustedChain
from consensus.params import MINIMAL
from consensus.types import ZERO_HASH, Hash, Snapshot
from tests.support.agreement import NETWORK, make_header
from tests.support.keys import certify, make_keys, make_seats

KEYS = make_keys(45)
EPOCHS = 4
ROUNDS = MINIMAL.epoch_rounds


class Chain:
    """A whole chain with real signatures: one group of members for each epoch, the last one drawn from forty."""

    def __init__(self, mark=""):
        self.keys = [KEYS[0:4], KEYS[0:4], KEYS[2:7], KEYS[5:45]]
        self.snapshots = [
            Snapshot(epoch, make_seats(keys), hash_value("test", ("seed", epoch)))
            for epoch, keys in enumerate(self.keys)
        ]
        self.snapshots += [Snapshot(epoch, make_seats(KEYS[:4])) for epoch in (4, 5)]
        self.certificates = {}
        previous = NETWORK
        for height in range(1, EPOCHS * ROUNDS + 1):
            epoch = MINIMAL.epoch_of(height)
            root = snapshot_root(self.snapshots[epoch + 2]) if MINIMAL.ends_epoch(height) else ZERO_HASH
            header = make_header(KEYS[0].node, 0, f"{mark}{height}", height=height)
            header = replace(header, epoch=epoch, previous=previous, snapshot_root=root)
            self.certificates[height] = self.certify(header)
            previous = header_hash(header)

    def certify(self, header):
        committee = self.committee(header.height)
        signers = [key for key in KEYS if key.node in committee]
        return certify(header, committee, signers)

    def committee(self, height):
        return Committee(draw_committee(self.snapshots[MINIMAL.epoch_of(height)], height, MINIMAL))

    def last_of(self, epoch):
        return self.certificates[(epoch + 1) * ROUNDS]


CHAIN = Chain()
OTHER = Chain("other")


def trusted(*epochs):
    return TrustedChain(NETWORK, [CHAIN.snapshots[epoch] for epoch in epochs or (0, 1)], MINIMAL)


def refusal(act, *arguments):
    with pytest.raises(RefusedError) as caught:
        act(*arguments)
    return caught.value.rule


def test_a_round_of_a_known_epoch_needs_its_own_certificate_only():
    certificate = CHAIN.certificates[6]
    assert trusted().accept(certificate) == certificate.header


def test_a_later_round_needs_one_certificate_per_epoch_between():
    chain = trusted()
    hops = []
    while (height := chain.next_hop(3)) is not None:
        certificate = CHAIN.certificates[height]
        chain.hop(certificate, CHAIN.snapshots[certificate.header.epoch + 2])
        hops.append(height)
    assert hops == [2 * ROUNDS]
    assert chain.accept(CHAIN.certificates[14]).height == 14
    assert chain.epochs == (0, 1, 3)


def test_an_anchored_snapshot_serves_as_the_start_too():
    chain = trusted(2, 3)
    chain.hop(CHAIN.last_of(2), CHAIN.snapshots[4])
    assert chain.epochs == (2, 3, 4)
    assert refusal(chain.accept, CHAIN.certificates[1]) == "unknown-epoch"


def test_a_large_committee_is_known_from_its_snapshot():
    chain = trusted(3)
    assert len(CHAIN.committee(14).seats) < 40
    assert chain.accept(CHAIN.certificates[14]).epoch == 3


def test_an_epoch_that_is_not_known_yet_is_nobodys_fault():
    chain = trusted()
    with pytest.raises(RefusedError, match=r"epoch 2 is beyond the known \(0, 1\)") as caught:
        chain.accept(CHAIN.certificates[9])
    assert not caught.value.fault
    with pytest.raises(RefusedError, match="no way to epoch 1") as caught:
        trusted(2).next_hop(1)
    assert not caught.value.fault


def test_a_snapshot_that_the_header_does_not_name_is_refused():
    chain = trusted()
    wrong = replace(CHAIN.snapshots[2], seats=CHAIN.snapshots[2].seats[:2])
    assert refusal(chain.hop, CHAIN.last_of(0), wrong) == "wrong-snapshot"
    assert refusal(chain.hop, CHAIN.last_of(0), CHAIN.snapshots[3]) == "wrong-snapshot"
    assert chain.epochs == (0, 1)


def test_a_hop_needs_the_last_round_of_an_epoch():
    assert refusal(trusted().hop, CHAIN.certificates[3], CHAIN.snapshots[2]) == "wrong-height"


def test_a_hop_whose_certificate_does_not_hold_teaches_nothing():
    chain = trusted()
    certificate = CHAIN.last_of(0)
    forged = replace(certificate, signatures=(bytes(64), *certificate.signatures[1:]))
    assert refusal(chain.hop, forged, CHAIN.snapshots[2]) == "bad-signature"
    assert chain.epochs == (0, 1)


def test_members_of_another_epoch_cannot_sign_for_this_one():
    chain = trusted(1, 2)
    header = CHAIN.certificates[9].header
    stale = certify(header, CHAIN.committee(5), CHAIN.keys[1])
    assert refusal(chain.accept, stale) in {"bad-signature", "bad-bitmap", "too-little-weight"}


def test_a_header_that_lies_about_its_epoch_is_refused():
    header = replace(CHAIN.certificates[9].header, epoch=0)
    assert refusal(trusted().accept, CHAIN.certify(header)) == "wrong-height"
    assert refusal(trusted().accept, CHAIN.certify(replace(header, height=0, epoch=-1))) == "wrong-height"


def test_a_second_certified_header_of_a_height_is_a_fork_with_its_proof():
    chain = trusted()
    chain.accept(CHAIN.certificates[6])
    with pytest.raises(ForkError, match="two headers of height 6 are certified") as caught:
        chain.accept(OTHER.certificates[6])
    assert (caught.value.first, caught.value.second) == (CHAIN.certificates[6], OTHER.certificates[6])


def test_the_same_header_with_other_signatures_is_no_fork():
    chain = trusted()
    committee, header = CHAIN.committee(6), CHAIN.certificates[6].header
    for signers in (CHAIN.keys[1][:3], CHAIN.keys[1][1:]):
        assert chain.accept(certify(header, committee, signers)) == header


@pytest.mark.parametrize(("first", "second"), [(5, 6), (6, 5)])
def test_certified_neighbours_that_do_not_link_are_a_fork(first, second):
    chain = trusted()
    chain.accept(CHAIN.certificates[first])
    with pytest.raises(ForkError, match="headers 5 and 6 do not link"):
        chain.accept(OTHER.certificates[second])


def test_the_first_round_extends_the_genesis():
    stray = replace(CHAIN.certificates[1].header, previous=Hash(bytes(32)))
    assert refusal(trusted().accept, CHAIN.certify(stray)) == "wrong-previous"


def test_a_refused_certificate_is_not_remembered():
    chain = trusted()
    stray = CHAIN.certify(replace(CHAIN.certificates[1].header, previous=Hash(bytes(32))))
    refusal(chain.accept, stray)
    assert chain.accept(CHAIN.certificates[1]) == CHAIN.certificates[1].header


def test_another_networks_chain_is_refused():
    chain = TrustedChain(Hash(bytes(32)), CHAIN.snapshots[:2], MINIMAL)
    assert refusal(chain.accept, CHAIN.certificates[1]) == "wrong-network"


def test_a_snapshot_in_which_nobody_has_weight_leads_nowhere():
    empty = [replace(snapshot, seats=()) for snapshot in CHAIN.snapshots[:2]]
    chain = TrustedChain(NETWORK, empty, MINIMAL)
    assert refusal(chain.accept, CHAIN.certificates[1]) == "wrong-snapshot"
