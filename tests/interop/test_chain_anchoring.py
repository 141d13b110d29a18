"""Whole swarms that anchor what they decided, with the compiled contracts on a real EVM over real HTTP."""

import asyncio
from dataclasses import replace

import pytest
from eth_utils.address import to_checksum_address

from consensus.merkle import is_included, merkle_path
from consensus.params import MINIMAL
from node.anchoring.reconcile import DifferenceKind
from node.anchoring.registration import registration, withdrawal
from node.anchoring.setup import Swarm as Ledger
from node.anchoring.setup import open_anchoring
from node.anchoring.signing import PROTOCOL, Signatory
from node.chain.contracts import ANCHOR, REGISTRY, artifact, contract_call
from node.chain.gate import Gate
from node.chain.votes import binding_message, registration_digest
from node.config import ChainSection
from node.errors import OperatorError, TransientError
from node.home import NodeHome
from node.network.interface import RefusedError
from node.store import open_store
from node.values.outbox import EntryState
from reputation import ScoreCategory
from tests.support.anchored_swarm import AnchoredSwarm, account_of
from tests.support.swarm import key_of, make_genesis

pytestmark = pytest.mark.slow


async def settle(swarm, *, looks=40):
    """Look until every epoch is anchored, every shard final, and everything confirmed."""
    for _ in range(looks):
        await swarm.look()
        epochs = swarm.state().height // swarm.preset.epoch_rounds
        if all(
            item.anchored == epochs
            and not item.waiting
            and (item.sender is None or item.sender.outbox.counts[EntryState.DONE] == len(item.sender.outbox.entries))
            for item in swarm.anchorings.values()
        ):
            break
    await swarm.look(3)
    return epochs


async def assert_agreement(swarm):
    """Every member, comparing for itself, finds nothing; and nothing was written twice."""
    for number, anchoring in swarm.anchorings.items():
        assert await anchoring.reconcile() == (), f"member {number}"
        assert anchoring.health().well, anchoring.health()
    gate = next(iter(swarm.anchorings.values())).gate
    logs = await gate.endpoint.logs(gate.deployment.anchor, gate.deployment.block, swarm.chain.head)
    assert len(logs) == await gate.next_epoch(), "one event per epoch"
    shard_logs = await gate.endpoint.logs(gate.deployment.shards, gate.deployment.block, swarm.chain.head)
    assert len({log.topics[1:] for log in shard_logs}) == len(shard_logs), "one event per shard"


def assert_the_tester_finds_the_same(chain, contract):
    """Events are remembered by block; read anew, from every receipt, they are the same, also after blocks were lost."""
    address = to_checksum_address(contract)
    whole = {"fromBlock": "0x0", "toBlock": hex(chain.head), "address": address}
    remembered = chain.answer("eth_getLogs", [whole])
    read = chain._tester.get_logs(from_block=0, to_block=chain.head, address=address)
    assert [(log["transactionHash"], log["logIndex"], log["data"]) for log in remembered] == [
        (log["transaction_hash"], hex(log["log_index"]), log["data"]) for log in read
    ]
    if remembered:
        kind = remembered[0]["topics"][0]
        for topics, count in (([kind], len(read)), ([None], len(read)), ([[kind, "0x"]], len(read)), (["0x"], 0)):
            assert len(chain.answer("eth_getLogs", [whole | {"topics": topics}])) == count
    assert chain.answer("eth_getLogs", [whole | {"toBlock": hex(chain.head + 9)}]) is None


