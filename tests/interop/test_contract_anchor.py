"""ReputationAnchor: one history, signed by more than two thirds of the weight, and scores proved against it."""

import pytest

from consensus.merkle import merkle_path, merkle_root
from tests.support.contract_chain import (
    GENESIS_ROOT,
    TYPES,
    Contract,
    able,
    deploy,
    deploy_all,
    entries,
    hash_signers,
    keccak,
    lefts,
    make_signers,
    quorum,
    refuses,
    score_leaf,
)


@pytest.fixture(scope="module")
def deployed():
    return deploy_all(weights=(3, 2, 2), unbound=1)  # 8 in all: 6 are more than two thirds, 5 are not


def send(swarm, vote, chosen):
    return swarm.anchor.send(swarm.owners[0], "anchor", vote, chosen)


def by_weight(swarm, *weights):
    """Numbers of signers with these weights, each signer once."""
    left = list(enumerate(signer.weight if signer.account else None for signer in swarm.signers))
    chosen = []
    for weight in weights:
        number = next(one for one in left if one[1] == weight)
        left.remove(number)
        chosen.append(number[0])
    return chosen


# One history


def test_epochs_are_anchored_one_after_the_other_and_stay(swarm):
    first = swarm.vote(0)
    second = swarm.vote(1, first.ledger)
    swarm.anchor_epoch(first)
    swarm.anchor_epoch(second)
    assert swarm.anchor.read("nextEpoch") == 2
    assert swarm.anchor.read("anchorOf", 0) == (first.ledger, first.score)
    assert swarm.anchor.read("anchorOf", 1) == (second.ledger, second.score)


def test_anybody_may_send_what_the_committee_signed(swarm):
    vote = swarm.vote(0)
    chosen = quorum(swarm.anchor, vote, swarm.signers, able(swarm.signers))
    swarm.anchor.send(swarm.node_accounts[6], "anchor", vote, chosen)
    assert swarm.anchor.read("nextEpoch") == 1


def test_a_gap_is_refused(swarm):
    with refuses("WrongEpoch", 0, 1):
        swarm.anchor_epoch(swarm.vote(1))


def test_a_replay_and_another_root_for_the_same_epoch_are_refused(swarm):
    vote = swarm.vote(0)
    swarm.anchor_epoch(vote)
    for again in (vote, vote._replace(ledger=keccak(text="another ledger"))):
        with refuses("WrongEpoch", 1, 0):
            swarm.anchor_epoch(again)
    assert swarm.anchor.read("anchorOf", 0) == (vote.ledger, vote.score)


def test_an_epoch_that_continues_another_history_is_refused(swarm):
    other = keccak(text="another past")
    with refuses("WrongPreviousRoot", GENESIS_ROOT, other):
        swarm.anchor_epoch(swarm.vote(0, other))
    swarm.anchor_epoch(swarm.vote(0))
    with refuses("WrongPreviousRoot"):
        swarm.anchor_epoch(swarm.vote(1, GENESIS_ROOT))


def test_a_zero_root_is_refused_for_it_would_read_as_not_anchored(swarm):
    for field in ("ledger", "score", "signers"):
        with refuses("ZeroRoot"):
            swarm.anchor_epoch(swarm.vote(0, **{field: bytes(32)}))
    with refuses("NotAnchored", 0):
        swarm.anchor.read("anchorOf", 0)
    with refuses("NotAnchored", 0):
        swarm.anchor.read("verifyScore", 0, bytes(32), 0, 0, [], 0)


def test_anchoring_may_begin_at_any_epoch():
    swarm = deploy_all(first=41)
    with refuses("WrongEpoch", 41, 0):
        swarm.anchor_epoch(swarm.vote(0))
    with refuses("SignersNotKept", 40, 41):
        swarm.anchor.read("signersOf", 40)
    swarm.anchor_epoch(swarm.vote(41))
    assert (swarm.anchor.read("firstEpoch"), swarm.anchor.read("nextEpoch")) == (41, 42)


# Weight


def test_more_than_two_thirds_of_the_weight_anchor_and_exactly_two_thirds_do_not():
    swarm = deploy_all(weights=(2, 2, 2))
    with refuses("TooLittleWeight", 4, 6):
        send(swarm, swarm.vote(0), quorum(swarm.anchor, swarm.vote(0), swarm.signers, (0, 1)))
    send(swarm, swarm.vote(0), quorum(swarm.anchor, swarm.vote(0), swarm.signers, (0, 1, 2)))


