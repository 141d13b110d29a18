"""A crate's sources as every node sees them: Cargo.toml and all Rust files, named by one digest.

What cargo adds or leaves out when it unpacks, vendors or packs (`.cargo-ok`, lock files, read-mes, `Cargo.toml.orig`)
takes no part, so the digest is the same however the crate came here. Symbolic links are never followed.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from consensus.encoding import hash_value
from node.errors import OperatorError

MANIFEST = "Cargo.toml"
MANIFEST_BYTES_MAX = 1 << 20
SOURCE_BYTES_MAX = 64 << 20
"""Of all Rust files together; the largest crates of generated bindings have more, and teach nothing."""
SOURCE_FILES_MAX = 10_000
_ENTRIES_MAX = 100_000
_DEPTH_MAX = 40

HINT = "choose a smaller crate"


@dataclass(frozen=True, slots=True)
class SourceText:
    """One Rust file: path relative to the crate's root with `/`, and its bytes."""

    path: str
    data: bytes


@dataclass(frozen=True)
class Sources:
    """Everything that the analysis reads. Files are sorted by path."""

    manifest: bytes
    files: tuple[SourceText, ...]

    @functools.cached_property
    def digest(self) -> bytes:
        """SHA-256 over the domain tag `crate-sources` and the sorted (path, SHA-256 of the content) of every file."""
        named = [(MANIFEST, self.manifest), *((file.path, file.data) for file in self.files)]
        return hash_value("crate-sources", tuple((path, hashlib.sha256(data).digest()) for path, data in sorted(named)))


def read_sources(root: Path) -> Sources:
    """Read a crate's folder.

    Files whose names are not UTF-8 and anything but regular files are passed over.

    Raises:
        OperatorError: No Cargo.toml, or more than the bounds above.
    """
    manifest = root / MANIFEST
    if not manifest.is_file():
        raise OperatorError(f"{root} is not a crate: it has no Cargo.toml", hint="name a folder with a Cargo.toml")
    paths = sorted(_rust_files(root))
    if len(paths) > SOURCE_FILES_MAX:
        raise OperatorError(f"{root.name} has {len(paths)} Rust files, at most {SOURCE_FILES_MAX} are read", hint=HINT)
    files: list[SourceText] = []
    left = SOURCE_BYTES_MAX
    for path in paths:
        data = _read(root / path, left)
        left -= len(data)
        files.append(SourceText(path, data))
    return Sources(_read(manifest, MANIFEST_BYTES_MAX), tuple(files))


def _rust_files(root: Path) -> list[str]:
    found: list[str] = []
    folders = [("", 0)]
    entries = 0
    while folders:
        prefix, depth = folders.pop()
        with os.scandir(root / prefix) as scan:
            for entry in scan:
                entries += 1
                if entries > _ENTRIES_MAX or depth > _DEPTH_MAX:
                    raise OperatorError(f"{root.name} has too many or too deeply nested files", hint=HINT)
                path = prefix + entry.name
                if not _is_utf8(path):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append((path + "/", depth + 1))
                elif entry.is_file(follow_symlinks=False) and path.endswith(".rs"):
                    found.append(path)
    return found


def _is_utf8(name: str) -> bool:
    """Python keeps undecodable bytes of file names as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _read(path: Path, bytes_max: int) -> bytes:
    # O_NOFOLLOW and the check of the opened file: nobody swaps in a link or a pipe between the listing and here.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OperatorError(f"{path} is not a regular file", hint=HINT)
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise OperatorError(f"{path.name} takes the crate's sources beyond their bound in bytes", hint=HINT)
    return data
