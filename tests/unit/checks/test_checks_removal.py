"""Folders that hostile code has written in are removed whatever it left there."""

from __future__ import annotations

import os

from node.checks.removal import remove_tree


def nest(folder, levels):
    """Folders in folders, deeper than Python recurses and than a path is long."""
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=inside)
        below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=inside)
        os.close(inside)
        inside = below
    os.close(inside)


def test_a_tree_deeper_than_any_recursion_is_removed(tmp_path):
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    nest(hostile, 3_000)
    remove_tree(hostile)
    assert not hostile.exists()


def test_folders_that_may_not_be_listed_are_removed(tmp_path):
    hostile = tmp_path / "hostile"
    (hostile / "a" / "b" / "c").mkdir(parents=True)
    (hostile / "a" / "b" / "file").write_text("x")
    (hostile / "a" / "b").chmod(0o300)
    (hostile / "a").chmod(0o300)
    hostile.chmod(0o100)
    remove_tree(hostile)
    assert not hostile.exists()


def test_what_links_lead_to_stays(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    hostile = tmp_path / "hostile"
    (hostile / "a").mkdir(parents=True)
    (hostile / "folder").symlink_to(kept)
    (hostile / "a" / "file").symlink_to(kept / "file")
    (hostile / "a" / "loop").symlink_to("loop")
    nest(hostile / "a", 1_500)
    remove_tree(hostile)
    assert (hostile.exists(), (kept / "file").read_text()) == (False, "x")


def test_a_folder_that_is_not_there_is_no_error(tmp_path):
    remove_tree(tmp_path / "nothing")