def test_weight_counts_and_not_heads(swarm):
    with refuses("TooLittleWeight", 5, 8):
        send(swarm, swarm.vote(0), quorum(swarm.anchor, swarm.vote(0), swarm.signers, by_weight(swarm, 3, 2)))
    send(swarm, swarm.vote(0), quorum(swarm.anchor, swarm.vote(0), swarm.signers, by_weight(swarm, 3, 2, 2)))


def test_weight_without_an_account_counts_in_the_total_and_cannot_sign(swarm):
    assert swarm.signers[0].account is None
    signers, bitmap, signatures = quorum(swarm.anchor, swarm.vote(0), swarm.signers, by_weight(swarm, 3, 2))
    zero = "0x" + "00" * 20
    for forged in ((bytes(32), bytes(32)), (b"\xff" * 32, b"\x7f" * 32)):
        with refuses("WrongSigner", 0, zero, zero):
            send(swarm, swarm.vote(0), (signers, bitmap | 1, [forged, *signatures]))


def test_nobody_counts_twice(swarm):
    signers, bitmap, signatures = quorum(swarm.anchor, swarm.vote(0), swarm.signers, by_weight(swarm, 3, 2))
    for number in range(4):
        if not bitmap >> number & 1 and swarm.signers[number].account:
            with refuses("WrongSigner"):
                send(swarm, swarm.vote(0), (signers, bitmap | 1 << number, [signatures[0], *signatures]))


def test_bits_and_signatures_have_to_be_as_many(swarm):
    signers, bitmap, signatures = quorum(swarm.anchor, swarm.vote(0), swarm.signers, able(swarm.signers))
    for wrong in (
        (signers, bitmap, signatures[:-1]),
        (signers, bitmap, [*signatures, signatures[0]]),
        (signers, bitmap | 1 << 4, signatures),
        (signers, bitmap | 1 << 255, signatures),
        (signers, 0, signatures),
    ):
        with refuses("WrongSignatureCount"):
            send(swarm, swarm.vote(0), wrong)


def test_no_signatures_are_no_quorum(swarm):
    with refuses("TooLittleWeight", 0, 8):
        send(swarm, swarm.vote(0), (entries(swarm.signers), 0, []))


def test_other_signers_or_other_weights_than_committed_are_refused(swarm):
    heavier = [entry[:20] + (9).to_bytes(12, "big") for entry in entries(swarm.signers)]
    strangers = entries(make_signers((1, 1, 1), seed="stranger"))
    for signers in (heavier, strangers, entries(swarm.signers)[1:], [], entries(swarm.signers)[::-1]):
        with refuses("WrongSigners"):
            send(swarm, swarm.vote(0), (signers, 0, []))


def test_the_next_epoch_belongs_to_the_set_that_this_one_named(swarm):
    heirs = make_signers((1, 1, 1, 1), seed="heir")
    vote = swarm.vote(0, signers=hash_signers(heirs))
    swarm.anchor_epoch(vote)
    with refuses("WrongSigners"):
        swarm.anchor_epoch(swarm.vote(1, vote.ledger))
    swarm.anchor_epoch(swarm.vote(1, vote.ledger), heirs)
    assert swarm.anchor.read("signersOf", 2) == hash_signers(swarm.signers)
    assert swarm.anchor.read("signersOf", 1) == hash_signers(heirs)
    with refuses("SignersNotKept", 0, 2):
        swarm.anchor.read("signersOf", 0)
    with refuses("SignersNotKept", 3, 2):
        swarm.anchor.read("signersOf", 3)


# What is signed


def test_a_signature_counts_for_its_vote_contract_chain_and_function_only(swarm):
    vote, others = swarm.vote(0), able(swarm.signers)
    elsewhere = Contract(swarm.evm, "ReputationAnchor", swarm.nodes.address)
    impostor = Contract(swarm.evm, "ShardRegistry", swarm.anchor.address)
    wrong = {
        "another chain": quorum(swarm.anchor, vote, swarm.signers, others, chain_id=1),
        "another contract": quorum(elsewhere, vote, swarm.signers, others),
        "another name": quorum(impostor, vote, swarm.signers, others),
    }
    for field in ("ledger", "score", "signers"):
        other = vote._replace(**{field: keccak(text="other")})
        wrong[f"another {field}"] = quorum(swarm.anchor, other, swarm.signers, others)
    for chosen in wrong.values():
        with refuses("WrongSigner"):
            send(swarm, vote, chosen)


