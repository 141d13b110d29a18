"""What each call costs, as the gas of a whole transaction. `python -m tests.support.contract_gas` writes it down.

The figures are exact and the same on every machine: keys, signatures and addresses follow from fixed seeds. They hold
for the rules of the Prague fork, among them the floor that EIP-7623 puts under calldata (40 gas per non-zero byte).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from consensus.merkle import merkle_path, merkle_root
from tests.support.contract_chain import (
    ETHER,
    PROVISIONAL,
    WITHDRAWAL_DELAY,
    Deployment,
    deploy_all,
    keccak,
    lefts,
    node_key,
    put_back,
    quorum,
    score_leaf,
    shard_vote,
)

SNAPSHOT = Path(__file__).parents[2] / "contracts" / "gas.json"

LIMITS = {
    "register": 89_000,
    "anchor, 7 of 10 signatures": 130_000,
    "anchor, first, 7 of 10 signatures": 130_000,
    "anchor, 21 of 31 signatures": 210_000,
    "anchor, first, 21 of 31 signatures": 210_000,
    "commit a shard, without its signatures": 60_000,
    "prove a score, 100 nodes": 40_000,
    "prove a score, 2,000 leaves": 40_000,
}
"""What the project set itself. What is beyond these lies beyond them for a reason that the contracts' README gives."""


def measure() -> dict[str, int]:
    """Every figure by name, in gas."""
    return _of_deploying() | _of_nodes() | _of_anchors() | _of_shards() | _of_scores()


def _of_deploying() -> dict[str, int]:
    swarm = deploy_all(_weights(31))
    tester = swarm.evm.tester
    receipts = [
        tester.get_transaction_receipt(tester.get_block_by_number(number)["transactions"][0]) for number in (1, 2, 3)
    ]
    names = ("ReputationAnchor, 31 signers", "ShardRegistry", "NodeRegistry")
    return {f"deploy {name}": one["gas_used"] for name, one in zip(names, receipts, strict=True)}


def _of_nodes() -> dict[str, int]:
    swarm = deploy_all()
    owner, (account, fresh, *_) = swarm.owners[0], swarm.node_accounts
    node, key = account.address, node_key(0).verify_key.encode()
    signature = (keccak(text="r"), keccak(text="s"))
    proof = swarm.nodes.sign(fresh, "Rotation", (node, key))
    cost = {"register": swarm.register(owner, account, node_key(0)).gas}

    def note(name: str, sender: Any, function: str, *arguments: Any, value: int = 0) -> None:
        cost[name] = swarm.nodes.send(sender, function, *arguments, value=value).gas

    note("rotate the account", account, "rotate", node, key, fresh.address, proof, signature, signature)
    note("deposit", owner, "deposit", node, value=ETHER)
    votes = [swarm.vote(0), swarm.vote(0, ledger=keccak(text="other"))]
    evidence = [part for vote in votes for part in (vote, swarm.anchor.sign(account, "EpochVote", vote))]
    with put_back(swarm):
        note("report two epoch votes", owner, "reportEpochVotes", *evidence)
    shards = [shard_vote(), shard_vote(rows=1)]
    evidence = [part for vote in shards for part in (vote, swarm.shards.sign(account, "ShardVote", vote))]
    with put_back(swarm):
        note("report two shard votes", owner, "reportShardVotes", *evidence)
    with put_back(swarm):
        note("revoke", owner, "revoke", node)
    note("request a withdrawal", owner, "requestWithdrawal", node)
    swarm.evm.travel(WITHDRAWAL_DELAY + 1)
    note("withdraw", owner, "withdraw", node, owner.address)
    return cost


def _of_anchors() -> dict[str, int]:
    cost = {}
    for count, needed in ((10, 7), (31, 21), (100, 67)):
        swarm = deploy_all(_weights(count))
        name = f"{needed} of {count} signatures"
        cost[f"anchor, first, {name}"] = _anchor(swarm, swarm.vote(0), needed)
        second = swarm.vote(1, swarm.vote(0).ledger, signers=keccak(text="heirs"))
        cost[f"anchor, {name}"] = _anchor(swarm, second, needed)
    return cost


def _of_shards() -> dict[str, int]:
    cost = {}
    for count, needed in ((10, 7), (31, 21)):
        swarm = deploy_all(_weights(count))
        cost[f"commit a shard, {needed} of {count} signatures"] = _commit(swarm, needed)
    # From one signature of one signer to all of 21: linear, so what is left at none is what the shard costs itself.
    one, many = (_commit(deploy_all(_weights(count)), count) for count in (1, 21))
    each = (many - one) // 20
    cost["each signature and its signer"] = each
    cost["commit a shard, without its signatures"] = one - each
    swarm = deploy_all(_weights(10))
    _commit(swarm, 7, status=PROVISIONAL)
    cost["close a provisional shard, 7 of 10 signatures"] = _commit(swarm, 7)
    return cost


def _of_scores() -> dict[str, int]:
    cost = {}
    for name, count in (("100 nodes", 100), ("300 leaves", 300), ("2,000 leaves", 2_000), ("30,000 leaves", 30_000)):
        swarm = deploy_all()
        scores = sorted((keccak(text=f"node {number // 3}"), number % 3, 7000 + number) for number in range(count))
        leaves = [score_leaf(*score) for score in scores]
        swarm.anchor_epoch(swarm.vote(0, score=merkle_root(leaves)))
        path = list(merkle_path(leaves, 5))
        arguments = (0, *scores[5], path, lefts(count, 5))
        cost[f"prove a score, {name}"] = swarm.anchor.send(swarm.owners[0], "verifyScore", *arguments).gas
    return cost


def _weights(count: int) -> list[int]:
    return [10_000] * count


def _anchor(swarm: Deployment, vote: Any, needed: int) -> int:
    chosen = quorum(swarm.anchor, vote, swarm.signers, range(needed))
    return swarm.anchor.send(swarm.owners[0], "anchor", vote, chosen).gas


def _commit(swarm: Deployment, needed: int, **changes: Any) -> int:
    vote = shard_vote(**changes)
    chosen = quorum(swarm.shards, vote, swarm.signers, range(needed))
    return swarm.shards.send(swarm.owners[0], "commit", vote, 0, chosen).gas


def main() -> None:
    """Write the snapshot."""
    SNAPSHOT.write_text(json.dumps(measure(), indent=1) + "\n")


if __name__ == "__main__":
    main()
