"""What is signed, hashed and named at the chain's edge; and that nobody without a chain pays for it."""

import pickle
import subprocess
import sys

import pytest

from consensus.params import MINIMAL
from consensus.types import ZERO_HASH, Hash, JobId, NodeId, Seat, Snapshot
from node.chain.account import EvmKey, address_text, parse_address
from node.chain.endpoint import contract_address
from node.chain.outbox import Broadcast, ChainView, Outbox, Prepare, Rules, Save, Sign
from node.chain.votes import NOBODY, SIGNERS_MAX, Contract, EpochVote, ShardVote, SignerSet, recover, signer_set
from node.errors import OperatorError
from node.values.outbox import Attempt, Call, EntryState, Place
from reputation import ScoreCategory, epoch_scores, ledger_root, new_member

ONE, TWO = EvmKey(b"\x01" * 32), EvmKey(b"\x02" * 32)
HERE = Contract(1, b"\x0a" * 20)


def node_of(number):
    return NodeId(number.to_bytes(2, "big") + bytes(30))


def epoch_vote(**changes):
    values = {
        "epoch": 1,
        "previous_ledger_root": Hash(b"\x01" * 32),
        "ledger_root": Hash(b"\x02" * 32),
        "score_root": Hash(b"\x03" * 32),
        "next_signers": b"\x04" * 32,
    }
    return EpochVote(**values | changes)