def test_anchoring_that_begins_late_makes_up_for_every_epoch_and_shard(tmp_path):
    async def scenario():
        async with AnchoredSwarm(tmp_path, 4) as swarm:
            await swarm.work(categories=4)
            # One of the four has no account: its weight counts in the total, the other three are enough.
            await swarm.deploy(members=(0, 1, 2))
            for number in range(3):
                await swarm.join(number)
            epochs = await settle(swarm)
            assert epochs >= 2
            await assert_agreement(swarm)
            senders = [len(item.sender.outbox.entries) for item in swarm.anchorings.values()]
            assert sum(count > 0 for count in senders) >= 2, "the gas is shared"
            await assert_score_is_proven(swarm, epochs - 1)

            await swarm.work(categories=2)  # it goes on by itself
            assert await settle(swarm) > epochs
            await assert_agreement(swarm)
            await assert_contradictions_are_named(swarm.anchorings[0])

    asyncio.run(scenario())


async def assert_contradictions_are_named(anchoring):
    """Another ledger root on the chain than this node computes: told, and nothing further is signed."""
    roots = anchoring.gate.roots

    async def forged(epoch):
        found = await roots(epoch)
        return found and replace(found, ledger=b"\x01" * 32)

    anchoring.gate.roots = forged
    found = await anchoring.reconcile()
    assert {item.kind for item in found} == {DifferenceKind.DIFFERS}
    assert not anchoring.health().well
    assert "ledger root" in anchoring.health().text
    with pytest.raises(OperatorError, match="contradict each other") as refusal:
        anchoring._refuse_if_contradicted()
    assert refusal.value.hint
    anchoring.gate.roots = roots
    assert await anchoring.reconcile() == ()


async def assert_score_is_proven(swarm, epoch):
    """The contract verifies one member's reputation with a path of `consensus.merkle`, and no other number."""
    anchoring = swarm.anchorings[0]
    end = await anchoring._facts.end(epoch)
    leaves = [score.leaf() for score in end.scores]
    index = next(at for at, score in enumerate(end.scores) if score.category is ScoreCategory.RATING)
    score, path = end.scores[index], merkle_path(leaves, index)
    assert is_included(end.score_root, len(leaves), index, leaves[index], path)
    lefts = depth = 0
    place, count = index, len(leaves)
    while count > 1:
        if place ^ 1 < count:
            lefts |= (place & 1) << depth
            depth += 1
        place, count = place // 2, (count + 1) // 2

    async def is_verified(value):
        arguments = (epoch, score.node, int(score.category), value, list(path), lefts)
        call = contract_call(ANCHOR, swarm.deployment.anchor, "verifyScore", *arguments)
        return artifact(ANCHOR).results("verifyScore", await anchoring.gate.endpoint.call(call))[0]

    assert await is_verified(score.score)
    assert not await is_verified(score.score + 1)


def test_kills_outages_and_reorganisations_on_the_way_end_in_agreement(tmp_path):
    async def scenario():
        async with AnchoredSwarm(tmp_path, 3) as swarm:
            await swarm.deploy()
            for number in range(3):
                await swarm.join(number)
            await swarm.work(categories=4)
            await swarm.look(3)
            for number in (0, 1, 2):  # killed with transactions under way, and back with what is on disk
                await swarm.look(1, mine=False)
                await swarm.leave(number)
                await swarm.join(number)
            swarm.server.down = True
            await swarm.look(2)
            swarm.server.down, swarm.server.drop = False, 2
            await swarm.look(3)
            swarm.chain.reorganise(3, keep=False)
            await swarm.look(2)
            await settle(swarm)
            await assert_agreement(swarm)

            # Deeper than anybody waited for: what was confirmed is gone, is noticed, and is anchored again.
            done = sum(item.sender.outbox.counts[EntryState.DONE] for item in swarm.anchorings.values())
            assert done > 0
            first = await swarm.anchorings[0].gate.anchored_in(0, swarm.chain.head)
            swarm.chain.reorganise(swarm.chain.head - first + 1, keep=False)
            found = [item for other in swarm.anchorings.values() for item in await other.reconcile()]
            assert {item.kind for item in found} >= {DifferenceKind.BEHIND, DifferenceKind.LOST}
            await settle(swarm)
            await assert_agreement(swarm)
            assert_the_tester_finds_the_same(swarm.chain, swarm.deployment.anchor)

    asyncio.run(scenario())


