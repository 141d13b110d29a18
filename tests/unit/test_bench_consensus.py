"""The measurements measure what they say: the same ratings, the shipped code, and gaps are named."""

import json
import sys

import numpy as np
from click.testing import CliRunner

from consensus.aggregation import reference
from consensus.aggregation.vectorised import RaterColumns, aggregate_columns
from consensus.rater_tables import EMPTY_TABLE
from node.bench import consensus as measure
from node.bench import rivals
from node.bench.ratings import Ratings, as_candidates, in_columns, make_ratings, node_ids
from node.bench.speed import Speed, better
from node.cli import main


def test_the_columns_that_are_timed_hold_the_ratings_that_the_reference_is_given():
    ratings, nodes = make_ratings(200, 3), node_ids()
    scores = aggregate_columns(RaterColumns.empty(nodes, measure.PARAMS), in_columns(ratings), measure.PARAMS)
    candidates = as_candidates(ratings, nodes)
    expected = reference.aggregate(dict.fromkeys(nodes, EMPTY_TABLE), candidates, measure.PARAMS)
    by_content = {item.content: item.score_bp for item in expected.candidates}
    assert [by_content[item.content] for item in candidates] == scores.score_bp.tolist()


def test_nobody_rates_its_own_and_everybody_once():
    ratings = make_ratings(2_000, 1)
    assert ratings.rater.shape == (400, 5)
    assert not (ratings.rater == ratings.generator[:, None]).any()
    assert all(len(set(row)) == 5 for row in ratings.rater.tolist())
    assert np.unique(ratings.scores).size > 900
    assert set(ratings.probe.tolist()) == {-1, 0, 1}


def test_comparisons_are_a_raters_own_candidates_and_say_which_it_scored_higher():
    scores = np.array([[9, 2], [5, 5], [7, 2]])[:, :, None] * np.full(4, 1000)
    unused = np.zeros(3, dtype=np.int64)
    ratings = Ratings(rater=np.array([[0, 1], [0, 1], [0, 2]]), generator=unused, probe=unused, scores=scores)
    one, other, better = (column.tolist() for column in rivals.implied_pairs(ratings))
    compared = sorted(zip(one, other, better, strict=True))
    assert compared == [(0, 1, -1), (1, 0, -1), (1, 2, -1), (2, 0, -1)]  # rater 2 has one candidate, so none


def test_what_is_not_installed_is_named_and_not_guessed(monkeypatch):
    monkeypatch.setitem(sys.modules, "evalica", None)
    monkeypatch.setitem(sys.modules, "crowdkit.aggregation", None)
    assert "not installed" in rivals.measure_bradley_terry(100).missing
    assert "not installed" in rivals.measure_dawid_skene(100).missing


def test_of_two_turns_the_faster_one_counts_and_a_failed_one_never():
    slow, fast, failed = Speed("", 1, 2.0), Speed("", 1, 1.0), Speed("", 1, 0.0, missing="its fit failed")
    assert better(slow, fast) == better(fast, slow) == fast
    assert better(failed, slow) == better(slow, failed) == slow


def test_objects_in_and_out_are_measured_on_as_many_ratings():
    assert measure.measure_objects("objects", 200, repeat=1).ratings == 200


def test_larger_committees_send_more_and_all_of_them_decide():
    small, large = measure.measure_agreement(4, 2), measure.measure_agreement(7, 2)
    assert 0 < small.agreement_bytes < large.agreement_bytes
    assert small.round_bytes > small.agreement_bytes
    assert small.latency_ms > 0


def test_the_command_prints_ratios(monkeypatch):
    monkeypatch.setattr(measure, "COMMITTEES", (4,))
    monkeypatch.setattr("node.cli.bench.BESIDE", (200,))
    command = ["bench", "consensus", "--batch", "1000", "--repeat", "1", "--rounds", "1"]
    printed = CliRunner().invoke(main, command)
    assert printed.exit_code == 0, printed.output
    assert "x as fast" in printed.stdout
    told = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)
    assert told["agreement"][0]["committee"] == 4
