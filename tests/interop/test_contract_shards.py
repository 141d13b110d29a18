"""ShardRegistry: what the swarm stands by, and that it stays."""

import pytest

from tests.support.contract_chain import (
    FINAL,
    PROVISIONAL,
    WITHDRAWN,
    able,
    deploy_all,
    hash_signers,
    job,
    keccak,
    make_signers,
    quorum,
    refuses,
    shard_vote,
)

NONE = 0
CLOSED = pytest.mark.parametrize("closed", [FINAL, WITHDRAWN], ids=["final", "withdrawn"])


@pytest.fixture(scope="module")
def deployed():
    return deploy_all(weights=(1, 1, 1, 1))


def status(swarm, vote):
    return swarm.shards.read("statusOf", vote)


def other_shards():
    """The same job and round with each of the other values changed in turn."""
    other = keccak(text="other")
    return [shard_vote(root=other), shard_vote(rows=41), shard_vote(certificate=other)]


def test_a_committed_shard_is_known_by_all_that_it_says(swarm):
    vote = shard_vote()
    swarm.commit_shard(vote)
    assert status(swarm, vote) == swarm.shards.read("statusAt", vote.job, vote.round) == FINAL
    for other in (*other_shards(), shard_vote(1), shard_vote(round=8)):
        assert status(swarm, other) == NONE


def test_the_event_says_all_that_the_slot_only_hashes(swarm):
    vote = shard_vote()
    (log,) = swarm.commit_shard(vote).logs
    assert [bytes.fromhex(topic[2:]) for topic in log["topics"][1:]] == [vote.job, vote.round.to_bytes(32, "big")]
    words = (vote.root, vote.rows.to_bytes(32, "big"), vote.certificate, vote.status.to_bytes(32, "big"))
    assert bytes.fromhex(log["data"][2:]) == b"".join(words)


@CLOSED
def test_a_provisional_shard_moves_on_once(swarm, closed):
    swarm.commit_shard(shard_vote(status=PROVISIONAL))
    with refuses("StatusUnchanged"):
        swarm.commit_shard(shard_vote(status=PROVISIONAL))
    swarm.commit_shard(shard_vote(status=closed))
    assert status(swarm, shard_vote()) == closed


@CLOSED
def test_a_closed_shard_is_immutable_whoever_signs(swarm, closed):
    swarm.commit_shard(shard_vote(status=closed))
    for other in (shard_vote(), *other_shards()):
        for wanted in (PROVISIONAL, FINAL, WITHDRAWN):
            with refuses("ShardIsClosed", job(0), 7, closed):
                swarm.commit_shard(other._replace(status=wanted))
    assert status(swarm, shard_vote()) == closed


def test_a_provisional_shard_keeps_its_contents(swarm):
    swarm.commit_shard(shard_vote(status=PROVISIONAL))
    for other in other_shards():
        with refuses("ShardDiffers", job(0), 7):
            swarm.commit_shard(other)


def test_shards_of_other_jobs_and_rounds_stand_beside_each_other(swarm):
    for vote in (shard_vote(), shard_vote(1), shard_vote(round=8), shard_vote(1, round=8)):
        swarm.commit_shard(vote)
        assert status(swarm, vote) == FINAL


def test_no_status_is_nothing_to_commit(swarm):
    with refuses("NoStatus"):
        swarm.commit_shard(shard_vote(status=NONE))


def test_two_thirds_are_not_more_than_two_thirds(swarm):
    vote = shard_vote()
    for who in ((), (0,), (0, 1)):
        with refuses("TooLittleWeight", len(who), 4):
            swarm.shards.send(swarm.owners[0], "commit", vote, 0, quorum(swarm.shards, vote, swarm.signers, who))


def test_signatures_for_the_anchor_or_another_chain_do_not_commit_a_shard(swarm):
    vote = shard_vote()
    for contract, domain in ((swarm.anchor, {}), (swarm.nodes, {}), (swarm.shards, {"chain_id": 1})):
        chosen = quorum(contract, vote, swarm.signers, able(swarm.signers), **domain)
        with refuses("WrongSigner"):
            swarm.shards.send(swarm.owners[0], "commit", vote, 0, chosen)


def test_votes_for_one_shard_do_not_commit_another(swarm):
    signed = quorum(swarm.shards, shard_vote(), swarm.signers, able(swarm.signers))
    for other in (*other_shards(), shard_vote(1), shard_vote(round=8), shard_vote(status=WITHDRAWN)):
        with refuses("WrongSigner"):
            swarm.shards.send(swarm.owners[0], "commit", other, 0, signed)


def test_the_set_in_force_and_the_one_before_it_may_commit_and_no_older_one(swarm):
    heirs = make_signers((1, 1, 1), seed="heir")
    first = swarm.vote(0, signers=hash_signers(heirs))
    swarm.anchor_epoch(first)

    def commit(number, signers, epoch):
        vote = shard_vote(number)
        chosen = quorum(swarm.shards, vote, signers, able(signers))
        return swarm.shards.send(swarm.owners[0], "commit", vote, epoch, chosen)

    commit(1, swarm.signers, 0)
    commit(2, heirs, 1)
    with refuses("WrongSigners"):
        commit(3, swarm.signers, 1)
    with refuses("SignersNotKept", 2, 1):
        commit(3, heirs, 2)
    swarm.anchor_epoch(swarm.vote(1, first.ledger, signers=hash_signers(heirs)), heirs)
    with refuses("SignersNotKept", 0, 2):
        commit(3, swarm.signers, 0)
