"""The outbox over random schedules of everything that goes wrong at a chain's edge.

A schedule is a seed. Faults of all kinds come in any order; then they stop, and after some quiet blocks everything that
was ever wanted has to be on the chain, once.
"""

import random

import pytest

from node.values.outbox import EntryState
from tests.support.chain_model import GWEI, CrashedError, ModelChain, ModelSender, ModelTx

SCHEDULES = 100
STEPS = 100


def run_schedule(seed: int, *, foreign: bool):
    dice = random.Random(seed)
    chain = ModelChain()
    sender = ModelSender(chain)
    wanted: list[str] = []
    now = 0

    def want():
        key = f"epoch/{len(wanted)}" if dice.random() < 0.9 or not wanted else dice.choice(wanted)
        after = wanted[-1] if wanted and dice.random() < 0.3 and key not in wanted else ""
        sender.want(key, after)
        wanted.extend([key] if key not in wanted else [])

    def other_process():
        tx = ModelTx(
            b"foreign" + bytes([len(chain.blocks) % 256, dice.randrange(256)]), chain.nonce, b"", 10**12, 10**11
        )
        chain.pool[tx.nonce] = tx

    faults = [
        lambda: setattr(chain, "down", not chain.down),
        lambda: setattr(chain, "pool", {}),
        lambda: chain.pool and chain.pool.pop(dice.choice(list(chain.pool))),
        lambda: chain.reorganise(dice.randrange(1, 4), keep=dice.random() < 0.5),
        lambda: chain.reorganise(dice.randrange(4, 9), keep=dice.random() < 0.5),
        lambda: setattr(chain, "base_fee", dice.choice([1, 5, 40, 90]) * GWEI),
        lambda: setattr(chain, "pool_min_tip", dice.choice([0, GWEI // 4, GWEI])),
        lambda: setattr(chain, "balance", dice.choice([0, 10**12, 10**21])),
        lambda: setattr(sender, "crash_after", dice.randrange(6)),
        *([other_process] if foreign else []),
    ]
    for _ in range(STEPS):
        now += dice.choice([1, 20, 300])
        try:
            action = dice.random()
            if action < 0.15:
                want()
            elif action < 0.4:
                dice.choice(faults)()
            elif action < 0.65:
                chain.mine()
            sender.step(now)
        except CrashedError:
            sender.reopen()
    calm(chain, sender, now)
    return chain, sender, wanted


def calm(chain, sender, now):
    chain.down, chain.base_fee, chain.balance, chain.pool_min_tip = False, GWEI, 10**21, 0
    sender.crash_after = -1
    sender.reopen()
    now = _settle(chain, sender, now)
    for key in [entry.key for entry in sender.outbox.entries if entry.state is EntryState.DONE]:
        if key.encode() not in chain.done and not key.startswith("gap/"):
            sender._perform(sender.outbox.reopen(key, "the chain does not hold it"), now)  # what reconciliation does
    _settle(chain, sender, now)


def _settle(chain, sender, now):
    for block in range(300):
        now += 250
        sender.step(now)
        chain.mine()
        if block > 20 and all(entry.state is EntryState.DONE for entry in sender.outbox.entries):
            break
    return now


@pytest.mark.parametrize("foreign", [False, True], ids=["one-process", "with-another-process"])
def test_after_any_schedule_of_faults_the_chain_holds_everything_wanted_and_the_outbox_says_so(foreign):
    for seed in range(SCHEDULES):
        chain, sender, wanted = run_schedule(seed, foreign=foreign)
        missing = [key for key in wanted if key.encode() not in chain.done]
        states = {entry.key: entry.state for entry in sender.outbox.entries}
        assert not missing, f"seed {seed}: lost {missing}, {[sender.outbox.get(key) for key in missing]}"
        assert set(states.values()) <= {EntryState.DONE}, f"seed {seed}: {states}"
        assert sum(sender.outbox.counts.values()) == len(states)


def test_without_another_process_nothing_is_ever_done_twice_even_by_a_contract_that_would_let_it():
    for seed in range(SCHEDULES):
        chain, _, wanted = run_schedule(seed, foreign=False)
        counted = [tx.data for tx in chain.mined if tx.data]
        assert sorted(counted) == sorted(key.encode() for key in wanted), f"seed {seed}"


def test_one_schedule_run_twice_ends_alike():
    for seed in range(10):
        first, second = run_schedule(seed, foreign=True), run_schedule(seed, foreign=True)
        assert first[1].disk == second[1].disk
        assert first[0].blocks == second[0].blocks
