"""What `check` says at the end of a run."""

from collections import Counter

from node.checking import Tally
from node.cli.check import summary


def test_a_run_tells_its_verdicts_and_what_they_cost():
    tally = Tally(total=4, done=4, found=1, states=Counter({"pass": 2, "fail": 1}), cpu_ms=60.0)
    assert summary(tally, 1.5) == [
        "4 rows: 2 pass, 1 fail, 1 settled by an earlier run",
        "1 s, 2.0 rows/s, 20.0 CPU ms a row that was tried",
    ]


def test_a_run_that_found_everything_settled_says_so():
    assert summary(Tally(total=4, done=4, found=4), 0.0) == ["4 rows: none new, 4 settled by an earlier run"]


def test_a_guard_that_stopped_remembering_says_of_how_many_rows():
    (_, said, _) = summary(Tally(total=4, done=4, states=Counter({"pass": 4}), unlike=3), 1.0)
    assert "the last 3 rows are more than are remembered" in said


def test_rows_that_were_not_tried_have_no_cost():
    assert summary(Tally(total=4, done=4, states=Counter({"error": 4})), 2.0) == ["4 rows: 4 error", "2 s, 2.0 rows/s"]


def test_rows_looked_at_twice_are_counted():
    (_, said, _) = summary(Tally(total=4, done=4, states=Counter({"pass": 4}), looked_again=2, disagreed=1), 1.0)
    assert said == "second looks: 2 rows were settled once more, alone; 1 differed"


def test_a_run_over_an_empty_file_says_so():
    assert summary(Tally(), 0.5) == ["no rows"]