def test_a_node_without_a_chain_imports_nothing_of_it():
    code = (
        "import sys, node.app, node.cli, node.cli.reputation, node.cli.chain\n"
        "found = {name.partition('.')[0] for name in sys.modules} & {'web3', 'aiohttp', 'eth_keys', 'eth'}\n"
        "assert not found, found\n"
        "assert 'node.chain' not in sys.modules and 'node.anchoring' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Signatures


def test_a_signature_is_recovered_to_its_account_and_to_nobody_when_anything_differs():
    digest = epoch_vote().digest(HERE)
    signature = ONE.sign(digest)
    assert recover(digest, signature) == ONE.address
    assert recover(epoch_vote(epoch=2).digest(HERE), signature) != ONE.address
    for wrong in (b"", signature[:-1], signature + b"\0", bytes(64), b"\xff" * 64):
        assert recover(digest, wrong) is None


def test_the_high_s_form_of_a_signature_is_refused():
    digest = epoch_vote().digest(HERE)
    half_order = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
    r = ONE.sign(digest)[:32]
    assert recover(digest, r + half_order.to_bytes(32, "big")) is not None
    assert recover(digest, r + (half_order + 1).to_bytes(32, "big")) is None


@pytest.mark.parametrize("other", [Contract(2, HERE.address), Contract(1, b"\x0b" * 20)], ids=["chain", "contract"])
def test_a_vote_for_one_chain_and_contract_is_none_for_another(other):
    assert epoch_vote().digest(HERE) != epoch_vote().digest(other)
    shard = ShardVote(JobId(b"\x01" * 32), 3, Hash(b"\x02" * 32), 4, Hash(b"\x03" * 32))
    assert shard.digest(HERE) != shard.digest(other)


def test_a_key_is_never_shown_or_pickled():
    assert ONE.secret.hex() not in repr(ONE)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(ONE)
    with pytest.raises(ValueError, match="not a secp256k1"):
        EvmKey(bytes(32))


def test_an_address_with_a_wrong_letter_is_refused():
    text = address_text(ONE.address)
    assert parse_address(text) == parse_address(text.lower()) == ONE.address
    assert contract_address(ONE.address, 0) != contract_address(ONE.address, 128)
    for wrong in ("", "0x", text[:-1], text.swapcase().replace("0X", "0x"), "0x" + "g" * 40):
        with pytest.raises(OperatorError):
            parse_address(wrong)


# Signer sets


def test_a_signer_set_is_in_the_contracts_order_and_nobody_stands_for_whoever_has_no_account():
    seats = [Seat(node_of(1), 5), Seat(node_of(2), 7), Seat(node_of(3), 11), Seat(node_of(4), 2)]
    found = signer_set(seats, {node_of(1): TWO.address, node_of(3): ONE.address})
    assert found.packed() == tuple(sorted(found.packed()))
    assert dict(found.entries) == {NOBODY: 9, TWO.address: 5, ONE.address: 11}
    assert found.total == 25
    assert found.weight_of([NOBODY, TWO.address]) == 5, "nobody cannot sign"


def test_more_seats_than_the_contract_has_bits_leave_the_lightest_without_a_voice_and_the_total_as_it_is():
    seats = [Seat(node_of(number), number) for number in range(1, 400)]
    accounts = {seat.node: bytes(18) + seat.node[:2] for seat in seats}
    found = signer_set(seats, accounts)
    assert len(found.entries) == SIGNERS_MAX
    assert found.total == sum(seat.weight for seat in seats)
    assert (399).to_bytes(20, "big") in dict(found.entries)
    assert (1).to_bytes(20, "big") not in dict(found.entries)


def test_a_quorum_is_strictly_more_than_two_thirds_and_no_more_signatures_than_needed():
    entries = tuple((bytes([number]) * 20, 1) for number in range(1, 7))
    signers = SignerSet(entries)
    assert not signers.has_quorum(account for account, _ in entries[:4])
    assert signers.has_quorum(account for account, _ in entries[:5])
    _, bitmap, signatures = signers.quorum({account: bytes(64) for account, _ in entries})
    assert (bitmap.bit_count(), len(signatures)) == (5, 5)


# The ledger's roots


def test_an_epochs_scores_are_in_the_trees_order_each_once_and_of_fixed_width():
    members = [new_member(node_of(number), "owner", 0) for number in (3, 1, 2)]
    snapshot = Snapshot(2, tuple(Seat(node_of(number), 10_000) for number in (1, 2)))
    scores = epoch_scores(members, snapshot, MINIMAL)
    leaves = [score.leaf() for score in scores]
    assert leaves == sorted(set(leaves))
    assert {len(leaf) for leaf in leaves} == {20 + 32 + 2 + 4}
    assert [score.category for score in scores if score.node == node_of(3)] == [
        ScoreCategory.RATING,
        ScoreCategory.GENERATING,
    ]


def test_the_ledgers_root_tells_swarms_heights_and_lengths_apart_and_is_never_zero():
    roots = {
        ledger_root(network, height, ZERO_HASH, length)
        for network in (Hash(b"\x01" * 32), Hash(b"\x02" * 32))
        for height in (0, 4)
        for length in (0, 1)
    }
    assert len(roots) == 8
    assert ZERO_HASH not in roots


# The outbox, where the schedules do not look


def view(**changes):
    return ChainView(**{"head": 10, "base_fee": 10**9, "tip": 1, "nonce": 4, "balance": 10**18} | changes)


def sent(outbox, key, *, now=0):
    (_, prepare) = outbox.observe(view(), now) if outbox._dirty else (None, outbox.observe(view(), now)[-1])
    assert isinstance(prepare, Prepare)
    (sign,) = outbox.prepared(key, 21_000, now)
    assert isinstance(sign, Sign)
    return sign


def test_what_is_sent_is_saved_before_it_is_broadcast():
    outbox = Outbox(b"\x01" * 20, Rules())
    assert isinstance(outbox.want("a", Call(b"\x02" * 20, b""))[0], Save)
    sign = sent(outbox, "a")
    assert sign.nonce == 4
    save, broadcast = outbox.signed("a", Attempt(b"h", b"raw", sign.max_fee, sign.tip, sign.gas, sign.head))
    assert isinstance(save, Save)
    assert isinstance(broadcast, Broadcast)
    assert save.entries[0].attempts == (broadcast.attempt,)


def test_above_the_fee_limit_nothing_is_sent_and_the_entry_says_so():
    outbox = Outbox(b"\x01" * 20, Rules(fee_max=10**9))
    outbox.want("a", Call(b"\x02" * 20, b""))
    outbox.observe(view(base_fee=10**9), 0)
    (save,) = outbox.prepared("a", 21_000, 0)
    assert isinstance(save, Save)
    assert outbox.get("a").state is EntryState.QUEUED
    assert "above the limit of 1 gwei" in outbox.get("a").reason


def test_waits_double_up_to_their_bound():
    outbox = Outbox(b"\x01" * 20, Rules(retry_first_ms=100, retry_max_ms=1_000))
    outbox.want("a", Call(b"\x02" * 20, b""))
    waits = []
    for _ in range(6):
        before = outbox.get("a").retry_ms
        outbox.postponed("a", "the endpoint is away", before)
        waits.append(outbox.get("a").retry_ms - before)
    assert waits == [100, 200, 400, 800, 1_000, 1_000]


def test_a_failed_entry_waits_for_a_person_and_then_goes_on():
    outbox = Outbox(b"\x01" * 20, Rules(reverts_max=1, confirmations=1))
    outbox.want("a", Call(b"\x02" * 20, b""))
    sign = sent(outbox, "a")
    outbox.signed("a", Attempt(b"h", b"raw", sign.max_fee, sign.tip, sign.gas, sign.head))
    outbox.observe(view(nonce=5, places={b"h": Place(b"h", 10, b"b", succeeded=False)}), 10_000)
    outbox.refused("a", "WrongEpoch(expected=2, given=1)", 10_000)
    assert outbox.get("a").state is EntryState.FAILED
    assert outbox.counts[EntryState.FAILED] == sum(outbox.counts.values()) == 1
    outbox.retry()
    assert outbox.get("a").state is EntryState.QUEUED
