"""Any sequence of calls by anybody: what the contracts let through is what a small model lets through, and no more.

The models are the rules in a few lines each. After every step the registry's balance is the sum of the stakes; at the
end of a run every stake, every root and every shard is where the model has it. `CONTRACT_EXAMPLES` sets the number of
runs (`make fuzz-contracts`).
"""

import os
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.contract_chain import (
    BURN_ADDRESS,
    ETHER,
    FINAL,
    GENESIS_ROOT,
    MINIMUM_STAKE,
    PROVISIONAL,
    WITHDRAWAL_DELAY,
    WITHDRAWN,
    Contract,
    RefusedError,
    able,
    deploy_all,
    hash_signers,
    keccak,
    make_signers,
    node_key,
    quorum,
    shard_vote,
)

ACTIVE, REVOKED, SLASHED = 1, 2, 3
NO_SIGNATURE = (bytes(32), bytes(32))
PERSON = st.integers(0, 7)
NODE = st.integers(0, 8)
MOSTLY = st.sampled_from([True, True, True, False])
FOUNDED = {3: 0, 4: 0, 5: 1}
"""Nodes that are there from the start: the number of the person that is the account, and of the one that owns it."""
LEAVING = 4
"""The one of them whose owner has asked for the stake."""

ONE_OF_ALL = settings(
    max_examples=int(os.environ.get("CONTRACT_EXAMPLES", "10")),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@dataclass
class Standing:
    owner: int
    account: int
    stake: int
    unlock_at: int = 0
    status: int = ACTIVE


@dataclass
class Chain:
    """One deployment for all runs of a machine; each run starts from the same snapshot."""

    deployed: object = field(default_factory=deploy_all)

    def __post_init__(self):
        people = self.deployed.evm.accounts
        for account, owner in FOUNDED.items():
            self.deployed.register(people[owner], people[account], node_key(account))
        owner = people[FOUNDED[LEAVING]]
        self.deployed.nodes.send(owner, "requestWithdrawal", people[LEAVING].address)
        self.unlock_at = self.deployed.evm.time + WITHDRAWAL_DELAY
        self.snapshot = self.deployed.evm.tester.take_snapshot()

    def again(self):
        self.deployed.evm.tester.revert_to_snapshot(self.snapshot)
        self.snapshot = self.deployed.evm.tester.take_snapshot()
        return self.deployed


class Stakes(RuleBasedStateMachine):
    """Eight people, each of whom may own nodes, sign for a node, report, and try all that with what is not theirs."""

    chain = None

    def __init__(self):
        super().__init__()
        Stakes.chain = Stakes.chain or Chain()
        self.swarm = Stakes.chain.again()
        self.people = self.swarm.evm.accounts
        self.nodes = {account: Standing(owner, account, MINIMUM_STAKE) for account, owner in FOUNDED.items()}
        self.nodes[LEAVING].unlock_at = Stakes.chain.unlock_at
        self.bound = {account: account for account in FOUNDED}  # every account that was ever bound, to the node's id
        self.burnt = 0
        self.signed = []  # calls with signatures that were let through once

    def attempt(self, sender, function, *arguments, expected, value=0):
        """Send it, and find that the contract thinks of it as the model does."""
        refusal = None
        try:
            self.swarm.nodes.send(self.people[sender], function, *arguments, value=value)
        except RefusedError as error:
            refusal = error
        assert (refusal is None) == expected, f"{function} by {sender}: {refusal or 'let through'}"
        return expected

    def pick(self, number, *, wants_leaving=False):
        """One of the nodes, most often, if wanted one whose stake is on its way out; else a person that is none."""
        known = sorted(self.nodes)
        leaving = [chosen for chosen in known if self.nodes[chosen].unlock_at]
        among = leaving if leaving and wants_leaving else known
        chosen = among[number % len(among)] if number < 7 else number
        return chosen, self.nodes.get(chosen), self.people[chosen].address

    @rule(owner=PERSON, account=PERSON, value=st.sampled_from([ETHER, 2 * ETHER, MINIMUM_STAKE - 1]), honest=MOSTLY)
    def register(self, owner, account, value, honest):
        key = node_key(account).verify_key.encode()
        signer = self.people[account if honest else owner]
        proof = self.swarm.nodes.sign(signer, "Registration", (key, self.people[owner].address))
        call = (key, self.people[account].address, proof, NO_SIGNATURE)
        fits = account not in self.bound and value >= MINIMUM_STAKE and (honest or owner == account)
        if self.attempt(owner, "register", *call, expected=fits, value=value):
            self.nodes[account] = Standing(owner, account, value)
            self.bound[account] = account
            self.signed.append(("register", call))

    @rule(number=NODE, own=MOSTLY, person=PERSON, value=st.sampled_from([1, 5 * ETHER, 0]))
    def deposit(self, number, own, person, value):
        _, node, address = self.pick(number)
        sender = node.owner if node and own else person
        fits = node is not None and node.status == ACTIVE and sender == node.owner and value > 0
        if self.attempt(sender, "deposit", address, expected=fits, value=value):
            node.stake += value
            node.unlock_at = 0

    @rule(number=NODE, own=MOSTLY, person=PERSON)
    def request_withdrawal(self, number, own, person):
        _, node, address = self.pick(number)
        sender = node.owner if node and own else person
        fits = node is not None and sender == node.owner and node.stake > 0 and not node.unlock_at
        if self.attempt(sender, "requestWithdrawal", address, expected=fits):
            node.unlock_at = self.swarm.evm.time + WITHDRAWAL_DELAY

    @rule(number=NODE, own=MOSTLY, person=PERSON, patience=st.sampled_from([WITHDRAWAL_DELAY, 60]))
    def withdraw(self, number, own, person, patience):
        _, node, address = self.pick(number, wants_leaving=True)
        sender = node.owner if node and own else person
        self.swarm.evm.travel(patience)
        is_unlocked = node is not None and 0 < node.unlock_at <= self.swarm.evm.time
        if node is not None and node.unlock_at and abs(node.unlock_at - self.swarm.evm.time) < 60:
            return  # too near to say from outside in which block it falls
        receiver = "0x" + "22" * 20
        before = self.swarm.evm.balance(receiver)
        if self.attempt(sender, "withdraw", address, receiver, expected=is_unlocked and sender == node.owner):
            assert self.swarm.evm.balance(receiver) - before == node.stake
            node.stake, node.unlock_at = 0, 0

    @rule(number=NODE, role=st.sampled_from(["owner", "account", "stranger"]), person=PERSON)
    def revoke(self, number, role, person):
        _, node, address = self.pick(number)
        sender = getattr(node, role, person)
        fits = node is not None and node.status == ACTIVE and sender in {node.owner, node.account}
        if self.attempt(sender, "revoke", address, expected=fits):
            node.status = REVOKED
            if node.stake and not node.unlock_at:
                node.unlock_at = self.swarm.evm.time + WITHDRAWAL_DELAY

    @rule(number=NODE, own=MOSTLY, person=PERSON, heir=PERSON, honest=MOSTLY)
    def rotate(self, number, own, person, heir, honest):
        _, node, address = self.pick(number)
        sender = node.account if node and own else person
        key = node_key(heir).verify_key.encode()
        proof = self.swarm.nodes.sign(self.people[heir if honest else person], "Rotation", (address, key))
        call = (address, key, self.people[heir].address, proof, NO_SIGNATURE, NO_SIGNATURE)
        fits = node is not None and node.status == ACTIVE and sender == node.account
        fits = fits and (heir == node.account or (heir not in self.bound and (honest or heir == person)))
        if self.attempt(sender, "rotate", *call, expected=fits):
            if heir != node.account:
                self.bound[heir] = self.bound[node.account]
                self.signed.append(("rotate", call))
            node.account = heir

    @rule(person=PERSON, other=PERSON, reporter=PERSON, same=MOSTLY, conflicting=MOSTLY)
    def report(self, person, other, reporter, same, conflicting):
        if reporter % 4:  # strangers have little to be reported for
            person = sorted(self.bound)[person % len(self.bound)]
        first = self.swarm.vote(0)
        second = self.swarm.vote(0, ledger=keccak(text="another")) if conflicting else first
        signers = (person, person if same else other)
        votes = [
            (vote, self.swarm.anchor.sign(self.people[signer], "EpochVote", vote))
            for vote, signer in zip((first, second), signers, strict=True)
        ]
        node = self.nodes.get(self.bound.get(person))
        fits = conflicting and signers[0] == signers[1] and node is not None and node.status != SLASHED
        if self.attempt(reporter, "reportEpochVotes", *votes[0], *votes[1], expected=fits):
            self.burnt += node.stake
            node.stake, node.unlock_at, node.status = 0, 0, SLASHED

    @precondition(lambda self: self.signed)
    @rule(number=st.integers(0, 99), person=PERSON)
    def replay(self, number, person):
        """A signature that was used once is of no use again, whoever sends it."""
        function, call = self.signed[number % len(self.signed)]
        if function == "rotate" and any(node.account == person for node in self.nodes.values()):
            return  # the account in charge may repeat itself: it changes nothing
        self.attempt(person, function, *call, expected=False, value=ETHER if function == "register" else 0)

    @rule(seconds=st.sampled_from([WITHDRAWAL_DELAY + 100, WITHDRAWAL_DELAY // 2, 1000]))
    def wait(self, seconds):
        self.swarm.evm.travel(seconds)

    @invariant()
    def the_balance_is_the_sum_of_the_stakes(self):
        assert self.swarm.evm.balance(self.swarm.nodes.address) == sum(node.stake for node in self.nodes.values())

    def teardown(self):
        for number, node in self.nodes.items():
            known = self.swarm.nodes.read("nodeOf", self.people[number].address)
            assert known[1:4] == (
                self.people[node.owner].address.lower(), node.stake, self.people[node.account].address.lower()
            )  # fmt: skip
            assert known[5] == node.status
        assert self.swarm.evm.balance(BURN_ADDRESS) == self.burnt


TAMPERED = st.sampled_from(
    ["nothing"] * 6 + ["gap", "past", "other past", "chain", "contract", "stranger", "root", "old signers", "zero root"]
)


class Epochs(RuleBasedStateMachine):
    """Signer sets that change with every epoch, and anybody who collected any signatures and changed anything."""

    chain = None

    def __init__(self):
        super().__init__()
        Epochs.chain = Epochs.chain or Chain()
        self.swarm = Epochs.chain.again()
        self.sets = [self.swarm.signers]  # of every epoch up to the next one
        self.roots = []
        self.used = []
        self.shards = {}

    @property
    def epoch(self):
        return len(self.roots)

    def let_through(self, contract, function, *arguments):
        try:
            contract.send(self.swarm.owners[0], function, *arguments)
        except RefusedError:
            return False
        return True

    def choose(self, signers, mask):
        """Who signs by the bits of `mask`, and whether that is more than two thirds of the whole weight."""
        who = [number for number in able(signers) if mask >> number & 1]
        signed, total = sum(signers[number].weight for number in who), sum(signer.weight for signer in signers)
        return who, 3 * signed > 2 * total

    @rule(
        mask=st.one_of(st.just(255), st.integers(0, 255)),
        weights=st.lists(st.integers(1, 4), min_size=1, max_size=5),
        unbound=st.integers(0, 1),
        tampered=TAMPERED,
    )
    def anchor(self, mask, weights, unbound, tampered):
        heirs = make_signers(weights, unbound=unbound if sum(weights) > 2 else 0, seed=f"heir {self.epoch}")
        signers = self.sets[-1]
        previous = self.roots[-1][0] if self.roots else GENESIS_ROOT
        vote = self.swarm.vote(self.epoch, previous, signers=hash_signers(heirs))
        changes = {
            "gap": {"epoch": self.epoch + 1},
            "other past": {"previous": b"p" * 32},
            "zero root": {"score": bytes(32)},
        }
        vote = vote._replace(**changes.get(tampered, {}))
        if tampered == "past":
            vote = vote._replace(epoch=max(0, self.epoch - 1), ledger=keccak(text="rewritten"))
        if tampered == "old signers":
            signers = self.sets[0]
        who, is_enough = self.choose(signers, mask)
        collected = self.collect(vote, signers, who, tampered)
        is_stale = tampered == "old signers" and self.epoch > 0
        is_harmless = tampered == "nothing" or (tampered in {"past", "old signers"} and self.epoch == 0)
        fits = is_enough and is_harmless and not is_stale
        if tampered == "root":
            vote = vote._replace(ledger=keccak(text="not what was signed"))
        assert self.let_through(self.swarm.anchor, "anchor", vote, collected) == fits, (tampered, who, is_enough)
        if fits:
            self.roots.append((vote.ledger, vote.score))
            self.sets.append(heirs)
            self.used.append((vote, collected))

    def collect(self, vote, signers, who, tampered):
        contract, domain = self.swarm.anchor, {}
        if tampered == "chain":
            domain = {"chain_id": 1}
        if tampered == "contract":
            contract = Contract(self.swarm.evm, "ReputationAnchor", self.swarm.nodes.address)
        signers, bitmap, signatures = quorum(contract, vote, signers, who, **domain)
        if tampered == "stranger" and signatures:
            signatures[0] = contract.sign(self.swarm.owners[0], "EpochVote", vote)
        return signers, bitmap, signatures

    @precondition(lambda self: self.used)
    @rule(number=st.integers(0, 99))
    def replay(self, number):
        assert not self.let_through(self.swarm.anchor, "anchor", *self.used[number % len(self.used)])

    @rule(
        mask=st.one_of(st.just(255), st.integers(0, 255)),
        number=st.integers(0, 2),
        rows=st.integers(1, 2),
        status=st.sampled_from([PROVISIONAL, FINAL, WITHDRAWN]),
        age=st.integers(0, 2),
    )
    def commit(self, mask, number, rows, status, age):
        vote = shard_vote(number, status=status, rows=rows)
        epoch = max(0, self.epoch - age)
        signers = self.sets[epoch]
        who, is_enough = self.choose(signers, mask)
        kept = self.shards.get(number)
        is_step = kept is None or (kept == (rows, PROVISIONAL) and status != PROVISIONAL)
        fits = is_enough and is_step and self.epoch - epoch <= 1
        chosen = quorum(self.swarm.shards, vote, signers, who)
        assert self.let_through(self.swarm.shards, "commit", vote, epoch, chosen) == fits
        if fits:
            self.shards[number] = (rows, status)

    @invariant()
    def the_next_epoch_is_the_number_of_those_that_had_a_quorum(self):
        assert self.swarm.anchor.read("nextEpoch") == self.epoch

    def teardown(self):
        for epoch, roots in enumerate(self.roots):
            assert self.swarm.anchor.read("anchorOf", epoch) == roots
        for number, (rows, status) in self.shards.items():
            assert self.swarm.shards.read("statusOf", shard_vote(number, rows=rows)) == status


@pytest.mark.slow
class TestStakes(Stakes.TestCase):
    settings = ONE_OF_ALL


@pytest.mark.slow
class TestEpochs(Epochs.TestCase):
    settings = ONE_OF_ALL
