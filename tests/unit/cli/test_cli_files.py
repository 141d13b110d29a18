"""Commands never write over what they read, nor two runs over each other: refused before a file is opened to write."""

import fcntl
import gzip
import json
import os

import pytest

from tests.unit.cli.conftest import files_below, run

ROWS = json.dumps({"id": "one", "code": "pub fn one() -> u8 { 1 }"}) + "\n"


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(ROWS)
    return path


def refused(tmp_path, *words):
    before = files_below(tmp_path)
    ended = run("check", "--cache", tmp_path / "cache", *words)
    assert (ended.code, files_below(tmp_path)) == (2, before)
    return ended


def test_rows_are_not_written_over(rows, tmp_path):
    ended = refused(tmp_path, "--in", rows, "--out", rows)
    assert "the same file" in ended.error
    assert ended.hint == "Name another file to write to."


def test_rows_are_not_written_over_by_another_of_their_names(rows, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(rows)
    os.link(rows, tmp_path / "second")
    monkeypatch.chdir(tmp_path)
    for name in ("rows.jsonl", "folder/../rows.jsonl", "link", "second"):
        assert "the same file" in refused(tmp_path, "--in", rows, "--out", name).error
        assert "the same file" in refused(tmp_path, "--in", name, "--out", rows).error


def test_rows_are_not_written_over_by_the_journal(rows, tmp_path):
    journal = tmp_path / "verdicts.journal"
    for make in (journal.symlink_to, journal.hardlink_to):
        make(rows)
        ended = refused(tmp_path, "--in", rows, "--out", tmp_path / "verdicts")
        assert f"{journal} would be written over {rows}" in ended.error
        journal.unlink()


def test_held_out_rows_are_not_written_over(rows, tmp_path):
    held_out = tmp_path / "held-out.jsonl"
    held_out.write_text(ROWS)
    assert "the same file" in refused(tmp_path, "--in", rows, "--held-out", held_out, "--out", held_out).error


def test_projects_are_not_put_in_the_place_of_the_rows(rows, tmp_path):
    before = files_below(tmp_path)
    ended = run("check", "--in", rows, "--export", rows)
    assert (ended.code, files_below(tmp_path)) == (2, before)
    assert "is a file" in ended.err


def test_projects_go_with_no_verdicts(rows, tmp_path):
    ended = refused(tmp_path, "--in", rows, "--export", tmp_path / "projects", "--out", tmp_path / "verdicts")
    assert "no verdicts" in ended.error


def test_two_runs_do_not_write_the_same_verdicts(rows, tmp_path):
    (tmp_path / "verdicts").write_text("of the other run")
    with (tmp_path / "verdicts.journal").open("wb") as journal:
        journal.write(b"of the other run")
        journal.flush()
        fcntl.flock(journal, fcntl.LOCK_EX)
        ended = refused(tmp_path, "--in", rows, "--out", tmp_path / "verdicts")
    assert "another run" in ended.error


def test_a_scenario_is_not_written_over_by_its_outcome(rows, tmp_path):
    before = files_below(tmp_path)
    ended = run("replay", "--in", rows, "--out", rows)
    assert (ended.code, files_below(tmp_path)) == (2, before)
    assert "the same file" in ended.error


def test_a_packed_file_is_refused_with_what_unpacks_it(rows, tmp_path):
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(rows.read_bytes()))
    ended = refused(tmp_path, "--in", packed, "--out", tmp_path / "verdicts")
    assert "packed" in ended.error
    assert ended.hint == "Unpack it into a pipe: zcat rows.jsonl.gz | ... --in -"


def test_what_cannot_be_read_as_text_is_named_and_not_the_file_that_is_written(tmp_path):
    scenario = tmp_path / "scenario.jsonl"
    scenario.write_bytes(b"\xff\n")
    ended = run("replay", "--in", scenario, "--out", tmp_path / "outcome")
    assert (ended.code, f"{scenario} is not UTF-8" in ended.error) == (2, True)
    scenario.write_bytes(gzip.compress(b"{}\n"))
    ended = run("replay", "--in", scenario, "--out", tmp_path / "outcome")
    assert (ended.code, ended.hint) == (2, "Unpack it into a pipe: zcat scenario.jsonl | ... --in -")
