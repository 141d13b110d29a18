"""Exact projects: what is refused, and what is written."""

import tomllib
from pathlib import Path

import pytest

from node.checks.project import (
    MalformedProjectError,
    apply_edits,
    edited_files,
    integration_stem,
    manifest_for,
    write_project,
)
from node.values.crate import Span
from node.values.verdict import AddedFile, Edit, Project
from tests.support.prepared import make_crate

SOURCE = "pub fn one() -> u8 { 1 }\n"


@pytest.fixture
def crate(tmp_path):
    return make_crate(tmp_path / "crate", {"src/lib.rs": SOURCE, "tests/there.rs": "", ".cargo/config.toml": "[build]"})


def edit(start, end, text, path="src/lib.rs"):
    return Edit(Span(path, start, end), text)


def test_edits_replace_their_bytes_whatever_their_order(crate):
    at = SOURCE.index("1")
    project = Project(crate.pin, (edit(at, at + 1, "2"), edit(0, 0, "// first\n")))
    assert edited_files(crate.root, project) == {"src/lib.rs": b"// first\npub fn one() -> u8 { 2 }\n"}


@pytest.mark.parametrize(
    "edits",
    [
        (edit(0, 1000, ""),),
        (edit(5, 4, ""),),
        (edit(-1, 4, ""),),
        (edit(0, 5, ""), edit(4, 8, "")),
        (edit(0, 0, "", "src/other.rs"),),
        (edit(0, 0, "", "../outside.rs"),),
        (edit(0, 0, "", "/etc/passwd"),),
        (edit(0, 0, "", "Cargo.toml"),),
        (edit(0, 0, "", ".cargo/config.rs"),),
        (edit(0, 0, "nul \0"),),
        (edit(0, 0, "surrogate \ud800"),),
        (edit(0, 0, "x" * ((1 << 20) + 1)),),
        tuple(edit(0, 0, str(number)) for number in range(300)),
    ],
    ids=lambda edits: f"{edits[0].span.path[:12]}-{len(edits)}-{edits[0].span.start}-{len(edits[0].text)}",
)
def test_edits_outside_the_crates_rust_files_or_beyond_a_bound_are_refused(crate, edits):
    with pytest.raises(MalformedProjectError):
        edited_files(crate.root, Project(crate.pin, edits))


@pytest.mark.parametrize(
    "path",
    [
        "tests/there.rs",
        "src/lib.rs",
        "../evil.rs",
        "/evil.rs",
        ".cargo/config.rs",
        "build.rs",
        "tests/x.toml",
        "a//b.rs",
    ],
)
def test_added_files_cannot_replace_or_leave(crate, path):
    with pytest.raises(MalformedProjectError):
        edited_files(crate.root, Project(crate.pin, (), (AddedFile(path, ""),)))


def test_a_link_out_of_the_crate_is_no_file_of_it(crate, tmp_path):
    (tmp_path / "secret.rs").write_text("secret")
    (crate.root / "src" / "linked.rs").symlink_to(tmp_path / "secret.rs")
    with pytest.raises(MalformedProjectError):
        edited_files(crate.root, Project(crate.pin, (edit(0, 0, "", "src/linked.rs"),)))


def test_the_written_project_is_the_crate_with_what_was_changed(crate, tmp_path):
    project = Project(crate.pin, (edit(20, 21, "7"),), (AddedFile("tests/mine.rs", "// mine\n"),))
    write_project(crate, project, tmp_path / "out")
    out = tmp_path / "out"
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert files == ["Cargo.lock", "Cargo.toml", "src/lib.rs", "tests/mine.rs", "tests/there.rs"]
    assert (out / "src/lib.rs").read_text() == SOURCE[:20] + "7" + SOURCE[21:]
    assert (out / "Cargo.lock").read_bytes() == crate.lock


def test_nothing_is_written_over_what_is_there(crate, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("keep")
    with pytest.raises(FileExistsError):
        write_project(crate, Project(crate.pin), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


ADDED = (AddedFile("tests/mine.rs", ""),)


@pytest.mark.parametrize(
    ("manifest", "named"),
    [
        ('[package]\nname = "c"\nedition = "2021"\n', False),
        ('[package]\nname = "c"\nedition = "2021"\nautotests = false\n', True),
        ('[package]\nname = "c"\n', False),
        ('[package]\nname = "c"\n\n[[test]]\nname = "t"\npath = "tests/t.rs"\n', True),
        ('[package]\nname = "c"\nedition = "2018"\n\n[[test]]\nname = "t"\npath = "tests/t.rs"\n', False),
    ],
)
def test_added_tests_are_named_exactly_where_cargo_would_not_find_them(manifest, named):
    table = tomllib.loads(manifest_for(manifest.encode(), ADDED).decode())
    assert ({"name": "mine", "path": "tests/mine.rs"} in table.get("test", [])) is named


def test_the_project_is_a_workspace_of_its_own():
    once = manifest_for(b'[package]\nname = "c"\n', ())
    assert "workspace" in tomllib.loads(once.decode())
    assert manifest_for(once, ()).strip() == once.strip()


def test_only_files_right_below_tests_are_integration_tests():
    assert integration_stem("tests/a.rs") == "a"
    assert [integration_stem(path) for path in ("tests/a/main.rs", "src/a.rs", "a.rs", "tests/a.txt")] == [""] * 4


def test_an_edit_may_cut_a_character_and_the_bytes_stay_as_told():
    assert apply_edits("é".encode(), (edit(1, 2, "x"),)) == b"\xc3x"


def test_the_crate_is_only_read(crate, tmp_path):
    before = {path: path.read_bytes() for path in crate.root.rglob("*") if path.is_file()}
    write_project(crate, Project(crate.pin, (edit(0, 3, ""),)), tmp_path / "out")
    assert {path: path.read_bytes() for path in crate.root.rglob("*") if path.is_file()} == before


def test_paths_are_not_resolved_against_our_own_directory(crate, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("src").mkdir()
    Path("src/lib.rs").write_text("wrong")
    assert b"pub fn one" in edited_files(crate.root, Project(crate.pin, (edit(0, 0, ""),)))["src/lib.rs"]
