"""A node that nobody hears for longer than the swarm waits: the job ends without it, and it follows afterwards."""

import asyncio

import pytest

from consensus.params import LOCAL
from tests.support.cutting import cut_off
from tests.support.process_swarm import lay_swarm

pytestmark = [pytest.mark.processes, pytest.mark.cargo, pytest.mark.slow]


def test_a_node_cut_off_for_longer_than_it_is_waited_for_follows_afterwards(tmp_path, built, start):
    away_s = 1.5 * LOCAL.times.absent_ms / 1000
    cut = asyncio.run(cut_off(lay_swarm(tmp_path / "swarm", shared=built, start=start), away_s=away_s))
    print(cut)
    assert cut.away_s >= away_s
    assert cut.missed > 0, "nothing was certified meanwhile, so nothing was shown"
