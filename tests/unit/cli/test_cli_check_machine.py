"""`check` where this machine is at fault: every row is answered, in order, and the user is told what to do."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from node.checking.run import CheckRun, Settings, verdict_line
from node.checks import CheckSettings, Level, UncheckedError, open_engine
from node.checks import engine as engines
from node.checks.rows import RowOptions, RowState, RowVerdict
from node.checks.toolchain import ToolchainError, find_toolchain
from node.cli.check import _run, lacking
from node.errors import OperatorError
from tests.unit.cli.conftest import run

ROWS = [{"id": "good", "code": "pub fn f() {}"}, {"id": "none"}, {"id": 3, "code": "pub fn g() {}"}]


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def lines(path):
    return [(item["id"], item["verdict"], item["reasons"]) for item in map(json.loads, path.read_text().splitlines())]


def test_without_a_toolchain_every_row_is_answered_in_order(tmp_path, rows, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    kept = tmp_path / "out.journal"
    kept.write_text("what an earlier run settled\n")
    ended = run("check", "--in", rows, "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    reason = "no Rust toolchain: rustc is not on the search path"
    assert (ended.code, ended.error) == (2, reason)
    assert "3 rows: 3 error" in ended.err
    reasons = {"good": reason, "none": "no code", 3: reason}
    assert lines(tmp_path / "out") == [(name, "error", [said]) for name, said in reasons.items()]
    assert kept.read_text() == "what an earlier run settled\n"


def test_what_a_toolchain_says_is_its_error_and_not_the_end_of_a_backtrace(tmp_path, monkeypatch):
    fake = tmp_path / "rustc"
    fake.write_text("#!/bin/sh\necho 'error: no default toolchain' >&2\necho '  13: <unknown>' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(ToolchainError, match=r"error: no default toolchain$"):
        find_toolchain()


def test_on_a_full_disk_nobody_is_told_to_install_a_linker(tmp_path, monkeypatch):
    async def fails(*_, **__):
        raise OperatorError("the launcher does not compile", hint="Install a linker.")

    toolchain = SimpleNamespace(rustc=None, sysroot=None)
    monkeypatch.setattr(engines, "find_toolchain", lambda: toolchain)
    monkeypatch.setattr(engines, "choose", fails)
    settings = CheckSettings(tmp_path / "checks", shared_tools=None)
    with pytest.raises(OperatorError, match="does not compile"):
        asyncio.run(open_engine(settings))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    with pytest.raises(UncheckedError, match="the disk is full: 4 KiB left"):
        asyncio.run(open_engine(settings))


def engine(clippy="clippy-driver", identity="rustc 1"):
    absent = [] if clippy else ["clippy"]
    toolchain = SimpleNamespace(release="1", identity=identity, clippy=clippy, lacking=absent)
    return SimpleNamespace(
        toolchain=toolchain, level=Level.STANDARD, uses_cargo=False, reverified_rows=(0, 0), settle_rows=None
    )


def test_a_folder_that_cannot_be_written_is_an_error_of_its_rows_alone(tmp_path, rows):
    class Full:
        async def prepare(self, key):
            raise OSError(28, "No space left on device")

    with (tmp_path / "out").open("wb") as out:
        settings = Settings(RowOptions(), batch=10, cores=1, likeness=False)
        asyncio.run(CheckRun(engine(), Full(), settings).run(rows, out, tmp_path / "journal"))
    found = lines(tmp_path / "out")
    assert [(name, state) for name, state, _ in found] == [("good", "error"), ("none", "error"), (3, "error")]
    assert "No space left on device" in found[0][2][0]
    assert found[1][2] == ["no code"]


def test_code_is_not_called_clean_where_clippy_never_looked():
    verdict = RowVerdict(RowState.PASS, parsed=True, compiled=True)

    def said(verdict, **has):
        return json.loads(verdict_line("a", verdict, engine(**has)))["clippy_clean"]

    assert said(verdict) is True
    assert said(verdict, clippy=None) is None
    assert said(RowVerdict(RowState.FAIL), clippy=None) is False
    assert "rustup component add clippy" in lacking(["clippy"])[0]


def test_progress_is_shown_while_nothing_is_settled(tmp_path, rows, monkeypatch):
    shown, enough = [], asyncio.Event()

    def show(_, words):
        shown.append(words[0])
        if len(shown) > 5:
            enough.set()

    class Slow:
        async def prepare(self, key):
            await asyncio.wait_for(enough.wait(), 5)
            raise OperatorError("no such crate", hint="")

    async def go():
        fake = engine()
        with (tmp_path / "out").open("wb") as out:
            settings = Settings(RowOptions(), batch=10, cores=1, likeness=False)
            await _run(fake, Slow(), rows, out, tmp_path / "journal", settings)

    monkeypatch.setattr("node.cli.check._TICK_S", 0.001)
    monkeypatch.setattr("node.cli.output.Progress.show", show)
    asyncio.run(go())
    assert sum(words.startswith("1 of 3 rows") for words in shown) > 1


def test_rows_from_a_pipe_that_have_no_room_are_the_users_turn(monkeypatch):
    def full(**_):
        return Path("/dev/full").open("wb")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", full)
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/small")
    ended = run("check", "--in", "-", stdin="{}\n" * 100_000)
    assert (ended.code, ended.error) == (3, "the rows cannot be kept in /small: No space left on device")
    assert "TMPDIR" in ended.hint
