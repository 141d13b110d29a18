"""Packs a crate that came as a folder (path, git) the way registries pack theirs, so that peers can ask for it."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path


def pack(root: Path, top: str) -> bytes:
    """A gzipped tar of all regular files below `root`, under the top folder; equal files give equal bytes.

    Args:
        root: The crate's sources as the store keeps them.
        top: `name-version`.
    """
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink()):
            data = path.read_bytes()
            entry = tarfile.TarInfo(f"{top}/{path.relative_to(root).as_posix()}")
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(plain.getvalue(), mtime=0)