def test_the_contracts_digest_is_the_one_of_eip_712(swarm):
    """Signatures here come from an independent library, so that any quorum shows it; this one names the bytes."""
    vote = swarm.vote(5)
    domain = keccak(
        keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak(text="swarm-node ReputationAnchor")
        + keccak(text="1")
        + swarm.evm.chain_id.to_bytes(32, "big")
        + bytes(12)
        + bytes.fromhex(swarm.anchor.address[2:])
    )
    kind = keccak(text=f"EpochVote({TYPES['EpochVote']})")
    struct = keccak(kind + vote.epoch.to_bytes(32, "big") + b"".join(vote[1:]))
    assert swarm.anchor.read("voteDigest", vote) == keccak(b"\x19\x01" + domain + struct)


# Deploying


def test_a_first_set_that_could_never_reach_a_quorum_is_refused(swarm):
    zero_weights = entries(make_signers((0, 0)))
    for signers, numbers in (([], (0, 0)), (zero_weights, (0, 0)), (entries(make_signers((2,), unbound=1)), (2, 3))):
        with refuses("TooLittleWeight", *numbers):
            deploy(swarm.evm, "ReputationAnchor", 0, GENESIS_ROOT, signers)


def test_a_set_has_at_most_as_many_signers_as_the_bitmap_has_bits(swarm):
    full = [(1 + number).to_bytes(20, "big") + (1).to_bytes(12, "big") for number in range(257)]
    with refuses("TooManySigners", 257):
        deploy(swarm.evm, "ReputationAnchor", 0, GENESIS_ROOT, full)
    anchor = deploy(swarm.evm, "ReputationAnchor", 0, GENESIS_ROOT, full[:256])
    with refuses("TooLittleWeight", 0, 256):
        anchor.send(swarm.owners[0], "anchor", swarm.vote(0), (full[:256], 0, []))


def test_a_set_of_all_256_signers_works_to_the_last_bit(swarm):
    signers = make_signers((1,) * 255 + (1000,))
    heavy = next(number for number, signer in enumerate(signers) if signer.weight == 1000)
    anchor = deploy(swarm.evm, "ReputationAnchor", 0, GENESIS_ROOT, entries(signers))
    vote = swarm.vote(0)
    anchor.send(swarm.owners[0], "anchor", vote, quorum(anchor, vote, signers, {heavy, 255}))
    assert anchor.read("nextEpoch") == 1


# Scores


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 11])
def test_every_score_is_proved_against_the_root_that_consensus_builds(swarm, count):
    scores = sorted((keccak(text=f"node {number // 2}"), number % 2, 100 * number) for number in range(count))
    leaves = [score_leaf(*score) for score in scores]
    swarm.anchor_epoch(swarm.vote(0, score=merkle_root(leaves)))
    for index, score in enumerate(scores):
        proof = (list(merkle_path(leaves, index)), lefts(count, index))
        assert swarm.anchor.read("verifyScore", 0, *score, *proof)


def test_nothing_else_is_proved(swarm):
    scores = sorted((keccak(text=f"node {number}"), 0, 100 * number) for number in range(7))
    leaves = [score_leaf(*score) for score in scores]
    swarm.anchor_epoch(swarm.vote(0, score=merkle_root(leaves)))
    (node, category, score), path, sides = scores[3], list(merkle_path(leaves, 3)), lefts(7, 3)

    def proves(*values):
        return swarm.anchor.read("verifyScore", 0, *values)

    assert proves(node, category, score, path, sides)
    assert not proves(scores[2][0], category, score, path, sides), "another node"
    assert not proves(node, 1, score, path, sides), "another category"
    assert not proves(node, category, score + 1, path, sides), "another score"
    assert not proves(node, category, score, path[:-1], sides), "a shorter path"
    assert not proves(node, category, score, [*path, bytes(32)], sides), "a longer path"
    assert not proves(node, category, score, path[::-1], sides), "another order"
    for bit in range(len(path)):
        assert not proves(node, category, score, path, sides ^ 1 << bit), "another side"
    with refuses("NotAnchored", 1):
        swarm.anchor.read("verifyScore", 1, node, category, score, path, sides)