def test_only_good_signatures_count_and_hostile_questions_get_nothing(tmp_path):
    async def scenario():
        async with AnchoredSwarm(tmp_path, 3) as swarm:
            await swarm.deploy()
            await swarm.join(0)
            await swarm.join(1)
            node = swarm.nodes[2]

            async def lies(_peer, question):
                return answers[len(question) % len(answers)]

            answers = [b"", b"\x00" * 64, b"\xff" * 64, account_of(1).sign(b"\x01" * 32), b"x" * 100_000]
            node.driver.network.serve(PROTOCOL, lies)
            await swarm.work(categories=1)
            await swarm.look(4)
            first = swarm.anchorings[0]
            assert first.anchored == 0
            assert "2 of 3 members" in first.waiting["epoch/0"], first.waiting
            assert first.health().well, "waiting for others is no fault of this node"

            network = swarm.nodes[1].driver.network
            me = swarm.nodes[0].key.node
            known = f"{swarm.deployment.name}\nepoch/0".encode()
            assert len(await network.request(me, PROTOCOL, known, timeout_s=5)) == 64
            for question in (
                b"",
                b"\xff\xfe",
                b"a" * 10_000,
                b"other\nepoch/0",
                known + b"7",
                known.replace(b"0", b"9"),
            ):
                with pytest.raises(RefusedError):
                    await network.request(me, PROTOCOL, question, timeout_s=5)

            # What was signed once is never signed otherwise, also not by a ledger that has changed its mind.
            signatory = Signatory(swarm.nodes[0].store, account_of(0), swarm.deployment.name)
            with pytest.raises(OperatorError, match="will not sign a second"):
                await signatory.sign("epoch/0", b"\x02" * 32)

    asyncio.run(scenario())


def test_a_registered_account_takes_the_place_of_the_founders_and_bad_input_is_named(tmp_path):
    async def scenario():
        async with AnchoredSwarm(tmp_path, 3) as swarm:
            with pytest.raises(OperatorError, match="nothing could ever be anchored"):
                await swarm.deploy(members=(0, 1))
            await swarm.deploy()
            anchoring = await swarm.join(0)
            gate, node = anchoring.gate, swarm.nodes[0].key
            with pytest.raises(OperatorError, match="stake") as too_low:
                await registration(gate, node, account_of(0), stake_wei=-1)
            assert too_low.value.hint
            name, call = await registration(gate, node, account_of(0))
            await anchoring.begin()
            await anchoring.sender.want(name, call)
            await swarm.look(4)
            assert anchoring.sender.outbox.get(name).state is EntryState.DONE
            with pytest.raises(OperatorError, match="registered already"):
                await registration(gate, node, account_of(0))
            bound = await gate.accounts(swarm.chain.head)
            assert bound == {item.key.node: account_of(item.number).address for item in swarm.nodes}

            # A registration in the name of a node whose key did not sign binds nothing.
            honest = swarm.nodes[1].key.node
            await anchoring.sender.want(*forged_registration(gate, honest, by=swarm.nodes[2].key))
            await swarm.look(3)
            assert await gate.is_registered(account_of(7).address)
            assert (await gate.accounts(swarm.chain.head))[honest] == account_of(1).address

            await assert_wrong_deployments_are_refused(gate, swarm.deployment, swarm.genesis.network)

    asyncio.run(scenario())


