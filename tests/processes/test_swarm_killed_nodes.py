"""kill -9 of any node at any moment: the job ends, nothing certified is lost or changed, nothing is signed twice."""

import asyncio

import pytest

from tests.support.chance import draw_seed
from tests.support.killing import kill_at_random
from tests.support.process_swarm import CHEAP, lay_swarm

pytestmark = [pytest.mark.processes, pytest.mark.cargo, pytest.mark.slow]

KILLS = 4


def test_nodes_killed_at_random_moments_come_back_and_nothing_certified_is_lost(tmp_path, start):
    seed = draw_seed(4)
    print(f"seed of the kills: {seed}")
    categories = (*CHEAP, "bug_detection", "test_generation", "code_refactoring", "code_review")
    told = asyncio.run(kill_at_random(lay_swarm(tmp_path / "swarm", start=start), categories, seed=seed, kills=KILLS))
    print(told)
    assert told.while_open >= 2, "the job was over too early for the kills to mean anything"
    assert told.rows >= 8
