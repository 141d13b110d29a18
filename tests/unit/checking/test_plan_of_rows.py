import json

import pytest

from node.checking.plan import make_plan, planned
from node.checking.reading import PackageKey
from node.errors import OperatorError


def write(path, rows):
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" if row else b"\n" for row in rows))
    return path


def test_rows_are_grouped_by_package_in_the_order_of_their_first(tmp_path):
    rows = [{"code": "fn a() {}", "crate": name} for name in ("", "heck", "", "strsim", "heck")]
    plan = make_plan(write(tmp_path / "rows", rows))
    assert [(key.crate, list(members)) for key, members in plan.groups.items()] == [
        ("", [0, 2]),
        ("heck", [1, 4]),
        ("strsim", [3]),
    ]


def test_batches_hold_one_package_and_leave_out_what_is_done(tmp_path):
    rows = [{"code": "fn a() {}", "crate": name} for name in ("", "heck", "", "", "")]
    plan = make_plan(write(tmp_path / "rows", rows))
    found = list(plan.batches(2, (row == 2 for row in range(5))))
    assert found == [
        (PackageKey("2021"), [0, 3]),
        (PackageKey("2021"), [4]),
        (PackageKey("2021", "heck"), [1]),
    ]


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [(0, []), (1, [1]), (10, [10]), (11, [6, 5]), (20, [10, 10]), (21, [11, 10]), (41, [14, 14, 13])],
)
def test_batches_are_alike_and_fewer_rows_than_keep_the_cores_busy_are_cut(tmp_path, rows, sizes):
    plan = make_plan(write(tmp_path / "rows", [{"code": "fn a() {}"}] * rows))
    found = [numbers for _, numbers in plan.batches(20, iter([False] * rows), cores=2)]
    assert [len(numbers) for numbers in found] == sizes
    assert [number for numbers in found for number in numbers] == list(range(rows))


def test_empty_lines_are_no_rows_and_refused_ones_are(tmp_path):
    plan = make_plan(write(tmp_path / "rows", [{"code": "fn a() {}"}, None, {"id": "no code"}]))
    assert len(plan) == 2
    assert list(plan.refused) == [1]


def test_lines_are_read_again_by_number(tmp_path):
    rows = [{"id": number, "code": "fn a() {}"} for number in range(5)]
    plan = make_plan(write(tmp_path / "rows", rows))
    assert [json.loads(line)["id"] for line in plan.lines([3, 0])] == [3, 0]


def test_a_line_beyond_every_bound_is_one_refused_row(tmp_path, monkeypatch):
    monkeypatch.setattr("node.checking.plan.LINE_BYTES_MAX", 100)
    monkeypatch.setattr("node.checking.reading.LINE_BYTES_MAX", 100)
    rows = [{"code": "fn a() {}"}, {"code": "x" * 3_000_000}, {"code": "fn b() {}"}]
    plan = make_plan(write(tmp_path / "rows", rows))
    assert (len(plan), list(plan.refused)) == (3, [1])
    assert b"fn b" in plan.lines([2])[0]


def test_a_plan_is_seen_growing(tmp_path, monkeypatch):
    monkeypatch.setattr("node.checking.plan._STEP", 2)
    path = write(tmp_path / "rows", [{"code": "fn a() {}"}] * 5)
    assert [len(plan) for plan in planned(path)] == [2, 4, 5]


def test_rows_that_were_changed_meanwhile_are_not_taken_for_what_they_were(tmp_path):
    path = write(tmp_path / "rows", [{"code": "fn a() {}"}, {"code": "fn b() {}"}])
    plan = make_plan(path)
    write(path, [{"code": "fn a() {}"}, {"code": "fn c() {}"}])
    assert b"fn a" in plan.lines([0])[0]
    with pytest.raises(OperatorError, match=r"row 2 of .* was changed"):
        plan.lines([0, 1])
