"""Ten thousand random and mutated frames at a node process, on every port and protocol that it listens to."""

import pytest
import trio

from tests.support.attacked_node import attacked_pair, unharmed
from tests.support.chance import draw_seed
from tests.support.frame_fuzz import (
    Mutator,
    fuzz_gossip,
    fuzz_links,
    fuzz_noise,
    fuzz_requests,
    fuzz_tcp,
    fuzz_yamux,
    repeatedly,
)

pytestmark = pytest.mark.processes

FRAMES_SENT_MIN = 10_000


@pytest.fixture
def victim():
    with attacked_pair() as pair, unharmed(*pair) as node:
        yield node


def test_ten_thousand_random_and_mutated_frames_on_every_layer(victim):
    seed = draw_seed(1)
    mutator = Mutator(seed)

    async def main():
        with trio.fail_after(800):
            # How many frames get through before a link is ended is chance, and fewer do while the machine is busy.
            while mutator.sent < FRAMES_SENT_MIN:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(fuzz_tcp, victim.port, mutator)
                    nursery.start_soon(fuzz_noise, victim.port, mutator)
                    for talk, rounds in ((fuzz_yamux, 16), (fuzz_gossip, 14), (fuzz_requests, 14), (fuzz_links, 60)):
                        nursery.start_soon(repeatedly, victim.port, mutator, talk, rounds)

    try:
        trio.run(main)
        assert victim.alive(), victim.last_words()
    except BaseException:
        print(f"seed of the fuzz: {seed}")
        raise
