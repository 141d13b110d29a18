"""Builds the folder that a later offline build takes its dependencies from: cargo's *directory source*.

Written here rather than by `cargo vendor`, because that command writes every platform's packages in full: a crate
whose tests use one terminal library came to 176 MB, of which this machine can build 20. Packages that this platform
never compiles are kept as manifests with an empty library, which is all that cargo's resolver reads of them.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.crates.sources import MANIFEST, MANIFEST_BYTES_MAX
from node.crates.toml_text import toml_text
from node.errors import OperatorError

_ENTRIES_MAX = 50_000
_CHECKSUMS = ".cargo-checksum.json"


class ExcessError(OperatorError):
    """The dependencies are more than this node takes: fewer may do (without dev-dependencies)."""


@dataclass(frozen=True, slots=True)
class VendoredPackage:
    """One package of a lock file."""

    name: str
    version: str
    checksum: str
    """Hex, as the lock file states it."""
    folder: Path
    """Where cargo unpacked it."""
    built_here: bool
    """Whether this platform compiles it."""


def fill_vendor(packages: Iterable[VendoredPackage], into: Path, *, bytes_max: int) -> None:
    """Write every package below the empty folder `into`, as `name-version`.

    Raises:
        ExcessError: More than `bytes_max` together.
    """
    left = bytes_max
    for package in packages:
        target = into / f"{package.name}-{package.version}"
        target.mkdir()
        if package.built_here:
            left -= copy_tree(package.folder, target, bytes_max=left)
        else:
            _write_empty(package.folder / MANIFEST, target)
        # No hashes of single files: the store is read-only to whatever builds from it, and cargo would read all
        # files again at every build. The package's own hash is what the lock file is compared with.
        (target / _CHECKSUMS).write_text(json.dumps({"files": {}, "package": package.checksum}))


def copy_tree(source: Path, target: Path, *, bytes_max: int) -> int:
    """Copy the regular files of a folder, links not followed; return their bytes.

    Raises:
        ExcessError: More than `bytes_max`, or a number of files that no crate has.
    """
    copied = entries = 0
    folders = [""]
    while folders:
        prefix = folders.pop()
        with os.scandir(source / prefix) as scan:
            for entry in scan:
                path = prefix + entry.name
                entries += 1
                if entry.is_dir(follow_symlinks=False):
                    (target / path).mkdir()
                    folders.append(path + "/")
                elif entry.is_file(follow_symlinks=False) and entry.name not in {".cargo-ok", _CHECKSUMS}:
                    data = (source / path).read_bytes() if entry.stat().st_size <= bytes_max - copied else b""
                    copied += max(len(data), entry.stat().st_size)
                    (target / path).write_bytes(data)
                if copied > bytes_max or entries > _ENTRIES_MAX:
                    raise ExcessError(
                        f"{source.name} takes the sources beyond {bytes_max} bytes", hint="choose a smaller crate"
                    )
    return copied


def _write_empty(manifest: Path, target: Path) -> None:
    """A package with the published name, features and dependencies, and nothing in it."""
    try:
        with manifest.open("rb") as file:
            document: Mapping[str, Any] = tomllib.loads(file.read(MANIFEST_BYTES_MAX).decode())
    except (ValueError, RecursionError) as error:
        raise OperatorError(
            f"{target.name}: its Cargo.toml cannot be read: {error}", hint="choose a smaller crate"
        ) from error
    kept = {key: value for key, value in document.items() if key not in {"bin", "test", "bench", "example", "lib"}}
    package = dict(document.get("package", document.get("project", {})))
    package.pop("links", None)  # cargo wants a build script beside it
    kept.pop("project", None)
    nothing = {"build": False, "autobins": False, "autotests": False, "autobenches": False, "autoexamples": False}
    kept["package"] = package | nothing
    kept["lib"] = {
        "path": "lib.rs",
        **{k: v for k, v in document.get("lib", {}).items() if k in {"name", "proc-macro"}},
    }
    (target / MANIFEST).write_text(toml_text(kept))
    (target / "lib.rs").touch()
