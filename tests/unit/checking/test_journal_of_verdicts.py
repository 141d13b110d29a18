import io
import json

from node.checking.journal import Journal
from node.checking.plan import make_plan

CONDITIONS = {"rustc": "1", "sandbox": "strict"}


def plan_of(tmp_path, codes):
    path = tmp_path / "rows"
    path.write_text("".join(json.dumps({"code": code}) + "\n" for code in codes))
    return make_plan(path)


def test_verdicts_come_in_any_order_and_leave_in_the_rows(tmp_path):
    out = io.BytesIO()
    with Journal(tmp_path / "journal", plan_of(tmp_path, "abc"), CONDITIONS, out) as kept:
        kept.add(1, b"second")
        kept.flush()
        assert out.getvalue() == b""
        kept.add(0, b"first")
        kept.flush()
        assert out.getvalue() == b"first\nsecond\n"
        kept.add(2, b"third")
        kept.flush()
        kept.finish()
    assert out.getvalue() == b"first\nsecond\nthird\n"
    assert not (tmp_path / "journal").exists()


def test_a_later_run_finds_what_was_settled(tmp_path):
    with Journal(tmp_path / "journal", plan_of(tmp_path, "abc"), CONDITIONS, io.BytesIO()) as kept:
        kept.add(2, b"third")
        kept.add(0, b"first")
    out = io.BytesIO()
    with Journal(tmp_path / "journal", plan_of(tmp_path, "abc"), CONDITIONS, out) as kept:
        assert (kept.found, list(kept.done())) == (2, [True, False, True])
        assert out.getvalue() == b"first\n"
        kept.add(1, b"second")
        kept.flush()
    assert out.getvalue() == b"first\nsecond\nthird\n"


def test_a_row_that_was_changed_since_is_settled_again(tmp_path):
    with Journal(tmp_path / "journal", plan_of(tmp_path, "abc"), CONDITIONS, io.BytesIO()) as kept:
        kept.add(0, b"first")
        kept.add(1, b"second")
    with Journal(tmp_path / "journal", plan_of(tmp_path, "axcd"), CONDITIONS, io.BytesIO()) as kept:
        assert list(kept.done()) == [True, False, False, False]


def test_another_toolchain_starts_anew(tmp_path):
    with Journal(tmp_path / "journal", plan_of(tmp_path, "a"), CONDITIONS, io.BytesIO()) as kept:
        kept.add(0, b"first")
    with Journal(tmp_path / "journal", plan_of(tmp_path, "a"), {**CONDITIONS, "rustc": "2"}, io.BytesIO()) as kept:
        assert kept.found == 0
        assert kept.is_other


def test_a_first_run_finds_nothing_of_another(tmp_path):
    (tmp_path / "journal").touch()
    with Journal(tmp_path / "journal", plan_of(tmp_path, "a"), CONDITIONS, io.BytesIO()) as kept:
        assert not kept.is_other


def test_what_a_kill_left_half_written_is_dropped(tmp_path):
    path = tmp_path / "journal"
    with Journal(path, plan_of(tmp_path, "ab"), CONDITIONS, io.BytesIO()) as kept:
        kept.add(0, b"first")
        kept.add(1, b"second")
    path.write_bytes(path.read_bytes()[:-3])
    out = io.BytesIO()
    with Journal(path, plan_of(tmp_path, "ab"), CONDITIONS, out) as kept:
        assert kept.found == 1
        kept.add(1, b"again")
        kept.flush()
    assert out.getvalue() == b"first\nagain\n"


def test_lines_that_are_none_of_ours_are_no_verdicts(tmp_path):
    path = tmp_path / "journal"
    with Journal(path, plan_of(tmp_path, "a"), CONDITIONS, io.BytesIO()) as kept:
        kept.add(0, b"first")
    path.write_bytes(path.read_bytes() + b"\xff garbage\n99 00 x\n")
    with Journal(path, plan_of(tmp_path, "a"), CONDITIONS, io.BytesIO()) as kept:
        assert kept.found == 1
