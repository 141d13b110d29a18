"""Prepared crates for tests: written by hand, or fetched through cargo as `node.crates` does it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

from node.values.crate import CratePin, PreparedCrate

MANIFEST = '[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "{edition}"\n'


def make_crate(
    root: Path, files: Mapping[str, str], *, name: str = "sample", edition: str = "2021", manifest: str = ""
) -> PreparedCrate:
    """A crate without dependencies out of a few files."""
    text = manifest or MANIFEST.format(name=name, edition=edition)
    for path, content in {"Cargo.toml": text, **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    digest = hashlib.sha256(repr(sorted(files.items())).encode() + text.encode()).digest()
    pin = CratePin(name, "0.1.0", bytes(32), digest, "MIT", edition)
    lock = f'version = 4\n\n[[package]]\nname = "{name}"\nversion = "0.1.0"\n'
    return PreparedCrate(pin, root, text.encode(), lock.encode(), None, dev_dependencies=True, notes=())


def fetch_crate(folder: Path, name: str, version: str) -> PreparedCrate:
    """A published crate with all packages of its lock file vendored, through whatever registry cargo is set up for."""
    stub = folder / "stub"
    (stub / "src").mkdir(parents=True)
    (stub / "src" / "lib.rs").touch()
    (stub / "Cargo.toml").write_text(
        MANIFEST.format(name="stub", edition="2021") + f'[dependencies]\n{name} = "={version}"\n'
    )
    _cargo(stub, "vendor", "--versioned-dirs", "vendor")
    root = folder / "root"
    shutil.copytree(stub / "vendor" / f"{name}-{version}", root)
    (root / ".cargo-checksum.json").unlink()
    project = folder / "project"
    shutil.copytree(root, project)
    with (project / "Cargo.toml").open("a") as manifest:
        manifest.write("\n[workspace]\n")
    vendor = folder / "vendor"
    _cargo(project, "vendor", "--versioned-dirs", str(vendor))
    content = (root / "Cargo.toml").read_bytes()
    edition = tomllib.loads(content.decode())["package"].get("edition", "2015")
    pin = CratePin(name, version, bytes(32), hashlib.sha256(content).digest(), "MIT", edition)
    packed = vendor if vendor.exists() and any(vendor.iterdir()) else None
    lock = (project / "Cargo.lock").read_bytes()
    return PreparedCrate(pin, root, content, lock, packed, dev_dependencies=True, notes=())


def _cargo(directory: Path, *words: str) -> None:
    subprocess.run(["cargo", *words, "--quiet"], cwd=directory, check=True, capture_output=True)
