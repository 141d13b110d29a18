"""Two conflicting signed votes by one key burn its node's stake; nothing else does."""

import pytest

from tests.support.contract_chain import (
    BURN_ADDRESS,
    ETHER,
    FINAL,
    PROVISIONAL,
    WITHDRAWAL_DELAY,
    WITHDRAWN,
    Contract,
    keccak,
    node_key,
    refuses,
    shard_vote,
)

SLASHED = 3
NO_SIGNATURE = (bytes(32), bytes(32))


@pytest.fixture
def swarm(swarm):
    """A swarm with two nodes, of two owners: what burns must be the first one's and only that."""
    for number in (0, 1):
        swarm.register(swarm.owners[number], swarm.node_accounts[number], node_key(number))
    return swarm


def report_epochs(swarm, first, second, signers=None, **domain):
    one, other = signers or [swarm.node_accounts[0]] * 2
    signed = [
        (vote, swarm.anchor.sign(signer, "EpochVote", vote, **domain))
        for vote, signer in ((first, one), (second, other))
    ]
    return swarm.nodes.send(swarm.owners[2], "reportEpochVotes", *signed[0], *signed[1])


def report_shards(swarm, first, second):
    account = swarm.node_accounts[0]
    signed = [(vote, swarm.shards.sign(account, "ShardVote", vote)) for vote in (first, second)]
    return swarm.nodes.send(swarm.owners[2], "reportShardVotes", *signed[0], *signed[1])


def stakes(swarm):
    return [swarm.nodes.read("nodeOf", swarm.node_accounts[number].address)[2] for number in (0, 1)]


def has_burnt(swarm):
    assert swarm.nodes.read("nodeOf", swarm.node_accounts[0].address)[5] == SLASHED
    assert stakes(swarm) == [0, ETHER]
    assert swarm.evm.balance(BURN_ADDRESS) == ETHER
    assert swarm.evm.balance(swarm.nodes.address) == ETHER
    return True


def other_epoch_votes(swarm):
    changed = keccak(text="other")
    return {field: swarm.vote(0, **{field: changed}) for field in ("ledger", "score", "signers")} | {
        "previous": swarm.vote(0, changed)
    }


@pytest.mark.parametrize("field", ["previous", "ledger", "score", "signers"])
def test_two_votes_for_one_epoch_that_differ_anywhere_burn_the_stake(swarm, field):
    report_epochs(swarm, swarm.vote(0), other_epoch_votes(swarm)[field])
    assert has_burnt(swarm)


@pytest.mark.parametrize("change", [{"root": b"r" * 32}, {"rows": 1}, {"certificate": b"c" * 32}], ids=str)
@pytest.mark.parametrize("statuses", [(FINAL, FINAL), (PROVISIONAL, FINAL), (PROVISIONAL, PROVISIONAL)], ids=str)
def test_two_shards_for_one_job_and_round_burn_the_stake_whatever_their_status(swarm, change, statuses):
    report_shards(swarm, shard_vote(status=statuses[0]), shard_vote(status=statuses[1], **change))
    assert has_burnt(swarm)


def test_calling_one_shard_final_and_withdrawn_burns_the_stake(swarm):
    report_shards(swarm, shard_vote(status=FINAL), shard_vote(status=WITHDRAWN))
    assert has_burnt(swarm)


def test_what_an_honest_node_signs_is_no_conflict(swarm):
    """The same vote again, the next epoch, a shard that moves on, other rounds and jobs."""
    vote = swarm.vote(0)
    for other in (vote, swarm.vote(1, vote.ledger)):
        with refuses("NoConflict"):
            report_epochs(swarm, vote, other)
    provisional = shard_vote(status=PROVISIONAL)
    for first, second in (
        (provisional, provisional),
        (provisional, shard_vote()),
        (shard_vote(), provisional),
        (provisional, shard_vote(status=WITHDRAWN)),
        (shard_vote(), shard_vote(1, root=b"r" * 32)),
        (shard_vote(), shard_vote(round=8, root=b"r" * 32)),
    ):
        with refuses("NoConflict"):
            report_shards(swarm, first, second)
    assert stakes(swarm) == [ETHER, ETHER]


def test_votes_of_two_keys_prove_nothing_about_either(swarm):
    with refuses("DifferentSigners"):
        report_epochs(swarm, swarm.vote(0), swarm.vote(0, ledger=b"l" * 32), swarm.node_accounts[:2])


