"""The outbox against a real EVM over real HTTP, through every fault that costs others their transactions.

After each of them: everything wanted was done exactly once (the payees' balances tell), and the outbox says so.
"""

import asyncio
import itertools
import random

import pytest

from node.chain.account import EvmKey
from node.chain.lock import AccountLock
from node.chain.outbox import Sign
from node.errors import OperatorError, TransientError
from node.values.outbox import Call, EntryState
from tests.support.faulty_chain import CrashedError, open_bench


def run(scenario):
    async def with_bench():
        async with open_bench() as bench:
            await scenario(bench)

    asyncio.run(with_bench())


async def agrees(bench, count, *, ticks=12):
    """Ledger and chain agree: all done, each once."""
    await bench.tick(ticks)
    states = {entry.key: entry.state for entry in bench.sender.outbox.entries if not entry.key.startswith("gap/")}
    assert states == {f"pay/{number}": EntryState.DONE for number in range(1, count + 1)}, [
        (entry.key, entry.state, entry.reason) for entry in bench.sender.outbox.entries
    ]
    assert await bench.paid(count) == list(range(1, count + 1))
    assert {key: entry.state for key, entry in bench.disk.items() if key in states} == states


def test_three_wishes_are_done_and_confirmed():
    async def scenario(bench):
        for number in (1, 2, 3):
            await bench.want(number)
        await agrees(bench, 3)
        assert [entry.nonce for entry in bench.sender.outbox.entries] == [0, 1, 2]

    run(scenario)


def test_an_endpoint_that_is_away_for_a_while_loses_nothing():
    async def scenario(bench):
        await bench.want(1)
        bench.server.down = True
        for _ in range(3):
            with pytest.raises(TransientError, match="does not answer"):
                await bench.tick()
        await bench.want(2)
        bench.server.down = False
        await agrees(bench, 2)

    run(scenario)


def test_an_endpoint_that_goes_away_between_estimate_and_sending_is_sent_the_same_transaction_later():
    async def scenario(bench):
        offer = bench.endpoint.offer

        async def away(raw):
            bench.server.down = True
            return await offer(raw)

        bench.endpoint.offer = away
        await bench.want(1)
        await bench.tick(mine=False)
        entry = bench.sender.outbox.get("pay/1")
        assert entry.state is EntryState.SENT
        assert "unreachable" in entry.reason
        bench.endpoint.offer, bench.server.down = offer, False
        await agrees(bench, 1)
        assert len(bench.sender.outbox.get("pay/1").attempts) == 1

    run(scenario)


def test_a_dropped_transaction_is_offered_again():
    async def scenario(bench):
        bench.server.drop = 2
        await bench.want(1)
        await agrees(bench, 1)
        assert len(bench.server.offered) >= 3
        assert len(set(bench.server.offered)) == 1, "the same transaction, not a second one"

    run(scenario)


def test_an_underpriced_transaction_is_replaced_by_one_dearer_by_more_than_an_eighth():
    async def scenario(bench):
        bench.server.refusals = ["transaction underpriced", "replacement transaction underpriced"]
        await bench.want(1)
        await agrees(bench, 1)
        attempts = bench.sender.outbox.get("pay/1").attempts
        assert len(attempts) == 3
        for earlier, later in itertools.pairwise(attempts):
            assert later.tip * 8 > earlier.tip * 9 - 8
            assert later.max_fee * 8 > earlier.max_fee * 9 - 8

    run(scenario)


def test_a_transaction_that_no_block_takes_is_outbid():
    async def scenario(bench):
        await bench.want(1)
        await bench.tick(mine=False)
        held = dict(bench.chain.pool)
        for _ in range(3):  # blocks are made without it
            bench.chain.pool.clear()
            bench.chain.mine()
            bench.chain.pool.update(held)
        await bench.tick(mine=False)
        assert len(bench.sender.outbox.get("pay/1").attempts) == 2
        await agrees(bench, 1)

    run(scenario)


def test_a_gap_in_the_nonces_is_filled():
    async def scenario(bench):
        bench.server.drop = 1
        for number in (1, 2, 3):
            await bench.want(number)
        await bench.tick(mine=False)
        assert sorted(nonce for _, nonce in bench.chain.pool) == [1, 2], "the first one was dropped"
        await agrees(bench, 3)

    run(scenario)


@pytest.mark.parametrize("keep", [True, False], ids=["transactions-return-to-the-pool", "transactions-are-forgotten"])
def test_three_blocks_taken_back_are_made_good(keep):
    async def scenario(bench):
        for number in (1, 2):
            await bench.want(number)
        await bench.tick(4)
        assert bench.sender.outbox.get("pay/1").state is EntryState.DONE
        await bench.want(3)
        await bench.tick()
        bench.chain.reorganise(3, keep=keep)
        await bench.tick(mine=False)
        await agrees(bench, 3)

    run(scenario)


