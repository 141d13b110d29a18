"""Exact projects as files: a crate's published source, edits in it, and files beside it.

The same functions lay out the project that the engine verifies and the one that `--export` writes, so that what was
verified is what a reader can build. Projects come from peers: every path and span in them is checked.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from node.checks.guards.early import early_code
from node.values.crate import PreparedCrate
from node.values.verdict import AddedFile, Edit, Project

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""One component of a path. No leading dot: a `.cargo` directory would give orders to cargo."""

_NOT_COPIED = frozenset({".cargo", ".git", "target", "rust-toolchain", "rust-toolchain.toml", ".cargo-checksum.json"})
"""Give orders to cargo or rustup, or are not source. The engine never obeys them, so an export does not carry them."""

TEXT_BYTES_MAX = 1 << 20
"""Of one edit or added file."""
_EDITS_MAX = 256
_FILES_MAX = 64


class MalformedProjectError(ValueError):
    """A project names a place that does not exist, must not be written, or overlaps another edit."""


def edited_files(root: Path, project: Project) -> dict[str, bytes]:
    """Path and new content of every file that differs from the published crate.

    Raises:
        MalformedProjectError: Text that places code before the harness, an edit outside the crate's Rust files or its
            file's length, overlapping edits, an added file that the crate publishes already or that is not a plain
            Rust file, or a bound exceeded.
    """
    if len(project.edits) > _EDITS_MAX or len(project.files) > _FILES_MAX:
        raise MalformedProjectError(f"{len(project.edits)} edits and {len(project.files)} files are too many")
    for text in (*(edit.text for edit in project.edits), *(added.text for added in project.files)):
        if word := early_code(text):
            raise MalformedProjectError(f"{word} could run before the tests are watched")
    contents: dict[str, bytes] = {}
    for path, edits in edits_by_file(project).items():
        _check_path(path)
        file = root / path
        if file.is_symlink() or not file.is_file():
            raise MalformedProjectError(f"the crate has no file {path}")
        contents[path] = apply_edits(file.read_bytes(), edits)
    for added in project.files:
        _check_path(added.path)
        if added.path in contents or added.path == "build.rs" or (root / added.path).exists():
            raise MalformedProjectError(f"{added.path} is there already, or must not be added")
        contents[added.path] = _bounded(added.text)
    return contents


def edits_by_file(project: Project) -> dict[str, tuple[Edit, ...]]:
    """Edits grouped by file, each group sorted by position."""
    groups: dict[str, list[Edit]] = defaultdict(list)
    for edit in sorted(project.edits):
        groups[edit.span.path].append(edit)
    return {path: tuple(edits) for path, edits in groups.items()}


def apply_edits(source: bytes, edits: Sequence[Edit]) -> bytes:
    """The file with its edits applied.

    Raises:
        MalformedProjectError: A span outside the file, or two that overlap.
    """
    parts = []
    position = 0
    for edit in edits:
        if not position <= edit.span.start <= edit.span.end <= len(source):
            raise MalformedProjectError(
                f"edit {edit.span.start}..{edit.span.end} of {edit.span.path} overlaps another one or leaves the file"
            )
        parts += [source[position : edit.span.start], _bounded(edit.text)]
        position = edit.span.end
    return b"".join((*parts, source[position:]))


def write_project(crate: PreparedCrate, project: Project, directory: Path) -> None:
    """Write the project as an ordinary cargo project: exactly what the engine verifies.

    Args:
        crate: The crate the project is over.
        project: What is changed and added.
        directory: Where to write; made if missing, must be empty.

    Raises:
        MalformedProjectError: See `edited_files`. Nothing has been written then.
        FileExistsError: The directory is not empty.
    """
    contents = edited_files(crate.root, project)
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise FileExistsError(f"{directory} is not empty")
    copy_sources(crate.root, directory)
    (directory / "Cargo.toml").write_bytes(manifest_for(crate.manifest, project.files))
    (directory / "Cargo.lock").write_bytes(crate.lock)
    for path, content in contents.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def copy_sources(root: Path, directory: Path) -> None:
    """Copy a crate's regular files; symbolic links and orders to cargo stay behind."""
    for entry in sorted(root.iterdir()):
        if entry.name in _NOT_COPIED or entry.is_symlink():
            continue
        if entry.is_dir():
            (directory / entry.name).mkdir(exist_ok=True)
            copy_sources(entry, directory / entry.name)
        elif entry.is_file():
            shutil.copyfile(entry, directory / entry.name)


def manifest_for(manifest: bytes, files: Sequence[AddedFile]) -> bytes:
    """The manifest under which cargo sees added integration tests, and no workspace around the project.

    Published manifests often switch the discovery of tests off (cargo writes them so), and an added file would then
    never be built. Edition 2015 switches it off as soon as one test is named, so tests are only named where they must.
    """
    table = tomllib.loads(manifest.decode())
    lines = []
    if not _discovers_tests(table):
        stems = sorted(filter(None, (integration_stem(file.path) for file in files)))
        lines += [f'\n[[test]]\nname = "{stem}"\npath = "tests/{stem}.rs"\n' for stem in stems]
    if "workspace" not in table:
        lines.append("\n[workspace]\n")
    return manifest.rstrip() + b"\n" + "".join(lines).encode()


def integration_stem(path: str) -> str:
    """Name of the integration test target that a file `tests/<stem>.rs` makes; empty for other files."""
    parts = PurePosixPath(path).parts
    return parts[1].removesuffix(".rs") if len(parts) == 2 and parts[0] == "tests" and path.endswith(".rs") else ""


def _discovers_tests(table: dict[str, object]) -> bool:
    package = table.get("package")
    package = package if isinstance(package, dict) else {}
    if "autotests" in package:
        return bool(package["autotests"])
    return "test" not in table or package.get("edition", "2015") != "2015"


def _check_path(path: str) -> None:
    parts = path.split("/")
    if not path.endswith(".rs") or len(parts) > 20 or not all(_NAME.fullmatch(part) for part in parts):
        raise MalformedProjectError(f"{path!r} is not the path of a Rust file in the crate")


def _bounded(text: str) -> bytes:
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise MalformedProjectError("text is not Unicode") from error
    if len(raw) > TEXT_BYTES_MAX or b"\0" in raw:
        raise MalformedProjectError(f"{len(raw)} bytes of text, at most {TEXT_BYTES_MAX} and no NUL allowed")
    return raw
