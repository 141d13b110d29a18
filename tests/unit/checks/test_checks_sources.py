"""Where rows' sources stand: in memory where there is room, gone afterwards, hidden from other users."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.checks import sources
from node.checks.sources import sources_in


@pytest.fixture(autouse=True)
def _any_room_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_FREE_BYTES_MIN", 1)


def test_the_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with sources_in((tmp_path,)) as folder:
        assert folder is not None
        (folder / "row.rs").write_text("fn f() {}")
    assert list(tmp_path.iterdir()) == []


def test_others_can_go_through_but_cannot_list_what_they_would_have_to_name(tmp_path: Path) -> None:
    with sources_in((tmp_path,)) as folder:
        assert folder is not None
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o711
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
        assert len(folder.name) == 32


def test_where_nothing_is_in_memory_there_is_none() -> None:
    with sources_in(()) as folder:
        assert folder is None


def test_a_place_without_room_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_FREE_BYTES_MIN", 1 << 80)
    with sources_in((tmp_path,)) as folder:
        assert folder is None


def test_a_place_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    with sources_in((tmp_path / "nowhere", tmp_path)) as folder:
        assert folder is not None
        assert folder.parent.parent == tmp_path


def test_what_a_killed_process_left_behind_is_removed(tmp_path: Path) -> None:
    left = _old_folder(tmp_path)
    with sources_in((tmp_path,)):
        assert not left.exists()


def test_what_another_process_uses_is_kept_however_old(tmp_path: Path) -> None:
    used = _old_folder(tmp_path)
    with _locked(used), sources_in((tmp_path,)):
        assert (used / "row.rs").exists()


def test_what_was_made_just_now_is_kept(tmp_path: Path) -> None:
    fresh = tmp_path / "swarm-node-rows-fresh"  # between its making and its lock
    fresh.mkdir()
    with sources_in((tmp_path,)):
        assert fresh.exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "kept"
    target.mkdir()
    link = tmp_path / "swarm-node-rows-link"
    link.symlink_to(target)
    os.utime(link, (0, 0), follow_symlinks=False)
    with sources_in((tmp_path,)):
        assert target.exists()


def _old_folder(place: Path) -> Path:
    folder = place / "swarm-node-rows-old"
    folder.mkdir()
    (folder / "row.rs").write_text("fn f() {}")
    hour_ago = time.time() - 3600
    os.utime(folder, (hour_ago, hour_ago))
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
