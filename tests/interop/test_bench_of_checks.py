"""`swarm-node bench checks` with real cargo: what it measures, and what it leaves out where it is told to."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from node.cli import main

pytestmark = pytest.mark.cargo

SOUND = {"code": "pub fn double(n: i32) -> i32 {\n    n * 2\n}", "tests": "assert_eq!(double(4), 8);"}
WRONG = {"code": "pub fn treble(n: i32) -> i32 {\n    n + 3\n}", "tests": "assert_eq!(treble(4), 12);"}


def bench(*words):
    return CliRunner().invoke(main, ["bench", "checks", *map(str, words)], prog_name="swarm-node")


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (WRONG, SOUND)))
    return path


def test_rows_that_fail_are_measured_or_left_out_and_counted(rows, tmp_path):
    told = bench("--in", rows, "--cache", tmp_path / "cache", "--fresh", 1, "--shared", 2, "--passing", "--json")
    assert told.exit_code == 0, told.output
    (report,) = json.loads(told.stdout)
    assert (report["rows"], report["passing"], report["left_out"]) == (1, 1, 1)
    assert len(report["turns"]) == 4
    spent = report["engine"]["spent"]["cpu_ms"]
    assert spent == pytest.approx(sum(report["turns"]))  # Of one row, four times.
    assert (report["shared"]["rows"], report["fresh"]["rows"], report["agreeing"]) == (1, 1, report["compared"])
    everything = bench("--in", rows, "--cache", tmp_path / "cache", "--fresh", 0, "--shared", 2)
    assert everything.exit_code == 0, everything.output
    assert "2 rows of" in everything.stdout
    assert "1 of them pass; cargo's verdict in 2 of 2 compared" in everything.stdout


def test_rows_of_which_none_passes_leave_nothing_to_measure(rows, tmp_path):
    rows.write_text(json.dumps(WRONG) + "\n")
    told = bench("--in", rows, "--cache", tmp_path / "cache", "--fresh", 0, "--shared", 0, "--passing")
    assert told.exit_code != 0
    assert "none of these rows passes" in told.output


def test_kinds_of_rows_are_not_mixed(rows):
    told = bench("--in", rows, "--rows", "std")
    assert told.exit_code == 2
    assert "give one of them" in told.output