def test_who_takes_its_stake_back_has_no_voice_and_a_set_that_could_not_decide_is_never_named(tmp_path):
    async def scenario():
        async with AnchoredSwarm(tmp_path, 3) as swarm:
            await swarm.deploy()
            gate, members = (await swarm.join(0)).gate, {item.key.node: item for item in swarm.nodes}
            for number in (1, 2):
                await swarm.join(number)
            for number, anchoring in swarm.anchorings.items():
                await anchoring.begin()
                await anchoring.sender.want(
                    *await registration(gate, swarm.nodes[number].key, account_of(number), stake_wei=5)
                )
            await swarm.look(4)
            assert (await gate.accounts(swarm.chain.head)).keys() == members.keys()

            for number in (1, 2):
                await ask_for_the_stake(swarm, number)
            assert set(await gate.accounts(swarm.chain.head)) == {swarm.nodes[0].key.node}
            # Two thirds of the weight have no voice any more: the set that still could goes on signing.
            before = await gate.next_epoch()
            for categories in (4, 3):
                await swarm.work(categories=categories)
            epochs = await settle(swarm)
            assert epochs >= before + 4, "bindings count two epochs later, so this is past the last set with all three"
            await assert_agreement(swarm)
            signers = await swarm.anchorings[0]._schedule.of(epochs)
            assert set(signers.members.values()) == {account_of(number).address for number in range(3)}

            await deposit(swarm, 1)
            assert set(await gate.accounts(swarm.chain.head)) == {swarm.nodes[number].key.node for number in (0, 1)}

    asyncio.run(scenario())


async def ask_for_the_stake(swarm, number):
    anchoring, own = swarm.anchorings[number], account_of(number).address
    step = await withdrawal(anchoring.gate, own, own, anchoring.sender.outbox.entries)
    assert not step.is_paid
    await anchoring.sender.want(step.name, step.call)
    await swarm.look(4)
    assert anchoring.sender.outbox.get(step.name).state is EntryState.DONE
    with pytest.raises(TransientError, match="locked until"):
        await withdrawal(anchoring.gate, own, own, anchoring.sender.outbox.entries)


async def deposit(swarm, number):
    anchoring, own = swarm.anchorings[number], account_of(number).address
    registry = anchoring.gate.deployment.registry
    await anchoring.sender.want("stake/deposit/0", contract_call(REGISTRY, registry, "deposit", own, value=1))
    await swarm.look(4)
    assert (await anchoring.gate.stake(own)).unlock_s == 0


def forged_registration(gate, node, *, by):
    """Account 7 claims to be `node`'s, with the word of another node's key; sent, hence owned, by account 0."""
    registry, owner, taker = gate.deployment.registry_contract, account_of(0).address, account_of(7)
    account_signature = taker.sign(registration_digest(node, owner, registry))
    node_signature = by.sign(binding_message(taker.address, owner, registry))
    halves = [(item[:32], item[32:]) for item in (account_signature, node_signature)]
    call = contract_call(REGISTRY, registry.address, "register", node, taker.address, *halves)
    return f"register/{taker.address.hex()}", call


async def assert_wrong_deployments_are_refused(gate, deployment, network):
    for wrong, words in (
        (replace(deployment, chain_id=5), "is chain"),
        (replace(deployment, anchor=b"\x01" * 20), "no contract where ReputationAnchor"),
        (replace(deployment, shards=deployment.registry), "another contract where ShardRegistry"),
        (replace(deployment, network=b"\x05" * 32), "this node is in"),
    ):
        with pytest.raises(OperatorError, match=words) as refusal:
            await Gate(gate.endpoint, wrong).check(network)
        assert refusal.value.hint


def test_a_chain_in_the_process_is_for_a_swarm_of_one(tmp_path):
    async def anchored(count):
        genesis = make_genesis(count)
        home = NodeHome(tmp_path / f"home-{count}")
        home.create()
        async with (
            await open_store(tmp_path / f"store-{count}") as store,
            open_anchoring(
                home=home,
                config=ChainSection(endpoint="embedded"),
                key=key_of(0),
                swarm=Ledger(genesis, MINIMAL, store),
                network=None,
                environment={},
                lock_folder=tmp_path / "locks",
            ) as anchoring,
        ):
            await anchoring.tick()
            return anchoring.health()

    health = asyncio.run(anchored(1))
    assert health.well, health
    with pytest.raises(OperatorError, match="cannot anchor alone") as refusal:
        asyncio.run(anchored(3))
    assert "one chain" in refusal.value.hint