def test_votes_for_another_chain_contract_or_type_prove_nothing(swarm):
    first, second = swarm.vote(0), swarm.vote(0, ledger=b"l" * 32)
    account = swarm.node_accounts[0]
    elsewhere = Contract(swarm.evm, "ReputationAnchor", swarm.shards.address)
    with refuses("DifferentSigners"):  # what comes out of the recovery is somebody, a different one for each vote
        report_epochs(swarm, first, second, chain_id=1)
    with refuses("DifferentSigners"):
        signed = [(vote, elsewhere.sign(account, "EpochVote", vote)) for vote in (first, second)]
        swarm.nodes.send(swarm.owners[2], "reportEpochVotes", *signed[0], *signed[1])
    with refuses("DifferentSigners"):
        signed = [(vote, swarm.anchor.sign(account, "EpochVote", vote)) for vote in (first, second)]
        swarm.nodes.send(swarm.owners[2], "reportEpochVotes", first, signed[0][1], second, signed[0][1])
    zero = "0x" + "00" * 20
    with refuses("DifferentSigners", zero, zero):
        swarm.nodes.send(swarm.owners[2], "reportEpochVotes", first, NO_SIGNATURE, second, NO_SIGNATURE)
    assert stakes(swarm) == [ETHER, ETHER]


def test_a_key_that_is_nobodys_cannot_be_punished(swarm):
    stranger = swarm.node_accounts[5]
    with refuses("NotRegistered", stranger.address.lower()):
        report_epochs(swarm, swarm.vote(0), swarm.vote(0, ledger=b"l" * 32), [stranger] * 2)


def test_an_offence_is_punished_once(swarm):
    conflict = (swarm.vote(0), swarm.vote(0, ledger=b"l" * 32))
    report_epochs(swarm, *conflict)
    node = swarm.node_accounts[0].address
    with refuses("AlreadySlashed", node.lower()):
        report_epochs(swarm, *conflict)
    with refuses("NotActive", node.lower(), SLASHED):
        swarm.nodes.send(swarm.owners[0], "deposit", node, value=ETHER)


def test_the_guilty_do_not_come_back_under_the_same_account(swarm):
    report_epochs(swarm, swarm.vote(0), swarm.vote(0, ledger=b"l" * 32))
    with refuses("AccountTaken"):
        swarm.register(swarm.owners[0], swarm.node_accounts[0], node_key(0))
    for call in ("requestWithdrawal", "revoke"):
        with pytest.raises(Exception, match=r"NothingStaked|NotActive"):
            swarm.nodes.send(swarm.owners[0], call, swarm.node_accounts[0].address)


def test_a_stake_on_its_way_out_burns_too(swarm):
    owner, node = swarm.owners[0], swarm.node_accounts[0].address
    swarm.nodes.send(owner, "requestWithdrawal", node)
    swarm.evm.travel(WITHDRAWAL_DELAY - 100)
    report_epochs(swarm, swarm.vote(0), swarm.vote(0, ledger=b"l" * 32))
    assert has_burnt(swarm)
    swarm.evm.travel(1000)
    with refuses("NoWithdrawal"):
        swarm.nodes.send(owner, "withdraw", node, owner.address)


@pytest.mark.parametrize("guilty", [0, 2, 3], ids=["the first", "one between", "the last"])
def test_every_account_a_node_ever_had_answers_for_what_it_signed(swarm, guilty):
    node, key = swarm.node_accounts[0].address, node_key(0).verify_key.encode()
    for before, after in ((0, 2), (2, 3)):
        old, new = swarm.node_accounts[before], swarm.node_accounts[after]
        proof = swarm.nodes.sign(new, "Rotation", (node, key))
        swarm.nodes.send(old, "rotate", node, key, new.address, proof, NO_SIGNATURE, NO_SIGNATURE)
    report_epochs(swarm, swarm.vote(0), swarm.vote(0, ledger=b"l" * 32), [swarm.node_accounts[guilty]] * 2)
    assert has_burnt(swarm)


def test_after_the_stake_has_left_the_offence_is_still_put_on_record(swarm):
    owner, node = swarm.owners[0], swarm.node_accounts[0].address
    swarm.nodes.send(owner, "requestWithdrawal", node)
    swarm.evm.travel(WITHDRAWAL_DELAY + 1)
    swarm.nodes.send(owner, "withdraw", node, owner.address)
    report_epochs(swarm, swarm.vote(0), swarm.vote(0, ledger=b"l" * 32))
    assert swarm.nodes.read("nodeOf", node)[5] == SLASHED
    assert swarm.evm.balance(BURN_ADDRESS) == 0
