"""The shipped aggregation and reputation against the study's eleven attacks, small enough for every build.

The thresholds are those that the figures have to reach as means over many seeds. The seeds here were taken before their
figures were seen, and no constant was chosen by them; `swarm-node simulate` prints the table for any others.
"""

import math

import pytest

from node.simulate.tables import Table, make_table, play
from node.simulate.worlds import World

pytestmark = pytest.mark.slow

SEEDS = (20_261, 20_262)
"""One run's F1 lies within some 0.02 of an attack's mean, and half a hundredth is what most thresholds leave."""


@pytest.fixture(scope="module", params=["alike", "standing"])
def tables(request) -> dict[float, Table]:
    """With the study's seats, and with those that plans which ship draw."""
    return {share: make_table(share, SEEDS, shape=World(seats=request.param)) for share in (0.30, 0.45)}


@pytest.mark.parametrize(("share", "mean", "worst"), [(0.30, 0.95, 0.93), (0.45, 0.93, 0.80)])
def test_good_candidates_get_through_and_bad_ones_do_not(tables, share, mean, worst):
    assert tables[share].overall.f1 >= mean
    assert tables[share].worst_f1 >= worst


def test_without_adversaries_it_is_better_still(tables):
    assert tables[0.30].none.f1 >= 0.955


def test_scores_order_good_before_bad(tables):
    assert tables[0.30].overall.roc >= 0.955


def test_reputation_tells_honest_nodes_from_adversaries(tables):
    assert tables[0.30].overall.reputation_auc >= 0.99
    assert tables[0.30].overall.adversary_share <= 0.03


def test_the_best_candidate_of_a_task_or_one_hardly_worse_comes_first(tables):
    # 0.024 is for the mean over many seeds; one seed's mean over the attacks lies within some 0.004 of it.
    assert tables[0.30].overall.regret <= 0.028


@pytest.mark.parametrize("share", [0.30, 0.45])
def test_no_attack_gains_a_majority_of_the_reputation(tables, share):
    assert all(figures.adversary_share < 0.25 for figures in tables[share].attacks.values())


@pytest.mark.parametrize(
    ("world", "f1", "auc"),
    [
        (World("clique", 0.3, nodes=10, committee=3, rounds=25), 0.90, 0.95),
        (World("stealth", 0.3, probes=0.02), 0.91, 0.95),
        # Who calls everything a sixth better than it is has little left to tell good from bad by: an honest node of
        # that kind may end below an adversary.
        (World("inverted", 0.3, shift=(-0.10, 0.16)), 0.92, 0.90),
        (World("clique", 0.3, self_rating=True), 0.90, 0.95),
        (World("oscillate", 0.3), 0.90, 0.95),
        (World("clique", 0.3, nodes=10, committee=3, rounds=25, seats="standing"), 0.90, 0.95),
        (World("stealth", 0.3, probes=0.02, seats="standing"), 0.91, 0.95),
        (World("clique", 0.3, leaks=1.0, seats="standing"), 0.92, 0.95),
        (World("clique", 0.45, leaks=1.0, seats="standing"), 0.88, 0.95),
        (World("aware", 0.45, probes=0.02, seats="standing"), 0.88, 0.95),
    ],
    ids=[
        "small",
        "few probes",
        "harsh and biased",
        "self-rating",
        "oscillating",
        "small, seats by standing",
        "few probes, seats by standing",
        "every probe told apart",
        "every probe told apart, 45 %",
        "few probes, 45 %",
    ],
)
def test_other_shapes_of_the_same_kind_hold_too(world, f1, auc):
    figures = play(world, 7)
    assert figures.f1 >= f1
    assert figures.reputation_auc >= auc


@pytest.mark.parametrize("seats", ["alike", "standing"])
@pytest.mark.parametrize(("share", "f1"), [(0.30, 0.92), (0.45, 0.85)])
def test_who_lies_in_one_category_alone_is_not_believed_there(seats, share, f1):
    """Judged by the poisoned category, a fifth of the tasks; before R22 doubted anybody 0.91 and 0.79."""
    table = make_table(share, SEEDS, shape=World(seats=seats), attacks=("poisoning",))
    assert table.overall.f1 >= f1


def test_the_same_seed_gives_the_same_figures():
    world = World("sybil", 0.3, rounds=10)
    first, second = play(world, 3), play(world, 3)
    assert first == second
    assert not math.isnan(first.f1)