@pytest.mark.parametrize("saves", range(4))
def test_a_process_that_dies_between_any_two_steps_goes_on_where_it_was(saves):
    async def scenario(bench):
        await bench.want(1)
        await bench.want(2)
        bench.crash_after_saves = saves
        with pytest.raises(CrashedError):
            await bench.tick(6)
        bench.chain.mine()
        await bench.open()
        await bench.want(1)
        await bench.want(2)
        await agrees(bench, 2)

    run(scenario)


def test_a_process_that_dies_after_sending_and_before_the_receipt_does_not_send_another():
    async def scenario(bench):
        await bench.want(1)
        await bench.tick(mine=False)
        await bench.open()  # as if killed: nothing but the disk is left
        await agrees(bench, 1)
        assert len(set(bench.server.offered)) == 1

    run(scenario)


def test_wanting_the_same_thing_twice_does_it_once():
    async def scenario(bench):
        for _ in range(3):
            await bench.want(1)
        await bench.tick(2)
        await bench.want(1)
        await agrees(bench, 1)

    run(scenario)


def test_what_the_chain_holds_already_is_not_sent():
    async def scenario(bench):
        bench.held.add("pay/1")
        await bench.want(1)
        await bench.tick(3)
        assert bench.sender.outbox.get("pay/1").state is EntryState.DONE
        assert bench.server.offered == []

    run(scenario)


def test_an_account_without_money_waits_and_says_for_what():
    async def scenario(bench):
        bench.key = EvmKey(b"\x77" * 32)
        await bench.open()
        await bench.want(1)
        await bench.tick(2)
        entry = bench.sender.outbox.get("pay/1")
        assert entry.state is EntryState.QUEUED
        assert "insufficient funds" in entry.reason
        assert bench.server.offered == []

    run(scenario)


# Two processes with one key


def test_a_second_process_with_the_same_key_is_refused(tmp_path):
    first = AccountLock(b"\x01" * 20, 1, tmp_path)
    first.acquire()
    with pytest.raises(OperatorError, match="already sends from account") as refusal:
        AccountLock(b"\x01" * 20, 1, tmp_path).acquire()
    assert "account of its own" in refusal.value.hint
    AccountLock(b"\x01" * 20, 2, tmp_path).acquire()
    first.release()
    AccountLock(b"\x01" * 20, 1, tmp_path).acquire()


def _foreign_transaction(bench, chain_id, nonce):
    wish = Sign("other", Call(b"\x99" * 20, b"", 1), nonce, 21_000, 10**11, 10**10, 0)
    return bench.key.sign_call(wish, chain_id).raw


def test_a_process_elsewhere_that_is_sending_is_seen_and_refused():
    async def scenario(bench):
        bench.chain.offer(_foreign_transaction(bench, await bench.endpoint.chain_id(), 0))
        with pytest.raises(OperatorError, match="did not send"):
            await bench.sender.refuse_if_shared()

    run(scenario)


def test_what_this_outbox_sent_itself_is_not_taken_for_anothers():
    async def scenario(bench):
        await bench.want(1)
        await bench.tick(mine=False)
        await bench.open()
        await bench.sender.refuse_if_shared()

    run(scenario)


def test_a_nonce_that_another_process_took_costs_a_new_transaction_and_is_told():
    async def scenario(bench):
        bench.server.drop = 1
        await bench.want(1)
        await bench.tick(mine=False)
        bench.chain.offer(_foreign_transaction(bench, await bench.endpoint.chain_id(), 0))
        bench.chain.mine()
        await agrees(bench, 1)
        assert bench.sender.outbox.foreign == 1
        assert bench.sender.outbox.get("pay/1").nonce == 1

    run(scenario)


@pytest.mark.parametrize("seed", range(3))
def test_a_random_schedule_of_all_faults_ends_in_agreement(seed):
    dice = random.Random(seed)

    async def scenario(bench):
        wanted = 0
        for _ in range(25):
            break_something(bench, dice)
            try:
                if wanted < 5 and dice.random() < 0.3:
                    wanted += 1
                    await bench.want(wanted)
                await bench.tick(mine=dice.random() < 0.6)
            except TransientError:
                pass
            except CrashedError:
                await bench.open()
        bench.server.down, bench.server.drop, bench.server.refusals = False, 0, []
        await bench.open()
        for number in range(1, wanted + 1):
            await bench.want(number)
        await agrees(bench, wanted, ticks=30)

    run(scenario)


def break_something(bench, dice):
    fault = dice.randrange(7)
    if fault == 0:
        bench.server.down = not bench.server.down
    elif fault == 1:
        bench.server.drop = 1
    elif fault == 2:
        bench.server.refusals.append(dice.choice(["transaction underpriced", "internal error"]))
    elif fault == 3 and bench.chain.head > 4:
        bench.chain.reorganise(3, keep=dice.random() < 0.5)
    elif fault == 4:
        bench.crash_after_saves = dice.randrange(3)
    elif fault == 5:
        bench.chain.pool.clear()
