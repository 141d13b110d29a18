"""The signing guard: one envelope per slot, whatever happens (R4, R44)."""

import asyncio
import random

import pytest

from consensus.types import Hash
from node.store import SlotClosedError, open_store
from tests.support.chance import draw_seed
from tests.support.store_writers import writer

ONE, TWO = Hash(bytes([1] * 32)), Hash(bytes([2] * 32))


def test_a_free_slot_takes_the_envelope(store, run):
    assert run(store.signing.claim_slot("11/7/0", ONE, b"first")) == b"first"
    assert run(store.signing.signed("11/7/0")) == (ONE, b"first")


def test_a_signed_slot_gives_back_what_was_signed(store, run):
    run(store.signing.claim_slot("11/7/0", ONE, b"first"))
    assert run(store.signing.claim_slot("11/7/0", TWO, b"second")) == b"first"
    assert run(store.signing.claim_slot("11/7/1", TWO, b"second")) == b"second"


def test_of_many_at_once_one_wins_and_all_send_it(store, run):
    async def race():
        claims = [store.signing.claim_slot("11/7/0", ONE, b"%d" % number) for number in range(50)]
        return await asyncio.gather(*claims)

    assert len(set(run(race()))) == 1


def test_what_was_signed_is_known_after_a_restart(place, run):
    async def claim(envelope):
        async with await open_store(place.folder, url=place.url) as store:
            return await store.signing.claim_slot("11/7/0", ONE, envelope)

    assert run(claim(b"before")) == b"before"
    assert run(claim(b"after")) == b"before"


def test_a_pruned_height_is_never_signed_for_again(store, run):
    run(store.signing.claim_slot("11/7/0", ONE, b"old", height=7))
    run(store.signing.claim_slot("job", ONE, b"for ever"))
    assert run(store.signing.prune(below=8)) == 1
    assert run(store.signing.signed("11/7/0")) is None
    with pytest.raises(SlotClosedError, match="height 7"):
        run(store.signing.claim_slot("11/7/0", TWO, b"again", height=7))
    assert run(store.signing.claim_slot("11/8/0", TWO, b"new", height=8)) == b"new"
    assert run(store.signing.signed("job")) == (ONE, b"for ever")


def test_pruning_less_does_not_reopen_a_height(store, run):
    run(store.signing.prune(below=8))
    run(store.signing.prune(below=3))
    with pytest.raises(SlotClosedError):
        run(store.signing.claim_slot("11/7/0", ONE, b"again", height=7))


@pytest.mark.parametrize(("slot", "size"), [("", 1), ("x" * 257, 1), ("x", (2 << 20) + 1)])
def test_beyond_the_bounds_nothing_is_signed(store, run, slot, size):
    with pytest.raises(ValueError, match=r"characters|bytes"):
        run(store.signing.claim_slot(slot, ONE, bytes(size)))


@pytest.mark.processes
def test_a_node_killed_at_any_moment_never_sends_two_envelopes_for_a_slot(place):
    seed = draw_seed(1)
    dice = random.Random(seed)
    sent: dict[int, bytes] = {}
    lives = 6
    for _ in range(lives):
        with writer("sign", place) as child:
            for _line in range(dice.randint(1, 120)):
                announce(child.stdout.readline(), sent, seed)
            child.kill()
            # What it managed to say before it died was sent as well.
            for line in child.stdout:
                if line.endswith(b"\n"):
                    announce(line, sent, seed)
    assert len(sent) >= lives


def announce(line, sent, seed):
    number, envelope = line.split()
    known = sent.setdefault(int(number), envelope)
    assert known == envelope, f"slot {number.decode()} was sent twice with different words (seed {seed})"
